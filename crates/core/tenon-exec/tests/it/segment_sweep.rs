//! The sweep of segments that no row names: what is named stays, whatever happens at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::SignedDuration;
use parking_lot::Mutex;
use proptest::prelude::*;
use tenon_domain::{Clock, RunId, StepId, SystemClock};
use tenon_exec::ports::blobs::{BlobStore, SegmentNames};
use tenon_exec::ports::history::{Payload, StepStatus};
use tenon_exec::ports::store::{self, Iteration, StepRow};
use tenon_exec::segment_sweep::{Limits, Pass, SegmentSweep};
use tenon_exec::settings::Settings;
use tenon_testkit::fakes::{FakeClock, Journal, MemoryBlobs};
use uuid::Uuid;

use crate::bench::Stores;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn limits() -> Limits {
    Limits { orphan_age: DAY, retention: 30 * DAY, interval: HOUR, condemned_max: 1_000 }
}

/// Rows of which only the names matter: how often each segment is named.
#[derive(Default)]
struct Rows(Mutex<BTreeMap<Uuid, u32>>);

impl Rows {
    fn name(&self, segment: Uuid) {
        *self.0.lock().entry(segment).or_default() += 1;
    }

    fn forget(&self, segment: Uuid) {
        self.0.lock().remove(&segment);
    }
}

#[async_trait]
impl SegmentNames for Rows {
    async fn named_among(&self, segments: &[Uuid]) -> Result<Vec<Uuid>, store::Error> {
        let rows = self.0.lock();
        Ok(segments.iter().copied().filter(|segment| rows.contains_key(segment)).collect())
    }
}

/// A store, rows and a sweep on a clock that the test moves.
struct Bench {
    blobs: Arc<MemoryBlobs>,
    rows: Arc<Rows>,
    clock: Arc<FakeClock>,
    sweep: SegmentSweep,
    written: u64,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let blobs = Arc::new(MemoryBlobs::new(Journal::default()));
        let rows = Arc::new(Rows::default());
        let clock = Arc::new(FakeClock::at("2027-03-01T00:00:00Z"));
        let sweep = SegmentSweep::new(blobs.clone(), rows.clone(), clock.clone(), limits);
        Self { blobs, rows, clock, sweep, written: 0 }
    }

    /// Writes a segment now.
    fn write(&mut self) -> Uuid {
        self.written += 1;
        let millis = u64::try_from(self.clock.now().as_millisecond()).expect("after 1970");
        let mut counter = [0; 10];
        counter[2..].copy_from_slice(&self.written.to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &counter).into_uuid();
        self.blobs.put(id, Bytes::from_static(b"value"));
        id
    }

    fn wait(&self, time: Duration) {
        self.clock.advance(SignedDuration::try_from(time).expect("a short time"));
    }

    async fn pass(&mut self) -> Pass {
        self.sweep.pass().await.expect("nothing is away")
    }
}

#[tokio::test]
async fn an_orphan_goes_when_it_is_old_enough_and_nothing_else_does() {
    let mut bench = Bench::new(limits());
    let (named, orphan) = (bench.write(), bench.write());
    bench.rows.name(named);
    bench.wait(DAY - HOUR);
    let young = bench.write();
    assert_eq!(bench.pass().await, Pass::default(), "nothing is of age");
    bench.wait(2 * HOUR);
    let found = bench.pass().await;
    assert_eq!((found.examined, found.condemned, found.deleted), (2, 1, 0));
    assert!(bench.blobs.ids().contains(&orphan), "one look is not enough");
    let swept = bench.pass().await;
    assert_eq!((swept.examined, swept.deleted, swept.bytes_deleted), (0, 1, 5));
    assert_eq!(bench.blobs.ids(), [named, young]);
}

#[tokio::test]
async fn what_retention_sets_free_goes_and_what_a_long_run_names_stays() {
    let mut bench = Bench::new(limits());
    let (ended, open) = (bench.write(), bench.write());
    bench.rows.name(ended);
    bench.rows.name(open);
    for _ in 0..40 {
        bench.wait(DAY);
        bench.pass().await;
    }
    assert_eq!(bench.blobs.ids(), [ended, open], "both are named");
    bench.rows.forget(ended);
    bench.pass().await;
    bench.pass().await;
    assert_eq!(bench.blobs.ids(), [open], "as old as it is");
}

#[tokio::test]
async fn a_replay_that_names_a_condemned_segment_saves_it() {
    let mut bench = Bench::new(limits());
    let segment = bench.write();
    bench.wait(31 * DAY);
    assert_eq!(bench.pass().await.condemned, 1);
    bench.rows.name(segment);
    for _ in 0..3 {
        assert_eq!(bench.pass().await.deleted, 0);
    }
    assert_eq!(bench.blobs.ids(), [segment]);
}

#[tokio::test]
async fn more_than_can_be_remembered_goes_in_several_passes() {
    let mut bench = Bench::new(Limits { condemned_max: 700, ..limits() });
    for _ in 0..2_500 {
        bench.write();
    }
    bench.wait(2 * DAY);
    let kept = bench.write();
    for _ in 0..8 {
        bench.pass().await;
    }
    assert_eq!(bench.blobs.ids(), [kept]);
}

#[tokio::test]
async fn while_a_store_is_away_nothing_is_forgotten() {
    let mut bench = Bench::new(limits());
    bench.write();
    bench.wait(2 * DAY);
    bench.pass().await;
    bench.blobs.set_away(true);
    assert!(bench.sweep.pass().await.is_err());
    bench.blobs.set_away(false);
    assert_eq!(bench.pass().await.deleted, 1, "it was still condemned");
}

/// What may happen, in any order.
#[derive(Debug, Clone)]
enum Event {
    /// A process writes a segment and commits its row after so many minutes, or dies first.
    Write { commit_after_minutes: Option<u64> },
    /// So many minutes go by.
    Wait(u64),
    /// A controller looks.
    Pass,
    /// Another controller starts: it knows nothing.
    NewController,
    /// Retention drops the row of one of the segments that are older than it.
    Drop(prop::sample::Index),
    /// Somebody replays a run: its segment is named once more, by a run that stays.
    Replay(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::option::weighted(0.8, 0..23 * 60_u64)
            .prop_map(|commit_after_minutes| Event::Write { commit_after_minutes }),
        4 => (1..40 * 60_u64).prop_map(Event::Wait),
        1 => (20 * 1_440..40 * 1_440_u64).prop_map(Event::Wait),
        4 => Just(Event::Pass),
        1 => Just(Event::NewController),
        2 => any::<prop::sample::Index>().prop_map(Event::Drop),
        2 => any::<prop::sample::Index>().prop_map(Event::Replay),
    ]
}

/// Plays the events; answers how often a named segment was missing.
async fn play(limits: Limits, events: &[Event]) -> usize {
    let mut bench = Bench::new(limits.clone());
    let mut pending: Vec<(jiff::Timestamp, Uuid)> = Vec::new();
    let mut replayed = BTreeSet::new();
    let mut missing = BTreeSet::<Uuid>::new();
    let retention = SignedDuration::try_from(30 * DAY).expect("a short time");
    for event in events {
        match event {
            Event::Write { commit_after_minutes } => {
                let segment = bench.write();
                if let Some(minutes) = commit_after_minutes {
                    let after = SignedDuration::from_mins(i64::try_from(*minutes).expect("small"));
                    pending.push((bench.clock.now() + after, segment));
                }
            }
            Event::Wait(minutes) => bench.wait(Duration::from_secs(minutes * 60)),
            Event::Pass => {
                bench.pass().await;
            }
            Event::NewController => {
                let (blobs, rows) = (bench.blobs.clone(), bench.rows.clone());
                bench.sweep = SegmentSweep::new(blobs, rows, bench.clock.clone(), limits.clone());
            }
            Event::Drop(index) => {
                let before = bench.clock.now() - retention;
                let rows: Vec<Uuid> = bench.rows.0.lock().keys().copied().collect();
                let old: Vec<Uuid> = rows
                    .into_iter()
                    .filter(|id| begun(*id) < before && !replayed.contains(id))
                    .collect();
                if !old.is_empty() {
                    bench.rows.forget(*index.get(&old));
                }
            }
            Event::Replay(index) => {
                let rows: Vec<Uuid> = bench.rows.0.lock().keys().copied().collect();
                if !rows.is_empty() {
                    let segment = *index.get(&rows);
                    bench.rows.name(segment);
                    replayed.insert(segment);
                }
            }
        }
        let now = bench.clock.now();
        for (_, segment) in pending.extract_if(.., |(due, _)| *due <= now) {
            bench.rows.name(segment);
        }
        let there: BTreeSet<Uuid> = bench.blobs.ids().into_iter().collect();
        missing.extend(bench.rows.0.lock().keys().filter(|id| !there.contains(id)).copied());
    }
    missing.len()
}

fn begun(segment: Uuid) -> jiff::Timestamp {
    let ms = tenon_exec::ports::blobs::begun_ms(segment);
    jiff::Timestamp::from_millisecond(ms).expect("a time")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

proptest! {
    #[test]
    fn no_named_segment_is_ever_missing(events in prop::collection::vec(event(), 0..120)) {
        prop_assert_eq!(block_on(play(limits(), &events)), 0);
    }
}

/// The property can fail: without the age a writer that commits a moment later loses its value.
#[tokio::test]
async fn without_the_age_a_named_segment_is_missing() {
    let events = [
        Event::Write { commit_after_minutes: Some(30) },
        Event::Wait(1),
        Event::Pass,
        Event::Pass,
        Event::Wait(40),
    ];
    assert_eq!(play(limits(), &events).await, 0);
    assert_eq!(play(Limits { orphan_age: Duration::ZERO, ..limits() }, &events).await, 1);
}

fn row(stores: &Stores, step: usize, output: Bytes) -> StepRow {
    StepRow {
        run: RunId::from_uuid(Uuid::now_v7()),
        project: stores.project,
        step: StepId::new(format!("s{step}")),
        kind: "function",
        iteration: Iteration::new(),
        attempt: 1,
        pauses: 0,
        status: StepStatus::Succeeded,
        started_at: stores.clock.now(),
        duration_us: 1,
        input: None,
        output: Some(Payload::Inline(output)),
        error: None,
        retry_at: None,
        logs: None,
        logs_dropped: 0,
    }
}

/// A recorder and a sweep at once, on real time: aged orphans go, and every recorded value is
/// there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_and_sweeping_at_once_lose_no_named_value() {
    let stores = Stores::new(Settings { inline_bytes_max: 10, ..Settings::default() });
    let aged = (0..200_u8).map(|orphan| {
        let day_before = SystemClock.now() - SignedDuration::from_hours(48);
        let millis = u64::try_from(day_before.as_millisecond()).expect("after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &[orphan; 10]).into_uuid()
    });
    for orphan in aged {
        stores.blobs.put(orphan, Bytes::from_static(b"orphan"));
    }
    let mut sweep = SegmentSweep::new(
        stores.blobs.clone(),
        stores.store.clone(),
        Arc::new(SystemClock),
        Limits { orphan_age: HOUR, ..limits() },
    );
    let recorder = stores.record();
    let sweeping = tokio::spawn(async move {
        let mut deleted = 0;
        while deleted < 200 {
            deleted += sweep.pass().await.expect("nothing is away").deleted;
            tokio::task::yield_now().await;
        }
        sweep.pass().await.expect("nothing is away");
    });
    let rows: Vec<StepRow> = (0..500)
        .map(|at| row(&stores, at, Bytes::from(format!("\"value number {at}\""))))
        .collect();
    for row in &rows {
        recorder.record(row.clone()).await.expect("a recorder");
    }
    recorder.barrier().await.expect("a recorder");
    sweeping.await.expect("the sweep does not panic");
    for row in rows {
        let kept = stores.store.rows_of(row.run);
        let Some(Payload::Blob(place)) = kept[0].output else { panic!("it is large") };
        let Some(Payload::Inline(value)) = row.output else { panic!("it was inline") };
        assert_eq!(stores.blobs.get(place).await.expect("it is there"), value);
    }
}
