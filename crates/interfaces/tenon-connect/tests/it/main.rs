//! The Connect API from outside: requests to the router, with the real use cases on a real database
//! behind it. Only the provider, the vault and the clock are small ones in memory.

mod actions;
mod apart;
mod configurations;
mod connecting;
mod every_route;
mod hosted;
mod malformed;
mod oauth;
mod pictures;
mod settings;
mod shapes;
mod stage;
mod tokens;
mod ui;
mod users;
mod workflows;
