//! What a queue should be, as plain as can be.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use tenon_domain::RunId;
use tenon_exec::ports::queue::{
    Depth, DueMs, Fence, Generation, Lane, LaneRule, Lease, Priority, Push, Terms, Whereabouts,
};

/// Lanes that jobs may have: the first in order, the second for two at a time.
pub(super) const LANES: [LaneRule; 2] = [LaneRule::InOrder, LaneRule::AtMost(2)];

pub(super) fn lane_at(lane: usize) -> Lane {
    Lane { key: [lane as u8; 16], rule: LANES[lane] }
}

/// Where ready jobs stand, in the order in which they are served.
const HIGH: usize = 0;
const PARKED: usize = 1;
const NORMAL: usize = 2;
const LOW: usize = 3;

/// What a queue should be.
pub(super) struct Model {
    pub(super) generation: Generation,
    pub(super) jobs: HashMap<RunId, Job>,
    pub(super) ready: [VecDeque<RunId>; 4],
    pub(super) delayed: Vec<(DueMs, RunId)>,
    pub(super) lanes: [LaneModel; 2],
    pub(super) running: HashMap<RunId, Held>,
    /// Jobs that were taken up again and then given back.
    pub(super) blind: HashSet<RunId>,
    pub(super) terms: Terms,
}

#[derive(Default)]
pub(super) struct LaneModel {
    pub(super) out: Vec<RunId>,
    pub(super) held: BTreeSet<RunId>,
}

#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) is_recovered: bool,
    pub(super) is_reaped: bool,
    pub(super) is_adopted: bool,
    /// Ready, but another has its turn.
    pub(super) is_displaced: bool,
    pub(super) priority: Priority,
    pub(super) lane: Option<usize>,
    pub(super) due: DueMs,
}

#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) fence: Fence,
    /// The step at which a short lease was given; `None` for a long one.
    pub(super) lapsed_at_step: Option<usize>,
}

impl Model {
    pub(super) fn new(generation: Generation, terms: Terms) -> Self {
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

    pub(super) fn knows(&self, run: RunId) -> bool {
        self.jobs.contains_key(&run)
    }

    pub(super) fn is_blind(&self) -> bool {
        !self.blind.is_empty() || self.running.keys().any(|run| self.jobs[run].is_adopted)
    }

    pub(super) fn list_of(&self, run: RunId) -> usize {
        match self.jobs[&run].priority {
            Priority::High => HIGH,
            Priority::Normal => NORMAL,
            Priority::Low => LOW,
        }
    }

    pub(super) fn push(&mut self, push: Push, lane: Option<usize>, now: DueMs) {
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

    pub(super) fn place(&mut self, run: RunId, now: DueMs) {
        let due = self.jobs[&run].due;
        if due > now {
            self.delayed.push((due, run));
        } else {
            self.ready[self.list_of(run)].push_back(run);
        }
    }

    pub(super) fn enter_lane(&mut self, run: RunId, lane: usize, now: DueMs) {
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

    pub(super) fn leave_lane(&mut self, run: RunId, lane: usize, now: DueMs) {
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

    pub(super) fn forget(&mut self, run: RunId, now: DueMs) {
        let Some(job) = self.jobs.remove(&run) else { return };
        if let Some(lane) = job.lane {
            self.lanes[lane].held.remove(&run);
            self.leave_lane(run, lane, now);
        }
    }

    pub(super) fn promote(&mut self, now: DueMs) {
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

    pub(super) fn claim(&mut self, max: usize, now: DueMs) -> Vec<RunId> {
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

    pub(super) fn may_run(&mut self, run: RunId, now: DueMs) -> Option<RunId> {
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

    pub(super) fn take_held(&mut self, lease: Lease) -> bool {
        let is_held = self.running.get(&lease.run).is_some_and(|held| held.fence == lease.fence);
        if is_held {
            self.running.remove(&lease.run);
        }
        is_held
    }

    /// Whether the lease is held afterwards.
    pub(super) fn beat(
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
    pub(super) fn learn(&mut self, run: RunId, order: Option<(Priority, Option<usize>)>) {
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

    pub(super) fn displace(&mut self, run: RunId) {
        self.jobs.get_mut(&run).expect("it is ready").is_displaced = true;
    }

    /// A displaced job came to the front: whether it has a place again.
    pub(super) fn regain(&mut self, run: RunId, lane: usize) -> bool {
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
    pub(super) fn give_back(
        &mut self,
        run: RunId,
        due: Option<DueMs>,
        was_reaped: bool,
        now: DueMs,
    ) {
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

    pub(super) fn reap(&mut self, now: DueMs) -> usize {
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

    pub(super) fn remove(&mut self, run: RunId, now: DueMs) {
        self.blind.remove(&run);
        self.running.remove(&run);
        self.ready.iter_mut().for_each(|list| list.retain(|ready| *ready != run));
        self.delayed.retain(|(_, delayed)| *delayed != run);
        self.forget(run, now);
    }

    /// Whether a job is where the service says.
    pub(super) fn is_at(&self, run: RunId, found: &Whereabouts) -> bool {
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

    pub(super) fn depth(&self) -> Depth {
        Depth {
            ready: self.ready.iter().map(VecDeque::len).sum::<usize>() as u64,
            delayed: self.delayed.len() as u64,
            held: self.lanes.iter().map(|lane| lane.held.len()).sum::<usize>() as u64,
            running: self.running.len() as u64,
        }
    }
}
