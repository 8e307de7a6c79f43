//! Random sequences of operations by two processes, compared with a tiny model after each.
//!
//! The seeds are fixed, so a failure repeats; the message names the seed and the step.

mod model;

use std::sync::Arc;
use std::time::Duration;

use model::{Held, Job, Model, lane_at};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{
    Ask, Beat, ClaimedJob, DueMs, Fence, Generation, JobQueue, Lease, Priority, Push, Shard,
    Source, Terms,
};
use tenon_exec::ports::store::JobOrder;

use super::{Harness, LONG, SHORT, in_ms};

const SEEDS: u64 = 16;
const STEPS: usize = 120;
const RUNS: usize = 12;

/// So that leases of different calls lapse at different milliseconds, before the next step.
const BETWEEN_SHORT_LEASES: Duration = Duration::from_millis(4);

/// Adapter and model agree on every answer and every count, over knowledge lost too.
pub async fn any_sequence_behaves_as_the_model(harness: &impl Harness) {
    let handles = [harness.handle().await, harness.handle().await];
    let mut generation = Generation(0);
    for seed in 0..SEEDS {
        generation.0 += 1;
        let mut driver = Driver::new(seed, generation, &handles);
        driver.install().await;
        for step in 0..STEPS {
            driver.step = step;
            driver.one_step(harness).await;
            driver.compare().await;
        }
        generation = driver.model.generation;
    }
}

struct Driver<'a> {
    seed: u64,
    step: usize,
    random: StdRng,
    handles: &'a [Arc<dyn JobQueue>; 2],
    queue: QueueName,
    runs: Vec<RunId>,
    /// Every lease ever given, so that zombies act too.
    leases: Vec<Lease>,
    last_fence: Fence,
    next_due: i64,
    model: Model,
}

impl<'a> Driver<'a> {
    fn new(seed: u64, generation: Generation, handles: &'a [Arc<dyn JobQueue>; 2]) -> Self {
        Self {
            seed,
            step: 0,
            random: StdRng::seed_from_u64(seed),
            handles,
            queue: QueueName::new(format!("random-{seed}")),
            runs: (0..RUNS).map(|_| RunId::new()).collect(),
            leases: Vec::new(),
            last_fence: Fence(0),
            next_due: 0,
            model: Model::new(generation, Terms::default()),
        }
    }

    fn at(&self) -> String {
        format!("seed {} step {}", self.seed, self.step)
    }

    fn handle(&mut self) -> Arc<dyn JobQueue> {
        let index = self.random.random_range(0..2);
        Arc::clone(&self.handles[index])
    }

    /// A due time long past or far ahead, never the same twice.
    fn draw_due(&mut self) -> DueMs {
        self.next_due += 1;
        let ms = if self.random.random_bool(0.5) { -9_000_000 } else { 9_000_000 };
        DueMs(in_ms(ms).0 + self.next_due)
    }

    fn draw_leases(&mut self) -> Vec<Lease> {
        let recent = self.leases.len().saturating_sub(20);
        let count = self.random.random_range(0..5);
        self.leases[recent..].choose_multiple(&mut self.random, count).copied().collect()
    }

    /// A priority and maybe a lane.
    fn draw_place(&mut self) -> (Priority, Option<usize>) {
        let priorities = [Priority::High, Priority::Normal, Priority::Normal, Priority::Low];
        let lane = self.random.random_bool(0.5).then(|| self.random.random_range(0..2));
        (*priorities.choose(&mut self.random).expect("there are some"), lane)
    }

    /// What a beat knows of a job: mostly its order.
    fn draw_order(&mut self) -> Option<(Priority, Option<usize>)> {
        self.random.random_bool(0.7).then(|| self.draw_place())
    }

    /// A lease, and the step it lapses at where it is short.
    fn draw_ttl(&mut self) -> (Duration, Option<usize>) {
        if self.random.random_bool(0.4) { (SHORT, Some(self.step)) } else { (LONG, None) }
    }

    async fn install(&self) {
        for handle in self.handles {
            let installed = handle.install_generation(self.model.generation).await;
            installed.expect("installing a generation works");
        }
    }

    fn shard(&self) -> Shard {
        self.handles[0].shard_of(&self.queue)
    }

    async fn one_step(&mut self, harness: &impl Harness) {
        match self.random.random_range(0..100) {
            0..25 => self.push().await,
            25..48 => self.claim().await,
            48..58 => self.beat().await,
            58..70 => self.ack().await,
            70..82 => self.nack().await,
            82..90 => {
                let shard = self.shard();
                let reaped = self.handle().reap(shard).await.expect("a reap works");
                assert_eq!(reaped, self.model.reap(in_ms(0)), "reaped at {}", self.at());
            }
            90..95 => self.remove().await,
            95..98 => self.set_terms().await,
            _ => self.forget(harness).await,
        }
    }

    async fn push(&mut self) {
        for _ in 0..self.random.random_range(1..4) {
            let run = *self.runs.choose(&mut self.random).expect("there are runs");
            let due = self.random.random_bool(0.4).then(|| self.draw_due());
            let (priority, lane) = self.draw_place();
            let push = Push {
                run,
                due,
                is_recovered: self.random.random_bool(0.3),
                priority,
                lane: lane.map(lane_at),
            };
            let job = [(self.queue.clone(), push)];
            self.handle().push(&job).await.expect("a push works");
            self.model.push(push, lane, in_ms(0));
        }
    }

    async fn claim(&mut self) {
        let max = self.random.random_range(0..4);
        let (ttl, lapsed_at_step) = self.draw_ttl();
        let source = Source::Shared(self.shard());
        let max_of_queue = self.random.random_range(1..3);
        let ask = Ask { max, max_of_queue, ttl, except: Vec::new() };
        let claimed = self.handle().claim(&source, &ask).await.expect("a claim works");
        let expected = self.model.claim(max, in_ms(0));
        let jobs: Vec<_> = expected.iter().map(|run| self.claimed_job(*run)).collect();
        assert_eq!(claimed.jobs, jobs, "claimed at {}", self.at());
        // While lanes are shut the service says when it looks again.
        if !self.model.is_blind() {
            let next_due = self.model.delayed.iter().map(|(due, _)| *due).min();
            assert_eq!(claimed.next_due, next_due, "next due at {}", self.at());
        }
        if !expected.is_empty() {
            assert!(claimed.fence > self.last_fence, "fence at {}", self.at());
            self.last_fence = claimed.fence;
        }
        for run in expected {
            self.model.running.insert(run, Held { fence: claimed.fence, lapsed_at_step });
            self.leases.push(Lease { run, fence: claimed.fence });
        }
        if !self.model.is_blind() {
            let is_open = !self.model.terms.is_paused
                && self
                    .model
                    .terms
                    .running_max
                    .is_none_or(|max| self.model.running.len() < max as usize);
            let has_more = is_open && self.model.ready.iter().any(|list| !list.is_empty());
            assert_eq!(claimed.has_more, has_more, "has more at {}", self.at());
        }
        tokio::time::sleep(BETWEEN_SHORT_LEASES).await;
    }

    fn claimed_job(&self, run: RunId) -> ClaimedJob {
        let Job { is_recovered, is_reaped, .. } = self.model.jobs[&run];
        ClaimedJob { run, queue: self.queue.clone(), is_recovered, is_reaped }
    }

    async fn set_terms(&mut self) {
        let terms = Terms {
            running_max: self.random.random_bool(0.5).then(|| self.random.random_range(1..4)),
            is_paused: self.random.random_bool(0.2),
            ..Terms::default()
        };
        let told = [(self.queue.clone(), terms.clone())];
        self.handle().set_terms(&told).await.expect("setting terms works");
        self.model.terms = terms;
    }

    async fn beat(&mut self) {
        let leases = self.draw_leases();
        let (ttl, lapsed_at_step) = self.draw_ttl();
        let told: Vec<_> = leases.into_iter().map(|lease| (lease, self.draw_order())).collect();
        let beats = told.iter().map(|(lease, order)| {
            let order =
                order.map(|(priority, lane)| JobOrder { priority, lane: lane.map(lane_at) });
            Beat { queue: self.queue.clone(), lease: *lease, order }
        });
        let beats: Vec<_> = beats.collect();
        let shard = self.shard();
        let lost = self.handle().beat(shard, &beats, ttl).await.expect("a beat works");
        let mut expected = Vec::new();
        for (lease, order) in told {
            if !self.model.beat(lease, order, lapsed_at_step) {
                expected.push(lease.run);
            }
        }
        assert_eq!(lost, expected, "lost at {}", self.at());
        tokio::time::sleep(BETWEEN_SHORT_LEASES).await;
    }

    async fn ack(&mut self) {
        let leases = self.draw_leases();
        let shard = self.shard();
        self.handle().ack(shard, &leases).await.expect("an ack works");
        for lease in leases {
            if self.model.take_held(lease) {
                self.model.forget(lease.run, in_ms(0));
            }
        }
    }

    async fn nack(&mut self) {
        let Some(lease) = self.draw_leases().pop() else { return };
        let due = self.random.random_bool(0.5).then(|| self.draw_due());
        let shard = self.shard();
        self.handle().nack(shard, &[(lease, due)]).await.expect("a nack works");
        if self.model.take_held(lease) {
            self.model.give_back(lease.run, due, false, in_ms(0));
        }
    }

    async fn remove(&mut self) {
        let runs: Vec<_> = self.runs.choose_multiple(&mut self.random, 2).copied().collect();
        self.handle().remove(&self.queue, &runs).await.expect("removing works");
        runs.into_iter().for_each(|run| self.model.remove(run, in_ms(0)));
    }

    async fn forget(&mut self, harness: &impl Harness) {
        let generation = Generation(self.model.generation.0 + 1);
        let mut terms = std::mem::take(&mut self.model.terms);
        // Half of the time only the generation moves on, as after a restored backup.
        if self.random.random_bool(0.5) {
            harness.forget().await;
            terms = Terms::default();
        }
        self.model = Model::new(generation, terms);
        self.install().await;
    }

    async fn compare(&mut self) {
        let handle = self.handle();
        let depth = handle.depth(&self.queue).await.expect("counting works");
        assert_eq!(depth, self.model.depth(), "depth at {}", self.at());
        for run in self.runs.clone() {
            let found = handle.locate(&self.queue, run).await.expect("asking works");
            assert!(self.model.is_at(run, &found), "{found:?} at {}", self.at());
        }
        let known = handle.known(&self.queue, &self.runs).await.expect("asking works");
        let expected: Vec<_> = self.runs.iter().map(|run| self.model.knows(*run)).collect();
        assert_eq!(known, expected, "known at {}", self.at());
    }
}
