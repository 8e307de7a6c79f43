#![doc = include_str!("../README.md")]

mod body;
pub mod codes;
pub mod events;
mod state;
pub mod triggers;

pub use state::{GatewayState, router};
