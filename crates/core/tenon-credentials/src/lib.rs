#![doc = include_str!("../README.md")]

pub mod access;
pub mod cache;
pub mod exchange;
pub mod linking;
pub mod settings;

pub use settings::Settings;
