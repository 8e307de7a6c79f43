//! Where one job is.

use std::collections::HashMap;

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{AHEAD_MAX, DueMs, Holdup, LOOK_MAX, Whereabouts};

use super::line::{Lines, Rank, Ticket};
use super::queue::{Job, Place, QueueState};
use super::{Now, ShardState};

impl ShardState {
    /// Where a job of a queue is.
    pub(in crate::queue) fn locate(
        &mut self,
        queue: &QueueName,
        run: RunId,
        now: Now,
    ) -> Whereabouts {
        let terms = self.terms_of(queue);
        let Some(state) = self.queues.get_mut(queue) else { return Whereabouts::Unknown };
        let Some(Job { place, .. }) = state.job(&run) else { return Whereabouts::Unknown };
        match place {
            Place::Running => {
                let owner = self.owners.get(&run);
                let left = owner.map_or(0, |owner| owner.lapse.0.saturating_sub(now.lapse.0));
                let left = i64::try_from(left).unwrap_or(i64::MAX);
                Whereabouts::Running {
                    member: owner.map(|owner| owner.member),
                    until: DueMs(now.due.0.saturating_add(left)),
                }
            }
            Place::Delayed(due) => Whereabouts::Delayed { due },
            Place::Held => state.held_at(run),
            Place::Ready(ticket) => {
                let at_most = terms.running_max;
                let is_full = at_most.filter(|max| state.running() >= *max as usize);
                let has_rate = terms.starts_per_second.is_some();
                let paced = state.paced_until.filter(|until| has_rate && *until > now.due);
                let holdup = match (terms.is_paused, is_full, paced) {
                    (true, ..) => Some(Holdup::Paused),
                    (_, Some(max), _) => Some(Holdup::RunningMax(max)),
                    _ if state.has_lane(&run) && state.is_blind(now.lapse) => {
                        Some(Holdup::UnknownLanes)
                    }
                    (_, _, Some(until)) => Some(Holdup::Rate(until)),
                    _ => None,
                };
                Whereabouts::Ready { before: state.before(run, ticket), holdup }
            }
        }
    }
}

impl QueueState {
    /// A job that waits for its lane.
    fn held_at(&self, run: RunId) -> Whereabouts {
        let Some((rule, lane)) = self.lane_with(&run) else { return Whereabouts::Unknown };
        Whereabouts::Held {
            rule,
            before: lane.held.range(..run).count() as u64,
            ahead: lane.out.iter().take(AHEAD_MAX).copied().collect(),
        }
    }
}

impl Lines {
    /// Jobs that stand before one, if it is among the first of its line.
    pub(super) fn before(
        &self,
        run: RunId,
        ticket: Ticket,
        jobs: &HashMap<RunId, Job>,
    ) -> Option<u64> {
        let earlier = Rank::ALL.into_iter().take_while(|rank| *rank != ticket.rank);
        let in_earlier: usize = earlier.map(|rank| self.count_of(rank)).sum();
        let in_line = self.standing(ticket.rank, jobs).take(LOOK_MAX);
        let at = in_line.into_iter().position(|standing| standing == run)?;
        Some((in_earlier + at) as u64)
    }
}
