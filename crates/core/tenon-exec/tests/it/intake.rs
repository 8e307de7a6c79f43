//! Intake: accepted means committed, and whoever is turned away left nothing behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tenon_exec::intake::{FreshJobs, Intake, IntakeParts, Refused, build};
use tenon_exec::ports::history::Payload;
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::store::{Accept, Accepted, Job, JobStore, OnceKey};
use tenon_exec::settings::Settings;
use tenon_testkit::fakes::Entry;

use crate::bench::Stores;

/// An intake whose committers are yet to be started.
struct Door {
    stores: Stores,
    intake: Intake,
    committers: Vec<tenon_exec::intake::Committer>,
    fresh: Arc<FreshJobs>,
}

impl Door {
    async fn new(settings: Settings) -> Self {
        let stores = Stores::new(settings);
        stores.local.install_generation(Generation(1)).await.expect("in memory");
        let fresh = Arc::new(FreshJobs::default());
        let (intake, committers) = build(IntakeParts {
            store: stores.store.clone(),
            blobs: stores.blobs.clone(),
            queue: stores.queue.clone(),
            fresh: Some(fresh.clone()),
            grants: None,
            settings: stores.settings.clone(),
        });
        Self { stores, intake, committers, fresh }
    }

    async fn open(settings: Settings) -> Self {
        let mut door = Self::new(settings).await;
        door.start();
        door
    }

    fn start(&mut self) {
        for committer in self.committers.drain(..) {
            tokio::spawn(committer.run());
        }
    }

    async fn accept(&self, job: Job) -> Result<Accepted, Refused> {
        self.intake.accept(Accept { job, once: None }, None).await
    }

    fn job(&self) -> Job {
        self.stores.job(&json!({}))
    }

    fn is_open(&self, job: &Job) -> bool {
        self.stores.store.open().iter().any(|(run, _)| *run == job.run)
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_after_the_commit() {
    let door = Door::open(Settings::default()).await;
    let job = door.job();
    assert_eq!(door.accept(job.clone()).await, Ok(Accepted::New));
    assert!(door.is_open(&job));
}

#[tokio::test(start_paused = true)]
async fn an_accepted_job_is_pushed_and_kept_at_hand() {
    let door = Door::open(Settings::default()).await;
    let job = door.job();
    let accept = Accept { job: job.clone(), once: None };
    let accepted = door.intake.accept(accept, Some(Arc::new(json!({})))).await;
    assert_eq!(accepted, Ok(Accepted::New));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(door.stores.journal.pushed(), [(job.run, false)]);
    assert!(door.fresh.take(job.run).is_some());
    assert!(door.fresh.take(job.run).is_none(), "only once");
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_turned_away_at_once() {
    let mut door = Door::new(Settings { accept_waiting_max: 1, ..Settings::default() }).await;
    let (first, second) = (door.job(), door.job());
    let intake = door.intake.clone();
    let accept = Accept { job: first.clone(), once: None };
    let waits = tokio::spawn(async move { intake.accept(accept, None).await });
    tokio::task::yield_now().await;
    assert_eq!(door.accept(second.clone()).await, Err(Refused::Overloaded));
    door.start();
    assert_eq!(waits.await.expect("no panic"), Ok(Accepted::New));
    assert!(door.is_open(&first));
    assert!(!door.is_open(&second));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_turns_callers_away() {
    let door = Door::open(Settings::default()).await;
    let job = door.job();
    door.stores.store.set_away(true);
    assert_eq!(door.accept(job.clone()).await, Err(Refused::Unavailable));
    door.stores.store.set_away(false);
    assert!(!door.is_open(&job));
    assert_eq!(door.accept(job).await, Ok(Accepted::New));
}

#[tokio::test(start_paused = true)]
async fn one_refused_job_does_not_hold_up_the_others_of_its_batch() {
    let mut door = Door::new(Settings::default()).await;
    let jobs = [door.job(), door.job(), door.job()];
    door.stores.store.refuse_run(jobs[1].run);
    door.start();
    let [first, second, third] = jobs.clone();
    let outcomes = tokio::join!(door.accept(first), door.accept(second), door.accept(third));
    assert_eq!(outcomes, (Ok(Accepted::New), Err(Refused::Rejected), Ok(Accepted::New)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(door.stores.journal.pushed().len(), 2);
    let open: Vec<bool> = jobs.iter().map(|job| door.is_open(job)).collect();
    assert_eq!(open, [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_away_does_not_keep_work_out() {
    let door = Door::open(Settings::default()).await;
    door.stores.queue.set_away(true);
    let job = door.job();
    assert_eq!(door.accept(job.clone()).await, Ok(Accepted::New));
    assert!(door.is_open(&job));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_told_the_first_run_and_not_pushed() {
    let door = Door::open(Settings::default()).await;
    let (first, second, third) = (door.job(), door.job(), door.job());
    let once = |digest| Some(OnceKey { key: "event:1".to_owned(), digest: [digest; 32] });
    let accept = |job: &Job, once| door.intake.accept(Accept { job: job.clone(), once }, None);
    assert_eq!(accept(&first, once(1)).await, Ok(Accepted::New));
    assert_eq!(accept(&second, once(1)).await, Ok(Accepted::Repeat(first.run)));
    assert_eq!(accept(&third, once(2)).await, Ok(Accepted::Conflict));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(door.stores.journal.pushed(), [(first.run, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_large_input_is_in_the_blob_store_before_its_row() {
    let door = Door::open(Settings { inline_bytes_max: 10, ..Settings::default() }).await;
    let mut job = door.job();
    job.input = Payload::Inline(Bytes::from_static(b"{\"event\":\"longer than ten\"}"));
    assert_eq!(door.accept(job.clone()).await, Ok(Accepted::New));
    let entries = door.stores.journal.entries();
    assert_eq!(entries[..2], [Entry::Blobs(1), Entry::Accepted(1)]);
    let kept = door.stores.store.load(&[job.run]).await.expect("in memory");
    assert!(matches!(kept[0].input, Payload::Blob(_)));
    door.stores.blobs.set_away(true);
    let again = Job { run: tenon_domain::RunId::new(), ..job };
    assert_eq!(door.accept(again.clone()).await, Err(Refused::Unavailable));
    assert!(!door.is_open(&again));
}
