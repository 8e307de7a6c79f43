#![doc = include_str!("../README.md")]

mod api_keys;
mod error;
mod projects;
mod store;
mod timestamp;
mod unit_of_work;
mod users;
mod workflows;

pub use store::{PgConfigStore, Settings};
