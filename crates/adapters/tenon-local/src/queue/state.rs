//! One queue as plain data: what is ready, delayed and leased.
//!
//! Pure: time comes in as arguments, nothing here waits or locks. Every operation is O(1) or
//! O(log n) a job.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use tenon_domain::RunId;
use tenon_exec::ports::queue::{Claimed, ClaimedJob, Depth, DueMs, Fence, Generation, Lease, Push};

/// Jobs that one call promotes, claims or reaps at most.
const BATCH_MAX: usize = 500;

/// Places of removed jobs in the ready line that are kept until they are worth a clean-up.
const GAPS_MIN: usize = 1024;

/// When a lease lapses: milliseconds on the monotonic clock of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lapse(pub(super) u64);

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    is_recovered: bool,
    is_reaped: bool,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the ready line, where the same ticket stands. Another ticket there is a gap.
    Ready {
        ticket: u64,
    },
    Delayed {
        due: DueMs,
    },
    Running {
        fence: Fence,
        lapse: Lapse,
    },
}

#[derive(Debug, Clone, Copy)]
struct Job {
    flags: Flags,
    place: Place,
}

/// One queue.
#[derive(Debug)]
pub(super) struct QueueState {
    generation: Generation,
    counter: u32,
    next_ticket: u64,
    /// Every job of the queue and where it is.
    jobs: HashMap<RunId, Job>,
    /// The line, with gaps where a job was removed.
    ready: VecDeque<(RunId, u64)>,
    ready_count: usize,
    delayed: BTreeSet<(DueMs, RunId)>,
    lapses: BTreeSet<(Lapse, RunId)>,
    pushed_at: Instant,
}

impl QueueState {
    pub(super) fn new(generation: Generation) -> Self {
        Self {
            generation,
            counter: 0,
            next_ticket: 0,
            jobs: HashMap::new(),
            ready: VecDeque::new(),
            ready_count: 0,
            delayed: BTreeSet::new(),
            lapses: BTreeSet::new(),
            pushed_at: Instant::now(),
        }
    }

    /// Forgets what belongs to another generation.
    pub(super) fn enter(&mut self, generation: Generation) {
        if self.generation != generation {
            *self = Self::new(generation);
        }
    }

    pub(super) fn push(&mut self, jobs: &[Push], now: DueMs, pushed_at: Instant) {
        self.pushed_at = pushed_at;
        for push in jobs {
            if self.jobs.contains_key(&push.run) {
                continue;
            }
            let flags = Flags { is_recovered: push.is_recovered, is_reaped: false };
            match push.due {
                Some(due) if due > now => self.delay(push.run, flags, due),
                _ => self.line_up(push.run, flags, VecDeque::push_back),
            }
        }
    }

    /// `None` when the generation's fences are used up.
    pub(super) fn claim(&mut self, max: usize, now: DueMs, lapse: Lapse) -> Option<Claimed> {
        self.promote(now);
        let mut claimed = Claimed {
            fence: Fence::new(self.generation, self.counter),
            jobs: Vec::with_capacity(max.min(BATCH_MAX).min(self.ready_count)),
            next_due: self.delayed.first().map(|(due, _)| *due),
        };
        if max == 0 || self.ready_count == 0 {
            return Some(claimed);
        }
        self.counter = self.counter.checked_add(1)?;
        claimed.fence = Fence::new(self.generation, self.counter);
        while claimed.jobs.len() < max.min(BATCH_MAX) {
            let Some((run, ticket)) = self.ready.pop_front() else { break };
            let Some(job) = self.jobs.get_mut(&run) else { continue };
            if !matches!(job.place, Place::Ready { ticket: held } if held == ticket) {
                continue;
            }
            job.place = Place::Running { fence: claimed.fence, lapse };
            let Flags { is_recovered, is_reaped } = job.flags;
            self.lapses.insert((lapse, run));
            self.ready_count -= 1;
            claimed.jobs.push(ClaimedJob { run, is_recovered, is_reaped });
        }
        Some(claimed)
    }

    pub(super) fn beat(&mut self, leases: &[Lease], lapse: Lapse) -> Vec<RunId> {
        let mut lost = Vec::new();
        for lease in leases {
            // Only a lease of an earlier generation can have been forgotten; one of this
            // generation that is not known was finished or removed.
            let is_forgotten = lease.fence < Fence::new(self.generation, 0);
            match self.jobs.entry(lease.run) {
                Entry::Occupied(mut job) => match job.get().place {
                    Place::Running { fence, lapse: held } if fence == lease.fence => {
                        self.lapses.remove(&(held, lease.run));
                        job.get_mut().place = Place::Running { fence, lapse };
                    }
                    _ => {
                        lost.push(lease.run);
                        continue;
                    }
                },
                Entry::Vacant(vacant) if is_forgotten => {
                    vacant.insert(Job {
                        flags: Flags { is_recovered: true, is_reaped: false },
                        place: Place::Running { fence: lease.fence, lapse },
                    });
                }
                Entry::Vacant(_) => {
                    lost.push(lease.run);
                    continue;
                }
            }
            self.lapses.insert((lapse, lease.run));
        }
        lost
    }

    pub(super) fn ack(&mut self, leases: &[Lease]) {
        for lease in leases {
            self.take_held(*lease);
        }
    }

    /// Whether the lease was held.
    pub(super) fn nack(&mut self, lease: Lease, due: Option<DueMs>) -> bool {
        let Some(job) = self.take_held(lease) else { return false };
        // The crash that `is_reaped` told of has been told; what needs a check still does.
        let flags = Flags { is_reaped: false, ..job.flags };
        match due {
            None => self.line_up(lease.run, flags, VecDeque::push_front),
            Some(due) => self.delay(lease.run, flags, due),
        }
        true
    }

    pub(super) fn reap(&mut self, now: Lapse) -> usize {
        let lapsed: Vec<_> = self
            .lapses
            .iter()
            .take_while(|(lapse, _)| *lapse <= now)
            .take(BATCH_MAX)
            .copied()
            .collect();
        // The one that lapsed first comes to stand first.
        for (lapse, run) in lapsed.iter().rev() {
            self.lapses.remove(&(*lapse, *run));
            let flags = Flags { is_recovered: true, is_reaped: true };
            self.line_up(*run, flags, VecDeque::push_front);
        }
        lapsed.len()
    }

    pub(super) fn remove(&mut self, runs: &[RunId]) {
        for run in runs {
            let Some(job) = self.jobs.remove(run) else { continue };
            match job.place {
                Place::Ready { .. } => self.ready_count -= 1,
                Place::Delayed { due } => drop(self.delayed.remove(&(due, *run))),
                Place::Running { lapse, .. } => drop(self.lapses.remove(&(lapse, *run))),
            }
        }
        if self.ready.len() - self.ready_count > self.ready_count.max(GAPS_MIN) {
            let jobs = &self.jobs;
            self.ready.retain(|(run, ticket)| {
                let place = jobs.get(run).map(|job| job.place);
                matches!(place, Some(Place::Ready { ticket: held }) if held == *ticket)
            });
        }
    }

    pub(super) fn knows(&self, run: &RunId) -> bool {
        self.jobs.contains_key(run)
    }

    pub(super) fn depth(&self) -> Depth {
        Depth {
            ready: self.ready_count as u64,
            delayed: self.delayed.len() as u64,
            running: self.lapses.len() as u64,
        }
    }

    /// Whether it holds jobs, or was pushed to less than `grace` ago.
    pub(super) fn is_active(&self, now: Instant, grace: Duration) -> bool {
        !self.jobs.is_empty() || now.saturating_duration_since(self.pushed_at) < grace
    }

    /// Gives back what an empty queue has grown to.
    pub(super) fn release_memory(&mut self) {
        if self.jobs.is_empty() {
            self.jobs = HashMap::new();
            self.ready = VecDeque::new();
        }
    }

    fn promote(&mut self, now: DueMs) {
        for _ in 0..BATCH_MAX {
            let Some(first) = self.delayed.first().copied().filter(|(due, _)| *due <= now) else {
                return;
            };
            self.delayed.remove(&first);
            let flags = self.jobs.get(&first.1).map(|job| job.flags).unwrap_or_default();
            self.line_up(first.1, flags, VecDeque::push_back);
        }
    }

    fn line_up(
        &mut self,
        run: RunId,
        flags: Flags,
        add: impl FnOnce(&mut VecDeque<(RunId, u64)>, (RunId, u64)),
    ) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.ready_count += 1;
        add(&mut self.ready, (run, ticket));
        self.jobs.insert(run, Job { flags, place: Place::Ready { ticket } });
    }

    fn delay(&mut self, run: RunId, flags: Flags, due: DueMs) {
        self.delayed.insert((due, run));
        self.jobs.insert(run, Job { flags, place: Place::Delayed { due } });
    }

    /// Takes a job out if the lease is the one that holds it.
    fn take_held(&mut self, lease: Lease) -> Option<Job> {
        let Entry::Occupied(job) = self.jobs.entry(lease.run) else { return None };
        let Place::Running { fence, lapse } = job.get().place else { return None };
        if fence != lease.fence {
            return None;
        }
        self.lapses.remove(&(lapse, lease.run));
        Some(job.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now_push(run: RunId) -> Push {
        Push { run, due: None, is_recovered: false }
    }

    #[test]
    fn the_gaps_of_removed_jobs_are_given_back() {
        let mut state = QueueState::new(Generation(1));
        let runs: Vec<_> = (0..10_000).map(|_| RunId::new()).collect();
        let jobs: Vec<_> = runs.iter().copied().map(now_push).collect();
        state.push(&jobs, DueMs(0), Instant::now());
        state.remove(&runs[..9_000]);
        assert_eq!(state.depth().ready, 1_000);
        assert_eq!(state.ready.len(), 1_000, "9,000 gaps are more than the jobs");
    }

    #[test]
    fn used_up_fences_ask_for_a_new_generation() {
        let mut state = QueueState::new(Generation(1));
        state.counter = u32::MAX;
        state.push(&[now_push(RunId::new())], DueMs(0), Instant::now());
        assert_eq!(state.claim(1, DueMs(0), Lapse(1)), None);
        assert_eq!(state.depth().ready, 1, "the job stays");
    }

    #[test]
    fn a_delayed_job_costs_about_a_hundred_bytes() {
        let in_map = size_of::<(RunId, Job)>() + 1;
        let in_set = size_of::<(DueMs, RunId)>();
        // Tables and trees are on the average two thirds full.
        assert!((in_map + in_set) * 3 / 2 <= 120, "{in_map} + {in_set}");
    }
}
