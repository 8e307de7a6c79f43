//! Builds a [`Value`] and refuses, on the way, names that occur twice and nesting that is too
//! deep. The path to a failure is collected while the calls return, so that success costs nothing.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// What the visitor itself refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    DuplicateKey,
    TooDeep,
}

/// One word of a JSON pointer.
#[derive(Debug)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// What is known of a failure once parsing has ended.
#[derive(Debug)]
pub(super) struct Context {
    depth_max: usize,
    refusal: Cell<Option<Refusal>>,
    /// From the inside out.
    path: RefCell<Vec<Segment>>,
}

impl Context {
    pub(super) fn new(depth_max: usize) -> Self {
        Self { depth_max, refusal: Cell::new(None), path: RefCell::new(Vec::new()) }
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// The RFC 6901 pointer to the failure.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in self.path.borrow().iter().rev() {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&super::fault::escape(key)),
                Segment::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    fn passed(&self, segment: Segment) {
        self.path.borrow_mut().push(segment);
    }
}

/// Reads one value at a depth.
#[derive(Clone, Copy)]
pub(super) struct Strict<'c> {
    context: &'c Context,
    depth: usize,
}

impl<'c> Strict<'c> {
    pub(super) fn root(context: &'c Context) -> Self {
        Self { context, depth: 0 }
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.context.depth_max {
            self.context.refuse(Refusal::TooDeep);
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut array = Vec::new();
        loop {
            match items.next_element_seed(seed) {
                Ok(Some(item)) => array.push(item),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.context.passed(Segment::Index(array.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            match fields.next_value_seed(seed) {
                Ok(value) => match object.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert(value);
                    }
                    Entry::Occupied(entry) => {
                        self.context.refuse(Refusal::DuplicateKey);
                        self.context.passed(Segment::Key(entry.key().clone()));
                        return Err(A::Error::custom("duplicate name"));
                    }
                },
                Err(error) => {
                    self.context.passed(Segment::Key(key));
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(object))
    }
}
