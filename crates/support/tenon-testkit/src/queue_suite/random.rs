//! Random sequences of operations by two processes, compared with a tiny model after each.
//!
//! The seeds are fixed, so a failure repeats; the message names the seed and the step.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{ClaimedJob, DueMs, Fence, Generation, JobQueue, Lease, Push};

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

/// What a queue should be.
struct Model {
    generation: Generation,
    ready: VecDeque<Job>,
    delayed: Vec<(DueMs, Job)>,
    running: HashMap<RunId, Held>,
}

#[derive(Clone, Copy)]
struct Job {
    run: RunId,
    is_recovered: bool,
    is_reaped: bool,
}

#[derive(Clone, Copy)]
struct Held {
    job: Job,
    fence: Fence,
    /// The step at which a short lease was given; `None` for a long one.
    lapsed_at_step: Option<usize>,
}

impl Model {
    fn knows(&self, run: RunId) -> bool {
        self.running.contains_key(&run)
            || self.ready.iter().any(|job| job.run == run)
            || self.delayed.iter().any(|(_, job)| job.run == run)
    }

    fn push(&mut self, push: Push, now: DueMs) {
        if self.knows(push.run) {
            return;
        }
        let job = Job { run: push.run, is_recovered: push.is_recovered, is_reaped: false };
        match push.due.filter(|due| *due > now) {
            Some(due) => self.delayed.push((due, job)),
            None => self.ready.push_back(job),
        }
    }

    fn promote(&mut self, now: DueMs) {
        self.delayed.sort_by_key(|(due, _)| *due);
        let due_count = self.delayed.partition_point(|(due, _)| *due <= now);
        self.ready.extend(self.delayed.drain(..due_count).map(|(_, job)| job));
    }

    fn take_held(&mut self, lease: Lease) -> Option<Job> {
        let held = self.running.get(&lease.run).filter(|held| held.fence == lease.fence)?.job;
        self.running.remove(&lease.run);
        Some(held)
    }

    /// Whether the lease is held afterwards.
    fn beat(&mut self, lease: Lease, lapsed_at_step: Option<usize>) -> bool {
        if let Some(held) = self.running.get_mut(&lease.run) {
            let is_holder = held.fence == lease.fence;
            if is_holder {
                held.lapsed_at_step = lapsed_at_step;
            }
            return is_holder;
        }
        let is_forgotten = lease.fence < Fence::new(self.generation, 0);
        if self.knows(lease.run) || !is_forgotten {
            return false;
        }
        let job = Job { run: lease.run, is_recovered: true, is_reaped: false };
        self.running.insert(lease.run, Held { job, fence: lease.fence, lapsed_at_step });
        true
    }

    fn reap(&mut self) -> usize {
        let mut lapsed: Vec<_> = self
            .running
            .values()
            .filter_map(|held| held.lapsed_at_step.map(|step| (step, held.job.run)))
            .collect();
        lapsed.sort();
        for (_, run) in lapsed.iter().rev() {
            self.running.remove(run);
            self.ready.push_front(Job { run: *run, is_recovered: true, is_reaped: true });
        }
        lapsed.len()
    }

    fn remove(&mut self, run: RunId) {
        self.running.remove(&run);
        self.ready.retain(|job| job.run != run);
        self.delayed.retain(|(_, job)| job.run != run);
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
            model: Model {
                generation,
                ready: VecDeque::new(),
                delayed: Vec::new(),
                running: HashMap::new(),
            },
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

    async fn one_step(&mut self, harness: &impl Harness) {
        match self.random.random_range(0..100) {
            0..25 => self.push().await,
            25..50 => self.claim().await,
            50..62 => self.beat().await,
            62..72 => self.ack().await,
            72..84 => self.nack().await,
            84..92 => {
                let reaped = self.handle().reap(&self.queue).await.expect("a reap works");
                assert_eq!(reaped, self.model.reap(), "reaped at {}", self.at());
            }
            92..97 => self.remove().await,
            _ => self.forget(harness).await,
        }
    }

    async fn push(&mut self) {
        let mut jobs = Vec::new();
        for _ in 0..self.random.random_range(1..4) {
            let run = *self.runs.choose(&mut self.random).expect("there are runs");
            let due = self.random.random_bool(0.4).then(|| self.draw_due());
            jobs.push(Push { run, due, is_recovered: self.random.random_bool(0.3) });
        }
        self.handle().push(&self.queue, &jobs).await.expect("a push works");
        let now = in_ms(0);
        jobs.into_iter().for_each(|job| self.model.push(job, now));
    }

    async fn claim(&mut self) {
        let max = self.random.random_range(0..4);
        let (ttl, lapsed_at_step) = self.draw_ttl();
        let claimed = self.handle().claim(&self.queue, max, ttl).await.expect("a claim works");
        self.model.promote(in_ms(0));
        let count = max.min(self.model.ready.len());
        let jobs: Vec<_> = self.model.ready.drain(..count).collect();
        let expected: Vec<_> = jobs
            .iter()
            .map(|&Job { run, is_recovered, is_reaped }| ClaimedJob {
                run,
                is_recovered,
                is_reaped,
            })
            .collect();
        assert_eq!(claimed.jobs, expected, "claimed at {}", self.at());
        let next_due = self.model.delayed.iter().map(|(due, _)| *due).min();
        assert_eq!(claimed.next_due, next_due, "next due at {}", self.at());
        if !jobs.is_empty() {
            assert!(claimed.fence > self.last_fence, "fence at {}", self.at());
            self.last_fence = claimed.fence;
        }
        for job in jobs {
            let held = Held { job, fence: claimed.fence, lapsed_at_step };
            self.model.running.insert(job.run, held);
            self.leases.push(Lease { run: job.run, fence: claimed.fence });
        }
        tokio::time::sleep(BETWEEN_SHORT_LEASES).await;
    }

    async fn beat(&mut self) {
        let leases = self.draw_leases();
        let (ttl, lapsed_at_step) = self.draw_ttl();
        let lost = self.handle().beat(&self.queue, &leases, ttl).await.expect("a beat works");
        let model = &mut self.model;
        let is_lost = |lease: &&Lease| !model.beat(**lease, lapsed_at_step);
        let expected: Vec<_> = leases.iter().filter(is_lost).map(|lease| lease.run).collect();
        assert_eq!(lost, expected, "lost at {}", self.at());
        tokio::time::sleep(BETWEEN_SHORT_LEASES).await;
    }

    async fn ack(&mut self) {
        let leases = self.draw_leases();
        self.handle().ack(&self.queue, &leases).await.expect("an ack works");
        for lease in leases {
            self.model.take_held(lease);
        }
    }

    async fn nack(&mut self) {
        let Some(lease) = self.draw_leases().pop() else { return };
        let due = self.random.random_bool(0.5).then(|| self.draw_due());
        self.handle().nack(&self.queue, lease, due).await.expect("a nack works");
        let Some(job) = self.model.take_held(lease) else { return };
        let job = Job { is_reaped: false, ..job };
        match due {
            None => self.model.ready.push_front(job),
            Some(due) => self.model.delayed.push((due, job)),
        }
    }

    async fn remove(&mut self) {
        let runs: Vec<_> = self.runs.choose_multiple(&mut self.random, 2).copied().collect();
        self.handle().remove(&self.queue, &runs).await.expect("removing works");
        runs.into_iter().for_each(|run| self.model.remove(run));
    }

    async fn forget(&mut self, harness: &impl Harness) {
        // Half of the time only the generation moves on, as after a restored backup.
        if self.random.random_bool(0.5) {
            harness.forget().await;
        }
        let generation = Generation(self.model.generation.0 + 1);
        self.model = Model {
            generation,
            ready: VecDeque::new(),
            delayed: Vec::new(),
            running: HashMap::new(),
        };
        self.install().await;
    }

    async fn compare(&mut self) {
        let handle = self.handle();
        let depth = handle.depth(&self.queue).await.expect("counting works");
        let places = (depth.ready as usize, depth.delayed as usize, depth.running as usize);
        let Model { ready, delayed, running, .. } = &self.model;
        assert_eq!(places, (ready.len(), delayed.len(), running.len()), "depth at {}", self.at());
        let known = handle.known(&self.queue, &self.runs).await.expect("asking works");
        let expected: Vec<_> = self.runs.iter().map(|run| self.model.knows(*run)).collect();
        assert_eq!(known, expected, "known at {}", self.at());
    }
}
