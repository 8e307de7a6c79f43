#![doc = include_str!("../README.md")]

mod attempt;
mod body;
mod breaker;
mod call;
mod caller;
pub mod codes;
mod credentials;
mod failure;
mod front;
mod headers;
mod limits;
mod log;
pub mod metrics;
pub mod ports;
mod quotas;
mod remembered;
mod route;
mod service;
mod settings;
mod target;
mod wrap;

pub use credentials::{Credentials, OpenCredential};
pub use log::{CallLog, CallRecord, NoCallLog};
pub use service::{Proxy, ProxyParts};
pub use settings::ProxySettings;
