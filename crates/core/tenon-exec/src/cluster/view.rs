//! What the leader publishes, and what a worker makes of it: its duty.
//!
//! The view says who is there and which queues are dedicated, not who serves what: each worker
//! computes that. It is as large as the number of workers, not of queues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenon_domain::QueueName;

use super::rendezvous::{self, Candidate, Thing};
use crate::assignment::Duty;
use crate::ports::membership::MemberId;
use crate::ports::queue::{Shard, Source};
use crate::ports::routing::Term;

/// What the leader publishes, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The leader's time in office.
    pub term: Term,
    /// Grows with each publication of a term, also when nothing changed: so a reader sees that
    /// there is a leader.
    pub number: u64,
    /// The workers that serve queues, by id.
    pub members: Vec<ViewMember>,
    /// Workers that asked to leave and may.
    pub leaving: Vec<MemberId>,
    /// Queues with workers of their own, by name.
    pub dedicated: Vec<DedicatedQueue>,
    /// Of all workers, at most so many belong to dedicated queues, in per cent.
    pub reserved_percent_max: u32,
    /// How many workers there should be at least.
    pub workers_min: u32,
    /// How many workers there should be.
    pub workers_desired: u32,
}

/// A worker that serves queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewMember {
    /// Which.
    pub id: MemberId,
    /// Its share against others.
    pub weight: u32,
}

/// A queue with workers of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DedicatedQueue {
    /// Which.
    pub queue: QueueName,
    /// How many, where there are enough.
    pub workers: u16,
}

impl View {
    /// Which of two views counts: the one of the later term, of one term the later one.
    #[must_use]
    pub fn order(&self) -> (Term, u64) {
        (self.term, self.number)
    }

    /// Whether both say the same, whenever they were published.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let timeless = |view: &Self| Self { term: Term(0), number: 0, ..view.clone() };
        timeless(self) == timeless(other)
    }

    /// Who serves what, for all members.
    #[must_use]
    pub fn distribution(&self, shards: u16) -> Distribution {
        let mut reserved: BTreeMap<QueueName, Vec<MemberId>> = BTreeMap::new();
        let all: Vec<Candidate> = self.members.iter().map(candidate).collect();
        let most = all.len() * usize::try_from(self.reserved_percent_max).unwrap_or(0) / 100;
        let things: Vec<Thing> = self
            .dedicated
            .iter()
            .map(|one| Thing {
                key: key(&Source::Dedicated(one.queue.clone())),
                owners: one.workers.max(1).into(),
            })
            .collect();
        let owners = rendezvous::reserve(&things, &all, most);
        let mut taken = vec![false; all.len()];
        for (one, owners) in self.dedicated.iter().zip(owners) {
            for at in &owners {
                taken[*at] = true;
            }
            let ids = owners.into_iter().map(|at| self.members[at].id).collect();
            reserved.insert(one.queue.clone(), ids);
        }
        let rest: Vec<ViewMember> = self
            .members
            .iter()
            .zip(taken)
            .filter(|(_, is_taken)| !is_taken)
            .map(|(member, _)| *member)
            .collect();
        let shared = self.share(shards, &rest, &reserved);
        Distribution { reserved, shared }
    }

    /// Who owns what all share: the shards, and dedicated queues for which nobody could be spared.
    fn share(
        &self,
        shards: u16,
        members: &[ViewMember],
        reserved: &BTreeMap<QueueName, Vec<MemberId>>,
    ) -> BTreeMap<Source, Vec<MemberId>> {
        let mut sources: Vec<Source> = (0..shards).map(|at| Source::Shared(Shard(at))).collect();
        let left = reserved.iter().filter(|(_, members)| members.is_empty());
        sources.extend(left.map(|(queue, _)| Source::Dedicated(queue.clone())));
        // With more workers than sources each source has several owners, so that all have some.
        let owners = members.len().div_ceil(sources.len().max(1)).max(1);
        let things: Vec<Thing> =
            sources.iter().map(|source| Thing { key: key(source), owners }).collect();
        let candidates: Vec<Candidate> = members.iter().map(candidate).collect();
        let owners = rendezvous::assign(&things, &candidates);
        let ids = |owners: Vec<usize>| owners.into_iter().map(|at| members[at].id).collect();
        sources.into_iter().zip(owners.into_iter().map(ids)).collect()
    }

    /// What a member serves by this view. While the view is not `is_fresh` (no leader has
    /// published for a while), nothing is left to others: they may be gone.
    #[must_use]
    pub fn duty(&self, me: MemberId, shards: u16, is_fresh: bool) -> Duty {
        let distribution = self.distribution(shards);
        let mut duty = Duty::default();
        for (queue, owners) in &distribution.reserved {
            let source = Source::Dedicated(queue.clone());
            if owners.contains(&me) {
                duty.own.push(source);
            } else if owners.is_empty() {
                // It is among the shared sources.
            } else if is_fresh {
                duty.never.push(source);
            } else {
                duty.spare.push(source);
            }
        }
        for (source, owners) in distribution.shared {
            if owners.contains(&me) { duty.own.push(source) } else { duty.spare.push(source) }
        }
        duty
    }
}

/// Who serves what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    /// The workers that belong to a dedicated queue; none where nobody could be spared.
    pub reserved: BTreeMap<QueueName, Vec<MemberId>>,
    /// The owners of everything else.
    pub shared: BTreeMap<Source, Vec<MemberId>>,
}

impl Distribution {
    /// How many sources have other owners than in `before`, new and dropped ones included.
    #[must_use]
    pub fn moves_since(&self, before: &Self) -> usize {
        let moved = |one: &BTreeMap<QueueName, Vec<MemberId>>, other: &BTreeMap<_, _>| {
            one.iter().filter(|(key, owners)| other.get(*key) != Some(*owners)).count()
        };
        let gone = before.reserved.keys().filter(|key| !self.reserved.contains_key(*key)).count();
        let shared = self.shared.iter();
        let shared = shared.filter(|(key, owners)| before.shared.get(*key) != Some(*owners));
        moved(&self.reserved, &before.reserved) + gone + shared.count()
    }
}

/// What a worker serves that knows no view: everything, a moment later than an owner would.
#[must_use]
pub fn duty_without_view(shards: u16, dedicated: &[QueueName]) -> Duty {
    let mut duty = Duty::default();
    duty.spare.extend((0..shards).map(|at| Source::Shared(Shard(at))));
    duty.spare.extend(dedicated.iter().cloned().map(Source::Dedicated));
    duty
}

/// A source for people, and the key by which it is hashed.
#[must_use]
pub fn source_text(source: &Source) -> String {
    match source {
        Source::Shared(shard) => format!("shared:{}", shard.0),
        Source::Dedicated(queue) => format!("dedicated:{queue}"),
    }
}

fn key(source: &Source) -> Vec<u8> {
    source_text(source).into_bytes()
}

fn candidate(member: &ViewMember) -> Candidate {
    Candidate { key: *member.id.0.as_bytes(), weight: member.weight }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn member(number: u128) -> ViewMember {
        ViewMember { id: MemberId(Uuid::from_u128(number << 64 | number)), weight: 20_000 }
    }

    fn view(members: u128, dedicated: &[(&str, u16)]) -> View {
        let queue = |(name, workers): &(&str, u16)| DedicatedQueue {
            queue: QueueName::new(*name),
            workers: *workers,
        };
        View {
            term: Term(1),
            number: 1,
            members: (1..=members).map(member).collect(),
            leaving: Vec::new(),
            dedicated: dedicated.iter().map(queue).collect(),
            reserved_percent_max: 50,
            workers_min: 1,
            workers_desired: 1,
        }
    }

    fn owned(view: &View, source: &Source) -> usize {
        let own = |one: &&ViewMember| view.duty(one.id, 16, true).own.contains(source);
        view.members.iter().filter(own).count()
    }

    #[test]
    fn one_worker_serves_everything_itself() {
        let view = view(1, &[("a", 2)]);
        let duty = view.duty(view.members[0].id, 16, true);
        assert_eq!((duty.own.len(), duty.spare.len(), duty.never.len()), (17, 0, 0));
    }

    #[test]
    fn a_dedicated_queue_has_workers_that_others_do_not_help() {
        let view = view(4, &[("a", 2)]);
        let source = Source::Dedicated(QueueName::new("a"));
        assert_eq!(owned(&view, &source), 2);
        for one in &view.members {
            let duty = view.duty(one.id, 16, true);
            if duty.own.contains(&source) {
                assert_eq!((duty.own.len(), duty.spare.len()), (1, 16));
            } else {
                assert_eq!(duty.never, std::slice::from_ref(&source));
            }
        }
        // Without a leader they may be dead, and everybody looks.
        let unfresh = view.members.iter().filter(|one| {
            let duty = view.duty(one.id, 16, false);
            duty.own.contains(&source) || duty.spare.contains(&source)
        });
        assert_eq!(unfresh.count(), 4);
    }

    #[test]
    fn with_more_workers_than_shards_all_have_something_to_do() {
        let distribution = view(40, &[]).distribution(16);
        assert_eq!(distribution.shared.len(), 16);
        for owners in distribution.shared.values() {
            assert_eq!(owners.len(), 3);
        }
    }

    #[test]
    fn who_is_not_in_the_view_serves_what_is_spare() {
        let view = view(3, &[]);
        let duty = view.duty(MemberId(Uuid::from_u128(99)), 16, true);
        assert_eq!((duty.own.len(), duty.spare.len()), (0, 16));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_source_is_served_by_somebody(
            members in 1_u128..30,
            queues in 0_usize..12,
            workers in 1_u16..4,
            percent in 0_u32..=100,
        ) {
            let names: Vec<String> = (0..queues).map(|n| format!("q{n}")).collect();
            let dedicated: Vec<(&str, u16)> =
                names.iter().map(|name| (name.as_str(), workers)).collect();
            let mut view = view(members, &dedicated);
            view.reserved_percent_max = percent;
            let duties: Vec<Duty> =
                view.members.iter().map(|one| view.duty(one.id, 16, true)).collect();
            let served = |source: &Source| {
                duties.iter().any(|duty| duty.own.contains(source))
                    || duties.iter().any(|duty| duty.spare.contains(source))
            };
            for shard in 0..16 {
                prop_assert!(served(&Source::Shared(Shard(shard))));
            }
            for name in &names {
                let source = Source::Dedicated(QueueName::new(name.as_str()));
                prop_assert!(duties.iter().any(|duty| duty.own.contains(&source))
                    || percent == 100 && served(&source));
            }
        }
    }
}
