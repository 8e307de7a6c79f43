//! Compiled code: parsed once in a process, loaded into each fresh context.
//!
//! Bytecode never leaves the process that made it: loading foreign bytecode would be unsound.
#![expect(unsafe_code, reason = "the engine's binding has no safe way to keep compiled scripts")]

use std::ffi::CString;

use rquickjs::module::{Module, WriteOptions};
use rquickjs::{Ctx, Error, Function, Object, Promise, Result, Value, qjs};

/// The file name of a user's code in stack traces.
pub const USER_FILE: &str = "function.js";

/// Bytecode of a script or a module.
#[derive(Debug, Clone)]
pub struct Bytecode(Vec<u8>);

/// A module that is being evaluated.
pub struct Loaded<'js> {
    /// Settled when the module's code has run.
    pub promise: Promise<'js>,
    /// Its exports.
    pub namespace: Object<'js>,
}

impl Bytecode {
    /// Compiles a classic script. A syntax error is left pending in the context.
    pub fn script(ctx: &Ctx<'_>, file: &str, source: &str) -> Result<Self> {
        let text = CString::new(source)?;
        let file = CString::new(file)?;
        let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
        // SAFETY: both texts end with a zero byte and outlive the call; the length is that of the
        // source. Compiling runs no code.
        let value = unsafe {
            let raw = qjs::JS_Eval(
                ctx.as_raw().as_ptr(),
                text.as_ptr(),
                source.len() as _,
                file.as_ptr(),
                flags as i32,
            );
            if qjs::JS_IsException(raw) {
                return Err(Error::Exception);
            }
            Value::from_raw(ctx.clone(), raw)
        };
        let mut len = 0;
        // SAFETY: the value is a compiled script of this context; the buffer is copied before it
        // is freed, and it has `len` bytes.
        unsafe {
            let flags = qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE;
            let ctx = ctx.as_raw().as_ptr();
            let buffer = qjs::JS_WriteObject(ctx, &raw mut len, value.as_raw(), flags as i32);
            if buffer.is_null() {
                return Err(Error::Exception);
            }
            let bytes = std::slice::from_raw_parts(buffer, len as usize).to_vec();
            qjs::js_free(ctx, buffer.cast());
            Ok(Self(bytes))
        }
    }

    /// Compiles a module. A syntax error is left pending in the context.
    pub fn module(ctx: &Ctx<'_>, file: &str, source: &str) -> Result<Self> {
        let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
        Module::declare(ctx.clone(), file, source)?.write(options).map(Self)
    }

    /// Runs a script in this context; its value is that of its last statement.
    pub fn run_script<'js>(&self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        // SAFETY: the bytes came from `script` in this process, so they are valid bytecode of
        // this engine. `JS_EvalFunction` consumes the value, also when it throws.
        unsafe {
            let raw = ctx.as_raw().as_ptr();
            let flags = qjs::JS_READ_OBJ_BYTECODE as i32;
            let compiled = qjs::JS_ReadObject(raw, self.0.as_ptr(), self.0.len() as _, flags);
            if qjs::JS_IsException(compiled) {
                return Err(Error::Exception);
            }
            let value = qjs::JS_EvalFunction(raw, compiled);
            if qjs::JS_IsException(value) {
                return Err(Error::Exception);
            }
            Ok(Value::from_raw(ctx.clone(), value))
        }
    }

    /// Starts a module in this context.
    pub fn start_module<'js>(&self, ctx: &Ctx<'js>) -> Result<Loaded<'js>> {
        // SAFETY: the bytes came from `module` in this process.
        let declared = unsafe { Module::load(ctx.clone(), &self.0)? };
        let (module, promise) = declared.eval()?;
        Ok(Loaded { promise, namespace: module.namespace()? })
    }

    /// Runs a script whose value is a function.
    pub fn run_function<'js>(&self, ctx: &Ctx<'js>) -> Result<Function<'js>> {
        let value = self.run_script(ctx)?;
        value.into_function().ok_or(Error::Unknown)
    }
}
