#![doc = include_str!("../README.md")]

mod body;
mod caller;
pub mod codes;
pub mod events;
mod sdk;
mod state;
pub mod triggers;
pub mod webhooks;

pub use state::{GatewayState, router};
