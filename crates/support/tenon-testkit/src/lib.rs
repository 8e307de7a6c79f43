#![doc = include_str!("../README.md")]

pub mod archive_suite;
pub mod blob_suite;
pub mod call_pool_suite;
pub mod coordination_suite;
pub mod fakes;
pub mod history_checker;
pub mod membership_suite;
pub mod object_servers;
pub mod oidc_server;
pub mod plan_cache_suite;
pub mod postgres_server;
pub mod queue_suite;
pub mod quota_suite;
mod redis_command;
pub mod redis_failover;
pub mod redis_server;
pub mod vault_stores_suite;

pub use tenon_fault_proxy as fault_proxy;
