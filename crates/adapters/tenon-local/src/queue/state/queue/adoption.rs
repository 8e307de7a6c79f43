//! Leases that are taken up again after a loss, and the lanes of their jobs.

use tenon_domain::RunId;
use tenon_exec::ports::queue::{DueMs, Lane};
use tenon_exec::ports::store::JobOrder;

use super::{Flags, InLane, Job, Place, QueueState, at_most};

/// Jobs of a lane at most that are looked at for one to displace.
const DISPLACE_LOOKS_MAX: usize = 100;

impl QueueState {
    /// Takes a lease up again; without its order, the lane and the priority of its job are not
    /// known.
    pub(in crate::queue) fn adopt(&mut self, run: RunId, order: Option<JobOrder>) {
        let flags = Flags { is_recovered: true, is_adopted: true, ..Flags::default() };
        self.jobs.insert(run, Job { flags, place: Place::Running });
        self.blind.remove(&run);
        self.running += 1;
        self.adopted += 1;
        if let Some(order) = order {
            self.learn(run, order);
        }
    }

    /// What was taken up again is known with its order from here on; says whether that is new.
    pub(in crate::queue) fn learn(&mut self, run: RunId, order: JobOrder) -> bool {
        let job = self.jobs.get_mut(&run).filter(|job| job.flags.is_adopted);
        let Some(job) = job else { return false };
        job.flags.is_adopted = false;
        job.flags.priority = order.priority;
        self.adopted -= 1;
        if let Some(lane) = order.lane {
            self.lane_of.insert(run, InLane { lane, due: DueMs(0), is_displaced: false });
            self.take_lane(run, lane);
        }
        true
    }

    /// A lease that was taken up again is out at once, whoever is: it runs. Who is delayed is held
    /// then, and who is ready looks for a place again when it comes to the front.
    fn take_lane(&mut self, run: RunId, lane: Lane) {
        let mut out = std::mem::take(&mut self.lanes.entry(lane.key).or_default().out);
        match at_most(lane) {
            None => out.retain(|other| self.keeps_turn(*other, lane.key)),
            Some(max) => {
                let mut at = out.len();
                for _ in 0..DISPLACE_LOOKS_MAX {
                    if at == 0 || out.len() < max {
                        break;
                    }
                    at -= 1;
                    if !self.is_running(&out[at]) {
                        self.displace(out[at]);
                        out.remove(at);
                    }
                }
            }
        }
        out.insert(0, run);
        self.lanes.entry(lane.key).or_default().out = out;
    }

    /// Whether a job that has the turn of a lane in order keeps it beside one that was taken up
    /// again: only if it runs, too.
    fn keeps_turn(&mut self, run: RunId, key: [u8; 16]) -> bool {
        match self.jobs.get(&run).map(|job| job.place) {
            Some(Place::Running) => return true,
            Some(Place::Delayed(due)) => {
                self.delayed.remove(&(due, run));
                let flags = self.flags_of(&run);
                self.hold(run, flags, key);
            }
            _ => self.displace(run),
        }
        false
    }

    fn displace(&mut self, run: RunId) {
        if let Some(in_lane) = self.lane_of.get_mut(&run) {
            in_lane.is_displaced = true;
        }
    }

    fn is_running(&self, run: &RunId) -> bool {
        self.jobs.get(run).is_some_and(|job| matches!(job.place, Place::Running))
    }

    /// A displaced job came to the front: says whether it has a place again. Else it is held.
    pub(super) fn regain(&mut self, run: RunId, lane: Lane) -> bool {
        if let Some(in_lane) = self.lane_of.get_mut(&run) {
            (in_lane.is_displaced, in_lane.due) = (false, DueMs(0));
        }
        let state = self.lanes.entry(lane.key).or_default();
        if state.out.len() < at_most(lane).unwrap_or(1) {
            state.out.push(run);
            return true;
        }
        let first = (state.out.len() == 1 && at_most(lane).is_none()).then(|| state.out[0]);
        let first = first.filter(|first| run < *first);
        let place = first.and_then(|first| self.jobs.get(&first)).map(|job| job.place);
        if let (Some(first), Some(Place::Delayed(due))) = (first, place) {
            self.delayed.remove(&(due, first));
            let former = self.flags_of(&first);
            self.hold(first, former, lane.key);
            self.lanes.entry(lane.key).or_default().out = vec![run];
            return true;
        }
        let flags = self.flags_of(&run);
        self.hold(run, flags, lane.key);
        false
    }

    /// A job that shares its turn with one that was taken up again steps back behind that one;
    /// says whether it was so.
    pub(super) fn steps_back(&mut self, run: RunId, flags: Flags, due: Option<DueMs>) -> bool {
        let Some(in_lane) = self.lane_of.get_mut(&run) else { return false };
        let key = in_lane.lane.key;
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        if at_most(in_lane.lane).is_some() || lane.out.len() < 2 {
            return false;
        }
        in_lane.due = due.unwrap_or(DueMs(0));
        lane.out.retain(|out| *out != run);
        self.hold(run, flags, key);
        true
    }
}
