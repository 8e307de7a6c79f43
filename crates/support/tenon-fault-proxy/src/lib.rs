#![doc = include_str!("../README.md")]

mod link;
mod pump;
mod toxic;

pub use link::{FaultProxy, Upstream};
pub use toxic::{Direction, Toxic};
