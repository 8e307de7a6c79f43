//! The JavaScript engine as the runner uses it: compile once, run each call in a pristine runtime.
//!
//! Nothing of a call is left for the next one: the whole heap, with globals and timers, goes back
//! to what it was before the first call. It limits memory, stack, time, result and console. It does not limit what the process
//! may ask of the system; the runner's lock-down does.

mod bytecode;
mod console;
mod failure;
mod heap;
mod keeper;
mod libraries;
mod output;
mod program;
mod vm;

pub use program::Program;
pub use vm::Vm;

use self::libraries::Libraries;

use crate::wire::{Failure, Setup};

/// Limits of one call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// JavaScript heap.
    pub memory_bytes: usize,
    /// JavaScript stack.
    pub stack_bytes: usize,
    /// JSON text of the result.
    pub output_bytes: usize,
    /// Console lines kept.
    pub console_lines: usize,
    /// Console text kept.
    pub console_bytes: usize,
}

impl From<Setup> for Limits {
    fn from(setup: Setup) -> Self {
        Self {
            memory_bytes: setup.memory_bytes_max as usize,
            stack_bytes: setup.stack_bytes_max as usize,
            output_bytes: setup.output_bytes_max as usize,
            console_lines: setup.console_lines_max as usize,
            console_bytes: setup.console_bytes_max as usize,
        }
    }
}

/// What the calls of a process share: limits and compiled libraries.
pub struct Engine {
    limits: Limits,
    libraries: Libraries,
}

impl Engine {
    /// Compiles the libraries.
    ///
    /// # Errors
    /// A library does not compile or the memory limit is too small for an empty runtime.
    pub fn new(limits: Limits) -> Result<Self, Failure> {
        let libraries = Vm::bare(limits)?.with(Libraries::compile)?;
        Ok(Self { limits, libraries })
    }

    /// A runtime for one call after the other; see [`Vm::reset`].
    ///
    /// # Errors
    /// The memory limit is too small for an empty runtime.
    pub fn vm(&self) -> Result<Vm, Failure> {
        Vm::furnished(self.limits, &self.libraries)
    }

    /// Compiles a user's code in a runtime of its own.
    ///
    /// # Errors
    /// A syntax error with its line and column.
    pub fn compile(&self, code: &str) -> Result<Program, Failure> {
        Vm::bare(self.limits)?.with(|ctx| Program::compile(ctx, code))
    }

    /// Checks that code parses and declares a function to call. Runs nothing.
    ///
    /// # Errors
    /// A syntax error with its line and column, or what is missing.
    pub fn check(&self, code: &str) -> Result<(), Failure> {
        Vm::bare(self.limits)?.with(|ctx| Program::check(ctx, code))
    }
}
