//! Plans as execution reads them: from memory first, then from the cache that configuration fills.
//!
//! A cache that has forgotten everything says of each plan that it is not there. That is no answer:
//! what is in memory goes on being used, and the rest is asked for and waited for a moment.
//! Configuration answers by filling the cache; while it is away, whoever has the plan in memory puts
//! it back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use jiff::SignedDuration;
use parking_lot::Mutex;
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, Refilling, UserPlan,
    WANT_ALL_TOPIC, WANT_PROJECT_PREFIX, WANT_USER_PREFIX, WANT_VERSION_PREFIX, WorkflowPlan,
};
use tenon_domain::{EndUserId, ProjectId, VersionId, WorkflowId};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::metrics::PLAN_READS;
use crate::ports::coordination::MISSED_TOPIC;
use crate::program::{BrokenEdge, Program};
use crate::webhooks::{Directory, DirectorySettings};

/// A plan is looked up again after this long even if no change was announced.
const PROJECT_PLAN_TTL: Duration = Duration::from_secs(10);
/// Programs kept; beyond, all are dropped and built again as needed.
const PROGRAMS_MAX: usize = 10_000;

/// How long a caller waits for plans that are being put anew, and how often it looks.
const REFILL_PATIENCE: Duration = Duration::from_millis(1_500);
const REFILL_INTERVAL: Duration = Duration::from_millis(25);
/// The same thing is asked of configuration no more often.
const WANT_INTERVAL: Duration = Duration::from_millis(500);
/// Things that were asked for lately; beyond, nothing is asked until some are older.
const WANTED_MAX: usize = 256;

/// What topics begin with that ask for plans.
const WANT_PREFIX: &str = "want:";

/// Users whose plans are kept; beyond, all are dropped and read again as needed.
const USERS_MAX: usize = 100_000;

/// When a user's plan was read, and the plan; users without accounts have none.
type ReadUser = (Instant, Option<Arc<UserPlan>>);

/// Asks configuration, and whoever else has them, to put plans.
#[async_trait]
pub trait PlanRequests: Send + Sync + 'static {
    /// Hands over a topic such as [`WANT_ALL_TOPIC`]. Whether anybody hears it is not known.
    async fn want(&self, topic: &str);
}

/// Reads plans through a memory cache.
pub struct Plans {
    source: Arc<dyn PlanSource>,
    projects: DashMap<ProjectId, (Instant, Arc<ProjectPlan>)>,
    programs: DashMap<VersionId, Arc<Program>>,
    users: DashMap<(ProjectId, EndUserId), ReadUser>,
    directory: Arc<Directory>,
    /// The projects that were there when they were last listed.
    listed: Mutex<Vec<ProjectId>>,
    requests: Option<Arc<dyn PlanRequests>>,
    /// Where plans are put back that others ask for.
    cache: Option<Arc<dyn PlanCache>>,
    /// What was asked for lately, and when.
    wanted: Mutex<Vec<(String, Instant)>>,
    /// Grows with every change that was heard of: what was read before it is not kept.
    changes: AtomicU64,
}

/// A read under way.
type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, PlanError>> + Send + 'a>>;

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
            listed: Mutex::default(),
            requests: None,
            cache: None,
            wanted: Mutex::default(),
            changes: AtomicU64::new(0),
        }
    }

    /// The same with other bounds of who workflows run for when a provider sends an event.
    #[must_use]
    pub fn with_directory(mut self, settings: DirectorySettings) -> Self {
        self.directory = Arc::new(Directory::new(self.source.clone(), settings));
        self
    }

    /// The same with somebody to ask for plans that are missing, and a cache to put plans back
    /// into that others ask for.
    #[must_use]
    pub fn with_requests(
        mut self,
        requests: Arc<dyn PlanRequests>,
        cache: Arc<dyn PlanCache>,
    ) -> Self {
        self.requests = Some(requests);
        self.cache = Some(cache);
        self
    }

    /// Puts a plan back that somebody asks for, where it is in memory. A newer one that is there
    /// stays.
    async fn put_back(&self, topic: &str) {
        let Some(cache) = &self.cache else { return };
        let project = topic.strip_prefix(WANT_PROJECT_PREFIX).and_then(|id| id.parse().ok());
        let version = topic.strip_prefix(WANT_VERSION_PREFIX).and_then(|id| id.parse().ok());
        let user = topic.strip_prefix(WANT_USER_PREFIX).and_then(project_and_user);
        let outcome = if let Some(plan) =
            version.and_then(|id: VersionId| Some(self.programs.get(&id)?.plan.clone()))
        {
            cache.put_workflow(&plan).await
        } else if let Some(plan) =
            project.and_then(|id: ProjectId| Some(self.projects.get(&id)?.1.clone()))
        {
            cache.put_project(&plan).await
        } else if let Some(plan) = user.and_then(|key| self.users.get(&key)?.1.clone()) {
            cache.put_user(&plan).await
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            tracing::debug!(error = %error, "a plan that was asked for could not be put back");
        }
    }

    /// Asks for something, unless that was done a moment ago.
    async fn want(&self, topic: &str) {
        let Some(requests) = &self.requests else { return };
        {
            let mut wanted = self.wanted.lock();
            wanted.retain(|(_, at)| at.elapsed() < WANT_INTERVAL);
            if wanted.len() >= WANTED_MAX || wanted.iter().any(|(asked, _)| asked == topic) {
                return;
            }
            wanted.push((topic.to_owned(), Instant::now()));
        }
        requests.want(topic).await;
    }

    /// Reads from the source, where "not there" of a source that has forgotten counts as a
    /// failure. `topic` asks for this very plan; `waits` is how long that is tried.
    async fn read<'a, T: Send>(
        &'a self,
        action: &'static str,
        topic: Option<&str>,
        waits: Duration,
        read: impl Fn() -> Reading<'a, T> + Send,
    ) -> Result<Option<T>, PlanError> {
        let until = Instant::now() + waits;
        loop {
            let found = read().await?;
            if found.is_some() || !self.source.has_forgotten().await? {
                return Ok(found);
            }
            self.want(WANT_ALL_TOPIC).await;
            if let Some(topic) = topic {
                self.want(topic).await;
            }
            if Instant::now() >= until {
                return Err(PlanError { action, source: Box::new(Refilling) });
            }
            tokio::time::sleep(REFILL_INTERVAL).await;
        }
    }

    /// A version that the cache does not have although it has others: configuration puts it again.
    /// Only work that was accepted asks for versions, so there was one.
    async fn version(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        const ACTION: &str = "read a workflow version";
        let topic = format!("{WANT_VERSION_PREFIX}{version}");
        let until = Instant::now() + REFILL_PATIENCE;
        loop {
            let read = || self.source.workflow(version);
            let found = self.read(ACTION, Some(&topic), REFILL_PATIENCE, read).await?;
            if found.is_some() || self.requests.is_none() || Instant::now() >= until {
                return Ok(found);
            }
            self.want(&topic).await;
            tokio::time::sleep(REFILL_INTERVAL).await;
        }
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
            PLAN_READS.add_of(&["workflow", "memory"], 1);
            return Ok(Some(program.clone()));
        }
        let plan = counted("workflow", self.version(version).await)?;
        let Some(plan) = plan else { return Ok(None) };
        let program = Arc::new(Program::compile(plan)?);
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.clear();
        }
        self.programs.insert(version, program.clone());
        Ok(Some(program))
    }

    /// The plan of a project as it was at most `age` ago: one that was read earlier is read again.
    ///
    /// # Errors
    /// When it would have to be read, and cannot be now.
    pub async fn project_within(
        &self,
        project: ProjectId,
        age: SignedDuration,
    ) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let kept = self.projects.get(&project).map(|entry| entry.value().clone());
        let age = Duration::try_from(age).unwrap_or(Duration::ZERO);
        if let Some((read_at, plan)) = kept
            && read_at.elapsed() < age
        {
            return Ok(Some(plan));
        }
        let plan = self.source.project(project).await?;
        if let Some(plan) = &plan {
            self.projects.insert(project, (Instant::now(), plan.clone()));
        }
        Ok(plan)
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
                    Ok(topic) if topic.starts_with(WANT_PREFIX) => self.put_back(&topic).await,
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
            PLAN_READS.add_of(&["project", "memory"], 1);
            return Ok(Some(plan.clone()));
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let waits = if kept.is_some() { Duration::ZERO } else { REFILL_PATIENCE };
        let read = || self.source.project(project);
        let topic = format!("{WANT_PROJECT_PREFIX}{project}");
        let found = self.read("read a project's plan", Some(&topic), waits, read).await;
        match counted("project", found) {
            Ok(Some(plan)) => {
                self.projects.insert(project, (Instant::now(), plan.clone()));
                // A change that came while this was read may not be in it.
                if self.changes.load(Ordering::SeqCst) != changes {
                    self.projects.remove(&project);
                }
                Ok(Some(plan))
            }
            // Projects do not go away: the cache has lost this one.
            Ok(None) => {
                self.want(&topic).await;
                Ok(kept.map(|(_, plan)| plan))
            }
            // Execution goes on from what it knows while configuration is away.
            Err(error) => kept.map(|(_, plan)| Some(plan)).ok_or(error),
        }
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        if let Some(program) = self.programs.get(&version) {
            PLAN_READS.add_of(&["workflow", "memory"], 1);
            return Ok(Some(program.plan.clone()));
        }
        counted("workflow", self.version(version).await)
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
            PLAN_READS.add_of(&["user", "memory"], 1);
            return Ok(plan.clone());
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let waits = if kept.is_some() { Duration::ZERO } else { REFILL_PATIENCE };
        let read = || self.source.user(project, user);
        let topic = format!("{WANT_USER_PREFIX}{project}:{user}");
        let found = self.read("read a user's plan", Some(&topic), waits, read).await;
        match counted("user", found) {
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
        let read = || self.source.installations(project, workflow);
        self.read("read who a workflow runs for", None, REFILL_PATIENCE, read).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        let listed = self.source.projects().await?;
        if listed.is_empty() && self.source.has_forgotten().await? {
            self.want(WANT_ALL_TOPIC).await;
            return Ok(self.listed.lock().clone());
        }
        self.listed.lock().clone_from(&listed);
        Ok(listed)
    }

    async fn has_forgotten(&self) -> Result<bool, PlanError> {
        self.source.has_forgotten().await
    }
}

/// Counts a read that memory could not answer.
fn counted<T>(
    kind: &'static str,
    read: Result<Option<T>, PlanError>,
) -> Result<Option<T>, PlanError> {
    let found = match &read {
        Ok(Some(_)) => "cache",
        Ok(None) => "missing",
        Err(_) => "failed",
    };
    PLAN_READS.add_of(&[kind, found], 1);
    read
}

/// The user that an announcement `user:<project>:<user>` names.
fn user_of_topic(topic: &str) -> Option<(ProjectId, EndUserId)> {
    project_and_user(topic.strip_prefix("user:")?)
}

/// `<project>:<user>`; the user's id may hold colons.
fn project_and_user(text: &str) -> Option<(ProjectId, EndUserId)> {
    let (project, user) = text.split_once(':')?;
    Some((project.parse().ok()?, EndUserId::new(user)))
}
