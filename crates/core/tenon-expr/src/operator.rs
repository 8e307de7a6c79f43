//! The operators of conditions and what each does with the kinds of values it may meet.
//!
//! Null, and so a missing value, is never an error: it equals nothing, is in nothing and is
//! neither larger nor smaller than anything, so positive operators give false and their
//! negations true. A value of a kind that the operator cannot use is an error, not false.

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::error::EvalError;
use crate::value::{compare_numbers, equals, kind_name, moment_of_text, number_of_text};

macro_rules! operators {
    ($($(#[doc = $doc:literal])+ $name:ident = $wire:literal,)+) => {
        /// What a condition asks, by its name on the wire.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Operator {
            $($(#[doc = $doc])+ #[serde(rename = $wire)] $name,)+
        }

        impl Operator {
            /// All of them, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name on the wire, with its `$`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)+ }
            }

            /// What it asks, in one line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

operators! {
    /// Always true; takes no variable.
    None = "$none",
    /// The text holds the argument.
    StringContains = "$stringContains",
    /// The text does not hold the argument.
    StringDoesNotContain = "$stringDoesNotContain",
    /// The text is the argument.
    StringExactlyMatches = "$stringExactlyMatches",
    /// The text is not the argument.
    StringDoesNotExactlyMatch = "$stringDoesNotExactlyMatch",
    /// The text is one of a list, or of a text with commas.
    StringIsIn = "$stringIsIn",
    /// The text is none of a list, or of a text with commas.
    StringIsNotIn = "$stringIsNotIn",
    /// The text starts with the argument.
    StringStartsWith = "$stringStartsWith",
    /// The text does not start with the argument.
    StringDoesNotStartWith = "$stringDoesNotStartWith",
    /// The text ends with the argument.
    StringEndsWith = "$stringEndsWith",
    /// The text does not end with the argument.
    StringDoesNotEndWith = "$stringDoesNotEndWith",
    /// The number is greater.
    NumberGreaterThan = "$numberGreaterThan",
    /// The number is less.
    NumberLessThan = "$numberLessThan",
    /// The numbers are equal.
    NumberEquals = "$numberEquals",
    /// The numbers are not equal.
    NumberDoesNotEqual = "$numberDoesNotEqual",
    /// The number is less or equal.
    NumberLessThanOrEqualTo = "$numberLessThanOrEqualTo",
    /// The number is greater or equal.
    NumberGreaterThanOrEqualTo = "$numberGreaterThanOrEqualTo",
    /// The moment is later.
    DateTimeAfter = "$dateTimeAfter",
    /// The moment is earlier.
    DateTimeBefore = "$dateTimeBefore",
    /// The moments are the same.
    DateTimeEquals = "$dateTimeEquals",
    /// The value is true.
    BooleanTrue = "$booleanTrue",
    /// The value is false.
    BooleanFalse = "$booleanFalse",
    /// There is a value: it is not null.
    Exists = "$exists",
    /// There is no value: it is null.
    DoesNotExist = "$doesNotExist",
    /// There is a value; the same as `$exists`, as a missing value is null.
    IsNotUndefinedOrNull = "$isNotUndefinedOrNull",
    /// There is no value; the same as `$doesNotExist`.
    IsUndefinedOrNull = "$isUndefinedOrNull",
    /// The value is an item of the argument, or the argument an item of the value.
    ArrayIsIn = "$arrayIsIn",
    /// The value is no item of the argument, nor the argument one of the value.
    ArrayIsNotIn = "$arrayIsNotIn",
    /// The list has no items.
    ArrayIsEmpty = "$arrayIsEmpty",
    /// The list has items.
    ArrayIsNotEmpty = "$arrayIsNotEmpty",
    /// The text comes later by code points.
    StringGreaterThan = "$stringGreaterThan",
    /// The text comes earlier by code points.
    StringLessThan = "$stringLessThan",
}

impl Operator {
    /// The operator of a name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.as_str() == name)
    }

    /// Whether it compares with an argument.
    #[must_use]
    pub const fn takes_argument(self) -> bool {
        !matches!(
            self,
            Self::None
                | Self::BooleanTrue
                | Self::BooleanFalse
                | Self::Exists
                | Self::DoesNotExist
                | Self::IsNotUndefinedOrNull
                | Self::IsUndefinedOrNull
                | Self::ArrayIsEmpty
                | Self::ArrayIsNotEmpty
        )
    }

    /// Whether it looks at a variable.
    #[must_use]
    pub const fn takes_variable(self) -> bool {
        !matches!(self, Self::None)
    }

    /// The answer for two values; `argument` is not looked at when the operator takes none.
    ///
    /// # Errors
    /// [`EvalError`] when a value is of a kind that the operator cannot use.
    pub fn apply(self, variable: &Value, argument: &Value) -> Result<bool, EvalError> {
        let values = Operands { operator: self, variable, argument };
        match self {
            Self::None => Ok(true),
            Self::StringContains => values.texts(|text, part| text.contains(part)),
            Self::StringDoesNotContain => not(values.texts(|text, part| text.contains(part))),
            Self::StringExactlyMatches => values.texts(|left, right| left == right),
            Self::StringDoesNotExactlyMatch => not(values.texts(|left, right| left == right)),
            Self::StringIsIn => values.text_is_in(),
            Self::StringIsNotIn => not(values.text_is_in()),
            Self::StringStartsWith => values.texts(|text, start| text.starts_with(start)),
            Self::StringDoesNotStartWith => {
                not(values.texts(|text, start| text.starts_with(start)))
            }
            Self::StringEndsWith => values.texts(|text, end| text.ends_with(end)),
            Self::StringDoesNotEndWith => not(values.texts(|text, end| text.ends_with(end))),
            Self::StringGreaterThan => values.texts(|left, right| left > right),
            Self::StringLessThan => values.texts(|left, right| left < right),
            Self::NumberGreaterThan => values.numbers(|a, b| compare_numbers(a, b).is_gt()),
            Self::NumberLessThan => values.numbers(|a, b| compare_numbers(a, b).is_lt()),
            Self::NumberEquals => values.numbers(|a, b| compare_numbers(a, b).is_eq()),
            Self::NumberDoesNotEqual => not(values.numbers(|a, b| compare_numbers(a, b).is_eq())),
            Self::NumberLessThanOrEqualTo => values.numbers(|a, b| compare_numbers(a, b).is_le()),
            Self::NumberGreaterThanOrEqualTo => {
                values.numbers(|a, b| compare_numbers(a, b).is_ge())
            }
            Self::DateTimeAfter => values.moments(|left, right| left > right),
            Self::DateTimeBefore => values.moments(|left, right| left < right),
            Self::DateTimeEquals => values.moments(|left, right| left == right),
            Self::BooleanTrue => Ok(values.boolean()? == Some(true)),
            Self::BooleanFalse => Ok(values.boolean()? == Some(false)),
            Self::Exists | Self::IsNotUndefinedOrNull => Ok(!variable.is_null()),
            Self::DoesNotExist | Self::IsUndefinedOrNull => Ok(variable.is_null()),
            Self::ArrayIsIn => values.is_item(),
            Self::ArrayIsNotIn => not(values.is_item()),
            Self::ArrayIsEmpty => values.is_empty(),
            Self::ArrayIsNotEmpty => not(values.is_empty()),
        }
    }
}

fn not(answer: Result<bool, EvalError>) -> Result<bool, EvalError> {
    answer.map(|answer| !answer)
}

/// The two sides of an operator.
#[derive(Clone, Copy)]
struct Operands<'v> {
    operator: Operator,
    variable: &'v Value,
    argument: &'v Value,
}

impl Operands<'_> {
    /// Asks about two texts; false when one is null.
    fn texts(self, ask: fn(&str, &str) -> bool) -> Result<bool, EvalError> {
        let left = self.text("variable", self.variable)?;
        let right = self.text("argument", self.argument)?;
        Ok(left.zip(right).is_some_and(|(left, right)| ask(&left, &right)))
    }

    fn numbers(self, ask: fn(&Number, &Number) -> bool) -> Result<bool, EvalError> {
        let left = self.number("variable", self.variable)?;
        let right = self.number("argument", self.argument)?;
        Ok(left.zip(right).is_some_and(|(left, right)| ask(&left, &right)))
    }

    fn moments(self, ask: fn(Timestamp, Timestamp) -> bool) -> Result<bool, EvalError> {
        let left = self.moment("variable", self.variable)?;
        let right = self.moment("argument", self.argument)?;
        Ok(left.zip(right).is_some_and(|(left, right)| ask(left, right)))
    }

    fn text_is_in(self) -> Result<bool, EvalError> {
        let text = self.text("variable", self.variable)?;
        match self.argument {
            Value::Array(items) => {
                let mut is_in = false;
                for item in items {
                    let item = self.text("argument's item", item)?;
                    is_in |= item.is_some() && item == text;
                }
                Ok(is_in)
            }
            argument => {
                let list = self.text("argument", argument)?;
                let holds = |(text, list): (Cow<'_, str>, Cow<'_, str>)| {
                    list.split(',').any(|item| item.trim() == text)
                };
                Ok(text.zip(list).is_some_and(holds))
            }
        }
    }

    fn is_item(self) -> Result<bool, EvalError> {
        match (self.variable, self.argument) {
            (item, Value::Array(items)) | (Value::Array(items), item) => {
                Ok(items.iter().any(|candidate| equals(candidate, item)))
            }
            // A missing list has no items.
            (Value::Null, _) | (_, Value::Null) => Ok(false),
            (variable, _) => Err(self.unfit("variable or the argument", "a list", variable)),
        }
    }

    fn is_empty(self) -> Result<bool, EvalError> {
        match self.variable {
            Value::Array(items) => Ok(items.is_empty()),
            Value::Null => Ok(true),
            other => Err(self.unfit("variable", "a list", other)),
        }
    }

    fn boolean(self) -> Result<Option<bool>, EvalError> {
        match self.variable {
            Value::Null => Ok(None),
            Value::Bool(boolean) => Ok(Some(*boolean)),
            Value::String(text) if text == "true" => Ok(Some(true)),
            Value::String(text) if text == "false" => Ok(Some(false)),
            other => Err(self.unfit("variable", "true or false", other)),
        }
    }

    fn text<'v>(self, side: &str, value: &'v Value) -> Result<Option<Cow<'v, str>>, EvalError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(Cow::Borrowed(text))),
            Value::Bool(boolean) => {
                Ok(Some(Cow::Borrowed(if *boolean { "true" } else { "false" })))
            }
            Value::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
            other => Err(self.unfit(side, "a text, number or boolean", other)),
        }
    }

    fn number<'v>(
        self,
        side: &str,
        value: &'v Value,
    ) -> Result<Option<Cow<'v, Number>>, EvalError> {
        match value {
            Value::Null => Ok(None),
            Value::Number(number) => Ok(Some(Cow::Borrowed(number))),
            Value::String(text) => match number_of_text(text) {
                Some(number) => Ok(Some(Cow::Owned(number))),
                None => Err(self.unfit(side, "a number or a text that spells one", value)),
            },
            other => Err(self.unfit(side, "a number or a text that spells one", other)),
        }
    }

    fn moment(self, side: &str, value: &Value) -> Result<Option<Timestamp>, EvalError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => match moment_of_text(text) {
                Some(moment) => Ok(Some(moment)),
                None => Err(self.unfit(side, "a date such as 2026-03-01T12:00:00Z", value)),
            },
            other => Err(self.unfit(side, "a date such as 2026-03-01T12:00:00Z", other)),
        }
    }

    /// Names kinds, not values: those may be secret.
    fn unfit(self, side: &str, expected: &str, found: &Value) -> EvalError {
        let operator = self.operator.as_str();
        let found = match found {
            Value::String(_) => "another text",
            other => kind_name(other),
        };
        EvalError::new(format!("`{operator}`: the {side} must be {expected}, not {found}"))
    }
}
