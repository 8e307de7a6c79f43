#![doc = include_str!("../README.md")]

mod auth;
pub mod codes;
pub mod config;
mod documents;
mod health;
mod openapi;
mod page;
mod payload;
mod problem;
mod routes;
pub mod settings;
mod state;
mod view;

pub use config::ConfigPort;
pub use health::{NotReady, Readiness, health_router};
pub use openapi::{openapi, openapi_text};
pub use routes::router;
pub use settings::ApiSettings;
pub use state::ApiState;
