//! Plans in Redis: JSON, sealed for the place where it lies.
//!
//! A cache only: a plan that is missing, that does not open, or that this version cannot read, is
//! "not there", and configuration puts it again. A plan that is read and was sealed under an
//! outgoing key is put back under the current one, so that what is in use stays readable while
//! configuration is away.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Script, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_domain::{EndUserId, ProjectId, VersionId, WorkflowId};
use uuid::Uuid;

use crate::connection::Redis;
use crate::seal::{Kind, Sealer};
use crate::{keys, scripts};

/// What is sealed under [`keys::FILLED`].
const FILLED_MARK: &[u8] = b"filled";

/// A handle on the plan cache in a Redis.
pub struct RedisPlanCache {
    redis: Redis,
    sealer: Sealer,
    put_plan: Script,
}

/// A plan, and whether it is to be sealed anew.
struct Read<T> {
    plan: Arc<T>,
    is_current: bool,
}

/// The mark of a cache that was filled.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    is_current: bool,
}

impl RedisPlanCache {
    /// Makes a handle.
    #[must_use]
    pub fn new(redis: Redis, sealer: Sealer) -> Self {
        Self { redis, sealer, put_plan: scripts::put_plan() }
    }

    /// Reads a plan; one that does not open, or that a newer or older version wrote differently,
    /// counts as missing.
    fn decode<T: DeserializeOwned>(
        &self,
        kind: Kind,
        key: &str,
        entry: Option<Vec<u8>>,
    ) -> Option<Read<T>> {
        let Some(opened) = self.sealer.open(kind, key, &entry?) else {
            tracing::warn!(key, "the cached plan `{key}` does not open and is passed over");
            return None;
        };
        match serde_json::from_slice(&opened.plaintext) {
            Ok(plan) => Some(Read { plan: Arc::new(plan), is_current: opened.is_current }),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    key,
                    "the cached plan `{key}` cannot be read and is passed over"
                );
                None
            }
        }
    }

    fn encode(
        &self,
        kind: Kind,
        key: &str,
        plan: &impl Serialize,
    ) -> Result<Vec<u8>, serde_json::Error> {
        Ok(self.sealer.seal(kind, key, &serde_json::to_vec(plan)?))
    }

    /// The mark that everything was put, if there is one that opens.
    async fn mark(&self) -> Result<Option<Mark>, PlanError> {
        let get = redis::cmd("GET").arg(keys::FILLED).take();
        let mark = self.redis.command::<Option<Vec<u8>>>(&get).await;
        let mark = mark.map_err(fail("ask whether the plan cache is filled"))?;
        let opened = mark.and_then(|mark| self.sealer.open(Kind::Plan, keys::FILLED, &mark));
        let opened = opened.filter(|opened| *opened.plaintext == FILLED_MARK);
        Ok(opened.map(|opened| Mark { is_current: opened.is_current }))
    }

    /// Puts a plan unless a newer revision is there.
    async fn put_revision(
        &self,
        key: String,
        revision: i64,
        plan: &impl Serialize,
        action: &'static str,
    ) -> Result<(), PlanError> {
        let entry = self.encode(Kind::Plan, &key, plan).map_err(fail(action))?;
        let args = [revision.to_string().into_bytes(), entry];
        let stored = self.redis.script::<Value>(&self.put_plan, key, &args).await;
        stored.map(drop).map_err(fail(action))
    }

    async fn put_version(&self, plan: &WorkflowPlan) -> Result<(), PlanError> {
        const ACTION: &str = "store a workflow version";
        let key = keys::version(plan.version);
        let entry = self.encode(Kind::Version, &key, plan).map_err(fail(ACTION))?;
        let ttl = keys::VERSION_TTL_SECONDS;
        let set = redis::cmd("SET").arg(key).arg(entry).arg("EX").arg(ttl).take();
        self.redis.command::<Value>(&set).await.map(drop).map_err(fail(ACTION))
    }

    /// Reads a plan that has revisions, and puts it back under the current key where it is under
    /// an outgoing one.
    async fn revision<T>(
        &self,
        key: String,
        revision_of: impl Fn(&T) -> i64 + Send,
        action: &'static str,
    ) -> Result<Option<Arc<T>>, PlanError>
    where
        T: DeserializeOwned + Serialize + Send + Sync,
    {
        let get = redis::cmd("HGET").arg(&key).arg("plan").take();
        let entry = self.redis.command(&get).await.map_err(fail(action))?;
        let Some(Read { plan, is_current }) = self.decode::<T>(Kind::Plan, &key, entry) else {
            return Ok(None);
        };
        if !is_current {
            put_back(self.put_revision(key, revision_of(&plan), &*plan, action).await);
        }
        Ok(Some(plan))
    }
}

fn fail<E>(action: &'static str) -> impl FnOnce(E) -> PlanError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| PlanError { action, source: Box::new(error) }
}

/// A plan that was read is good, whether or not it could be put back.
fn put_back(outcome: Result<(), PlanError>) {
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "a plan is sealed under the current key later");
    }
}

#[async_trait]
impl PlanSource for RedisPlanCache {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        const ACTION: &str = "read a project's plan";
        let key = keys::plan(project);
        self.revision(key, |plan: &ProjectPlan| plan.revision, ACTION).await
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        let key = keys::version(version);
        let ttl = keys::VERSION_TTL_SECONDS;
        let get = redis::cmd("GETEX").arg(&key).arg("EX").arg(ttl).take();
        let entry = self.redis.command(&get).await.map_err(fail("read a workflow version"))?;
        let Some(Read { plan, is_current }) =
            self.decode::<WorkflowPlan>(Kind::Version, &key, entry)
        else {
            return Ok(None);
        };
        if !is_current {
            put_back(self.put_version(&plan).await);
        }
        Ok(Some(plan))
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        const ACTION: &str = "read a user's plan";
        let key = keys::user_plan(project, user);
        self.revision(key, |plan: &UserPlan| plan.revision, ACTION).await
    }

    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        const ACTION: &str = "read who a workflow runs for";
        let key = keys::installations(project, workflow);
        self.revision(key, |plan: &InstallationsPlan| plan.revision, ACTION).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        let members = redis::cmd("SMEMBERS").arg(keys::PROJECTS).take();
        let ids: Vec<Vec<u8>> =
            self.redis.command(&members).await.map_err(fail("list the projects"))?;
        let parsed = ids.iter().filter_map(|id| Uuid::from_slice(id).ok());
        Ok(parsed.map(ProjectId::from_uuid).collect())
    }

    /// A mark of the epoch before is good enough: what was put then still opens.
    async fn has_forgotten(&self) -> Result<bool, PlanError> {
        Ok(self.mark().await?.is_none())
    }
}

#[async_trait]
impl PlanCache for RedisPlanCache {
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError> {
        const ACTION: &str = "store a project's plan";
        let key = keys::plan(plan.project);
        self.put_revision(key, plan.revision, plan, ACTION).await?;
        let id = plan.project.uuid();
        let add = redis::cmd("SADD").arg(keys::PROJECTS).arg(id.as_bytes().as_slice()).take();
        self.redis.command::<Value>(&add).await.map(drop).map_err(fail(ACTION))
    }

    async fn put_user(&self, plan: &UserPlan) -> Result<(), PlanError> {
        let key = keys::user_plan(plan.project, &plan.user);
        self.put_revision(key, plan.revision, plan, "store a user's plan").await
    }

    async fn put_installations(&self, plan: &InstallationsPlan) -> Result<(), PlanError> {
        let key = keys::installations(plan.project, plan.workflow);
        self.put_revision(key, plan.revision, plan, "store who a workflow runs for").await
    }

    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError> {
        self.put_version(plan).await
    }

    /// A mark of an earlier epoch or under another key counts as none: everything is put anew
    /// then, under the current one.
    async fn is_filled(&self) -> Result<bool, PlanError> {
        Ok(self.mark().await? == Some(Mark { is_current: true }))
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        let mark = self.sealer.seal(Kind::Plan, keys::FILLED, FILLED_MARK);
        let set = redis::cmd("SET").arg(keys::FILLED).arg(mark).take();
        let marked = self.redis.command::<Value>(&set).await;
        marked.map(drop).map_err(fail("mark the plan cache as filled"))
    }
}
