//! The vault over stores in memory that can be made to fail at any call.

mod audit;
mod crash;
mod fixture;
mod refresh;
mod rotation;
mod secrets;
mod service;
mod sharing;
mod stores;
mod tampering;
