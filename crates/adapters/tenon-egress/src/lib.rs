#![doc = include_str!("../README.md")]

mod address;
mod body;
mod client;
mod failure;
mod forward;
mod lookup;
pub mod metrics;
mod outgoing;
mod settings;
mod transport;

pub use address::{AddressPolicy, ForbiddenAddress};
pub use client::{BuildError, HttpEgress};
pub use lookup::{Lookup, SystemLookup};
pub use settings::EgressSettings;
