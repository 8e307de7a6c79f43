//! The ready jobs of a queue: by priority, then by age, with gaps where a job was removed.

use std::collections::{HashMap, VecDeque};

use tenon_domain::RunId;
use tenon_exec::ports::queue::Priority;

use super::queue::{Job, ticket_in};

/// Places of removed jobs in a line that are kept until they are worth a clean-up.
const GAPS_MIN: usize = 1_024;

/// Which line of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    High,
    /// Jobs of lanes, while leases are around of which we do not know the lane.
    Parked,
    Normal,
    Low,
}

impl Rank {
    /// In the order in which they are served.
    pub(super) const ALL: [Self; 4] = [Self::High, Self::Parked, Self::Normal, Self::Low];
}

impl From<Priority> for Rank {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::High,
            Priority::Normal => Self::Normal,
            Priority::Low => Self::Low,
        }
    }
}

/// Where in a line a job stands. A job whose ticket is another is a gap there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) rank: Rank,
    number: u64,
}

/// One line a rank.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: [Line; 4],
    next_number: u64,
}

#[derive(Debug, Default)]
struct Line {
    places: VecDeque<(RunId, u64)>,
    count: usize,
}

impl Lines {
    pub(super) fn count(&self) -> usize {
        self.lines.iter().map(|line| line.count).sum()
    }

    pub(super) fn count_of(&self, rank: Rank) -> usize {
        self.lines[rank as usize].count
    }

    pub(super) fn push_back(&mut self, rank: Rank, run: RunId) -> Ticket {
        let ticket = self.ticket(rank);
        self.lines[rank as usize].places.push_back((run, ticket.number));
        ticket
    }

    pub(super) fn push_front(&mut self, rank: Rank, run: RunId) -> Ticket {
        let ticket = self.ticket(rank);
        self.lines[rank as usize].places.push_front((run, ticket.number));
        ticket
    }

    fn ticket(&mut self, rank: Rank) -> Ticket {
        self.next_number += 1;
        self.lines[rank as usize].count += 1;
        Ticket { rank, number: self.next_number }
    }

    /// Takes the first job that stands in a line; `ticket_of` says where a job stands now.
    pub(super) fn pop(
        &mut self,
        rank: Rank,
        ticket_of: impl Fn(&RunId) -> Option<Ticket>,
    ) -> Option<RunId> {
        let line = &mut self.lines[rank as usize];
        while let Some((run, number)) = line.places.pop_front() {
            if ticket_of(&run) == Some(Ticket { rank, number }) {
                line.count -= 1;
                return Some(run);
            }
        }
        None
    }

    /// The job that [`Lines::pop`] would take.
    pub(super) fn first(
        &self,
        rank: Rank,
        ticket_of: impl Fn(&RunId) -> Option<Ticket>,
    ) -> Option<RunId> {
        let stands =
            |place: &&(RunId, u64)| ticket_of(&place.0) == Some(Ticket { rank, number: place.1 });
        self.lines[rank as usize].places.iter().find(stands).map(|(run, _)| *run)
    }

    /// The jobs that stand in a line, the first one first.
    pub(super) fn standing(
        &self,
        rank: Rank,
        jobs: &HashMap<RunId, Job>,
    ) -> impl Iterator<Item = RunId> {
        let stands = move |place: &&(RunId, u64)| {
            ticket_in(jobs, &place.0) == Some(Ticket { rank, number: place.1 })
        };
        self.lines[rank as usize].places.iter().filter(stands).map(|(run, _)| *run)
    }

    /// A job left its place: clears gaps away once there are many.
    pub(super) fn leave(&mut self, ticket: Ticket, ticket_of: impl Fn(&RunId) -> Option<Ticket>) {
        let rank = ticket.rank;
        let line = &mut self.lines[rank as usize];
        line.count -= 1;
        if line.places.len() - line.count > line.count.max(GAPS_MIN) {
            line.places
                .retain(|(run, number)| ticket_of(run) == Some(Ticket { rank, number: *number }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_of_removed_jobs_are_given_back() {
        let mut lines = Lines::default();
        let runs: Vec<_> = (0..10_000).map(|_| RunId::new()).collect();
        let mut tickets: HashMap<RunId, Ticket> = HashMap::new();
        for run in &runs {
            tickets.insert(*run, lines.push_back(Rank::Normal, *run));
        }
        for run in &runs[..9_000] {
            let ticket = tickets.remove(run).expect("it stands");
            lines.leave(ticket, |run| tickets.get(run).copied());
        }
        assert_eq!(lines.count(), 1_000);
        let places = lines.lines[Rank::Normal as usize].places.len();
        assert!(places <= 1_000 + GAPS_MIN + 1, "{places} places are kept");
        let first = lines.pop(Rank::Normal, |run| tickets.get(run).copied());
        assert_eq!(first, Some(runs[9_000]));
    }
}
