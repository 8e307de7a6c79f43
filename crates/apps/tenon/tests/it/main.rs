//! The product from outside: every test starts the real binary and talks to it over HTTP.

mod accounts;
mod archive;
mod bad_input;
mod blobs;
mod chaos;
mod compose;
mod connect_sdk;
mod durability;
mod emulate;
mod fan_out;
mod functions;
mod history;
mod kill;
mod memory;
mod metrics;
mod order;
mod otlp;
mod product;
mod providers;
mod service;
mod split;
mod steps;
mod triggers;
mod webhooks;
