//! Grants: each run for a connected user gets one of its own, when it is accepted.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tenon_contract::grant::{GrantError, GrantKey};
use tenon_contract::secret::SecretBytes;
use tenon_domain::{Clock, EndUserId, ProjectId, RunId, VersionId, WorkflowId};
use tenon_exec::control::Control;
use tenon_exec::intake::{Intake, IntakeParts, build};
use tenon_exec::ports::control::{ReplayFrom, RunControl, TestRun};
use tenon_exec::ports::history::{
    Error, HistoryReader, Payload, RunFilter, RunPage, RunStatus, RunSummary, StepPage, StepRecord,
    TriggerKind,
};
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::store::{Accept, Installation, Job, JobOrder, JobStore};
use tenon_exec::settings::Settings;
use tenon_local::{LocalCoordination, LocalMembership};

use crate::bench::Stores;

fn key() -> Arc<GrantKey> {
    Arc::new(GrantKey::new(SecretBytes::new(vec![7; 32])).expect("long enough"))
}

async fn intake(stores: &Stores, grants: Option<Arc<GrantKey>>) -> Intake {
    stores.local.install_generation(Generation(1)).await.expect("in memory");
    let (intake, committers) = build(IntakeParts {
        store: stores.store.clone(),
        blobs: stores.blobs.clone(),
        queue: stores.queue.clone(),
        fresh: None,
        grants,
        settings: stores.settings.clone(),
    });
    for committer in committers {
        tokio::spawn(committer.run());
    }
    intake
}

async fn accepted(stores: &Stores, intake: &Intake, user: Option<&str>) -> Job {
    let mut job = stores.job(&json!({}));
    job.user = user.map(EndUserId::new);
    let run = job.run;
    intake.accept(Accept { job, once: None }, None).await.expect("accepted");
    stores.store.load(&[run]).await.expect("in memory").remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_run_for_a_user_is_given_a_grant_for_itself() {
    let stores = Stores::new(Settings::default());
    let intake = intake(&stores, Some(key())).await;
    let job = accepted(&stores, &intake, Some("ada")).await;
    let (grant, user) = (job.grant.expect("signed"), EndUserId::new("ada"));
    let now = stores.clock.now();
    let check = |user: &EndUserId, run| key().check(&grant, job.project, user, Some(run), now);
    assert_eq!(check(&user, job.run), Ok(()));
    assert_eq!(check(&user, RunId::new()), Err(GrantError::Mismatch));
    assert_eq!(check(&EndUserId::new("bob"), job.run), Err(GrantError::Mismatch));
}

#[tokio::test(start_paused = true)]
async fn without_a_user_a_grant_is_the_projects_and_without_a_key_there_is_none() {
    let stores = Stores::new(Settings::default());
    let signs = intake(&stores, Some(key())).await;
    let job = accepted(&stores, &signs, None).await;
    let grant = job.grant.expect("signed");
    assert_eq!(key().check_run(&grant, job.project, Some(job.run)), Ok(()));
    for user in ["", "ada"] {
        let user = EndUserId::new(user);
        let opens = key().check(&grant, job.project, &user, Some(job.run), stores.clock.now());
        assert_eq!(opens, Err(GrantError::Mismatch), "it opens no credential of anybody");
    }
    let plain = intake(&stores, None).await;
    assert_eq!(accepted(&stores, &plain, Some("ada")).await.grant, None);
}

/// A history of one run.
struct OneRun(RunSummary);

#[async_trait]
impl HistoryReader for OneRun {
    async fn list(
        &self,
        _: ProjectId,
        _: &RunFilter,
        _: Option<RunId>,
        _: usize,
    ) -> Result<RunPage, Error> {
        Ok(RunPage { runs: vec![self.0.clone()], next: None })
    }

    async fn run(&self, _: ProjectId, run: RunId) -> Result<Option<RunSummary>, Error> {
        Ok((run == self.0.id).then(|| self.0.clone()))
    }

    async fn input(&self, _: ProjectId, _: RunId) -> Result<Option<Payload>, Error> {
        Ok(Some(Payload::Inline("{}".into())))
    }

    async fn installation(&self, _: ProjectId, _: RunId) -> Result<Option<Installation>, Error> {
        Ok(None)
    }

    async fn latest_steps(
        &self,
        _: ProjectId,
        _: RunId,
        _: usize,
    ) -> Result<Vec<StepRecord>, Error> {
        unreachable!("nobody asks why")
    }

    async fn order(&self, _: ProjectId, _: RunId) -> Result<Option<JobOrder>, Error> {
        Ok(None)
    }

    async fn steps(
        &self,
        _: ProjectId,
        _: RunId,
        _: Option<i64>,
        _: usize,
    ) -> Result<StepPage, Error> {
        Ok(StepPage { steps: Vec::new(), next: None })
    }
}

fn ended(stores: &Stores, run: RunId) -> RunSummary {
    RunSummary {
        id: run,
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        user: Some(EndUserId::new("ada")),
        credential: None,
        configuration: None,
        trigger: TriggerKind::AppEvent,
        status: RunStatus::Failed,
        error: None,
        attempts: 1,
        created_at: stores.clock.now(),
        started_at: None,
        finished_at: None,
        resumes_at: None,
        replay_of: None,
        crashes: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn replays_and_tests_are_signed_anew() {
    let stores = Stores::new(Settings::default());
    let old = RunId::new();
    let control = Control {
        intake: intake(&stores, Some(key())).await,
        store: stores.store.clone(),
        history: Arc::new(OneRun(ended(&stores, old))),
        queue: stores.queue.clone(),
        membership: Arc::new(LocalMembership::new()),
        coordination: Arc::new(LocalCoordination::new()),
        grants: Some(key()),
        clock: stores.clock.clone(),
    };
    let mut runs = Vec::new();
    for from in [ReplayFrom::Start, ReplayFrom::FailedStep] {
        runs.push(control.replay(stores.project, old, from).await.expect("replayed"));
    }
    let test = TestRun {
        project: stores.project,
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        user: Some(EndUserId::new("ada")),
        installation: None,
        input: "{}".into(),
    };
    runs.push(control.test(test).await.expect("accepted"));
    let jobs = stores.store.load(&runs).await.expect("in memory");
    assert_eq!(jobs.len(), 3);
    let (user, now) = (EndUserId::new("ada"), stores.clock.now());
    for job in jobs {
        let grant = job.grant.expect("signed");
        assert_eq!(key().check(&grant, job.project, &user, Some(job.run), now), Ok(()));
        let of_old = key().check(&grant, job.project, &user, Some(old), now);
        assert_eq!(of_old, Err(GrantError::Mismatch));
    }
}
