#![doc = include_str!("../README.md")]

mod connection;
mod coordination;
mod keys;
mod plan_cache;
mod queue;
mod quotas;
mod scripts;
mod seal;
mod shared_values;
mod subscriber;

pub use connection::{Endpoint, InvalidEndpoint, Redis};
pub use coordination::{REPLY_BYTES_MAX, RedisCoordination};
pub use plan_cache::RedisPlanCache;
pub use queue::RedisQueue;
pub use quotas::RedisQuotas;
pub use seal::{InvalidSealKey, SEAL_KEY_BYTES_MIN, Sealer};
pub use shared_values::RedisSharedValues;
