#![doc = include_str!("../README.md")]

mod api_keys;
mod branding;
mod configurations;
mod credentials;
mod error;
mod events;
mod installations;
mod integrations;
mod portal_links;
mod projects;
mod secrets;
mod sessions;
mod signing_keys;
mod store;
mod timestamp;
mod unit_of_work;
mod user_plans;
mod users;
mod workflows;

pub use store::{PgConfigStore, Settings};
