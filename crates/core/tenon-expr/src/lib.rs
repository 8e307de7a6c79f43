#![doc = include_str!("../README.md")]

mod source;

pub use source::{Condition, EvalError, Operator, ParseError, Reference, Scope, Segment, Source, SourceError};
