#![doc = include_str!("../README.md")]

pub mod egress;
pub mod grant;
pub mod installation;
pub mod permissions;
pub mod plan;
pub mod quota;
pub mod secret;
pub mod user_token;
pub mod vault;
pub mod webhook;
