//! The standard library of functions: pure helpers, loaded when first used.
//!
//! Each part is a JavaScript file here, an expression whose value is `(native, load) => members`.
//! `native` holds what is better done in Rust. Parts are compiled once per process; a call pays
//! for those it touches. Nothing here reaches outside the runtime.

mod dates;
mod native;

use std::rc::Rc;

use rquickjs::{Ctx, Exception, Function, Object, Persistent, Result, Value};

use super::bytecode::Bytecode;
use super::failure::syntax;
use crate::wire::Failure;

const PRELUDE: &str = include_str!("libraries/prelude.js");

/// Name and text of each part. The reference page lists the members.
const PARTS: [(&str, &str); 9] = [
    ("text", include_str!("libraries/text.js")),
    ("collection", include_str!("libraries/collection.js")),
    ("date", include_str!("libraries/date.js")),
    ("crypto", include_str!("libraries/crypto.js")),
    ("encoding", include_str!("libraries/encoding.js")),
    ("csv", include_str!("libraries/csv.js")),
    ("xml", include_str!("libraries/xml.js")),
    ("timers", include_str!("libraries/timers.js")),
    ("web", include_str!("libraries/web.js")),
];

/// The compiled parts.
pub struct Libraries {
    prelude: Bytecode,
    parts: Rc<Vec<Bytecode>>,
}

/// What was put into one runtime.
pub struct Furniture {
    internals: Persistent<Object<'static>>,
}

impl Furniture {
    /// An object user code cannot reach: `libraries`, and `timers` once a timer was asked for.
    pub fn internals<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        self.internals.clone().restore(ctx)
    }
}

impl Libraries {
    /// Compiles every part.
    pub fn compile(ctx: &Ctx<'_>) -> std::result::Result<Self, Failure> {
        let compile = |name: &str, text: &str| {
            Bytecode::script(ctx, &format!("{name}.js"), text).map_err(|_| syntax(ctx))
        };
        let prelude = compile("prelude", PRELUDE)?;
        let parts = PARTS.iter().map(|(name, text)| compile(name, text));
        let parts = parts.collect::<std::result::Result<_, _>>()?;
        Ok(Self { prelude, parts: Rc::new(parts) })
    }

    /// Puts lazy globals and the `libraries` object into a fresh context.
    pub fn install(&self, ctx: &Ctx<'_>) -> Result<Furniture> {
        let internals = Object::new(ctx.clone())?;
        let parts = Rc::clone(&self.parts);
        let kept = Persistent::save(ctx, internals.clone());
        let load = Function::new(ctx.clone(), move |ctx, name| load_part(&ctx, &parts, name))?;
        self.prelude.run_function(ctx)?.call::<_, ()>((internals, load))?;
        Ok(Furniture { internals: kept })
    }
}

fn load_part<'js>(ctx: &Ctx<'js>, parts: &[Bytecode], name: String) -> Result<Value<'js>> {
    let Some(index) = PARTS.iter().position(|(known, _)| *known == name) else {
        return Err(Exception::throw_reference(ctx, "no such library"));
    };
    let native = native::of(ctx, &name)?;
    parts[index].run_function(ctx)?.call((native,))
}
