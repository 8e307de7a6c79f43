#![doc = include_str!("../README.md")]

mod codes;
mod database;
mod keys;
mod moment;
mod values;

pub use database::{DatabaseError, Pools, Settings};
pub use keys::PgKeyStore;
pub use values::PgValueStore;
