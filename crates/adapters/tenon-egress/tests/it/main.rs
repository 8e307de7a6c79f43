//! The way out against real sockets on loopback.

mod addresses;
mod answers;
mod connections;
mod exchanges;
mod forward;
mod identities;
mod requests;
mod server;
mod spellings;
mod steps;
mod tls;
