//! The ports in memory: one project, filled by the tests. Ids and times are fixed, so answers can
//! be compared word by word.

mod archive;
mod calls;
pub mod connect;
mod portal;
mod projects;
mod queues;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tenon_api::config::{ApplyMode, ConfigPort};
use tenon_config::ports::UserPage;
use tenon_config::{
    ApiKey, ApiKeyText, Applied, AppliedBatch, AppliedIntegration, Batch, Choice, ConnectedUser,
    DisplayName, Draft, Error, NewApiKey, Project, Version, WorkflowEntry, WorkflowState,
};
use tenon_contract::plan::{
    ApiKeyDigest, DeployedWorkflow, InstallationsPlan, PlanError, PlanSource, ProjectPlan,
    QueuePlan, UserPlan, WorkflowPlan,
};
use tenon_domain::workflow::Workflow;
use tenon_domain::{
    ApiKeyId, EndUserId, IntegrationId, ProjectId, QueueName, RunId, StepId, VersionId, WorkflowId,
};
use tenon_exec::ports::blobs::{self, BlobRef, BlobStore};
use tenon_exec::ports::calls::ProxyCall;
use tenon_exec::ports::control::{self, ReplayFrom, RunControl, TestRun};
use tenon_exec::ports::history::{
    self, HistoryReader, Payload, RunFilter, RunPage, RunStatus, RunSummary, StepPage, StepRecord,
    StepStatus, TriggerKind,
};
use tenon_exec::ports::routing::Route;
use tenon_exec::ports::store::{Installation, JobOrder};
use tenon_exec::why::{self, Facts, Why};
use uuid::Uuid;

pub use self::calls::call;

pub const KEY: &str = "tnn_00000000_key";
pub const SECOND_KEY: &str = "tnn_00000000_second";

pub fn uuid(kind: u8, number: u32) -> Uuid {
    Uuid::from_u128((u128::from(kind) << 120) | 0x4000_8000_0000_0000_0000 | u128::from(number))
}

pub fn project() -> ProjectId {
    ProjectId::from_uuid(uuid(1, 1))
}

pub fn workflow(number: u32) -> WorkflowId {
    WorkflowId::from_uuid(uuid(2, number))
}

pub fn run(number: u32) -> RunId {
    RunId::from_uuid(uuid(3, number))
}

pub fn version(number: u32) -> VersionId {
    VersionId::from_uuid(uuid(4, number))
}

pub fn api_key(number: u32) -> ApiKeyId {
    ApiKeyId::from_uuid(uuid(5, number))
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_352_000 + second).expect("it is in range")
}

/// A run that succeeded in 1.25 s.
pub fn summary(number: u32) -> RunSummary {
    RunSummary {
        id: run(number),
        workflow: workflow(1),
        version: version(1),
        user: Some(EndUserId::new("user-17")),
        credential: None,
        configuration: None,
        trigger: TriggerKind::AppEvent,
        status: RunStatus::Succeeded,
        error: None,
        attempts: 2,
        created_at: at(i64::from(number)),
        started_at: Some(at(i64::from(number))),
        finished_at: Some(at(i64::from(number)) + Duration::from_millis(1_250)),
        resumes_at: None,
        replay_of: None,
        crashes: 0,
    }
}

/// A first attempt that gave `{"n": <number>}`.
pub fn record(step: &str, number: u32) -> StepRecord {
    StepRecord {
        step: StepId::new(step),
        kind: "function".to_owned(),
        iteration: Vec::new(),
        attempt: 1,
        status: StepStatus::Succeeded,
        started_at: at(i64::from(number)),
        duration_us: 12_345,
        input: None,
        output: Some(Payload::Inline(Bytes::from(format!("{{\"n\":{number}}}")))),
        error: None,
        retry_at: None,
        logs: Vec::new(),
        logs_dropped: 0,
    }
}

#[derive(Default)]
struct State {
    projects: Vec<Project>,
    workflows: BTreeMap<String, (WorkflowEntry, Vec<(Version, Workflow)>)>,
    users: BTreeMap<EndUserId, ConnectedUser>,
    choices: Vec<Choice>,
    keys: Vec<(ApiKey, String)>,
    runs: BTreeMap<RunId, RunSummary>,
    steps: BTreeMap<RunId, Vec<StepRecord>>,
    inputs: BTreeMap<RunId, Payload>,
    blobs: Vec<Bytes>,
    calls: Vec<ProxyCall>,
    asked: Vec<String>,
    accounts: connect::Accounts,
    queue: QueuePlan,
}

/// One project, and whether its stores can be reached.
pub struct World {
    state: Mutex<State>,
    is_away: AtomicBool,
    is_eager: AtomicBool,
    routes: Mutex<BTreeMap<QueueName, Route>>,
}

impl World {
    pub fn new() -> Self {
        let world = Self {
            state: Mutex::default(),
            is_away: AtomicBool::new(false),
            is_eager: AtomicBool::new(false),
            routes: Mutex::default(),
        };
        world.add_key("first", KEY);
        world.add_key("second", SECOND_KEY);
        world
    }

    fn add_key(&self, name: &str, text: &str) -> ApiKey {
        let mut state = self.state.lock();
        let number = u32::try_from(state.keys.len() + 1).expect("there are few");
        let key = ApiKey {
            id: api_key(number),
            name: DisplayName::parse(name).expect("it is a name"),
            hint: text[text.len() - 4..].to_owned(),
            created_at: at(0),
            revoked_at: None,
        };
        state.keys.push((key.clone(), text.to_owned()));
        key
    }

    pub fn add_run(&self, run: RunSummary, steps: Vec<StepRecord>) {
        let mut state = self.state.lock();
        state.steps.insert(run.id, steps);
        state.runs.insert(run.id, run);
    }

    /// Records a step and changes the run, as the recorder does: in one go.
    pub fn record(
        &self,
        run: RunId,
        step: Option<StepRecord>,
        change: impl FnOnce(&mut RunSummary),
    ) {
        let mut state = self.state.lock();
        state.steps.entry(run).or_default().extend(step);
        change(state.runs.get_mut(&run).expect("the run is there"));
    }

    pub fn add_input(&self, run: RunId, payload: Payload) {
        self.state.lock().inputs.insert(run, payload);
    }

    pub fn add_blob(&self, text: String) -> Payload {
        let mut state = self.state.lock();
        let len = text.len() as u64;
        state.blobs.push(text.into());
        let offset = state.blobs.len() as u64 - 1;
        Payload::Blob(BlobRef { segment: uuid(6, 1), offset, len, crc32: 0 })
    }

    /// Makes everything unreachable, or reachable again.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Whether the last page of steps has a cursor behind it: stores may do either.
    pub fn set_eager_cursors(&self, is_eager: bool) {
        self.is_eager.store(is_eager, Ordering::Relaxed);
    }

    /// What execution was asked to do.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().asked.clone()
    }

    pub fn choices(&self) -> Vec<Choice> {
        self.state.lock().choices.clone()
    }

    fn check<E>(&self, away: impl FnOnce(std::io::Error) -> E) -> Result<(), E> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(away(std::io::Error::other("password=hunter2"))),
            false => Ok(()),
        }
    }

    fn config(&self, of: ProjectId) -> Result<(), Error> {
        self.check(|source| {
            Error::Unavailable(tenon_config::ports::StoreError::Unavailable {
                action: "read",
                source: source.into(),
            })
        })?;
        if of == project() { Ok(()) } else { Err(Error::NoSuchProject(of)) }
    }

    fn history(&self) -> Result<(), history::Error> {
        self.check(|source| history::Error { action: "read", source: source.into() })
    }
}

#[async_trait]
impl PlanSource for World {
    async fn project(&self, id: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        let state = self.state.lock();
        let is_valid = |(key, _): &&(ApiKey, String)| key.revoked_at.is_none();
        let digest = |(key, text): &(ApiKey, String)| ApiKeyDigest::of(key.id, text);
        let deployed = state.workflows.values().filter_map(|(entry, versions)| {
            let WorkflowState::Deployed { version, number } = entry.state else { return None };
            Some(DeployedWorkflow {
                integration: None,
                id: entry.id,
                name: entry.name.clone(),
                version,
                number,
                triggers: versions.last()?.1.triggers.clone(),
                enabled_by_default: true,
                has_response: false,
                response_timeout_seconds: 55,
                order: Default::default(),
            })
        });
        Ok((id == project()).then(|| {
            Arc::new(ProjectPlan {
                project: id,
                revision: 1,
                api_keys: state.keys.iter().filter(is_valid).map(digest).collect(),
                workflows: deployed.collect(),
                choices: Default::default(),
                disabled_users: Default::default(),
                integrations: Vec::new(),
                secrets: std::collections::BTreeMap::new(),
                signing_keys: Vec::new(),
                queue: Default::default(),
            })
        }))
    }

    async fn workflow(&self, _version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Ok(None)
    }

    async fn user(&self, _: ProjectId, _: &EndUserId) -> Result<Option<Arc<UserPlan>>, PlanError> {
        Ok(None)
    }

    async fn installations(
        &self,
        _: ProjectId,
        _: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Ok(None)
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Ok(vec![project()])
    }
}

#[async_trait]
impl ConfigPort for World {
    async fn apply(
        &self,
        of: ProjectId,
        batch: &Batch,
        mode: ApplyMode,
    ) -> Result<AppliedBatch, Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let mut applied = Vec::new();
        for document in &batch.workflows {
            let fresh = u32::try_from(state.workflows.len() + 1).expect("there are few");
            let known = state.workflows.get(&document.name);
            let id = known.map_or(workflow(fresh), |(entry, _)| entry.id);
            let mut versions = known.map_or(Vec::new(), |(_, versions)| versions.clone());
            let is_deployed = known
                .is_some_and(|(entry, _)| matches!(entry.state, WorkflowState::Deployed { .. }));
            let is_same = versions.last().is_some_and(|(_, last)| last == document);
            if !is_same {
                let number = u32::try_from(versions.len() + 1).expect("there are few");
                let version = Version {
                    id: version(number),
                    workflow: id,
                    number,
                    fingerprint: [0; 32],
                    created_at: at(0),
                };
                versions.push((version, document.clone()));
            }
            let last = versions.last().expect("there is one now").0.clone();
            let name = document.name.clone();
            applied.push(Applied {
                workflow: id,
                name: name.clone(),
                version: last.id,
                number: last.number,
                changed: !is_same || !is_deployed,
            });
            if mode == ApplyMode::Commit {
                let entry = WorkflowEntry {
                    id,
                    name: name.clone(),
                    state: WorkflowState::Deployed { version: last.id, number: last.number },
                    created_at: at(0),
                    updated_at: at(0),
                };
                state.workflows.insert(name, (entry, versions));
            }
        }
        let integrations = batch.integrations.iter().map(|document| AppliedIntegration {
            integration: IntegrationId::from_uuid(uuid(7, 1)),
            connector: document.connector.clone(),
            changed: true,
        });
        Ok(AppliedBatch { workflows: applied, integrations: integrations.collect() })
    }

    async fn store_draft(&self, of: ProjectId, document: &Workflow) -> Result<Draft, Error> {
        self.config(of)?;
        self.state.lock().asked.push(format!("draft {}", document.name));
        Ok(Draft { workflow: workflow(9), version: version(9) })
    }

    async fn workflows(&self, of: ProjectId) -> Result<Vec<WorkflowEntry>, Error> {
        self.config(of)?;
        Ok(self.state.lock().workflows.values().map(|(entry, _)| entry.clone()).collect())
    }

    async fn workflow(&self, of: ProjectId, id: WorkflowId) -> Result<WorkflowEntry, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let mut entries = state.workflows.values().map(|(entry, _)| entry);
        entries.find(|entry| entry.id == id).cloned().ok_or(Error::NoSuchWorkflow(id))
    }

    async fn versions(&self, of: ProjectId, id: WorkflowId) -> Result<Vec<Version>, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let found = state.workflows.values().find(|(entry, _)| entry.id == id);
        let (_, versions) = found.ok_or(Error::NoSuchWorkflow(id))?;
        Ok(versions.iter().rev().map(|(version, _)| version.clone()).collect())
    }

    async fn document(&self, of: ProjectId, id: VersionId) -> Result<String, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let mut versions = state.workflows.values().flat_map(|(_, versions)| versions);
        let (_, document) =
            versions.find(|(version, _)| version.id == id).ok_or(Error::NoSuchVersion(id))?;
        Ok(serde_json::to_string(document).expect("a document is JSON"))
    }

    async fn undeploy(&self, of: ProjectId, id: WorkflowId) -> Result<(), Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let found = state.workflows.values_mut().find(|(entry, _)| entry.id == id);
        let (entry, _) = found.ok_or(Error::NoSuchWorkflow(id))?;
        entry.state = WorkflowState::Undeployed;
        Ok(())
    }

    async fn users(&self, of: ProjectId, page: UserPage) -> Result<Vec<ConnectedUser>, Error> {
        self.config(of)?;
        let state = self.state.lock();
        let behind = |user: &&ConnectedUser| page.after.as_ref().is_none_or(|id| user.id > *id);
        Ok(state.users.values().filter(behind).take(page.limit).cloned().collect())
    }

    async fn user(&self, of: ProjectId, id: &EndUserId) -> Result<ConnectedUser, Error> {
        self.config(of)?;
        let found = self.state.lock().users.get(id).cloned();
        found.ok_or_else(|| Error::NoSuchUser(id.clone()))
    }

    async fn set_user_meta(
        &self,
        of: ProjectId,
        id: &EndUserId,
        change: Map<String, Value>,
    ) -> Result<ConnectedUser, Error> {
        ConfigPort::put_user(self, of, id, None).await?;
        let mut state = self.state.lock();
        let user = state.users.get_mut(id).expect("it was put");
        user.meta.extend(change);
        user.meta.retain(|_, value| !value.is_null());
        Ok(user.clone())
    }

    async fn put_user(
        &self,
        of: ProjectId,
        id: &EndUserId,
        is_disabled: Option<bool>,
    ) -> Result<ConnectedUser, Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let user = state.users.entry(id.clone()).or_insert_with(|| ConnectedUser {
            id: id.clone(),
            created_at: at(0),
            disabled_at: None,
            meta: Map::new(),
        });
        if let Some(is_disabled) = is_disabled {
            user.disabled_at = is_disabled.then(|| at(60));
        }
        Ok(user.clone())
    }

    async fn choose(&self, of: ProjectId, choice: &Choice) -> Result<(), Error> {
        ConfigPort::workflow(self, of, choice.workflow).await?;
        self.state.lock().choices.push(choice.clone());
        Ok(())
    }

    async fn api_keys(&self, of: ProjectId) -> Result<Vec<ApiKey>, Error> {
        self.config(of)?;
        Ok(self.state.lock().keys.iter().map(|(key, _)| key.clone()).collect())
    }

    async fn create_api_key(&self, of: ProjectId, name: &DisplayName) -> Result<NewApiKey, Error> {
        self.config(of)?;
        let text = format!("tnn_00000000_{name}");
        Ok(NewApiKey { key: self.add_key(name.as_str(), &text), text: ApiKeyText::new(text) })
    }

    async fn revoke_api_key(&self, of: ProjectId, id: ApiKeyId) -> Result<(), Error> {
        self.config(of)?;
        let mut state = self.state.lock();
        let mut keys = state.keys.iter_mut().map(|(key, _)| key);
        let key = keys.find(|key| key.id == id && key.revoked_at.is_none());
        key.ok_or(Error::NoSuchApiKey(id))?.revoked_at = Some(at(60));
        Ok(())
    }
}

#[async_trait]
impl HistoryReader for World {
    async fn list(
        &self,
        of: ProjectId,
        filter: &RunFilter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, history::Error> {
        self.history()?;
        assert!((1..=200).contains(&limit), "the port takes 1 to 200");
        let state = self.state.lock();
        let fits = |run: &&RunSummary| {
            of == project()
                && cursor.is_none_or(|cursor| run.id < cursor)
                && filter.workflow.is_none_or(|workflow| run.workflow == workflow)
                && (filter.user.is_none() || filter.user == run.user)
                && (filter.credential.is_none() || filter.credential == run.credential)
                && (filter.configuration.is_none() || filter.configuration == run.configuration)
                && filter.status.is_none_or(|status| run.status == status)
                && filter.after.is_none_or(|after| run.created_at >= after)
                && filter.before.is_none_or(|before| run.created_at < before)
        };
        let mut runs: Vec<_> =
            state.runs.values().rev().filter(fits).take(limit + 1).cloned().collect();
        let has_more = runs.len() > limit;
        runs.truncate(limit);
        let next = runs.last().filter(|_| has_more).map(|run| run.id);
        Ok(RunPage { runs, next })
    }

    async fn run(&self, of: ProjectId, id: RunId) -> Result<Option<RunSummary>, history::Error> {
        self.history()?;
        Ok(self.state.lock().runs.get(&id).filter(|_| of == project()).cloned())
    }

    async fn input(&self, of: ProjectId, id: RunId) -> Result<Option<Payload>, history::Error> {
        self.history()?;
        Ok(self.state.lock().inputs.get(&id).filter(|_| of == project()).cloned())
    }

    async fn installation(
        &self,
        _of: ProjectId,
        _id: RunId,
    ) -> Result<Option<Installation>, history::Error> {
        unreachable!("only replays ask for it, and those are of the control")
    }

    async fn latest_steps(
        &self,
        _: ProjectId,
        _: RunId,
        _: usize,
    ) -> Result<Vec<history::StepRecord>, history::Error> {
        unreachable!("only the control asks for it")
    }

    async fn order(&self, _: ProjectId, _: RunId) -> Result<Option<JobOrder>, history::Error> {
        unreachable!("only replays ask for it, and those are of the control")
    }

    async fn steps(
        &self,
        of: ProjectId,
        id: RunId,
        cursor: Option<i64>,
        limit: usize,
    ) -> Result<StepPage, history::Error> {
        self.history()?;
        assert!((1..=1_000).contains(&limit), "the port takes 1 to 1,000");
        let state = self.state.lock();
        let all = state.steps.get(&id).filter(|_| of == project()).cloned().unwrap_or_default();
        let start = usize::try_from(cursor.unwrap_or(0)).expect("it was ours");
        let steps: Vec<_> = all.iter().skip(start).take(limit).cloned().collect();
        let end = start + steps.len();
        let is_eager = self.is_eager.load(Ordering::Relaxed) && !steps.is_empty();
        let next = (end < all.len() || is_eager).then(|| i64::try_from(end).expect("few"));
        Ok(StepPage { steps, next })
    }
}

#[async_trait]
impl RunControl for World {
    async fn test(&self, test: TestRun) -> Result<RunId, control::Error> {
        self.check(|source| control::Error::Unavailable {
            retry_after: Duration::from_secs(5),
            source: source.into(),
        })?;
        let user = test.user.map_or_else(|| "nobody".to_owned(), |user| user.to_string());
        let input = String::from_utf8_lossy(&test.input).into_owned();
        self.state.lock().asked.push(format!("test {} for {user} with {input}", test.version));
        Ok(run(100))
    }

    async fn replay(
        &self,
        of: ProjectId,
        id: RunId,
        from: ReplayFrom,
    ) -> Result<RunId, control::Error> {
        let found =
            self.run(of, id).await.expect("it is there").ok_or(control::Error::NoSuchRun(id))?;
        if !found.status.is_terminal() {
            let reason = "it has not ended; cancel it first, or wait";
            return Err(control::Error::WrongState { run: id, status: "running", reason });
        }
        self.state.lock().asked.push(format!("replay {id} from {from:?}"));
        Ok(run(101))
    }

    async fn why(
        &self,
        of: ProjectId,
        id: RunId,
        running_max: Option<u32>,
    ) -> Result<Why, control::Error> {
        let found = self.run(of, id).await.map_err(|source| control::Error::Unavailable {
            retry_after: Duration::from_secs(5),
            source: source.into(),
        })?;
        let found = found.ok_or(control::Error::NoSuchRun(id))?;
        let now = found.created_at;
        Ok(why::explain(&Facts { run: &found, steps: &[], queue: None, running_max, now }))
    }

    async fn cancel(&self, of: ProjectId, id: RunId) -> Result<(), control::Error> {
        let found =
            self.run(of, id).await.expect("it is there").ok_or(control::Error::NoSuchRun(id))?;
        if found.status == RunStatus::Queued {
            return Err(control::Error::Overloaded { retry_after: Duration::from_secs(3) });
        }
        self.state.lock().asked.push(format!("cancel {id}"));
        Ok(())
    }
}

#[async_trait]
impl BlobStore for World {
    async fn put_packed(&self, _values: &[Bytes]) -> Result<Vec<BlobRef>, blobs::Error> {
        unreachable!("the API writes no blobs")
    }

    async fn get(&self, blob: BlobRef) -> Result<Bytes, blobs::Error> {
        let index = usize::try_from(blob.offset).expect("it was ours");
        let found = self.state.lock().blobs.get(index).cloned();
        found.ok_or(blobs::Error::Missing { segment: blob.segment })
    }

    async fn segments(
        &self,
        _after: Option<Uuid>,
        _older_than_ms: i64,
        _limit: usize,
    ) -> Result<Vec<blobs::Segment>, blobs::Error> {
        unreachable!("the API looks for no segments")
    }

    async fn delete(&self, _segment: Uuid) -> Result<(), blobs::Error> {
        unreachable!("the API deletes no segments")
    }
}
