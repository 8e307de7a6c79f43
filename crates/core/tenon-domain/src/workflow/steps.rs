//! The configuration of each step type, one file each.

pub mod action;
pub mod conditional;
pub mod delay;
pub mod fan_out;
pub mod function;
pub mod integration_request;
pub mod request;
pub mod response;
