//! Single keys get lost (evicted, deleted by hand): the sweep's questions and the next beats,
//! claims and reaps repair the shard.
//!
//! Each case plays a live worker that beats, a sweep that pushes every open job that the queue does
//! not know, and a worker that works off what is handed out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, Depth, DueMs, Generation, JobQueue, Lane, LaneRule, Lease, Push, Shard,
    Source, Terms,
};
use tenon_redis::RedisQueue;

use super::Bench;

const LEASE: Duration = Duration::from_secs(2);

/// Longer than a repaired queue waits for its workers, and leases last.
const ROUNDS: usize = 60;
const ROUND: Duration = Duration::from_millis(100);

/// Rounds after which the live worker finishes what it holds.
const FINISHES_AT: usize = 25;

/// A queue with jobs in all places.
struct World {
    bench: Bench,
    queue: Arc<RedisQueue>,
    name: QueueName,
    open: Vec<Push>,
    held: Vec<Lease>,
    done: Vec<RunId>,
    lane: Vec<RunId>,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::start().await;
        let (queue, name) = (bench.queue(), QueueName::new("orders"));
        queue.install_generation(Generation(1)).await.expect("installing works");
        let terms =
            Terms { running_max: Some(100), starts_per_second: Some(1_000.0), ..Terms::default() };
        queue.set_terms(&[(name.clone(), terms)]).await.expect("setting terms works");
        let mut world =
            Self { bench, queue, name, open: vec![], held: vec![], done: vec![], lane: vec![] };
        let lane = Lane { key: [1; 16], rule: LaneRule::InOrder };
        world.lane = (0..3).map(|_| RunId::new()).collect();
        let in_lane: Vec<_> =
            world.lane.iter().map(|run| Push { lane: Some(lane), ..Push::now(*run) }).collect();
        world.push_new(&in_lane).await;
        world.push_new(&new_jobs(2)).await;
        let claimed = world.claim(3).await;
        assert_eq!(claimed.jobs.len(), 3);
        assert_eq!(claimed.jobs[0].run, world.lane[0]);
        world.held = leases(&claimed);
        world.push_new(&new_jobs(3)).await;
        let soon = DueMs(jiff::Timestamp::now().as_millisecond() + 1_000);
        let delayed = new_jobs(2).into_iter().map(|job| Push { due: Some(soon), ..job });
        world.push_new(&delayed.collect::<Vec<_>>()).await;
        world
    }

    fn shard(&self) -> Shard {
        self.queue.shard_of(&self.name)
    }

    fn key(&self, part: &str) -> String {
        format!("{{q{}}}:{part}", self.shard().0)
    }

    fn keys(&self) -> Vec<String> {
        let script = "return table.concat(redis.call('KEYS', '{q*'), ' ')";
        let keys = self.bench.server.command(&["EVAL", script, "0"]).expect("redis answers");
        keys.split(' ').filter(|key| key.starts_with(&self.key(""))).map(str::to_owned).collect()
    }

    fn lose(&self, key: &str) {
        let lost = self.bench.server.command(&["DEL", key]).expect("redis answers");
        assert_eq!(lost, "1", "there is no {key}");
    }

    async fn push_new(&mut self, jobs: &[Push]) {
        self.open.extend(jobs);
        self.push(jobs).await;
    }

    async fn push(&self, jobs: &[Push]) {
        let jobs: Vec<_> = jobs.iter().map(|job| (self.name.clone(), *job)).collect();
        self.queue.push(&jobs).await.expect("a push works");
    }

    async fn claim(&self, max: usize) -> Claimed {
        let ask = Ask { max, max_of_queue: max, ttl: LEASE, except: Vec::new() };
        self.queue.claim(&Source::Shared(self.shard()), &ask).await.expect("a claim works")
    }

    /// Pushes what is open and not known, and takes back what lapsed.
    async fn sweep(&self) {
        self.queue.reap(self.shard()).await.expect("a reap works");
        let runs: Vec<_> = self.open.iter().map(|job| job.run).collect();
        let known = self.queue.known(&self.name, &runs).await.expect("asking works");
        let missing = self.open.iter().zip(known).filter(|(_, is_known)| !is_known);
        let jobs: Vec<_> = missing.map(|(job, _)| Push { is_recovered: true, ..*job }).collect();
        self.push(&jobs).await;
    }

    async fn beat(&mut self) {
        let of = |lease: &Lease| Beat { queue: self.name.clone(), lease: *lease, order: None };
        let leases: Vec<_> = self.held.iter().map(of).collect();
        let lost = self.queue.beat(self.shard(), &leases, LEASE).await.expect("a beat works");
        self.held.retain(|lease| !lost.contains(&lease.run));
    }

    async fn finish(&mut self, leases: &[Lease]) {
        self.queue.ack(self.shard(), leases).await.expect("an ack works");
        for lease in leases {
            self.open.retain(|job| job.run != lease.run);
            self.done.push(lease.run);
        }
    }

    /// Takes what is handed out and finishes it. A worker that is given a repaired job looks whether
    /// it is still open.
    async fn work(&mut self) {
        let claimed = self.claim(2).await;
        for job in &claimed.jobs {
            let is_done = self.done.contains(&job.run);
            assert!(!is_done || job.is_recovered, "a finished job was handed out unflagged");
            let is_held = self.held.iter().any(|lease| lease.run == job.run);
            assert!(!is_held, "a job is handed out that another holds");
            let is_behind = self.lane[1..].contains(&job.run);
            let first_is_out = self.held.iter().any(|lease| lease.run == self.lane[0]);
            assert!(!is_behind || !first_is_out, "two jobs of a lane are out");
        }
        let open: Vec<_> = leases(&claimed);
        let is_open = |lease: &&Lease| !self.done.contains(&lease.run);
        let fresh: Vec<_> = open.iter().filter(is_open).copied().collect();
        self.queue.ack(self.shard(), &open).await.expect("an ack works");
        self.finish(&fresh).await;
    }

    async fn live(&mut self) {
        for round in 0..ROUNDS {
            if round == FINISHES_AT {
                let held = std::mem::take(&mut self.held);
                self.finish(&held).await;
            }
            self.beat().await;
            self.sweep().await;
            self.work().await;
            tokio::time::sleep(ROUND).await;
        }
    }

    fn assert_all_done(&self, key: &str) {
        assert!(self.open.is_empty(), "without {key} these are still open: {:?}", self.open);
        let unique: HashSet<_> = self.done.iter().collect();
        assert_eq!(unique.len(), self.done.len(), "a job was done twice without {key}");
        let in_lane: Vec<_> = self.done.iter().filter(|run| self.lane.contains(run)).collect();
        assert!(in_lane.is_sorted(), "a lane was out of order without {key}");
    }

    async fn depth(&self) -> Depth {
        self.queue.depth(&self.name).await.expect("counting works")
    }
}

fn new_jobs(count: usize) -> Vec<Push> {
    (0..count).map(|_| Push::now(RunId::new())).collect()
}

fn leases(claimed: &Claimed) -> Vec<Lease> {
    claimed.jobs.iter().map(|job| Lease { run: job.run, fence: claimed.fence }).collect()
}

async fn loses(key: String) {
    let mut world = World::new().await;
    world.lose(&key);
    world.live().await;
    world.assert_all_done(&key);
    let depth = world.depth().await;
    assert_eq!(depth, Depth::default(), "without {key} something stayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_may_be_lost() {
    let keys = World::new().await.keys();
    for part in ["meta", "running", "owners", "turns", "due", "queues", "terms"] {
        assert!(keys.iter().any(|key| key.ends_with(part)), "{part} is not among {keys:?}");
    }
    for part in ["k", "r", "d", "o", "w", "t"] {
        assert!(keys.iter().any(|key| key.ends_with(&format!(":{part}:orders"))), "{keys:?}");
    }
    join_all(keys.into_iter().map(loses)).await;
}

#[tokio::test]
async fn live_workers_keep_their_jobs_when_the_leases_are_lost() {
    for part in ["running", "owners"] {
        let mut world = World::new().await;
        world.lose(&world.key(part));
        world.beat().await;
        assert_eq!(world.held.len(), 3, "they take them up again");
        assert_eq!(world.depth().await, Depth { running: 3, ..Depth::default() });
    }
}

#[tokio::test]
async fn jobs_are_not_handed_out_twice_before_the_sweep_comes() {
    // Pushes come in while `k` is gone, so that two copies of a job are ready.
    let mut world = World::new().await;
    world.lose(&world.key("k:orders"));
    let again: Vec<_> = world.open.iter().map(|job| Push { is_recovered: true, ..*job }).collect();
    world.push(&again).await;
    let mut seen = Vec::new();
    loop {
        let claimed = world.claim(2).await;
        if claimed.jobs.is_empty() {
            break;
        }
        seen.extend(claimed.jobs.iter().map(|job| job.run));
        world.finish(&leases(&claimed)).await;
    }
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
    assert_eq!(seen.len(), 3, "the others are held by a worker, delayed, or wait for their lane");
}

#[tokio::test]
async fn fences_from_before_a_shard_was_made_anew_hold_no_longer() {
    let world = World::new().await;
    world.lose(&world.key("meta"));
    world.sweep().await;
    let claimed = world.claim(10).await;
    assert!(!claimed.jobs.is_empty() && claimed.jobs.iter().all(|job| job.is_recovered));
    assert!(world.held.iter().all(|lease| lease.fence != claimed.fence));
    world.queue.ack(world.shard(), &world.held).await.expect("an ack works");
    assert_eq!(world.depth().await.running, claimed.jobs.len() as u64);
}
