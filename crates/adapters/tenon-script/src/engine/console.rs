//! What a function writes to the console, kept within bounds.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::function::Rest;
use rquickjs::{Ctx, Object, Result, Value};
use tenon_exec::ports::script::ConsoleLine;

use super::Limits;
use super::keeper::Keeper;
use crate::wire::LEVELS;

/// The lines of one call.
#[derive(Debug)]
pub struct Console {
    lines: Vec<ConsoleLine>,
    dropped: u32,
    bytes_left: usize,
    lines_max: usize,
}

impl Console {
    /// Keeps as many lines and bytes as the limits allow; the rest is counted.
    pub fn new(limits: Limits) -> Self {
        let (lines_max, bytes_left) = (limits.console_lines, limits.console_bytes);
        Self { lines_max, bytes_left, lines: Vec::new(), dropped: 0 }
    }

    /// The lines, and how many did not fit.
    pub fn take(&mut self) -> (Vec<ConsoleLine>, u32) {
        (std::mem::take(&mut self.lines), self.dropped)
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.lines_max || self.bytes_left == 0
    }

    fn push(&mut self, level: &str, mut message: String) {
        if message.len() > self.bytes_left {
            let end = message.floor_char_boundary(self.bytes_left);
            message.truncate(end);
            self.bytes_left = 0;
        } else {
            self.bytes_left -= message.len();
        }
        self.lines.push(ConsoleLine { level: level.to_owned(), message });
    }
}

/// Puts `console` into the globals.
pub fn install(ctx: &Ctx<'_>, keeper: &Keeper, console: &Rc<RefCell<Console>>) -> Result<()> {
    let object = Object::new(ctx.clone())?;
    for level in LEVELS {
        let console = Rc::clone(console);
        let write = move |values: Rest<Value<'_>>| {
            if console.borrow().is_full() {
                let mut console = console.borrow_mut();
                console.dropped = console.dropped.saturating_add(1);
                return;
            }
            let words: Vec<String> = values.iter().map(show).collect();
            console.borrow_mut().push(level, words.join(" "));
        };
        object.set(level, keeper.function(ctx, write)?)?;
    }
    ctx.globals().set("console", object)
}

/// A value as the console shows it: text as it is, errors with their stack, the rest as JSON.
fn show(value: &Value<'_>) -> String {
    let ctx = value.ctx();
    let shown = if value.is_string() {
        value.get::<String>()
    } else if let Some(error) = value.as_object().filter(|object| object.is_error()) {
        show_error(error)
    } else {
        show_other(value)
    };
    shown.unwrap_or_else(|_| {
        drop(ctx.catch());
        format!("[{}]", value.type_name())
    })
}

fn show_error(error: &Object<'_>) -> Result<String> {
    let name: String = error.get("name")?;
    let message: String = error.get("message")?;
    let stack: Option<String> = error.get("stack")?;
    let stack = stack.unwrap_or_default();
    Ok(format!("{name}: {message}\n{}", stack.trim_end()).trim_end().to_owned())
}

fn show_other(value: &Value<'_>) -> Result<String> {
    if value.is_object()
        && !value.is_function()
        && let Some(text) = value.ctx().json_stringify(value.clone())?
    {
        return text.to_string();
    }
    Ok(value.get::<rquickjs::Coerced<String>>()?.0)
}
