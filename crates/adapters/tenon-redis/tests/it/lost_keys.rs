//! Single keys get lost (evicted, deleted by hand): the sweep's questions repair the queue.
//!
//! Each test plays the sweep: it pushes every open job that the queue does not know.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{Depth, Generation, JobQueue, Lease, Push};
use tenon_redis::RedisQueue;

use super::Bench;

const LEASE: Duration = Duration::from_secs(60);

/// Ten jobs: four leased, four ready, two delayed.
struct Lost {
    bench: Bench,
    queue: Arc<RedisQueue>,
    name: QueueName,
    open: Vec<RunId>,
    held: Vec<Lease>,
}

impl Lost {
    /// Fills a queue, then loses one of its keys.
    async fn key(key: &str) -> Self {
        let bench = Bench::start().await;
        let (queue, name) = (bench.queue(), QueueName::new("orders"));
        queue.install_generation(Generation(1)).await.expect("installing works");
        let open: Vec<_> = (0..10).map(|_| RunId::new()).collect();
        let far = tenon_exec::ports::queue::DueMs(i64::from(u32::MAX) * 1_000);
        let jobs: Vec<_> = open
            .iter()
            .enumerate()
            .map(|(i, run)| Push { run: *run, due: (i >= 8).then_some(far), is_recovered: false })
            .collect();
        queue.push(&name, &jobs).await.expect("a push works");
        let claimed = queue.claim(&name, 4, LEASE).await.expect("a claim works");
        let fence = claimed.fence;
        let held = claimed.jobs.iter().map(|job| Lease { run: job.run, fence }).collect();
        let key = format!("{{q:orders}}:{key}");
        assert_eq!(bench.server.command(&["DEL", &key]).expect("redis answers"), "1");
        Self { bench, queue, name, open, held }
    }

    /// Pushes what is open and not known; twice, as a sweep comes again and again.
    async fn sweep(&self) {
        for _ in 0..2 {
            let known = self.queue.known(&self.name, &self.open).await.expect("asking works");
            let missing = self.open.iter().zip(known).filter(|(_, is_known)| !is_known);
            let jobs: Vec<_> =
                missing.map(|(run, _)| Push { run: *run, due: None, is_recovered: true }).collect();
            self.queue.push(&self.name, &jobs).await.expect("a push works");
        }
    }

    async fn depth(&self) -> Depth {
        self.queue.depth(&self.name).await.expect("counting works")
    }

    /// Whether the queue is listed as active.
    async fn is_listed(&self) -> bool {
        self.queue.active().await.expect("listing works").contains(&self.name)
    }

    /// Beats, finishes what is held, then works off the rest; answers what was handed out.
    async fn finish(&mut self) -> Vec<RunId> {
        let lost = self.queue.beat(&self.name, &self.held, LEASE).await.expect("a beat works");
        self.held.retain(|lease| !lost.contains(&lease.run));
        let mut done: Vec<_> = self.held.iter().map(|lease| lease.run).collect();
        self.queue.ack(&self.name, &self.held).await.expect("an ack works");
        loop {
            let claimed = self.queue.claim(&self.name, 3, LEASE).await.expect("a claim works");
            if claimed.jobs.is_empty() {
                return done;
            }
            let fence = claimed.fence;
            let held: Vec<_> =
                claimed.jobs.iter().map(|job| Lease { run: job.run, fence }).collect();
            done.extend(held.iter().map(|lease| lease.run));
            self.queue.ack(&self.name, &held).await.expect("an ack works");
        }
    }

    /// Every open job was handed out once, but for those in `delayed`.
    fn assert_all_once(&self, mut done: Vec<RunId>, delayed: u64) {
        let unique: HashSet<_> = done.iter().copied().collect();
        assert_eq!(unique.len(), done.len(), "a job was handed out twice");
        done.sort();
        assert_eq!(done.len() as u64 + delayed, self.open.len() as u64, "a job is missing");
    }
}

#[tokio::test]
async fn the_ready_list_is_pushed_again() {
    let mut lost = Lost::key("r").await;
    lost.sweep().await;
    assert_eq!(lost.depth().await, Depth { ready: 6, delayed: 0, running: 4 });
    let done = lost.finish().await;
    lost.assert_all_once(done, 0);
}

#[tokio::test]
async fn the_delayed_jobs_are_pushed_again() {
    let mut lost = Lost::key("d").await;
    lost.sweep().await;
    let done = lost.finish().await;
    lost.assert_all_once(done, 0);
}

#[tokio::test]
async fn the_set_of_known_jobs_is_made_again() {
    let mut lost = Lost::key("known").await;
    lost.sweep().await;
    let done = lost.finish().await;
    lost.assert_all_once(done, 0);
    assert_eq!(lost.depth().await, Depth::default());
}

#[tokio::test]
async fn jobs_are_not_handed_out_twice_before_the_sweep_comes() {
    // Pushes come in while `known` is gone, so that two copies of a job are ready.
    let mut lost = Lost::key("known").await;
    let jobs: Vec<_> = lost.open[..8]
        .iter()
        .map(|run| Push { run: *run, due: None, is_recovered: true })
        .collect();
    lost.queue.push(&lost.name, &jobs).await.expect("a push works");
    let done = lost.finish().await;
    lost.assert_all_once(done, 2);
}

#[tokio::test]
async fn leases_without_deadlines_are_taken_up_by_their_next_beat() {
    let mut lost = Lost::key("run").await;
    let beaten = lost.queue.beat(&lost.name, &lost.held, LEASE).await.expect("a beat works");
    assert_eq!(beaten, []);
    assert_eq!(lost.depth().await, Depth { ready: 4, delayed: 2, running: 4 });
    let done = lost.finish().await;
    lost.assert_all_once(done, 2);
}

#[tokio::test]
async fn leases_without_deadlines_of_dead_workers_are_pushed_again() {
    let mut lost = Lost::key("run").await;
    lost.sweep().await;
    assert_eq!(lost.depth().await, Depth { ready: 10, delayed: 0, running: 0 });
    lost.held.clear();
    let done = lost.finish().await;
    lost.assert_all_once(done, 0);
}

#[tokio::test]
async fn leases_without_owners_lapse_and_come_back() {
    let lost = Lost::key("own").await;
    let beaten = lost.queue.beat(&lost.name, &lost.held, LEASE).await.expect("a beat works");
    assert_eq!(beaten.len(), 4, "without its fence no worker is the holder");
    assert_eq!(lost.depth().await.running, 4, "they wait for their deadlines");
}

#[tokio::test]
async fn a_queue_without_its_meta_starts_again() {
    let mut lost = Lost::key("meta").await;
    lost.sweep().await;
    assert_eq!(lost.depth().await, Depth { ready: 10, delayed: 0, running: 0 });
    let before = lost.held[0].fence;
    let claimed = lost.queue.claim(&lost.name, 10, LEASE).await.expect("a claim works");
    assert_ne!(claimed.fence, before);
    assert!(claimed.jobs.iter().all(|job| job.is_recovered));
    lost.queue.ack(&lost.name, &lost.held).await.expect("an ack works");
    assert_eq!(lost.depth().await.running, 10, "the old fences hold no longer");
    lost.held =
        claimed.jobs.iter().map(|job| Lease { run: job.run, fence: claimed.fence }).collect();
    let done = lost.finish().await;
    lost.assert_all_once(done, 0);
}

#[tokio::test]
async fn the_list_of_active_queues_is_made_again_by_the_sweep() {
    let lost = Lost::key("own").await;
    assert_eq!(lost.bench.server.command(&["DEL", "{reg}:active"]).expect("redis answers"), "1");
    assert!(!lost.is_listed().await);
    // A handle does not list the same queue again within a second.
    let sweeper = lost.bench.queue();
    sweeper.install_generation(Generation(1)).await.expect("installing works");
    sweeper.known(&lost.name, &lost.open).await.expect("asking works");
    assert!(lost.is_listed().await);
}

#[tokio::test]
async fn a_quiet_queue_is_listed_while_it_holds_jobs() {
    let lost = Lost::key("own").await;
    // As if the last push had been long ago.
    let age = || lost.bench.server.command(&["ZADD", "{reg}:active", "1", "orders"]);
    age().expect("redis answers");
    assert!(lost.is_listed().await);
    let score = lost.bench.server.command(&["ZSCORE", "{reg}:active", "orders"]);
    assert_ne!(score.expect("redis answers"), "1", "it is not looked at again for a while");
    lost.queue.remove(&lost.name, &lost.open).await.expect("removing works");
    assert!(lost.is_listed().await);
    age().expect("redis answers");
    assert!(!lost.is_listed().await);
}

#[tokio::test]
async fn a_queue_that_was_pushed_to_meanwhile_is_not_taken_off() {
    let lost = Lost::key("own").await;
    let script = include_str!("../../scripts/unregister.lua");
    let unregister = |pushed_at: &str| {
        let command = ["EVAL", script, "1", "{reg}:active", "orders", pushed_at];
        lost.bench.server.command(&command).expect("redis answers")
    };
    let pushed_at = lost.bench.server.command(&["ZSCORE", "{reg}:active", "orders"]);
    assert_eq!(unregister("1"), "0", "the last push is later than the caller saw");
    assert!(lost.is_listed().await);
    assert_eq!(unregister(&pushed_at.expect("redis answers")), "1");
    assert!(!lost.is_listed().await);
}
