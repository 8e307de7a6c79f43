#![doc = include_str!("../README.md")]

mod client;
mod deadline;
mod identity;
mod server;
mod wire;

pub use client::{ClientSettings, VaultClient};
pub use identity::{Identity, IdentityError};
pub use server::{Handles, ServerSettings, serve};
