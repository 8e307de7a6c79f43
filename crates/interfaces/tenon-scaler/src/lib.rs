#![doc = include_str!("../README.md")]

mod proto;
mod scaler;

pub use proto::v1;
pub use scaler::{METRIC, Scaler, ScalerSettings};
