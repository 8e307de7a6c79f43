#![doc = include_str!("../README.md")]

mod address;
mod body;
mod client;
mod failure;
mod lookup;
mod settings;
mod transport;

pub use address::{AddressPolicy, ForbiddenAddress};
pub use client::{BuildError, HttpEgress};
pub use lookup::{Lookup, SystemLookup};
pub use settings::EgressSettings;
