//! Members, leases and the view, by the clock of Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::{Error, MEMBERS_MAX, Member, MemberId, Membership};

use crate::connection::Redis;
use crate::keys;
use crate::scripts::MembershipScripts;

/// Members, leases and the view in Redis.
#[derive(Clone)]
pub struct RedisMembership {
    redis: Redis,
    scripts: Arc<MembershipScripts>,
}

impl RedisMembership {
    /// A handle; Redis may be away now.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, scripts: Arc::new(MembershipScripts::new()) }
    }
}

fn failed<E>(action: &'static str) -> impl FnOnce(E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| Error { action, source: Box::new(source) }
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
impl Membership for RedisMembership {
    async fn beat(&self, member: &Member, ttl: Duration) -> Result<(), Error> {
        let action = "note a beat";
        let text = serde_json::to_string(member).map_err(failed(action))?;
        let keys = [keys::MEMBERS, keys::MEMBER];
        let args = (member.id.to_string(), milliseconds(ttl), text);
        self.redis.script(&self.scripts.beat, &keys, args).await.map_err(failed(action))
    }

    async fn leave(&self, member: MemberId) -> Result<(), Error> {
        let keys = [keys::MEMBERS, keys::MEMBER];
        let args = [member.to_string()];
        let left = self.redis.script(&self.scripts.leave, &keys, &args).await;
        left.map_err(failed("forget a member"))
    }

    async fn members(&self) -> Result<Vec<Member>, Error> {
        let action = "list the members";
        let keys = [keys::MEMBERS, keys::MEMBER];
        let texts: Vec<String> = self
            .redis
            .script(&self.scripts.members, &keys, &[MEMBERS_MAX])
            .await
            .map_err(failed(action))?;
        // What another version wrote and this one cannot read is no member to it.
        let mut members: Vec<Member> =
            texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        members.sort_unstable_by_key(|member| member.id);
        Ok(members)
    }

    async fn hold_lease(&self, name: &str, owner: MemberId, ttl: Duration) -> Result<bool, Error> {
        let keys = [keys::lease(name)];
        let args = (owner.to_string(), milliseconds(ttl));
        let held = self.redis.script(&self.scripts.hold_lease, &keys, args).await;
        held.map_err(failed("hold a lease"))
    }

    async fn release_lease(&self, name: &str, owner: MemberId) -> Result<bool, Error> {
        let keys = [keys::lease(name)];
        let released =
            self.redis.script(&self.scripts.release_lease, &keys, &[owner.to_string()]).await;
        released.map_err(failed("give a lease back"))
    }

    async fn publish_view(&self, view: &View) -> Result<bool, Error> {
        let action = "publish the view";
        let text = serde_json::to_string(view).map_err(failed(action))?;
        let args = (view.term.0, view.number, text);
        let kept = self.redis.script(&self.scripts.publish_view, &[keys::VIEW], args).await;
        kept.map_err(failed(action))
    }

    async fn view(&self) -> Result<Option<View>, Error> {
        let read = redis::cmd("HGET").arg(keys::VIEW).arg("view").take();
        let text: Option<String> =
            self.redis.command(&read).await.map_err(failed("read the view"))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
