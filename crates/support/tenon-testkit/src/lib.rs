#![doc = include_str!("../README.md")]

pub mod coordination_suite;
pub mod fakes;
pub mod history_checker;
pub mod oidc_server;
pub mod plan_cache_suite;
pub mod postgres_server;
pub mod queue_suite;
pub mod quota_suite;
pub mod redis_server;
pub mod vault_stores_suite;
