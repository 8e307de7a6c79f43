//! The vault.

pub mod audit;
pub mod ports;
