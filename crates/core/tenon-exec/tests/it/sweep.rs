//! The sweep: every open job is in its queue, or gets there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tenon_domain::{RunId, SystemClock};
use tenon_exec::ports::queue::{Generation, JobQueue, Push};
use tenon_exec::ports::store::{Job, JobStore};
use tenon_exec::settings::Settings;
use tenon_exec::sweep::Sweep;
use tenon_testkit::fakes::Entry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::{NoContext, Timestamp, Uuid};

use crate::bench::Stores;

const GRACE: Duration = Duration::from_millis(1_500);

fn settings() -> Settings {
    Settings {
        sweep_min_age: Duration::from_secs(60),
        sweep_interval: Duration::from_secs(2),
        reap_interval: Duration::from_millis(300),
        reassert_grace: GRACE,
        ..Settings::default()
    }
}

fn sweep(stores: &Stores) -> AbortOnDropHandle<()> {
    let sweep = Sweep {
        store: stores.store.clone(),
        queue: stores.queue.clone(),
        clock: Arc::new(SystemClock),
        settings: stores.settings.clone(),
    };
    AbortOnDropHandle::new(tokio::spawn(async move { sweep.run(CancellationToken::new()).await }))
}

/// Puts an open job there that was accepted `age` ago.
fn open_job(stores: &Stores, age: Duration) -> RunId {
    let then = SystemTime::now() - age;
    let then = then.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let made = Timestamp::from_unix(NoContext, then.as_secs(), then.subsec_nanos());
    let run = RunId::from_uuid(Uuid::new_v7(made));
    stores.store.put(Job { run, ..stores.job(&json!({})) });
    run
}

async fn push(stores: &Stores, run: RunId) {
    let push = (stores.queue_name(), Push::now(run));
    stores.local.push(&[push]).await.expect("in memory");
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_missing_job_is_pushed_flagged_and_once() {
    let stores = Stores::new(settings());
    stores.local.install_generation(Generation(1)).await.expect("in memory");
    let (missing, known) = (open_job(&stores, HOUR), open_job(&stores, HOUR));
    push(&stores, known).await;
    let _sweep = sweep(&stores);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stores.journal.pushed(), [(missing, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_may_still_be_on_its_way_is_left_alone() {
    let stores = Stores::new(settings());
    stores.local.install_generation(Generation(1)).await.expect("in memory");
    open_job(&stores, Duration::ZERO);
    let _sweep = sweep(&stores);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stores.journal.pushed(), []);
}

#[tokio::test(start_paused = true)]
async fn queues_that_forgot_are_filled_after_the_grace_under_one_new_generation() {
    let stores = Stores::new(settings());
    let old = open_job(&stores, HOUR);
    let young = open_job(&stores, GRACE + Duration::from_secs(1));
    let _on_its_way = open_job(&stores, Duration::ZERO);
    let _two_at_once = (sweep(&stores), sweep(&stores));
    tokio::time::sleep(GRACE - Duration::from_millis(1)).await;
    assert_eq!(stores.journal.pushed(), [], "live workers come first");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let generation = stores.store.generation().await.expect("in memory");
    assert_eq!(generation, Generation(2), "raised once, whoever looked");
    let mut pushed = stores.journal.pushed();
    pushed.sort_unstable();
    pushed.dedup();
    assert_eq!(pushed, [(old, true), (young, true)], "the young one too: nothing was kept");
    assert!(stores.journal.entries().contains(&Entry::Installed(2)));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_a_live_worker_takes_up_again_is_not_given_to_another() {
    let stores = Stores::new(settings());
    let run = open_job(&stores, HOUR);
    stores.claim(run).await;
    stores.local.forget();
    let _sweep = sweep(&stores);
    tokio::time::sleep(GRACE / 2).await;
    stores.leases.beat(&*stores.queue, HOUR).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stores.claim_ready().await.jobs, [], "pushed or not: the queue knows who has it");
    assert_eq!(stores.leases.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_again() {
    let stores = Stores::new(settings());
    let run = open_job(&stores, HOUR);
    stores.store.set_away(true);
    let _sweep = sweep(&stores);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stores.journal.entries(), [], "no generation without its truth");
    stores.store.set_away(false);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stores.journal.pushed(), [(run, true)]);
}
