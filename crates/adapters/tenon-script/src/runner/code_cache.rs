//! Compiled code by the number the parent gave it. The parent decides what is kept.

use std::collections::HashMap;

use tenon_exec::ports::script::FunctionErrorKind;

use crate::engine::Program;
use crate::wire::Failure;

/// Programs, and the failures of those that do not compile.
#[derive(Default)]
pub struct CodeCache(HashMap<u32, Result<Program, Failure>>);

impl CodeCache {
    /// Keeps what compiling came to.
    pub fn insert(&mut self, code_id: u32, compiled: Result<Program, Failure>) {
        self.0.insert(code_id, compiled);
    }

    /// The program of this number, or why there is none.
    pub fn get(&self, code_id: u32) -> Result<&Program, Failure> {
        match self.0.get(&code_id) {
            Some(compiled) => compiled.as_ref().map_err(Failure::clone),
            None => Err(Failure {
                kind: FunctionErrorKind::Syntax,
                message: "the code was never sent to this process".into(),
            }),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
