//! The functions of the language: one table, which the parser, the reference page and the
//! suggestions read. All of them are pure: no clock, no randomness, no network, no files but the
//! system's time zones. What they build is bounded.

mod convert;
mod crypto;
mod list;
mod number;
mod pattern;
mod shape;
mod text;
mod time;

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::kind_name;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// How it is called.
    pub name: &'static str,
    /// What it takes, in order.
    pub parameters: &'static [Parameter],
    /// What it gives, in one line.
    pub summary: &'static str,
    /// Expressions and their results as JSON; a test runs each.
    pub examples: &'static [(&'static str, &'static str)],
    run: Run,
}

/// What a function does once the kinds of its arguments are known to fit.
type Run = for<'a> fn(Arguments<'a>, &Budget) -> Result<Cow<'a, Value>, EvalError>;

/// A parameter of a function.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name, for messages and the signature.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// How often it stands.
    pub presence: Presence,
}

/// How often a parameter stands in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Once.
    Required,
    /// Once or not at all; null counts as not at all.
    Optional,
    /// Once or more; only the last parameter.
    Repeated,
}

/// The values that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any value.
    Any,
    /// A text.
    Text,
    /// A text, number or boolean.
    Scalar,
    /// A number.
    Number,
    /// A number without a fraction.
    Integer,
    /// A list.
    List,
    /// An object.
    Object,
    /// A text or list.
    TextOrList,
    /// A list or object.
    ListOrObject,
    /// A text, list or object.
    Sized,
    /// A number or list.
    NumberOrList,
}

/// All functions, family by family.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    [
        text::FUNCTIONS,
        pattern::FUNCTIONS,
        list::FUNCTIONS,
        shape::FUNCTIONS,
        number::FUNCTIONS,
        convert::FUNCTIONS,
        crypto::FUNCTIONS,
        time::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    functions().find(|function| function.name == name)
}

impl Function {
    /// How to call it: `join(list, separator?)`, `concat(value, ...)`.
    #[must_use]
    pub fn signature(&self) -> String {
        let mut written = Vec::with_capacity(self.parameters.len() + 1);
        for parameter in self.parameters {
            match parameter.presence {
                Presence::Required => written.push(parameter.name.to_owned()),
                Presence::Optional => written.push(format!("{}?", parameter.name)),
                Presence::Repeated => {
                    written.push(parameter.name.to_owned());
                    written.push("...".to_owned());
                }
            }
        }
        format!("{}({})", self.name, written.join(", "))
    }

    fn arity_min(&self) -> usize {
        self.parameters.iter().filter(|it| it.presence != Presence::Optional).count()
    }

    /// `None`: any number.
    fn arity_max(&self) -> Option<usize> {
        let is_repeated = |it: &Parameter| it.presence == Presence::Repeated;
        (!self.parameters.last().is_some_and(is_repeated)).then_some(self.parameters.len())
    }

    pub(crate) fn takes(&self, count: usize) -> bool {
        count >= self.arity_min() && self.arity_max().is_none_or(|max| count <= max)
    }

    pub(crate) fn arity_text(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        match (self.arity_min(), self.arity_max()) {
            (min, None) => format!("at least {min} argument{}", plural(min)),
            (min, Some(max)) if min == max => format!("{min} argument{}", plural(min)),
            (min, Some(max)) => format!("{min} to {max} arguments"),
        }
    }

    fn parameter(&self, index: usize) -> &Parameter {
        self.parameters
            .get(index)
            .or(self.parameters.last())
            .expect("the parser admits no arguments to a function without parameters")
    }
}

impl Parameter {
    const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, presence: Presence::Required }
    }

    const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, presence: Presence::Optional }
    }

    const fn repeated(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, presence: Presence::Repeated }
    }
}

impl Kind {
    /// The name of the kind, for messages and the reference page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Text => "a text",
            Self::Scalar => "a text, number or boolean",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::List => "a list",
            Self::Object => "an object",
            Self::TextOrList => "a text or list",
            Self::ListOrObject => "a list or object",
            Self::Sized => "a text, list or object",
            Self::NumberOrList => "a number or list",
        }
    }

    /// Whether a value is of the kind.
    #[must_use]
    pub fn admits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Scalar => value.is_string() || value.is_number() || value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_number().is_some_and(|it| integer_of(it).is_some()),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::TextOrList => value.is_string() || value.is_array(),
            Self::ListOrObject => value.is_array() || value.is_object(),
            Self::Sized => value.is_string() || value.is_array() || value.is_object(),
            Self::NumberOrList => value.is_number() || value.is_array(),
        }
    }
}

/// A call with its arguments evaluated.
pub(crate) struct Call<'b, 'a> {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Vec<Cow<'a, Value>>,
    pub(crate) budget: &'b mut Budget,
}

impl<'a> Call<'_, 'a> {
    /// Checks the kinds of the arguments, runs the function and counts what it built.
    pub(crate) fn run(self) -> Result<Cow<'a, Value>, EvalError> {
        let arguments = Arguments { function: self.function, values: self.arguments };
        arguments.check_kinds()?;
        for value in &arguments.values {
            self.budget.looked_at(value)?;
        }
        let result = (self.function.run)(arguments, self.budget)?;
        if let Cow::Owned(built) = &result {
            self.budget.intermediate(built)?;
        }
        Ok(result)
    }
}

/// The arguments of a call, whose kinds and number fit the parameters.
struct Arguments<'a> {
    function: &'static Function,
    values: Vec<Cow<'a, Value>>,
}

const KIND_CHECKED: &str = "the kind of the argument was checked before the call";

impl<'a> Arguments<'a> {
    fn check_kinds(&self) -> Result<(), EvalError> {
        for (index, value) in self.values.iter().enumerate() {
            let parameter = self.function.parameter(index);
            let is_left_out = parameter.presence == Presence::Optional && value.is_null();
            if !is_left_out && !parameter.kind.admits(value) {
                return Err(self.wrong_kind(index, value));
            }
        }
        Ok(())
    }

    fn wrong_kind(&self, index: usize, value: &Value) -> EvalError {
        let parameter = self.function.parameter(index);
        let found = match value {
            Value::Number(_) if parameter.kind == Kind::Integer => "a fraction",
            value => kind_name(value),
        };
        let error = self.wrong(index, &format!("must be {}, not {found}", parameter.kind.name()));
        match value {
            Value::Null => error.with_help("give a default for a missing value: `x ?? \"\"`"),
            _ => error.with_help(format!("write `{}`", self.function.signature())),
        }
    }

    /// An error about one argument: "`join`: argument 1 (`list`) ...".
    fn wrong(&self, index: usize, what: &str) -> EvalError {
        let name = self.function.parameter(index).name;
        let function = self.function.name;
        EvalError::new(format!("`{function}`: argument {} (`{name}`) {what}", index + 1))
    }

    /// An argument; null when it was left out.
    fn value(&self, index: usize) -> &Value {
        self.values.get(index).map_or(&Value::Null, |value| value)
    }

    /// An argument, to hand on without copying.
    fn take(&mut self, index: usize) -> Cow<'a, Value> {
        let nothing = || Cow::Owned(Value::Null);
        self.values.get_mut(index).map_or_else(nothing, |it| std::mem::replace(it, nothing()))
    }

    fn text(&self, index: usize) -> &str {
        self.value(index).as_str().expect(KIND_CHECKED)
    }

    fn list(&self, index: usize) -> &[Value] {
        self.value(index).as_array().expect(KIND_CHECKED)
    }

    fn object(&self, index: usize) -> &serde_json::Map<String, Value> {
        self.value(index).as_object().expect(KIND_CHECKED)
    }

    fn number(&self, index: usize) -> &Number {
        self.value(index).as_number().expect(KIND_CHECKED)
    }

    fn integer(&self, index: usize) -> i64 {
        integer_of(self.number(index)).expect(KIND_CHECKED)
    }

    /// An optional text.
    fn text_or<'s>(&'s self, index: usize, default: &'s str) -> &'s str {
        self.value(index).as_str().unwrap_or(default)
    }

    /// An optional whole number.
    fn integer_or(&self, index: usize, default: i64) -> i64 {
        self.value(index).as_number().and_then(integer_of).unwrap_or(default)
    }
}

fn owned<'a>(value: impl Into<Value>) -> Cow<'a, Value> {
    Cow::Owned(value.into())
}

/// The whole number that a number is.
fn integer_of(number: &Number) -> Option<i64> {
    let float = || number.as_f64().and_then(crate::value::number_of_float);
    number.as_i64().or_else(|| float()?.as_i64())
}
