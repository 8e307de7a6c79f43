#![doc = include_str!("../README.md")]

mod declared;
mod metric;
pub mod trace;

pub use declared::{About, Declared, Kind, LABEL_OTHER, Label, Unit};
pub use metric::{Counter, Gauge, Histogram};
pub use trace::TraceContext;
