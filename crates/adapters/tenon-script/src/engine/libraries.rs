//! The standard library of functions: pure helpers, loaded when first used.
//!
//! Each part is a JavaScript file here, an expression whose value is a function from `native`,
//! what is better done in Rust, to the part's members. Parts are compiled once per process; a call pays
//! for those it touches. Nothing here reaches outside the runtime.

mod dates;
mod native;

use std::rc::Rc;

use rquickjs::{Ctx, Exception, Function, Object, Persistent, Result};

use super::bytecode::Bytecode;
use super::failure::syntax;
use super::keeper::Keeper;
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
    pub fn install<'js>(&self, ctx: &Ctx<'js>, keeper: &Keeper) -> Result<Furniture> {
        let internals = Object::new(ctx.clone())?;
        let kept = Persistent::save(ctx, internals.clone());
        let natives = Object::new(ctx.clone())?;
        for (name, _) in PARTS {
            natives.set(name, native::of(ctx, keeper, name)?)?;
        }
        let parts = Rc::clone(&self.parts);
        let load = move |ctx: Ctx<'js>, name: String| load(&ctx, &parts, &name);
        let load = keeper.function(ctx, load)?;
        self.prelude.run_function(ctx)?.call::<_, ()>((internals, natives, load))?;
        Ok(Furniture { internals: kept })
    }
}

/// The function that makes one part.
fn load<'js>(ctx: &Ctx<'js>, parts: &[Bytecode], name: &str) -> Result<Function<'js>> {
    match PARTS.iter().position(|(known, _)| *known == name) {
        Some(index) => parts[index].run_function(ctx),
        None => Err(Exception::throw_reference(ctx, "no such library")),
    }
}
