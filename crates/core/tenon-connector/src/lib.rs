//! Connectors as data.

pub mod call;
pub mod fixture;
pub mod manifest;
pub mod token;
