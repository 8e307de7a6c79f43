//! Connected accounts from outside: linked in a browser, used by workflows and the proxy, renewed,
//! refused, moved between keys; the provider is a simulator on loopback.

mod apart;
mod canaries;
mod commands;
mod connect;
mod installation;
pub mod provider;
mod proxy;
mod quotas;
mod redis_record;
mod rotation;
mod secrets;
mod sources;
pub mod stage;
mod steps;
mod traces;
