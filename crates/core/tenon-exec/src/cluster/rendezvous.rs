//! Who owns what: weighted rendezvous hashing with bounded load.
//!
//! Each pair of a thing and a member has a score that both processes compute alike; a thing goes
//! to the members with the highest scores that have room. Pairs are gone through by score, so the
//! outcome does not depend on any order of things. When a member comes or goes, what it takes or
//! leaves moves, and little else.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// How much more than its fair share a member may own, in per cent.
const LOAD_MAX_PERCENT: u64 = 125;

/// Who may own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// What it is known by.
    pub key: [u8; 16],
    /// Its share against others, at least 1.
    pub weight: u32,
}

/// A thing to be owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What it is known by.
    pub key: Vec<u8>,
    /// How many members own it, where there are as many.
    pub owners: usize,
}

/// For each thing, the indexes of the members that own it. Every thing has an owner when there is
/// a member.
#[must_use]
pub fn assign(things: &[Thing], candidates: &[Candidate]) -> Vec<Vec<usize>> {
    let places: usize = things.iter().map(|thing| thing.owners.min(candidates.len())).sum();
    let capacities = capacities(candidates, places);
    match_up(things, candidates, capacities)
}

/// For each thing, the indexes of the members that belong to it alone: a member belongs to one
/// thing at most, and `reserved_max` members to things in all. A thing may get none.
#[must_use]
pub fn reserve(things: &[Thing], candidates: &[Candidate], reserved_max: usize) -> Vec<Vec<usize>> {
    // Where there is not enough for all, each thing gets one before any gets two: the first
    // `reserved_max` things, in the order they are given.
    let mut left = reserved_max.min(candidates.len());
    let mut wanted = vec![0_usize; things.len()];
    while left > 0 {
        let before = left;
        for (thing, wanted) in things.iter().zip(&mut wanted) {
            if left > 0 && *wanted < thing.owners {
                *wanted += 1;
                left -= 1;
            }
        }
        if before == left {
            break;
        }
    }
    let things: Vec<Thing> = things
        .iter()
        .zip(wanted)
        .map(|(thing, owners)| Thing { key: thing.key.clone(), owners })
        .collect();
    match_up(&things, candidates, vec![1; candidates.len()])
}

fn match_up(
    things: &[Thing],
    candidates: &[Candidate],
    mut capacities: Vec<usize>,
) -> Vec<Vec<usize>> {
    let mut owners: Vec<Vec<usize>> = vec![Vec::new(); things.len()];
    let mut pairs = Vec::with_capacity(things.len() * candidates.len());
    for (number, thing) in things.iter().enumerate() {
        for (member, candidate) in candidates.iter().enumerate() {
            pairs.push((score(&thing.key, candidate), number, member));
        }
    }
    pairs.sort_unstable_by(|one, other| {
        let keys =
            |pair: &(f64, usize, usize)| (things[pair.1].key.clone(), candidates[pair.2].key);
        other.0.total_cmp(&one.0).then_with(|| keys(one).cmp(&keys(other)))
    });
    for (_, thing, member) in pairs {
        if owners[thing].len() < things[thing].owners && capacities[member] > 0 {
            owners[thing].push(member);
            capacities[member] -= 1;
        }
    }
    owners
}

/// How much each may own of `places`: its share by weight and a quarter, rounded up.
fn capacities(candidates: &[Candidate], places: usize) -> Vec<usize> {
    let total: u64 = candidates.iter().map(|one| u64::from(one.weight.max(1))).sum();
    let share = |one: &Candidate| {
        let weighted = places as u64 * u64::from(one.weight.max(1)) * LOAD_MAX_PERCENT;
        usize::try_from(weighted.div_ceil(total * 100)).unwrap_or(usize::MAX)
    };
    candidates.iter().map(share).collect()
}

/// The logarithmic method: with weights, a member's chance of the highest score is its share.
fn score(thing: &[u8], candidate: &Candidate) -> f64 {
    let mut hash = Sha256::new();
    hash.update(candidate.key);
    hash.update(thing);
    let digest = hash.finalize();
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&digest[..8]);
    // 53 bits, none of them zero all together: a number between 0 and 1 that is neither.
    let uniform = ((u64::from_be_bytes(bytes) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(candidate.weight.max(1)) / uniform.ln()
}

/// For each member, how many things it owns.
#[must_use]
pub fn loads(owners: &[Vec<usize>]) -> HashMap<usize, usize> {
    let mut loads = HashMap::new();
    for member in owners.iter().flatten() {
        *loads.entry(*member).or_default() += 1;
    }
    loads
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(ids: &[u8]) -> Vec<Candidate> {
        ids.iter().map(|id| Candidate { key: [*id; 16], weight: 1 }).collect()
    }

    fn things(count: u16, owners: usize) -> Vec<Thing> {
        (0..count).map(|n| Thing { key: n.to_be_bytes().to_vec(), owners }).collect()
    }

    /// How many of the things changed their owner, by key.
    fn moved(before: (&[Vec<usize>], &[Candidate]), after: (&[Vec<usize>], &[Candidate])) -> usize {
        before
            .0
            .iter()
            .zip(after.0)
            .filter(|(one, other)| before.1[one[0]].key != after.1[other[0]].key)
            .count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn everything_has_an_owner_and_nobody_has_too_much(
            ids in proptest::collection::btree_set(0_u8..200, 1..40),
            weights in proptest::collection::vec(1_u32..100, 40),
            count in 0_u16..120,
            wanted in 1_usize..4,
        ) {
            let ids: Vec<u8> = ids.into_iter().collect();
            let members: Vec<Candidate> = ids
                .iter()
                .zip(&weights)
                .map(|(id, weight)| Candidate { key: [*id; 16], weight: *weight })
                .collect();
            let things = things(count, wanted);
            let owners = assign(&things, &members);
            let places = things.len() * wanted.min(members.len());
            let capacities = capacities(&members, places);
            for owned in &owners {
                prop_assert!(!owned.is_empty() && owned.len() <= wanted);
                let mut distinct = owned.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), owned.len());
            }
            for (member, load) in loads(&owners) {
                prop_assert!(load <= capacities[member]);
            }
        }

        #[test]
        fn little_moves_when_a_member_comes_or_goes(
            ids in proptest::collection::btree_set(0_u8..250, 3..24),
            at in 0_usize..24,
        ) {
            let ids: Vec<u8> = ids.into_iter().collect();
            let all = candidates(&ids);
            let mut fewer = ids.clone();
            fewer.remove(at % ids.len());
            let fewer = candidates(&fewer);
            let things = things(300, 1);
            let (with, without) = (assign(&things, &all), assign(&things, &fewer));
            let moves = moved((&with, &all), (&without, &fewer));
            // Its own part moves, at most a quarter more than the fair share, and where the bound
            // on the others' load changes, a little of theirs.
            let fair = things.len().div_ceil(fewer.len());
            prop_assert!(moves <= fair * 2, "{moves} of 300 moved, {fair} is fair");
        }

        #[test]
        fn the_order_of_members_and_things_does_not_matter(
            ids in proptest::collection::btree_set(0_u8..250, 1..12),
            count in 1_u16..60,
        ) {
            let ids: Vec<u8> = ids.into_iter().collect();
            let reversed: Vec<u8> = ids.iter().rev().copied().collect();
            let (one, other) = (candidates(&ids), candidates(&reversed));
            let things = things(count, 2);
            let mut backwards = things.clone();
            backwards.reverse();
            let keys = |owners: Vec<Vec<usize>>, members: &[Candidate]| -> Vec<Vec<[u8; 16]>> {
                let key = |owned: Vec<usize>| owned.into_iter().map(|at| members[at].key).collect();
                owners.into_iter().map(key).collect()
            };
            let mut there = keys(assign(&backwards, &other), &other);
            there.reverse();
            prop_assert_eq!(keys(assign(&things, &one), &one), there);
        }

        #[test]
        fn a_reserved_member_belongs_to_one_thing(
            ids in proptest::collection::btree_set(0_u8..250, 0..20),
            count in 0_u16..8,
            wanted in 1_usize..5,
            reserved_max in 0_usize..12,
        ) {
            let members = candidates(&ids.into_iter().collect::<Vec<_>>());
            let things = things(count, wanted);
            let owners = reserve(&things, &members, reserved_max);
            let all: Vec<usize> = owners.iter().flatten().copied().collect();
            let mut distinct = all.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), all.len());
            let most = (things.len() * wanted).min(reserved_max).min(members.len());
            prop_assert_eq!(all.len(), most);
        }
    }

    #[test]
    fn twice_the_weight_owns_about_twice_as_much() {
        let mut members = candidates(&[1, 2, 3, 4]);
        members[0].weight = 2;
        let owned = loads(&assign(&things(2_000, 1), &members));
        assert!((700..=1_000).contains(&owned[&0]), "{owned:?}");
    }
}
