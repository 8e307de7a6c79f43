//! Native functions, kept alive for as long as their runtime.
//!
//! The engine frees the Rust side of a native function with its last reference. A call could
//! drop that, and laying the memory's picture over it would bring back a function whose Rust
//! side is gone. So one reference to each is held here, before the picture is taken.

use std::cell::RefCell;

use rquickjs::function::IntoJsFunc;
use rquickjs::{Ctx, Function, Persistent, Result};

/// Makes native functions and holds on to them.
#[derive(Default)]
pub struct Keeper(RefCell<Vec<Persistent<Function<'static>>>>);

impl Keeper {
    /// A JavaScript function that runs Rust code.
    pub fn function<'js, P, F>(&self, ctx: &Ctx<'js>, native: F) -> Result<Function<'js>>
    where
        F: IntoJsFunc<'js, P> + 'js,
    {
        let function = Function::new(ctx.clone(), native)?;
        self.0.borrow_mut().push(Persistent::save(ctx, function.clone()));
        Ok(function)
    }
}
