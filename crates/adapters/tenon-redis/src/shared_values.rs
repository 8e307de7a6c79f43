//! Values that processes leave for each other. They come sealed under keys of the vault; around
//! that, what is said of them is sealed here, so that Redis does not learn whose they are.
//!
//! Nothing depends on it: whatever goes wrong is a miss.

use std::time::Duration;

use async_trait::async_trait;
use redis::{Script, Value};
use tenon_contract::vault::SharedValues;
use tenon_domain::SecretId;

use crate::connection::Redis;
use crate::seal::{Kind, Sealer};
use crate::{keys, scripts};

/// A handle on the shared values in a Redis.
pub struct RedisSharedValues {
    redis: Redis,
    sealer: Sealer,
    put: Script,
}

impl RedisSharedValues {
    /// Makes a handle.
    #[must_use]
    pub fn new(redis: Redis, sealer: Sealer) -> Self {
        Self { redis, sealer, put: scripts::put_value() }
    }
}

#[async_trait]
impl SharedValues for RedisSharedValues {
    async fn get(&self, secret: SecretId) -> Option<Vec<u8>> {
        let key = keys::value(secret);
        let get = redis::cmd("HGET").arg(&key).arg("value").take();
        match self.redis.command::<Option<Vec<u8>>>(&get).await {
            Ok(entry) => {
                let mut opened = self.sealer.open(Kind::Value, &key, &entry?)?;
                Some(std::mem::take(&mut *opened.plaintext))
            }
            Err(error) => {
                tracing::debug!(error = %error, "a shared value is not read");
                None
            }
        }
    }

    async fn put(&self, secret: SecretId, version: u32, entry: &[u8], ttl: Duration) {
        let ttl_ms = ttl.as_millis();
        if ttl_ms == 0 {
            return;
        }
        let key = keys::value(secret);
        let sealed = self.sealer.seal(Kind::Value, &key, entry);
        let args = [version.to_string().into_bytes(), ttl_ms.to_string().into_bytes(), sealed];
        if let Err(error) = self.redis.script::<Value>(&self.put, key, &args).await {
            tracing::debug!(error = %error, "a value is not shared");
        }
    }

    async fn remove(&self, secret: SecretId) {
        let del = redis::cmd("DEL").arg(keys::value(secret)).take();
        if let Err(error) = self.redis.command::<Value>(&del).await {
            tracing::debug!(error = %error, "a shared value is left to its end");
        }
    }
}
