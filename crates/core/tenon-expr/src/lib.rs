#![doc = include_str!("../README.md")]

mod budget;
mod condition;
mod error;
mod expr;
mod functions;
mod operator;
mod parse;
mod reference;
mod source;
mod value;

pub use budget::Limits;
pub use condition::{CONDITIONS_MAX, Condition, DEPTH_MAX as CONDITION_DEPTH_MAX};
pub use error::{EvalError, ParseError, SourceError};
pub use functions::{Function, Kind, Parameter, Presence, functions};
pub use operator::Operator;
pub use parse::{HOLES_MAX, NESTING_MAX, NODES_MAX, TEMPLATE_BYTES_MAX};
pub use reference::{Reference, Scope, Segment, resolve_path};
pub use source::{DEPTH_MAX as SOURCE_DEPTH_MAX, Source};
