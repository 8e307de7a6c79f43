//! Which server answers: found out anew after a restart or a fail-over, from which a queue may
//! come back without what was written last.

use async_trait::async_trait;
use redis::Value;
use tenon_exec::ports::incarnation::{Incarnation, IncarnationError, Seen};

use crate::connection::{CallError, Redis};
use crate::keys;

/// The servers of a Redis, by the ids that they give themselves at each start.
pub struct RedisIncarnation {
    redis: Redis,
}

impl RedisIncarnation {
    /// Makes a handle.
    #[must_use]
    pub const fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

fn fail(action: &'static str) -> impl FnOnce(CallError) -> IncarnationError {
    move |error| IncarnationError { action, source: Box::new(error) }
}

#[async_trait]
impl Incarnation for RedisIncarnation {
    async fn look(&self) -> Result<Seen, IncarnationError> {
        let ids = self.redis.run_ids().await.map_err(fail("ask which servers answer"))?;
        let get = redis::cmd("GET").arg(keys::INCARNATION).take();
        let noted: Option<String> =
            self.redis.command(&get).await.map_err(fail("read which servers answered"))?;
        Ok(match noted {
            None => Seen::Nothing,
            Some(noted) if noted == ids => Seen::Same,
            Some(_) => Seen::Other,
        })
    }

    async fn note(&self) -> Result<(), IncarnationError> {
        let ids = self.redis.run_ids().await.map_err(fail("ask which servers answer"))?;
        let set = redis::cmd("SET").arg(keys::INCARNATION).arg(ids).take();
        let set = self.redis.command::<Value>(&set).await;
        set.map(drop).map_err(fail("note which servers answer"))
    }
}
