//! Schedules of workflows of an integration: each tick once for each installation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tenon_contract::grant::GrantKey;
use tenon_contract::secret::SecretBytes;
use tenon_exec::ports::history::Payload;
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::store::{Job, JobStore};
use tenon_exec::schedules::{Schedules, TickLimits};
use tenon_exec::settings::Settings;
use tokio_util::sync::CancellationToken;

use crate::bench::Stores;
use crate::installed::Installed;

struct Clockwork {
    stores: Stores,
    world: Installed,
    limits: TickLimits,
}

impl Clockwork {
    /// So many users; three of them fit into a transaction.
    async fn new(users: usize) -> Self {
        let stores = Stores::new(Settings::default());
        stores.local.install_generation(Generation(1)).await.expect("in memory");
        let world = Installed::of_project(stores.project, users).await;
        let limits = TickLimits { part_max: 3, reads_max: 2, ..TickLimits::default() };
        Self { stores, world, limits }
    }

    fn start(&self) -> CancellationToken {
        let key = GrantKey::new(SecretBytes::new(vec![7; 32])).expect("long enough");
        let schedules = Schedules {
            plans: self.world.plans.clone(),
            store: self.stores.store.clone(),
            queue: self.stores.queue.clone(),
            blobs: self.stores.blobs.clone(),
            grants: Some(Arc::new(key)),
            clock: self.stores.clock.clone(),
            limits: self.limits.clone(),
        };
        let stop = CancellationToken::new();
        let token = stop.clone();
        tokio::spawn(async move { schedules.run(token).await });
        stop
    }

    /// Lets the controllers note the schedule, which starts it.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// Lets a minute pass, with looks after it.
    async fn tick(&self) {
        self.stores.clock.advance(SignedDuration::from_secs(60));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    async fn jobs(&self) -> Vec<Job> {
        let open: Vec<_> = self.stores.store.open().into_iter().map(|(run, _)| run).collect();
        self.stores.store.load(&open).await.expect("in memory")
    }

    /// How many runs there are for each user.
    async fn runs(&self) -> BTreeMap<String, usize> {
        let mut runs = BTreeMap::new();
        for job in self.jobs().await {
            *runs.entry(job.user.expect("for a user").to_string()).or_insert(0) += 1;
        }
        runs
    }
}

/// So many runs for each of these users.
fn each(users: impl IntoIterator<Item = usize>, runs: usize) -> BTreeMap<String, usize> {
    users.into_iter().map(|n| (format!("user-{n}"), runs)).collect()
}

fn channel(job: &Job) -> Value {
    let installation = job.installation.as_ref().expect("an installation");
    let Payload::Inline(bytes) = &installation.values else { panic!("small settings") };
    let values: Value = serde_json::from_slice(bytes).expect("JSON");
    values["settings"]["channel"].clone()
}

#[tokio::test(start_paused = true)]
async fn each_installation_is_run_once_a_tick_under_two_controllers() {
    let clockwork = Clockwork::new(10).await;
    clockwork.start();
    clockwork.start();
    clockwork.settle().await;
    for ticks in 1..=3 {
        clockwork.tick().await;
        assert_eq!(clockwork.runs().await, each(0..10, ticks));
    }
    assert_eq!(clockwork.stores.journal.pushed().len(), 30, "each is pushed once");
    for job in clockwork.jobs().await {
        let user = job.user.clone().expect("for a user");
        let expected = user.as_str().replace("user", "channel");
        assert_eq!(channel(&job), expected, "each has its own settings");
        assert!(job.grant.is_some(), "a run for a user may use the user's accounts");
    }
}

#[tokio::test(start_paused = true)]
async fn parts_whose_outcome_is_unknown_neither_lose_nor_double_a_run() {
    let clockwork = Clockwork::new(10).await;
    clockwork.start();
    clockwork.settle().await;
    clockwork.stores.store.lose_parts(3);
    clockwork.tick().await;
    assert_eq!(clockwork.runs().await, each(0..10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_was_left_in_the_middle_is_finished_by_another() {
    let clockwork = Clockwork::new(10).await;
    let first = clockwork.start();
    clockwork.settle().await;
    // The first part is committed, and the process that did it is gone at the same moment.
    clockwork.stores.store.lose_parts(1);
    clockwork.stores.clock.advance(SignedDuration::from_secs(60));
    while clockwork.jobs().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.cancel();
    assert_eq!(clockwork.jobs().await.len(), 3);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(clockwork.jobs().await.len(), 3, "nobody is there");
    clockwork.start();
    clockwork.settle().await;
    assert_eq!(clockwork.runs().await, each(0..10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changes_between_two_parts_moves_nobody_into_another_part() {
    let clockwork = Clockwork::new(10).await;
    let first = clockwork.start();
    clockwork.settle().await;
    clockwork.stores.store.lose_parts(1);
    clockwork.stores.clock.advance(SignedDuration::from_secs(60));
    while clockwork.jobs().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.cancel();
    for _ in 0..5 {
        clockwork.world.add().await;
    }
    clockwork.world.publish_installations().await;
    clockwork.start();
    clockwork.settle().await;
    let runs = clockwork.runs().await;
    assert!(runs.values().all(|runs| *runs == 1), "{runs:?}");
    assert!((0..10).all(|n| runs.contains_key(&format!("user-{n}"))), "{runs:?}");
    clockwork.tick().await;
    let runs = clockwork.runs().await;
    assert_eq!(runs.len(), 15);
}

#[tokio::test(start_paused = true)]
async fn disabled_users_and_installations_that_vanished_are_passed_over() {
    let clockwork = Clockwork::new(8).await;
    clockwork.start();
    clockwork.settle().await;
    clockwork.world.disable(1).await;
    clockwork.world.switch_off(4).await;
    clockwork.tick().await;
    assert_eq!(clockwork.runs().await, each([0, 2, 3, 5, 6, 7], 1));
}

#[tokio::test(start_paused = true)]
async fn settings_that_change_count_from_the_next_tick_on() {
    let clockwork = Clockwork::new(1).await;
    clockwork.start();
    clockwork.settle().await;
    clockwork.tick().await;
    clockwork.world.set(0, serde_json::json!({ "channel": "changed" })).await;
    clockwork.tick().await;
    let channels: Vec<Value> = clockwork.jobs().await.iter().map(channel).collect();
    assert_eq!(channels, ["channel-0", "changed"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_there_holds_a_tick_up_and_loses_nobody() {
    let mut clockwork = Clockwork::new(0).await;
    clockwork.world = Installed::unlisted(clockwork.stores.project, 4).await;
    clockwork.start();
    clockwork.settle().await;
    clockwork.tick().await;
    assert_eq!(clockwork.runs().await, BTreeMap::new());
    clockwork.world.publish_installations().await;
    clockwork.settle().await;
    assert_eq!(clockwork.runs().await, each(0..4, 1));
}

#[tokio::test(start_paused = true)]
async fn large_settings_of_a_tick_go_to_the_blob_store_and_end_their_part() {
    let mut clockwork = Clockwork::new(4).await;
    clockwork.limits.inline_bytes_max = 1_000;
    clockwork.limits.part_bytes_max = 1_500;
    for user in 0..4 {
        let large = serde_json::json!({ "channel": "c".repeat(1_200) });
        clockwork.world.set(user, large).await;
    }
    clockwork.start();
    clockwork.settle().await;
    clockwork.tick().await;
    assert_eq!(clockwork.runs().await, each(0..4, 1));
    for job in clockwork.jobs().await {
        let installation = job.installation.expect("an installation");
        assert!(matches!(installation.values, Payload::Blob(_)));
    }
    let blobs: Vec<usize> = clockwork
        .stores
        .journal
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            tenon_testkit::fakes::Entry::Blobs(count) => Some(count),
            _ => None,
        })
        .collect();
    assert_eq!(blobs, [2, 2], "two pass the limit of a transaction");
}
