//! What an evaluation may use up. Sizes are counted while values are built, so that a short
//! template cannot fill the memory. A value that already exists and is only handed on (a source
//! that is one reference and nothing else) is not built and not counted.

use std::io;

use serde_json::Value;

use crate::error::EvalError;

/// What an element of an array or object counts besides its text, in bytes; about what it
/// takes in memory.
const ELEMENT_BYTES: usize = 16;

/// Work that one evaluation may do, as a multiple of the output's limit.
const WORK_PER_OUTPUT: usize = 8;

/// Bounds of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of what is built, in bytes: texts and keys count their length, and each value
    /// inside a list or object 16 more.
    pub output_bytes_max: usize,
    /// Nesting of what is built.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes_max: 8 << 20, depth_max: 128 }
    }
}

/// What is left of the limits during one evaluation.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    output_left: usize,
    work_left: usize,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            output_left: limits.output_bytes_max,
            work_left: limits.output_bytes_max.saturating_mul(WORK_PER_OUTPUT),
        }
    }

    /// Counts a value that becomes part of the output.
    pub(crate) fn output(&mut self, value: &Value, depth: usize) -> Result<(), EvalError> {
        self.check_depth(value, depth)?;
        let mut meter = Meter { bytes_left: self.output_left, ..self.meter() };
        meter.value(value)?;
        self.output_left = meter.bytes_left;
        Ok(())
    }

    /// Counts the result of a function, which may or may not become part of the output.
    pub(crate) fn intermediate(&mut self, value: &Value) -> Result<(), EvalError> {
        self.check_depth(value, 0)?;
        let mut meter = self.meter();
        meter.value(value)?;
        self.work(meter.bytes_max - meter.bytes_left)
    }

    /// Counts what a function looks at: the length of a text or list.
    pub(crate) fn looked_at(&mut self, value: &Value) -> Result<(), EvalError> {
        self.work(match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.len() * ELEMENT_BYTES,
            Value::Object(members) => members.len() * ELEMENT_BYTES,
            _ => 0,
        })
    }

    /// Counts a list, object or key that becomes part of the output, without what is in it.
    pub(crate) fn output_frame(&mut self, key: &str) -> Result<(), EvalError> {
        self.take_output(ELEMENT_BYTES + key.len())
    }

    /// A text that may grow to the limit of the output; starts with room for `capacity` bytes.
    pub(crate) fn text(&self, capacity: usize) -> BoundedText {
        let bytes_max = self.limits.output_bytes_max;
        BoundedText { text: String::with_capacity(capacity.min(bytes_max)), bytes_max }
    }

    /// Counts what one function copies, up to the limit of the output.
    pub(crate) fn meter(&self) -> Meter {
        let bytes_max = self.limits.output_bytes_max;
        Meter { bytes_left: bytes_max, bytes_max }
    }

    /// Counts a text that was built as part of the output.
    pub(crate) fn output_text(&mut self, text: &str) -> Result<(), EvalError> {
        self.take_output(text.len())
    }

    fn take_output(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.output_left = self
            .output_left
            .checked_sub(bytes)
            .ok_or_else(|| too_large("the result", self.limits.output_bytes_max))?;
        Ok(())
    }

    fn work(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.work_left = self.work_left.checked_sub(bytes).ok_or_else(|| {
            EvalError::new("the expression handles too much data")
                .with_help("use a function step for large values")
        })?;
        Ok(())
    }

    fn check_depth(&self, value: &Value, depth: usize) -> Result<(), EvalError> {
        match value {
            Value::Array(items) => {
                self.deeper(depth)?;
                items.iter().try_for_each(|item| self.check_depth(item, depth + 1))
            }
            Value::Object(members) => {
                self.deeper(depth)?;
                members.values().try_for_each(|member| self.check_depth(member, depth + 1))
            }
            _ => Ok(()),
        }
    }

    /// Refuses one more level of nesting at `depth`.
    pub(crate) fn deeper(&self, depth: usize) -> Result<(), EvalError> {
        let depth_max = self.limits.depth_max;
        if depth < depth_max {
            return Ok(());
        }
        Err(EvalError::new(format!("the result is nested deeper than {depth_max} levels")))
    }
}

fn too_large(what: &str, bytes_max: usize) -> EvalError {
    EvalError::new(format!("{what} is larger than {bytes_max} bytes"))
        .with_help("hand on less data, or use a function step")
}

/// A text that stops growing at its limit.
#[derive(Debug)]
pub(crate) struct BoundedText {
    text: String,
    bytes_max: usize,
}

impl BoundedText {
    pub(crate) fn push(&mut self, more: &str) -> Result<(), EvalError> {
        if more.len() > self.bytes_max - self.text.len() {
            return Err(too_large("the text", self.bytes_max));
        }
        self.text.push_str(more);
        Ok(())
    }

    /// Appends a value as it stands in a text: texts as they are, null as nothing, the rest as
    /// compact JSON.
    pub(crate) fn push_value(&mut self, value: &Value) -> Result<(), EvalError> {
        match value {
            Value::String(text) => self.push(text),
            Value::Null => Ok(()),
            Value::Bool(true) => self.push("true"),
            Value::Bool(false) => self.push("false"),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => self.push_json(value),
        }
    }

    /// Appends a value as compact JSON.
    pub(crate) fn push_json(&mut self, value: &Value) -> Result<(), EvalError> {
        let bytes_max = self.bytes_max;
        serde_json::to_writer(self, value).map_err(|_| too_large("the text", bytes_max))
    }

    /// An empty text with the same limit.
    pub(crate) fn fresh(&self) -> Self {
        Self { text: String::new(), bytes_max: self.bytes_max }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// The JSON writer hands over whole characters; it fails only at the limit.
impl io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.push(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what a function is about to copy into its result.
#[derive(Debug)]
pub(crate) struct Meter {
    bytes_left: usize,
    bytes_max: usize,
}

impl Meter {
    /// Counts a whole value.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), EvalError> {
        match value {
            Value::String(text) => self.bytes(ELEMENT_BYTES + text.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.bytes(ELEMENT_BYTES),
            Value::Array(items) => {
                self.bytes(ELEMENT_BYTES)?;
                items.iter().try_for_each(|item| self.value(item))
            }
            Value::Object(members) => {
                self.bytes(ELEMENT_BYTES)?;
                members.iter().try_for_each(|(key, member)| self.member(key, member))
            }
        }
    }

    /// Counts a member of an object.
    pub(crate) fn member(&mut self, key: &str, value: &Value) -> Result<(), EvalError> {
        self.bytes(key.len())?;
        self.value(value)
    }

    /// Refuses a JSON text whose value would not fit, before it is built.
    pub(crate) fn json_text(&mut self, text: &str) -> Result<(), EvalError> {
        let (mut is_in_text, mut is_escaped, mut elements) = (false, false, 0);
        for byte in text.bytes() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = is_in_text,
                b'"' => is_in_text = !is_in_text,
                b',' | b'[' | b'{' if !is_in_text => elements += 1,
                _ => {}
            }
        }
        self.bytes(text.len() + elements * ELEMENT_BYTES)
    }

    /// Counts an element that is a text.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), EvalError> {
        self.bytes(ELEMENT_BYTES + text.len())
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.bytes_left = self
            .bytes_left
            .checked_sub(bytes)
            .ok_or_else(|| too_large("the result", self.bytes_max))?;
        Ok(())
    }
}
