#![doc = include_str!("../README.md")]

mod call_pools;
mod connection;
mod coordination;
mod incarnation;
mod keys;
mod membership;
pub mod metrics;
mod plan_cache;
mod queue;
mod quotas;
mod scripts;
mod seal;
mod sentinel;
mod shared_values;
mod subscriber;

pub use call_pools::RedisCallPools;
pub use connection::{Endpoint, InvalidEndpoint, Redis};
pub use coordination::{REPLY_BYTES_MAX, RedisCoordination};
pub use incarnation::RedisIncarnation;
pub use membership::RedisMembership;
pub use plan_cache::RedisPlanCache;
pub use queue::RedisQueue;
pub use quotas::RedisQuotas;
pub use seal::{InvalidSealKey, SEAL_KEY_BYTES_MIN, Sealer};
pub use sentinel::SentinelAddress;
pub use shared_values::RedisSharedValues;
