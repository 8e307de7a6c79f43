use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tenon_domain::ProjectId;

use super::*;
use crate::ports::calls::ProxyCallId;

/// Keeps calls, after it has failed as often as it was told to.
#[derive(Default)]
struct Kept {
    batches: Mutex<Vec<Vec<ProxyCall>>>,
    failures: Mutex<Vec<fn() -> Error>>,
    is_stuck: bool,
}

#[async_trait]
impl ProxyCallStore for Kept {
    async fn append(&self, calls: &[ProxyCall]) -> Result<(), Error> {
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = self.failures.lock().pop() {
            return Err(failure());
        }
        self.batches.lock().push(calls.to_vec());
        Ok(())
    }
}

impl Kept {
    fn sizes(&self) -> Vec<usize> {
        self.batches.lock().iter().map(Vec::len).collect()
    }
}

fn away() -> Error {
    Error::Unavailable { action: "keep calls", source: "a test".into() }
}

fn refused() -> Error {
    Error::Rejected { action: "keep calls", source: "a test".into() }
}

fn call(number: u32) -> ProxyCall {
    ProxyCall {
        id: ProxyCallId::new(),
        project: ProjectId::new(),
        user: None,
        integration: None,
        credential: None,
        method: "GET".to_owned(),
        host: "api.example.com".to_owned(),
        path: "/things".to_owned(),
        status: 200,
        problem: None,
        started_at: Timestamp::UNIX_EPOCH,
        duration: Duration::from_millis(1),
        request_bytes: 0,
        response_bytes: 0,
        is_complete: true,
        attempts: number,
    }
}

fn settings() -> CallLogSettings {
    CallLogSettings { waiting_max: 8, batch_max: 3, ..CallLogSettings::default() }
}

struct Running {
    log: CallLog,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(kept: &Arc<Kept>) -> Self {
        let (log, writer) = call_log(kept.clone(), settings());
        let stop = CancellationToken::new();
        let task = tokio::spawn(writer.run(stop.clone()));
        Self { log, stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("it does not panic");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_written_together_and_in_order() {
    let kept = Arc::new(Kept::default());
    let running = Running::start(&kept);
    (0..7).for_each(|number| running.log.record(call(number)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(kept.sizes(), [3, 3, 1]);
    let numbers: Vec<u32> = kept.batches.lock().concat().iter().map(|c| c.attempts).collect();
    assert_eq!(numbers, (0..7).collect::<Vec<_>>());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_writes_what_is_left() {
    let kept = Arc::new(Kept::default());
    let running = Running::start(&kept);
    (0..7).for_each(|number| running.log.record(call(number)));
    running.end().await;
    assert_eq!(kept.sizes().iter().sum::<usize>(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_gets_the_same_calls_later() {
    let kept = Arc::new(Kept::default());
    kept.failures.lock().extend([away as fn() -> Error, away]);
    let running = Running::start(&kept);
    (0..2).for_each(|number| running.log.record(call(number)));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(kept.sizes(), [2]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_database_refuses_for_good_does_not_stop_the_rest() {
    let kept = Arc::new(Kept::default());
    kept.failures.lock().push(refused);
    let running = Running::start(&kept);
    (0..3).for_each(|number| running.log.record(call(number)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.log.record(call(3));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kept.sizes(), [1]);
    assert_eq!(kept.batches.lock()[0][0].attempts, 3);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_dropped_and_counted() {
    let kept = Arc::new(Kept { is_stuck: true, ..Kept::default() });
    let running = Running::start(&kept);
    (0..3).for_each(|number| running.log.record(call(number)));
    // A full batch is with the database now, which does not answer.
    tokio::time::sleep(Duration::from_secs(1)).await;
    (0..20).for_each(|number| running.log.record(call(number)));
    assert_eq!(running.log.dropped(), 12, "eight fit");
    running.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_database_that_is_away() {
    let kept = Arc::new(Kept::default());
    kept.failures.lock().extend([away as fn() -> Error; 100]);
    let running = Running::start(&kept);
    (0..8).for_each(|number| running.log.record(call(number)));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun = tokio::time::Instant::now();
    running.end().await;
    assert!(begun.elapsed() <= settings().stop_grace, "{:?}", begun.elapsed());
    assert!(kept.sizes().is_empty());
}
