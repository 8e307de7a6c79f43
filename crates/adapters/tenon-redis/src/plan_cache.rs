//! Plans in Redis, as JSON.
//!
//! A cache only: a plan that is missing, or that this version cannot read, is "not there", and
//! the reader asks configuration for it.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Script, Value};
use serde::de::DeserializeOwned;
use tenon_contract::plan::{PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan};
use tenon_domain::{EndUserId, ProjectId, VersionId};
use uuid::Uuid;

use crate::connection::Redis;
use crate::{keys, scripts};

/// A handle on the plan cache in a Redis.
pub struct RedisPlanCache {
    redis: Redis,
    put_plan: Script,
}

impl RedisPlanCache {
    /// Makes a handle.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, put_plan: scripts::put_plan() }
    }
}

fn fail<E>(action: &'static str) -> impl FnOnce(E) -> PlanError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| PlanError { action, source: Box::new(error) }
}

/// Reads a plan; one that a newer or older version wrote differently counts as missing.
fn decode<T: DeserializeOwned>(key: &str, json: Option<Vec<u8>>) -> Option<Arc<T>> {
    match serde_json::from_slice(&json?) {
        Ok(plan) => Some(Arc::new(plan)),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, key, "the cached plan `{key}` cannot be read and is passed over");
            None
        }
    }
}

#[async_trait]
impl PlanSource for RedisPlanCache {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let key = keys::plan(project);
        let get = redis::cmd("HGET").arg(&key).arg("plan").take();
        let json = self.redis.command(&get).await.map_err(fail("read a project's plan"))?;
        Ok(decode(&key, json))
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        let key = keys::version(version);
        let ttl = keys::VERSION_TTL_SECONDS;
        let get = redis::cmd("GETEX").arg(&key).arg("EX").arg(ttl).take();
        let json = self.redis.command(&get).await.map_err(fail("read a workflow version"))?;
        Ok(decode(&key, json))
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        let key = keys::user_plan(project, user);
        let get = redis::cmd("HGET").arg(&key).arg("plan").take();
        let json = self.redis.command(&get).await.map_err(fail("read a user's plan"))?;
        Ok(decode(&key, json))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        let members = redis::cmd("SMEMBERS").arg(keys::PROJECTS).take();
        let ids: Vec<Vec<u8>> =
            self.redis.command(&members).await.map_err(fail("list the projects"))?;
        let parsed = ids.iter().filter_map(|id| Uuid::from_slice(id).ok());
        Ok(parsed.map(ProjectId::from_uuid).collect())
    }
}

#[async_trait]
impl PlanCache for RedisPlanCache {
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError> {
        const ACTION: &str = "store a project's plan";
        let json = serde_json::to_vec(plan).map_err(fail(ACTION))?;
        let args = [plan.revision.to_string().into_bytes(), json];
        let key = keys::plan(plan.project);
        let stored = self.redis.script::<Value>(&self.put_plan, key, &args).await;
        stored.map_err(fail(ACTION))?;
        let id = plan.project.uuid();
        let add = redis::cmd("SADD").arg(keys::PROJECTS).arg(id.as_bytes().as_slice()).take();
        self.redis.command::<Value>(&add).await.map(drop).map_err(fail(ACTION))
    }

    async fn put_user(&self, plan: &UserPlan) -> Result<(), PlanError> {
        const ACTION: &str = "store a user's plan";
        let json = serde_json::to_vec(plan).map_err(fail(ACTION))?;
        let args = [plan.revision.to_string().into_bytes(), json];
        let key = keys::user_plan(plan.project, &plan.user);
        let stored = self.redis.script::<Value>(&self.put_plan, key, &args).await;
        stored.map(drop).map_err(fail(ACTION))
    }

    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError> {
        const ACTION: &str = "store a workflow version";
        let json = serde_json::to_vec(plan).map_err(fail(ACTION))?;
        let key = keys::version(plan.version);
        let ttl = keys::VERSION_TTL_SECONDS;
        let set = redis::cmd("SET").arg(key).arg(json).arg("EX").arg(ttl).take();
        self.redis.command::<Value>(&set).await.map(drop).map_err(fail(ACTION))
    }

    async fn is_filled(&self) -> Result<bool, PlanError> {
        let exists = redis::cmd("EXISTS").arg(keys::FILLED).take();
        self.redis.command(&exists).await.map_err(fail("ask whether the plan cache is filled"))
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        let set = redis::cmd("SET").arg(keys::FILLED).arg(1).take();
        let marked = self.redis.command::<Value>(&set).await;
        marked.map(drop).map_err(fail("mark the plan cache as filled"))
    }
}
