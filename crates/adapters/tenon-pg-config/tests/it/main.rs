//! The store and the use cases together, on a real PostgreSQL.

mod api_keys;
mod fixture;
mod isolation;
mod plans;
mod projects;
mod users;
mod workflows;
