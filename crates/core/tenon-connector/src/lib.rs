#![doc = include_str!("../README.md")]

pub mod action;
pub mod answer;
mod assertion;
pub mod authorize;
mod builtin;
pub mod call;
pub mod catalog;
pub mod connector;
pub mod context;
pub mod data_source;
mod encoding;
pub mod exchange;
pub mod field_values;
pub mod fixture;
pub mod icon;
pub mod inject;
pub mod lifecycle;
pub mod load;
pub mod manifest;
pub mod openapi;
pub mod pages;
pub mod proxy;
pub mod quota;
pub mod request;
#[cfg(test)]
mod samples;
pub mod schema;
mod sign;
pub mod token;
pub mod webhook;
