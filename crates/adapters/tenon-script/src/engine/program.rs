//! A user's code, compiled: a classic script that declares `run`, or a module that exports it.

use rquickjs::{Ctx, Function, Object, Value};
use tenon_exec::ports::script::FunctionErrorKind;

use super::bytecode::{Bytecode, Loaded, USER_FILE};
use super::failure::{Stop, syntax};
use crate::wire::Failure;

/// Names of the function to call, in the order they are looked for.
const NAMES: [&str; 2] = ["run", "yourFunction"];

/// Follows a script, so that its value is the function whatever it was declared with.
const SCRIPT_TAIL: &str = "\n;typeof run === 'function' ? run \
    : typeof yourFunction === 'function' ? yourFunction : undefined";

/// What to say when there is no function to call.
const NO_FUNCTION: &str = "the code declares no function `run`; \
    write `function run(parameters, libraries) { ... }`";

/// Code that is ready to run in any fresh runtime of this process.
#[derive(Debug, Clone)]
pub struct Program {
    bytecode: Bytecode,
    is_module: bool,
}

/// The function to call, now or when its module has been evaluated.
pub enum Entry<'js> {
    Function(Function<'js>),
    Module { promise: rquickjs::Promise<'js>, namespace: Object<'js> },
}

impl Program {
    pub(super) fn compile(ctx: &Ctx<'_>, code: &str) -> Result<Self, Failure> {
        // Alone first: a position must lie in the user's text, not in what is put behind it.
        if Bytecode::script(ctx, USER_FILE, code).is_ok() {
            let bytecode = Bytecode::script(ctx, USER_FILE, &format!("{code}{SCRIPT_TAIL}"))
                .map_err(|_| syntax(ctx))?;
            return Ok(Self { bytecode, is_module: false });
        }
        let script_failure = syntax(ctx);
        if !is_like_a_module(code) {
            return Err(script_failure);
        }
        let bytecode = Bytecode::module(ctx, USER_FILE, code).map_err(|_| module_syntax(ctx))?;
        Ok(Self { bytecode, is_module: true })
    }

    pub(super) fn check(ctx: &Ctx<'_>, code: &str) -> Result<(), Failure> {
        let program = Self::compile(ctx, code)?;
        // A second declaration of a name is an error where there is a first one.
        let is_declared = |tail: &str| {
            let text = format!("{code}\n;{tail}");
            let compiled = if program.is_module {
                Bytecode::module(ctx, USER_FILE, &text)
            } else {
                Bytecode::script(ctx, USER_FILE, &text)
            };
            compiled.inspect_err(|_| drop(ctx.catch())).is_err()
        };
        let is_found = NAMES.iter().any(|name| is_declared(&format!("let {name};")))
            || program.is_module && is_declared("export default 0;");
        if is_found { Ok(()) } else { Err(no_function()) }
    }

    /// Runs the code around the function.
    pub(super) fn load<'js>(&self, ctx: &Ctx<'js>) -> Result<Entry<'js>, Stop> {
        if self.is_module {
            let Loaded { promise, namespace } = self.bytecode.start_module(ctx)?;
            return Ok(Entry::Module { promise, namespace });
        }
        let value = self.bytecode.run_script(ctx)?;
        let function = value.try_into_function().map_err(|_| Stop::Failure(no_function()))?;
        Ok(Entry::Function(function))
    }

    /// The function that an evaluated module exports.
    pub(super) fn exported<'js>(namespace: &Object<'js>) -> Result<Function<'js>, Stop> {
        for name in ["default", "run", "yourFunction"] {
            let value: Value<'js> = namespace.get(name)?;
            if let Ok(function) = value.try_into_function() {
                return Ok(function);
            }
        }
        Err(Stop::Failure(no_function()))
    }
}

fn no_function() -> Failure {
    Failure { kind: FunctionErrorKind::Syntax, message: NO_FUNCTION.into() }
}

/// Only modules have these words at the start of a line.
fn is_like_a_module(code: &str) -> bool {
    code.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("export") || line.starts_with("import")
    })
}

fn module_syntax(ctx: &Ctx<'_>) -> Failure {
    let mut failure = syntax(ctx);
    if failure.message.contains("could not load module") {
        failure.message.push_str("; a function cannot import anything, see `libraries`");
    }
    failure
}
