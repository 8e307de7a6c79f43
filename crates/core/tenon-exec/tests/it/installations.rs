//! Runs for installations: what they were accepted with is what they see.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenon_contract::installation::FirstEnabled;
use tenon_domain::{Clock, ConfigurationId, CredentialId, EndUserId, ProjectId, RunId, WorkflowId};
use tenon_exec::control::Control;
use tenon_exec::engine::End;
use tenon_exec::installations::FirstOutcome;
use tenon_exec::intake::{Intake, IntakeParts, build};
use tenon_exec::ports::control::{ReplayFrom, RunControl};
use tenon_exec::ports::history::{
    Error, HistoryReader, Payload, RunFilter, RunPage, RunStatus, RunSummary, StepPage, StepRecord,
    TriggerKind,
};
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::store::{
    Accept, Accepted, Installation, InstallationScope, Job, JobOrder, JobStore,
};
use tenon_exec::settings::Settings;
use tenon_local::{LocalCoordination, LocalMembership};
use tenon_testkit::fakes::Entry;

use crate::bench::{Bench, Stores, program};
use crate::engine::{SUCCEEDED, function};
use crate::installed::Installed;

fn values(settings: Value, shared: Value, meta: Value) -> Payload {
    let values = json!({ "settings": settings, "shared": shared, "user_meta": meta });
    Payload::Inline(Bytes::from(values.to_string()))
}

fn installation(settings: Value) -> Installation {
    Installation {
        credential: CredentialId::new(),
        configuration: ConfigurationId::new(),
        values: values(settings, json!({ "region": "eu" }), json!({ "plan": "pro" })),
    }
}

/// Accepts a run of ada with an installation.
fn accept(bench: &Bench, installation: Installation) -> RunId {
    let mut job = bench.stores.job(&json!({ "event": {} }));
    job.user = Some(EndUserId::new("ada"));
    job.installation = Some(installation);
    let run = job.run;
    bench.stores.store.put(job);
    run
}

fn sees(more: Value) -> Value {
    let mut step = json!({ "parameters": {
        "channel": "{{settings.channel}}", "limit": "{{settings.limit}}",
    }});
    step.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    step
}

#[tokio::test(start_paused = true)]
async fn settings_of_the_installation_lie_over_those_of_the_document() {
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let steps = json!([function(
        "looks",
        json!({ "parameters": {
            "channel": "{{settings.channel}}", "limit": "{{settings.limit}}",
            "region": "{{shared.region}}", "plan": "{{user.meta.plan}}", "user": "{{user.id}}",
            "account": "{{run.account}}", "configuration": "{{run.configuration}}",
        }})
    )]);
    let program = crate::bench::program_with(json!({
        "integration": "slack", "steps": steps,
        "settings": { "values": { "limit": 10 } },
        "inputs": [
            { "id": "channel", "title": "Channel", "type": "text" },
        ],
    }));
    let installation = installation(json!({ "channel": "general" }));
    let run = accept(&bench, installation.clone());
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    let expected = json!({
        "channel": "general", "limit": 10, "region": "eu", "plan": "pro", "user": "ada",
        "account": installation.credential, "configuration": installation.configuration,
    });
    assert_eq!(bench.runner.calls(), [("looks".to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_no_integration_sees_the_settings_of_its_document_only() {
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let program = crate::bench::program_with(json!({
        "steps": [function("looks", json!({ "parameters": {
            "limit": "{{settings.limit}}", "account": "{{run.account}}",
        }}))],
        "settings": { "values": { "limit": 10 } },
    }));
    let run = bench.accept(&json!({}));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    let expected = json!({ "limit": 10, "account": null });
    assert_eq!(bench.runner.calls(), [("looks".to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn settings_stay_as_they_were_while_a_run_waits() {
    let world = Installed::new(1).await;
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let program = crate::bench::program_with(json!({
        "integration": "slack",
        "inputs": [{ "id": "channel", "title": "Channel", "type": "text" }],
        "settings": { "values": { "limit": 10 } },
        "steps": [
            function("before", sees(json!({ "next": "wait" }))),
            { "id": "wait", "type": "delay", "hours": 1, "next": "after" },
            function("after", sees(json!({}))),
        ],
    }));
    let run = accept(&bench, world.frozen(0).await);
    assert!(matches!(bench.take_up(run, &program).await, End::Suspended(_)));
    world.set(0, json!({ "channel": "changed" })).await;
    let later = accept(&bench, world.frozen(0).await);
    bench.stores.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert!(matches!(bench.take_up(later, &program).await, End::Suspended(_)));
    let channels: Vec<Value> =
        bench.runner.calls().into_iter().map(|(_, seen)| seen["channel"].clone()).collect();
    assert_eq!(channels, ["channel-0", "channel-0", "changed"]);
}

#[tokio::test(start_paused = true)]
async fn large_settings_are_in_the_blob_store_before_their_row_and_read_from_there() {
    let settings = Settings { inline_bytes_max: 100, ..Settings::default() };
    let bench = Bench::with(settings, |_, _| Ok(Value::Null));
    let intake = intake(&bench.stores).await;
    let mut job = bench.stores.job(&json!({}));
    job.user = Some(EndUserId::new("ada"));
    job.installation = Some(installation(json!({ "channel": "c".repeat(200) })));
    let run = job.run;
    let accepted = intake.accept(Accept { job, once: None }, None).await;
    assert_eq!(accepted, Ok(Accepted::New));
    assert_eq!(bench.stores.journal.entries()[..2], [Entry::Blobs(1), Entry::Accepted(1)]);
    let kept = bench.stores.store.load(&[run]).await.expect("in memory").remove(0);
    let kept = kept.installation.expect("kept");
    assert!(matches!(kept.values, Payload::Blob(_)));
    let program = program(json!([function(
        "looks",
        json!({ "parameters": {
            "region": "{{user.meta.plan}}",
        }})
    )]));
    assert_eq!(bench.take_up(run, &program).await, SUCCEEDED);
    assert_eq!(bench.runner.calls()[0].1, json!({ "region": "pro" }));
}

async fn intake(stores: &Stores) -> Intake {
    stores.local.install_generation(Generation(1)).await.expect("in memory");
    let (intake, committers) = build(IntakeParts {
        store: stores.store.clone(),
        blobs: stores.blobs.clone(),
        queue: stores.queue.clone(),
        fresh: None,
        grants: None,
        settings: stores.settings.clone(),
    });
    for committer in committers {
        tokio::spawn(committer.run());
    }
    intake
}

/// A history of one run that has ended.
struct Ended(RunSummary, Installation);

#[async_trait]
impl HistoryReader for Ended {
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

    async fn installation(&self, _: ProjectId, run: RunId) -> Result<Option<Installation>, Error> {
        Ok((run == self.0.id).then(|| self.1.clone()))
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

async fn control(stores: &Stores, old: &Job) -> Control {
    let summary = RunSummary {
        id: old.run,
        workflow: old.workflow,
        version: old.version,
        user: old.user.clone(),
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
    };
    let installation = old.installation.clone().expect("an installation");
    Control {
        intake: intake(stores).await,
        store: stores.store.clone(),
        history: Arc::new(Ended(summary, installation)),
        queue: stores.queue.clone(),
        membership: Arc::new(LocalMembership::new()),
        coordination: Arc::new(LocalCoordination::new()),
        grants: None,
        clock: stores.clock.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_sees_the_settings_of_the_old_run() {
    let world = Installed::new(1).await;
    let stores = Stores::new(Settings::default());
    let mut old = stores.job(&json!({}));
    old.user = Some(EndUserId::new("user-0"));
    old.installation = Some(world.frozen(0).await);
    let control = control(&stores, &old).await;
    world.set(0, json!({ "channel": "changed" })).await;
    for from in [ReplayFrom::Start, ReplayFrom::FailedStep] {
        let run = control.replay(stores.project, old.run, from).await.expect("replayed");
        let job = stores.store.load(&[run]).await.expect("in memory").remove(0);
        assert_eq!(job.installation, old.installation);
    }
}

#[tokio::test(start_paused = true)]
async fn open_runs_of_an_installation_end_with_it_and_others_do_not() {
    let stores = Stores::new(Settings::default());
    let mut jobs: Vec<Job> = (0..4).map(|_| stores.job(&json!({}))).collect();
    let shared = installation(json!({}));
    jobs[0].installation = Some(shared.clone());
    jobs[1].installation = Some(shared.clone());
    jobs[2].installation = Some(installation(json!({})));
    for job in &jobs {
        stores.store.put(job.clone());
    }
    let control = control(&stores, &jobs[0]).await;
    let (project, now) = (stores.project, stores.clock.now());
    let open = || {
        let open = stores.store.open();
        let is_open = |job: &Job| open.iter().any(|(run, _)| *run == job.run);
        jobs.iter().map(is_open).collect::<Vec<bool>>()
    };
    let off = InstallationScope::Workflow(shared.configuration, jobs[0].workflow);
    let before = now - SignedDuration::from_secs(1);
    assert_eq!(control.cancel_installation(project, off, before).await.expect("answers"), 0);
    let elsewhere = ProjectId::new();
    assert_eq!(control.cancel_installation(elsewhere, off, now).await.expect("answers"), 0);
    assert_eq!(open(), [true; 4]);
    assert_eq!(control.cancel_installation(project, off, now).await.expect("answers"), 1);
    assert_eq!(open(), [false, true, true, true]);
    let gone = InstallationScope::Account(shared.credential);
    assert_eq!(control.cancel_installation(project, gone, now).await.expect("answers"), 1);
    assert_eq!(open(), [false, false, true, true]);
    let end = stores.store.end_of(jobs[0].run).expect("ended");
    assert_eq!(end.status, RunStatus::Cancelled);
}

/// A first switch-on of user 0 in a world.
async fn first(world: &Installed, at: Timestamp) -> FirstEnabled {
    let reference = world.reference(0);
    FirstEnabled {
        project: world.project,
        user: reference.user,
        credential: reference.credential,
        configuration: reference.configuration,
        workflow: world.workflow,
        at,
        user_revision: 1,
        key: format!("integration-enabled:{}:{}", reference.configuration, world.workflow),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_switch_on_runs_once_however_often_it_is_handed_over() {
    let world = Installed::new(1).await;
    let stores = Stores::new(Settings::default());
    let intake = intake(&stores).await;
    let first = first(&world, stores.clock.now()).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        let outcome = intake.accept_first_enabled(&*world.plans, &*stores.clock, &first).await;
        let FirstOutcome::Accepted(run) = outcome.expect("plans are there") else {
            panic!("it is on")
        };
        runs.push(run);
        // Other settings make no other run of it.
        world.set(0, json!({ "channel": "changed" })).await;
    }
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
    let jobs = stores.store.load(&[runs[0]]).await.expect("in memory");
    assert_eq!(jobs[0].trigger, TriggerKind::IntegrationEnabled);
    assert_eq!(jobs[0].user, Some(EndUserId::new("user-0")));
    let installation = jobs[0].installation.clone().expect("an installation");
    let Payload::Inline(values) = installation.values else { panic!("small") };
    assert!(String::from_utf8_lossy(&values).contains("channel-0"));
    assert_eq!(stores.store.open().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_switch_on_waits_for_plans_that_show_it() {
    let world = Installed::new(1).await;
    let stores = Stores::new(Settings::default());
    let intake = intake(&stores).await;
    let fired = first(&world, stores.clock.now()).await;
    let outcome = async |first: &FirstEnabled| {
        let outcome = intake.accept_first_enabled(&*world.plans, &*stores.clock, first).await;
        outcome.expect("plans are there")
    };
    let newer = FirstEnabled { user_revision: 1_000, ..fired.clone() };
    assert_eq!(outcome(&newer).await, FirstOutcome::NotYet);
    let unknown = FirstEnabled { workflow: WorkflowId::new(), ..fired.clone() };
    assert_eq!(outcome(&unknown).await, FirstOutcome::NotYet, "it may have been deployed just now");
    let elsewhere = FirstEnabled { configuration: ConfigurationId::new(), ..fired.clone() };
    assert_eq!(outcome(&elsewhere).await, FirstOutcome::NotOn);
    world.disable(0).await;
    assert_eq!(outcome(&fired).await, FirstOutcome::NotOn);
    stores.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(outcome(&unknown).await, FirstOutcome::NoTrigger);
    assert_eq!(stores.store.open(), []);
}
