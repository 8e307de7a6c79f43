#![doc = include_str!("../README.md")]

mod archive;
mod check;
mod copy;
mod credentials;
mod disk;
mod footer;
mod measured;
pub mod metrics;
mod objects;
mod packer;
mod remote;
mod remote_builders;
mod store;
mod store_url;

pub use check::{Finding, Inspection};
pub use copy::{Copied, copy_part, copy_segment};

pub use store::{OpenError, Settings, Store};
pub use store_url::{StoreUrl, StoreUrlError};
