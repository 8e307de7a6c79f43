//! Schedules: each tick once, missed ones made up for, but not for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenon_contract::plan::{DeployedWorkflow, PlanCache, ProjectPlan};
use tenon_domain::workflow::Trigger;
use tenon_domain::{Clock, VersionId, WorkflowId};
use tenon_exec::ports::history::Payload;
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::schedule::{ScheduleKey, ScheduleStore};
use tenon_exec::ports::store::JobStore;
use tenon_exec::schedules::{Schedules, TickLimits};
use tenon_exec::settings::Settings;
use tenon_local::LocalPlanCache;
use tokio_util::sync::CancellationToken;

use crate::bench::Stores;

const CRON: &str = "0 * * * * *";

struct Clockwork {
    stores: Stores,
    plans: Arc<LocalPlanCache>,
    key: ScheduleKey,
}

impl Clockwork {
    /// One project with one workflow that runs every minute.
    async fn new() -> Self {
        let stores = Stores::new(Settings::default());
        stores.local.install_generation(Generation(1)).await.expect("in memory");
        let plans = Arc::new(LocalPlanCache::new());
        let workflow = WorkflowId::new();
        let key = ScheduleKey::of(workflow, CRON, "UTC");
        let clockwork = Self { stores, plans, key };
        clockwork.deploy(1, true).await;
        clockwork
    }

    async fn deploy(&self, revision: i64, enabled_by_default: bool) {
        let plan = ProjectPlan {
            project: self.stores.project,
            revision,
            api_keys: Vec::new(),
            workflows: vec![DeployedWorkflow {
                integration: None,
                id: self.key.workflow,
                name: "minutely".to_owned(),
                version: VersionId::new(),
                number: 1,
                triggers: vec![Trigger::Schedule {
                    cron: CRON.to_owned(),
                    time_zone: "UTC".to_owned(),
                }],
                enabled_by_default,
                has_response: false,
                response_timeout_seconds: 1,
                order: Default::default(),
            }],
            choices: HashMap::new(),
            disabled_users: Default::default(),
            integrations: Vec::new(),
            secrets: std::collections::BTreeMap::new(),
            signing_keys: Vec::new(),
            queue: Default::default(),
        };
        self.plans.put_project(&plan).await.expect("in memory");
    }

    fn start(&self) {
        let schedules = Schedules {
            plans: self.plans.clone(),
            store: self.stores.store.clone(),
            queue: self.stores.queue.clone(),
            blobs: self.stores.blobs.clone(),
            grants: None,
            clock: self.stores.clock.clone(),
            limits: TickLimits::default(),
        };
        tokio::spawn(async move { schedules.run(CancellationToken::new()).await });
    }

    /// Lets `minutes` pass, in steps of ten seconds, with looks in between.
    async fn pass(&self, minutes: i64) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        for _ in 0..minutes * 6 {
            self.stores.clock.advance(SignedDuration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// The times of day of the ticks that were accepted.
    async fn ticks(&self) -> Vec<String> {
        let open: Vec<_> = self.stores.store.open().into_iter().map(|(run, _)| run).collect();
        let jobs = self.stores.store.load(&open).await.expect("in memory");
        let mut ticks: Vec<String> = jobs
            .into_iter()
            .map(|job| {
                let Payload::Inline(bytes) = &job.input else { unreachable!("a small input") };
                let input: Value = serde_json::from_slice(bytes).expect("JSON");
                let tick = input["schedule"]["tick"].as_str().expect("a time");
                tick[11..16].to_owned()
            })
            .collect();
        ticks.sort();
        ticks
    }

    /// Records a last tick, as an earlier process would have.
    async fn ticked_at(&self, text: &str) {
        let last: Timestamp = text.parse().expect("a time");
        self.stores.store.last_tick(&self.key, last).await.expect("in memory");
    }
}

#[tokio::test(start_paused = true)]
async fn each_tick_is_accepted_once_by_two_who_look() {
    let clockwork = Clockwork::new().await;
    clockwork.start();
    clockwork.start();
    clockwork.pass(3).await;
    assert_eq!(clockwork.ticks().await, ["12:01", "12:02", "12:03"]);
    assert_eq!(clockwork.stores.journal.pushed().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn ticks_missed_a_short_while_ago_are_made_up_for() {
    let clockwork = Clockwork::new().await;
    clockwork.ticked_at("2026-03-01T11:57:00Z").await;
    clockwork.start();
    clockwork.pass(0).await;
    assert_eq!(clockwork.ticks().await, ["11:58", "11:59", "12:00"]);
}

#[tokio::test(start_paused = true)]
async fn ticks_missed_long_ago_are_skipped() {
    let clockwork = Clockwork::new().await;
    clockwork.ticked_at("2026-03-01T09:00:00Z").await;
    clockwork.start();
    clockwork.pass(0).await;
    assert_eq!(clockwork.ticks().await, ["11:56", "11:57", "11:58", "11:59", "12:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_time_without_the_database_is_made_up_for_no_further_either() {
    let clockwork = Clockwork::new().await;
    clockwork.start();
    clockwork.pass(1).await;
    clockwork.stores.store.set_away(true);
    clockwork.pass(30).await;
    clockwork.stores.store.set_away(false);
    clockwork.pass(0).await;
    let expected = ["12:01", "12:27", "12:28", "12:29", "12:30", "12:31"];
    assert_eq!(clockwork.ticks().await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_switched_off_does_not_tick() {
    let clockwork = Clockwork::new().await;
    clockwork.start();
    clockwork.pass(1).await;
    clockwork.deploy(2, false).await;
    clockwork.pass(2).await;
    assert_eq!(clockwork.ticks().await, ["12:01"]);
    assert_eq!(clockwork.stores.clock.now().to_string(), "2026-03-01T12:03:00Z");
}
