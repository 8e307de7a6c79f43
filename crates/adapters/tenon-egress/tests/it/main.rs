//! The way out against real sockets on loopback.

mod addresses;
mod answers;
mod connections;
mod requests;
mod server;
mod steps;
mod tls;
