//! Plans as execution reads them: from memory first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use tenon_contract::plan::{
    InstallationsPlan, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_domain::{EndUserId, ProjectId, VersionId, WorkflowId};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::ports::coordination::MISSED_TOPIC;
use crate::program::{BrokenEdge, Program};
use crate::webhooks::{Directory, DirectorySettings};

/// A plan is looked up again after this long even if no change was announced.
const PROJECT_PLAN_TTL: Duration = Duration::from_secs(10);
/// Programs kept; beyond, all are dropped and built again as needed.
const PROGRAMS_MAX: usize = 10_000;

/// Users whose plans are kept; beyond, all are dropped and read again as needed.
const USERS_MAX: usize = 100_000;

/// When a user's plan was read, and the plan; users without accounts have none.
type ReadUser = (Instant, Option<Arc<UserPlan>>);

/// Reads plans through a memory cache.
pub struct Plans {
    source: Arc<dyn PlanSource>,
    projects: DashMap<ProjectId, (Instant, Arc<ProjectPlan>)>,
    programs: DashMap<VersionId, Arc<Program>>,
    users: DashMap<(ProjectId, EndUserId), ReadUser>,
    directory: Arc<Directory>,
    /// Grows with every change that was heard of: what was read before it is not kept.
    changes: AtomicU64,
}

/// A program could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan cannot be read now.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan does not hang together.
    #[error(transparent)]
    Broken(#[from] BrokenEdge),
}

impl Plans {
    /// Reads from `source` what is not in memory.
    #[must_use]
    pub fn new(source: Arc<dyn PlanSource>) -> Self {
        Self {
            directory: Arc::new(Directory::new(source.clone(), DirectorySettings::default())),
            source,
            projects: DashMap::new(),
            programs: DashMap::new(),
            users: DashMap::new(),
            changes: AtomicU64::new(0),
        }
    }

    /// The same with other bounds of who workflows run for when a provider sends an event.
    #[must_use]
    pub fn with_directory(mut self, settings: DirectorySettings) -> Self {
        self.directory = Arc::new(Directory::new(self.source.clone(), settings));
        self
    }

    /// Who workflows run for when a provider sends an event.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.clone()
    }

    /// The program of a workflow version.
    ///
    /// # Errors
    /// When the plan cannot be read now, or is broken.
    pub async fn program(&self, version: VersionId) -> Result<Option<Arc<Program>>, Error> {
        if let Some(program) = self.programs.get(&version) {
            return Ok(Some(program.clone()));
        }
        let Some(plan) = self.source.workflow(version).await? else { return Ok(None) };
        let program = Arc::new(Program::compile(plan)?);
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.clear();
        }
        self.programs.insert(version, program.clone());
        Ok(Some(program))
    }

    /// Drops what an announcement names. The process that makes a change calls this before it
    /// answers, so that a caller who goes on to use the change finds it here.
    pub fn hear(&self, topic: &str) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.directory.hear(topic);
        if topic == MISSED_TOPIC {
            self.projects.clear();
            self.users.clear();
        }
        if let Some((project, user)) = user_of_topic(topic) {
            self.users.remove(&(project, user));
        }
        if let Some(project) = topic.strip_prefix("plan:").and_then(|id| id.parse().ok()) {
            self.projects.remove::<ProjectId>(&project);
        }
    }

    /// Follows announcements of changed plans until the token fires.
    pub async fn follow(
        self: Arc<Self>,
        mut announcements: broadcast::Receiver<String>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                heard = announcements.recv() => match heard {
                    Ok(topic) => self.hear(&topic),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.hear(MISSED_TOPIC),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }
}

#[async_trait]
impl PlanSource for Plans {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let kept = self.projects.get(&project).map(|entry| entry.value().clone());
        if let Some((read_at, plan)) = &kept
            && read_at.elapsed() < PROJECT_PLAN_TTL
        {
            return Ok(Some(plan.clone()));
        }
        let changes = self.changes.load(Ordering::SeqCst);
        match self.source.project(project).await {
            Ok(Some(plan)) => {
                self.projects.insert(project, (Instant::now(), plan.clone()));
                // A change that came while this was read may not be in it.
                if self.changes.load(Ordering::SeqCst) != changes {
                    self.projects.remove(&project);
                }
                Ok(Some(plan))
            }
            Ok(None) => Ok(None),
            // Execution goes on from what it knows while configuration is away.
            Err(error) => kept.map(|(_, plan)| Some(plan)).ok_or(error),
        }
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        if let Some(program) = self.programs.get(&version) {
            return Ok(Some(program.plan.clone()));
        }
        self.source.workflow(version).await
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        let key = (project, user.clone());
        let kept = self.users.get(&key).map(|entry| entry.value().clone());
        if let Some((read_at, plan)) = &kept
            && read_at.elapsed() < PROJECT_PLAN_TTL
        {
            return Ok(plan.clone());
        }
        let changes = self.changes.load(Ordering::SeqCst);
        match self.source.user(project, user).await {
            Ok(plan) => {
                if self.users.len() >= USERS_MAX {
                    self.users.clear();
                }
                self.users.insert(key.clone(), (Instant::now(), plan.clone()));
                if self.changes.load(Ordering::SeqCst) != changes {
                    self.users.remove(&key);
                }
                Ok(plan)
            }
            Err(error) => kept.map(|(_, plan)| plan).ok_or(error),
        }
    }

    /// Not kept in memory: it can be long, and is read once a tick.
    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        self.source.installations(project, workflow).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        self.source.projects().await
    }
}

/// The user that an announcement `user:<project>:<user>` names.
fn user_of_topic(topic: &str) -> Option<(ProjectId, EndUserId)> {
    let (project, user) = topic.strip_prefix("user:")?.split_once(':')?;
    Some((project.parse().ok()?, EndUserId::new(user)))
}
