//! The store and the use cases together, on a real PostgreSQL.

mod accounts;
mod api_keys;
mod connect;
mod connect_through;
mod credentials;
mod fixture;
mod installations;
mod integrations;
mod isolation;
mod plans;
mod projects;
mod renewal;
mod secrets;
mod setup;
mod signing_keys;
mod users;
mod workflows;
