//! One queue: its jobs, where each is, and its lanes.

mod adoption;

use std::collections::{BTreeSet, HashMap};

use tenon_domain::RunId;
use tenon_exec::ports::queue::{Depth, DueMs, Lane, LaneRule, Priority, Push};

use super::Lapse;
use super::line::{Lines, Rank, Ticket};

/// What has to be remembered of a job while it waits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) is_recovered: bool,
    pub(super) is_reaped: bool,
    /// Taken up again by a beat that did not tell its lane and priority.
    pub(super) is_adopted: bool,
    pub(super) priority: Priority,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Ready(Ticket),
    Delayed(DueMs),
    /// Its lane is full.
    Held,
    /// The shard knows the fence and the deadline.
    Running,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) flags: Flags,
    pub(super) place: Place,
}

/// What is known of a job with a lane.
#[derive(Debug, Clone, Copy)]
struct InLane {
    lane: Lane,
    due: DueMs,
    /// Ready, but no longer out: one that was taken up again has its turn.
    is_displaced: bool,
}

#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// In order: the one that has the turn. At most: those that are ready or running.
    pub(super) out: Vec<RunId>,
    pub(super) held: BTreeSet<RunId>,
}

/// One queue of a shard. Time comes in with [`QueueState::now`].
#[derive(Debug, Default)]
pub(super) struct QueueState {
    jobs: HashMap<RunId, Job>,
    lines: Lines,
    delayed: BTreeSet<(DueMs, RunId)>,
    running: usize,
    adopted: usize,
    lane_of: HashMap<RunId, InLane>,
    lanes: HashMap<[u8; 16], LaneState>,
    /// Jobs that were given back without a known lane, and until when that counts.
    blind: HashMap<RunId, Lapse>,
    /// The place among the queues of the shard that take turns.
    pub(super) turn_at: Option<f64>,
    /// The due time it is listed under.
    pub(super) listed_due: Option<DueMs>,
    /// When it may start something again.
    pub(super) paced_until: Option<DueMs>,
    /// A dedicated queue has no place among the others; this is whether it could be claimed from.
    pub(super) was_open: bool,
}

impl QueueState {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.blind.is_empty() && self.paced_until.is_none()
    }

    pub(super) fn knows(&self, run: &RunId) -> bool {
        self.jobs.contains_key(run)
    }

    pub(super) fn job(&self, run: &RunId) -> Option<Job> {
        self.jobs.get(run).copied()
    }

    pub(super) fn has_lane(&self, run: &RunId) -> bool {
        self.lane_of.contains_key(run)
    }

    /// The lane of a job, and what it asks for.
    pub(super) fn lane_with(&self, run: &RunId) -> Option<(LaneRule, &LaneState)> {
        let lane = self.lane_of.get(run)?.lane;
        Some((lane.rule, self.lanes.get(&lane.key)?))
    }

    /// Ready jobs that stand before one; `None` where it is not among the first of its line.
    pub(super) fn before(&self, run: RunId, ticket: Ticket) -> Option<u64> {
        self.lines.before(run, ticket, &self.jobs)
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn first_due(&self) -> Option<DueMs> {
        self.delayed.first().map(|(due, _)| *due)
    }

    pub(super) fn depth(&self) -> Depth {
        let (ready, delayed) = (self.lines.count(), self.delayed.len());
        let held = self.jobs.len() - ready - delayed - self.running;
        Depth {
            ready: ready as u64,
            delayed: delayed as u64,
            held: held as u64,
            running: self.running as u64,
        }
    }

    /// The ready job that would be handed out next.
    pub(super) fn next(&self) -> Option<RunId> {
        Rank::ALL.into_iter().find_map(|rank| self.lines.first(rank, |run| self.ticket_of(run)))
    }

    /// Ready jobs that could be handed out now.
    pub(super) fn open_count(&mut self, now: Lapse) -> usize {
        let parked = self.lines.count_of(Rank::Parked);
        let is_shut = parked > 0 && self.is_blind(now);
        self.lines.count() - if is_shut { parked } else { 0 }
    }

    /// Whether ready jobs wait only for leases whose lane is not known.
    pub(super) fn waits_for_sight(&mut self, now: Lapse) -> bool {
        self.lines.count_of(Rank::Parked) > 0 && self.is_blind(now)
    }

    pub(super) fn push(&mut self, push: &Push, now: DueMs) {
        if self.jobs.contains_key(&push.run) {
            return;
        }
        self.blind.remove(&push.run);
        let flags =
            Flags { is_recovered: push.is_recovered, priority: push.priority, ..Flags::default() };
        let due = push.due.unwrap_or(DueMs(0));
        match push.lane {
            None => self.place(push.run, flags, due, now),
            Some(lane) => {
                self.lane_of.insert(push.run, InLane { lane, due, is_displaced: false });
                self.enter_lane(push.run, flags, now);
            }
        }
    }

    /// Makes up to `max` due jobs ready; answers how many.
    pub(super) fn promote(&mut self, now: DueMs, max: usize) -> usize {
        let mut count = 0;
        while count < max {
            let Some(&first) = self.delayed.first().filter(|(due, _)| *due <= now) else { break };
            self.delayed.remove(&first);
            count += 1;
            let run = first.1;
            let flags = self.jobs.remove(&run).map(|job| job.flags).unwrap_or_default();
            let is_at_most = self.lane_of.get(&run).is_some_and(|it| at_most(it.lane).is_some());
            if is_at_most {
                self.enter_lane(run, flags, now);
            } else {
                self.line_up(run, flags);
            }
        }
        count
    }

    /// Takes up to `want` jobs that may run: they are running then.
    pub(super) fn take(
        &mut self,
        want: usize,
        now: DueMs,
        now_lapse: Lapse,
    ) -> Vec<(RunId, Flags)> {
        let mut taken = Vec::new();
        let mut budget = super::BATCH_MAX;
        for rank in Rank::ALL {
            if rank == Rank::Parked && self.is_blind(now_lapse) {
                continue;
            }
            while taken.len() < want && budget > 0 {
                let jobs = &self.jobs;
                let Some(run) = self.lines.pop(rank, |run| ticket_in(jobs, run)) else { break };
                budget -= 1;
                if let Some(run) = self.may_run(run, now, now_lapse) {
                    let job = self.jobs.get_mut(&run).expect("it was ready or held");
                    job.place = Place::Running;
                    self.running += 1;
                    taken.push((run, job.flags));
                }
            }
        }
        taken
    }

    /// The job that runs in the turn of one that was taken from the line: mostly itself.
    fn may_run(&mut self, run: RunId, now: DueMs, now_lapse: Lapse) -> Option<RunId> {
        let Some(in_lane) = self.lane_of.get(&run).copied() else { return Some(run) };
        if self.is_blind(now_lapse) {
            let ticket = self.lines.push_back(Rank::Parked, run);
            self.set_place(run, Place::Ready(ticket));
            return None;
        }
        if in_lane.is_displaced && !self.regain(run, in_lane.lane) {
            return None;
        }
        if at_most(in_lane.lane).is_some() {
            return Some(run);
        }
        let lane = self.lanes.entry(in_lane.lane.key).or_default();
        let Some(lowest) = lane.held.first().copied().filter(|lowest| *lowest < run) else {
            return Some(run);
        };
        lane.held.remove(&lowest);
        lane.held.insert(run);
        lane.out = vec![lowest];
        self.set_place(run, Place::Held);
        if let Some(former) = self.lane_of.get_mut(&run) {
            former.due = DueMs(0);
        }
        let due = self.lane_of.get(&lowest).map_or(DueMs(0), |lowest| lowest.due);
        if due > now {
            let flags = self.flags_of(&lowest);
            self.place(lowest, flags, due, now);
            return None;
        }
        Some(lowest)
    }

    /// A lease ended because the job is finished.
    pub(super) fn finish(&mut self, run: RunId, now: DueMs) {
        self.end_running(run);
        self.forget(run, now);
    }

    /// A lease ended otherwise: the job goes to the front, or is delayed. One that was taken up
    /// again is forgotten, and its lane is kept shut until `shut_until`.
    pub(super) fn give_back(
        &mut self,
        run: RunId,
        due: Option<DueMs>,
        was_reaped: bool,
        now: DueMs,
        shut_until: Lapse,
    ) {
        let Some(mut flags) = self.end_running(run) else { return };
        if flags.is_adopted {
            self.jobs.remove(&run);
            self.blind.insert(run, shut_until);
            return;
        }
        // That it was reaped is told once, at the next claim.
        flags.is_reaped = was_reaped;
        flags.is_recovered |= was_reaped;
        if self.steps_back(run, flags, due) {
            return;
        }
        let Some(due) = due else {
            let ticket = self.lines.push_front(flags.priority.into(), run);
            self.jobs.insert(run, Job { flags, place: Place::Ready(ticket) });
            return;
        };
        self.delayed.insert((due, run));
        self.jobs.insert(run, Job { flags, place: Place::Delayed(due) });
        if let Some(in_lane) = self.lane_of.get_mut(&run) {
            in_lane.due = due;
            let lane = in_lane.lane;
            if at_most(lane).is_some() {
                self.leave_lane(run, lane, now);
            }
        }
    }

    /// Drops a job from wherever it is; says whether it was running.
    pub(super) fn remove(&mut self, run: RunId, now: DueMs) -> bool {
        self.blind.remove(&run);
        let Some(job) = self.jobs.get(&run).copied() else { return false };
        match job.place {
            Place::Ready(ticket) => {
                self.jobs.remove(&run);
                let jobs = &self.jobs;
                self.lines.leave(ticket, |run| ticket_in(jobs, run));
            }
            Place::Delayed(due) => drop(self.delayed.remove(&(due, run))),
            Place::Held => {}
            Place::Running => drop(self.end_running(run)),
        }
        self.forget(run, now);
        matches!(job.place, Place::Running)
    }

    fn forget(&mut self, run: RunId, now: DueMs) {
        self.jobs.remove(&run);
        if let Some(in_lane) = self.lane_of.remove(&run) {
            if let Some(lane) = self.lanes.get_mut(&in_lane.lane.key) {
                lane.held.remove(&run);
            }
            self.leave_lane(run, in_lane.lane, now);
        }
    }

    fn end_running(&mut self, run: RunId) -> Option<Flags> {
        let job = self.jobs.get(&run).filter(|job| matches!(job.place, Place::Running))?;
        self.running -= 1;
        self.adopted -= usize::from(job.flags.is_adopted);
        Some(job.flags)
    }

    pub(super) fn is_blind(&mut self, now: Lapse) -> bool {
        self.blind.retain(|_, until| *until > now);
        self.adopted > 0 || !self.blind.is_empty()
    }

    fn ticket_of(&self, run: &RunId) -> Option<Ticket> {
        ticket_in(&self.jobs, run)
    }

    fn flags_of(&self, run: &RunId) -> Flags {
        self.jobs.get(run).map(|job| job.flags).unwrap_or_default()
    }

    fn set_place(&mut self, run: RunId, place: Place) {
        if let Some(job) = self.jobs.get_mut(&run) {
            job.place = place;
        }
    }

    fn place(&mut self, run: RunId, flags: Flags, due: DueMs, now: DueMs) {
        if due > now {
            self.delayed.insert((due, run));
            self.jobs.insert(run, Job { flags, place: Place::Delayed(due) });
        } else {
            self.line_up(run, flags);
        }
    }

    fn line_up(&mut self, run: RunId, flags: Flags) {
        let ticket = self.lines.push_back(flags.priority.into(), run);
        self.jobs.insert(run, Job { flags, place: Place::Ready(ticket) });
    }

    fn hold(&mut self, run: RunId, flags: Flags, key: [u8; 16]) {
        self.lanes.entry(key).or_default().held.insert(run);
        self.jobs.insert(run, Job { flags, place: Place::Held });
    }

    /// Gives a job with a lane its place: out, delayed or held.
    fn enter_lane(&mut self, run: RunId, flags: Flags, now: DueMs) {
        let InLane { lane, due, .. } = self.lane_of[&run];
        let state = self.lanes.entry(lane.key).or_default();
        if let Some(max) = at_most(lane) {
            if due > now {
                return self.place(run, flags, due, now);
            }
            if state.out.len() >= max {
                return self.hold(run, flags, lane.key);
            }
            state.out.push(run);
            return self.line_up(run, flags);
        }
        if let Some(first) = state.out.first().copied() {
            let is_delayed =
                matches!(self.jobs.get(&first).map(|job| job.place), Some(Place::Delayed(_)));
            if run > first || !is_delayed {
                return self.hold(run, flags, lane.key);
            }
            // Of those that wait for a time, the lowest id has the turn.
            if let Some(Place::Delayed(due)) = self.jobs.get(&first).map(|job| job.place) {
                self.delayed.remove(&(due, first));
            }
            let former = self.flags_of(&first);
            self.hold(first, former, lane.key);
        }
        self.lanes.entry(lane.key).or_default().out = vec![run];
        self.place(run, flags, due, now);
    }

    /// A job is no longer out: those that wait for the lane follow.
    fn leave_lane(&mut self, run: RunId, lane: Lane, now: DueMs) {
        let max = at_most(lane).unwrap_or(1);
        let Some(state) = self.lanes.get_mut(&lane.key) else { return };
        state.out.retain(|out| *out != run);
        let mut following = Vec::new();
        while state.out.len() < max {
            let Some(next) = state.held.pop_first() else { break };
            state.out.push(next);
            following.push(next);
        }
        if state.out.is_empty() {
            self.lanes.remove(&lane.key);
        }
        for next in following {
            let due = self.lane_of.get(&next).map_or(DueMs(0), |next| next.due);
            let flags = self.flags_of(&next);
            self.place(next, flags, due, now);
        }
    }
}

pub(super) fn ticket_in(jobs: &HashMap<RunId, Job>, run: &RunId) -> Option<Ticket> {
    match jobs.get(run)?.place {
        Place::Ready(ticket) => Some(ticket),
        _ => None,
    }
}

/// `None` for a lane in order.
fn at_most(lane: Lane) -> Option<usize> {
    match lane.rule {
        LaneRule::InOrder => None,
        LaneRule::AtMost(count) => Some(usize::from(count.max(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_job_costs_about_a_hundred_bytes() {
        let in_map = size_of::<(RunId, Job)>() + 1;
        let in_set = size_of::<(DueMs, RunId)>();
        // Tables and trees are on the average two thirds full.
        assert!((in_map + in_set) * 3 / 2 <= 120, "{in_map} + {in_set}");
    }
}
