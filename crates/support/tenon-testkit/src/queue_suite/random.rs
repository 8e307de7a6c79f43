//! Random sequences of operations by two processes, compared with a tiny model after each.
//!
//! The seeds are fixed, so a failure repeats; the message names the seed and the step.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{
    Ask, Beat, ClaimedJob, Depth, DueMs, Fence, Generation, JobQueue, Lane, LaneRule, Lease,
    Priority, Push, Shard, Source, Terms, Whereabouts,
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

/// Lanes that jobs may have: the first in order, the second for two at a time.
const LANES: [LaneRule; 2] = [LaneRule::InOrder, LaneRule::AtMost(2)];

fn lane_at(lane: usize) -> Lane {
    Lane { key: [lane as u8; 16], rule: LANES[lane] }
}

/// Where ready jobs stand, in the order in which they are served.
const HIGH: usize = 0;
const PARKED: usize = 1;
const NORMAL: usize = 2;
const LOW: usize = 3;

/// What a queue should be.
struct Model {
    generation: Generation,
    jobs: HashMap<RunId, Job>,
    ready: [VecDeque<RunId>; 4],
    delayed: Vec<(DueMs, RunId)>,
    lanes: [LaneModel; 2],
    running: HashMap<RunId, Held>,
    /// Jobs that were taken up again and then given back.
    blind: HashSet<RunId>,
    terms: Terms,
}

#[derive(Default)]
struct LaneModel {
    out: Vec<RunId>,
    held: BTreeSet<RunId>,
}

#[derive(Clone, Copy)]
struct Job {
    is_recovered: bool,
    is_reaped: bool,
    is_adopted: bool,
    /// Ready, but another has its turn.
    is_displaced: bool,
    priority: Priority,
    lane: Option<usize>,
    due: DueMs,
}

#[derive(Clone, Copy)]
struct Held {
    fence: Fence,
    /// The step at which a short lease was given; `None` for a long one.
    lapsed_at_step: Option<usize>,
}

impl Model {
    fn new(generation: Generation, terms: Terms) -> Self {
        Self {
            generation,
            jobs: HashMap::new(),
            ready: Default::default(),
            delayed: Vec::new(),
            lanes: Default::default(),
            running: HashMap::new(),
            blind: HashSet::new(),
            terms,
        }
    }

    fn knows(&self, run: RunId) -> bool {
        self.jobs.contains_key(&run)
    }

    fn is_blind(&self) -> bool {
        !self.blind.is_empty() || self.running.keys().any(|run| self.jobs[run].is_adopted)
    }

    fn list_of(&self, run: RunId) -> usize {
        match self.jobs[&run].priority {
            Priority::High => HIGH,
            Priority::Normal => NORMAL,
            Priority::Low => LOW,
        }
    }

    fn push(&mut self, push: Push, lane: Option<usize>, now: DueMs) {
        if self.knows(push.run) {
            return;
        }
        let due = push.due.unwrap_or(DueMs(0));
        let job = Job {
            is_recovered: push.is_recovered,
            is_reaped: false,
            is_adopted: false,
            is_displaced: false,
            priority: push.priority,
            lane,
            due,
        };
        self.jobs.insert(push.run, job);
        self.blind.remove(&push.run);
        match lane {
            Some(lane) => self.enter_lane(push.run, lane, now),
            None => self.place(push.run, now),
        }
    }

    fn place(&mut self, run: RunId, now: DueMs) {
        let due = self.jobs[&run].due;
        if due > now {
            self.delayed.push((due, run));
        } else {
            self.ready[self.list_of(run)].push_back(run);
        }
    }

    fn enter_lane(&mut self, run: RunId, lane: usize, now: DueMs) {
        if let LaneRule::AtMost(max) = LANES[lane] {
            if self.jobs[&run].due > now {
                return self.place(run, now);
            }
            if self.lanes[lane].out.len() >= usize::from(max) {
                self.lanes[lane].held.insert(run);
                return;
            }
            self.lanes[lane].out.push(run);
            return self.place(run, now);
        }
        if let Some(first) = self.lanes[lane].out.first().copied() {
            let place = self.delayed.iter().position(|(_, delayed)| *delayed == first);
            let Some(place) = place.filter(|_| run < first) else {
                self.lanes[lane].held.insert(run);
                return;
            };
            self.delayed.remove(place);
            self.lanes[lane].held.insert(first);
        }
        self.lanes[lane].out = vec![run];
        self.place(run, now);
    }

    fn leave_lane(&mut self, run: RunId, lane: usize, now: DueMs) {
        let max = match LANES[lane] {
            LaneRule::InOrder => 1,
            LaneRule::AtMost(max) => usize::from(max),
        };
        self.lanes[lane].out.retain(|out| *out != run);
        while self.lanes[lane].out.len() < max {
            let Some(next) = self.lanes[lane].held.pop_first() else { break };
            self.lanes[lane].out.push(next);
            self.place(next, now);
        }
    }

    fn forget(&mut self, run: RunId, now: DueMs) {
        let Some(job) = self.jobs.remove(&run) else { return };
        if let Some(lane) = job.lane {
            self.lanes[lane].held.remove(&run);
            self.leave_lane(run, lane, now);
        }
    }

    fn promote(&mut self, now: DueMs) {
        self.delayed.sort();
        let due_count = self.delayed.partition_point(|(due, _)| *due <= now);
        let due: Vec<_> = self.delayed.drain(..due_count).map(|(_, run)| run).collect();
        for run in due {
            match self.jobs[&run].lane {
                Some(lane) if LANES[lane] != LaneRule::InOrder => self.enter_lane(run, lane, now),
                _ => self.ready[self.list_of(run)].push_back(run),
            }
        }
    }

    fn claim(&mut self, max: usize, now: DueMs) -> Vec<RunId> {
        self.promote(now);
        let room = self
            .terms
            .running_max
            .map_or(usize::MAX, |max| (max as usize).saturating_sub(self.running.len()));
        let want = if self.terms.is_paused { 0 } else { max.min(room) };
        let mut taken = Vec::new();
        for list in [HIGH, PARKED, NORMAL, LOW] {
            if list == PARKED && self.is_blind() {
                continue;
            }
            while taken.len() < want {
                let Some(run) = self.ready[list].pop_front() else { break };
                taken.extend(self.may_run(run, now));
            }
        }
        taken
    }

    fn may_run(&mut self, run: RunId, now: DueMs) -> Option<RunId> {
        let Some(lane) = self.jobs[&run].lane else { return Some(run) };
        if self.is_blind() {
            self.ready[PARKED].push_back(run);
            return None;
        }
        if self.jobs[&run].is_displaced && !self.regain(run, lane) {
            return None;
        }
        if LANES[lane] != LaneRule::InOrder {
            return Some(run);
        }
        let state = &mut self.lanes[lane];
        let Some(lowest) = state.held.first().copied().filter(|lowest| *lowest < run) else {
            return Some(run);
        };
        state.held.remove(&lowest);
        state.held.insert(run);
        state.out = vec![lowest];
        if let Some(job) = self.jobs.get_mut(&run) {
            job.due = DueMs(0);
        }
        if self.jobs[&lowest].due > now {
            self.place(lowest, now);
            return None;
        }
        Some(lowest)
    }

    fn take_held(&mut self, lease: Lease) -> bool {
        let is_held = self.running.get(&lease.run).is_some_and(|held| held.fence == lease.fence);
        if is_held {
            self.running.remove(&lease.run);
        }
        is_held
    }

    /// Whether the lease is held afterwards.
    fn beat(
        &mut self,
        lease: Lease,
        order: Option<(Priority, Option<usize>)>,
        lapsed_at_step: Option<usize>,
    ) -> bool {
        if let Some(held) = self.running.get_mut(&lease.run) {
            let is_holder = held.fence == lease.fence;
            if is_holder {
                held.lapsed_at_step = lapsed_at_step;
                self.learn(lease.run, order);
            }
            return is_holder;
        }
        let is_forgotten = lease.fence < Fence::new(self.generation, 0);
        if self.knows(lease.run) || !is_forgotten {
            return false;
        }
        let job = Job {
            is_recovered: true,
            is_reaped: false,
            is_adopted: true,
            is_displaced: false,
            priority: Priority::Normal,
            lane: None,
            due: DueMs(0),
        };
        self.jobs.insert(lease.run, job);
        self.blind.remove(&lease.run);
        self.running.insert(lease.run, Held { fence: lease.fence, lapsed_at_step });
        self.learn(lease.run, order);
        true
    }

    /// What was taken up again is known with its lane: it has the turn, whoever had it.
    fn learn(&mut self, run: RunId, order: Option<(Priority, Option<usize>)>) {
        let Some((priority, lane)) = order else { return };
        let job = self.jobs.get_mut(&run).expect("it is running");
        if !job.is_adopted {
            return;
        }
        (job.is_adopted, job.priority, job.lane) = (false, priority, lane);
        let Some(lane) = lane else { return };
        let mut out = std::mem::take(&mut self.lanes[lane].out);
        if let LaneRule::AtMost(max) = LANES[lane] {
            while out.len() + 1 > usize::from(max) {
                let ready = out.iter().rposition(|other| !self.running.contains_key(other));
                let Some(ready) = ready else { break };
                self.displace(out.remove(ready));
            }
        } else {
            for other in std::mem::take(&mut out) {
                if self.running.contains_key(&other) {
                    out.push(other);
                } else if let Some(at) = self.delayed.iter().position(|(_, run)| *run == other) {
                    self.delayed.remove(at);
                    self.lanes[lane].held.insert(other);
                } else {
                    self.displace(other);
                }
            }
        }
        out.insert(0, run);
        self.lanes[lane].out = out;
    }

    fn displace(&mut self, run: RunId) {
        self.jobs.get_mut(&run).expect("it is ready").is_displaced = true;
    }

    /// A displaced job came to the front: whether it has a place again.
    fn regain(&mut self, run: RunId, lane: usize) -> bool {
        let job = self.jobs.get_mut(&run).expect("it was ready");
        (job.is_displaced, job.due) = (false, DueMs(0));
        let max = match LANES[lane] {
            LaneRule::InOrder => 1,
            LaneRule::AtMost(max) => usize::from(max),
        };
        if self.lanes[lane].out.len() < max {
            self.lanes[lane].out.push(run);
            return true;
        }
        if let ([first], LaneRule::InOrder) = (&*self.lanes[lane].out, LANES[lane])
            && run < *first
            && let Some(at) = self.delayed.iter().position(|(_, run)| run == first)
        {
            let (_, first) = self.delayed.remove(at);
            self.lanes[lane].held.insert(first);
            self.lanes[lane].out = vec![run];
            return true;
        }
        self.lanes[lane].held.insert(run);
        false
    }

    /// A lease ended without a result.
    fn give_back(&mut self, run: RunId, due: Option<DueMs>, was_reaped: bool, now: DueMs) {
        let job = self.jobs.get_mut(&run).expect("it was running");
        if job.is_adopted {
            self.jobs.remove(&run);
            self.blind.insert(run);
            return;
        }
        job.is_reaped = was_reaped;
        job.is_recovered |= was_reaped;
        let lane = job.lane;
        if let Some(lane) = lane.filter(|lane| LANES[*lane] == LaneRule::InOrder)
            && self.lanes[lane].out.len() > 1
        {
            job.due = due.unwrap_or(DueMs(0));
            self.lanes[lane].out.retain(|out| *out != run);
            self.lanes[lane].held.insert(run);
            return;
        }
        let Some(due) = due else {
            let list = self.list_of(run);
            self.ready[list].push_front(run);
            return;
        };
        job.due = due;
        self.delayed.push((due, run));
        if let Some(lane) = lane.filter(|lane| LANES[*lane] != LaneRule::InOrder) {
            self.leave_lane(run, lane, now);
        }
    }

    fn reap(&mut self, now: DueMs) -> usize {
        let lapsed = self.running.iter();
        let mut lapsed: Vec<_> =
            lapsed.filter_map(|(run, held)| held.lapsed_at_step.map(|step| (step, *run))).collect();
        lapsed.sort();
        for (_, run) in lapsed.iter().rev() {
            self.running.remove(run);
            self.give_back(*run, None, true, now);
        }
        lapsed.len()
    }

    fn remove(&mut self, run: RunId, now: DueMs) {
        self.blind.remove(&run);
        self.running.remove(&run);
        self.ready.iter_mut().for_each(|list| list.retain(|ready| *ready != run));
        self.delayed.retain(|(_, delayed)| *delayed != run);
        self.forget(run, now);
    }

    /// Whether a job is where the service says.
    fn is_at(&self, run: RunId, found: &Whereabouts) -> bool {
        match found {
            Whereabouts::Unknown => !self.knows(run),
            Whereabouts::Running { .. } => self.running.contains_key(&run),
            Whereabouts::Delayed { due } => self.delayed.contains(&(*due, run)),
            Whereabouts::Held { before, ahead, .. } => {
                let mut lanes = self.lanes.iter().filter(|lane| lane.held.contains(&run));
                lanes.any(|lane| {
                    lane.out == *ahead && lane.held.range(..run).count() as u64 == *before
                })
            }
            Whereabouts::Ready { before, .. } => {
                let mut in_line = self.ready.iter().flatten();
                in_line.position(|ready| *ready == run).map(|at| at as u64) == *before
            }
        }
    }

    fn depth(&self) -> Depth {
        Depth {
            ready: self.ready.iter().map(VecDeque::len).sum::<usize>() as u64,
            delayed: self.delayed.len() as u64,
            held: self.lanes.iter().map(|lane| lane.held.len()).sum::<usize>() as u64,
            running: self.running.len() as u64,
        }
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
