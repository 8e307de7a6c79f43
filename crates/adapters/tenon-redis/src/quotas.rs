//! Rate limits of providers, shared by every process, in Redis.
//!
//! One script takes from all buckets of a call or from none. Times are the server's: processes
//! whose clocks are off still share one window. Everything has a TTL; a Redis that was emptied
//! allows one more window.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use redis::{Script, Value};
use tenon_contract::quota::{Bucket, QuotaError, Quotas, Taken};

use crate::connection::{CallError, Redis};
use crate::{keys, scripts};

/// The longest block, in milliseconds: a provider that asks for more is asked again after it.
const BLOCK_MS_MAX: i64 = 24 * 3_600 * 1_000;

/// The longest window, in milliseconds: 31 days.
const WINDOW_MS_MAX: u128 = 31 * 24 * 3_600 * 1_000;

/// A handle on the counters in a Redis.
pub struct RedisQuotas {
    redis: Redis,
    take: Script,
    block: Script,
}

impl RedisQuotas {
    /// Makes a handle.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, take: scripts::take_quota(), block: scripts::block_quota() }
    }
}

#[async_trait]
impl Quotas for RedisQuotas {
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QuotaError> {
        if buckets.is_empty() {
            return Ok(Taken::Granted);
        }
        let mut names = Vec::with_capacity(2 * buckets.len());
        let mut numbers = Vec::with_capacity(3 * buckets.len());
        for bucket in buckets {
            let window_ms = bucket.window.as_millis().clamp(10, WINDOW_MS_MAX);
            names.extend([
                keys::quota_counter(&bucket.key, window_ms),
                keys::quota_block(&bucket.key),
            ]);
            numbers.extend([
                bucket.limit.map_or(-1, i64::from),
                i64::try_from(window_ms).unwrap_or(i64::MAX),
                i64::from(bucket.cost),
            ]);
        }
        let wait_ms: i64 =
            self.redis.script(&self.take, names, numbers).await.map_err(unreachable)?;
        if wait_ms <= 0 {
            return Ok(Taken::Granted);
        }
        let wait = SignedDuration::from_millis(wait_ms);
        let until = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
        Ok(Taken::Wait { until })
    }

    async fn block(&self, key: &str, until: Timestamp) -> Result<(), QuotaError> {
        let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).min(BLOCK_MS_MAX);
        if wait_ms == 0 {
            return Ok(());
        }
        let name = keys::quota_block(key);
        let blocked = self.redis.script::<Value>(&self.block, name, wait_ms).await;
        blocked.map(drop).map_err(unreachable)
    }
}

fn unreachable(error: CallError) -> QuotaError {
    QuotaError(Box::new(error))
}
