#![doc = include_str!("../README.md")]

pub mod audit;
mod cipher;
pub mod envelope;
mod journal;
pub mod keyring;
pub mod layers;
pub mod policy;
pub mod ports;
pub mod rotation;
pub mod service;
pub mod settings;
mod tlv;

pub use journal::Background;
