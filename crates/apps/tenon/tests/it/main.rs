//! The product from outside: every test starts the real binary and talks to it over HTTP.

mod product;
mod service;
mod steps;
