//! How many calls of a project to a connector are under way over all workers, in Redis.
//!
//! One script on one key. Times are the server's. Everything has a TTL.

use async_trait::async_trait;
use redis::Script;
use tenon_exec::ports::call_pools::{Bid, CallPools, Error, Pool, Share, WISH_TTL};

use crate::connection::Redis;
use crate::{keys, scripts};

/// A handle on the pools in a Redis.
pub struct RedisCallPools {
    redis: Redis,
    bid: Script,
}

impl RedisCallPools {
    /// Makes a handle.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, bid: scripts::bid_pool() }
    }
}

#[async_trait]
impl CallPools for RedisCallPools {
    async fn bid(&self, pool: &Pool, bid: &Bid) -> Result<Share, Error> {
        let key = keys::pool(pool);
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.bid.get_hash()).arg(1).arg(key);
        call.arg(bid.member.0.as_bytes().as_slice());
        call.arg(bid.max).arg(bid.used).arg(bid.wanted).arg(bid.spare);
        call.arg(u64::try_from(bid.ttl.as_millis()).unwrap_or(u64::MAX));
        call.arg(u64::try_from(WISH_TTL.as_millis()).unwrap_or(u64::MAX));
        let answer = self.redis.call::<(u32, bool, bool, u32)>(&self.bid, &call).await;
        let (held, others_wait, is_scarce, members) =
            answer.map_err(|error| Error(Box::new(error)))?;
        Ok(Share { held, others_wait, is_scarce, members })
    }
}
