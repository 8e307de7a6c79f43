//! One shard as plain data: its queues, whose turn it is, and who holds what.
//!
//! Pure: time comes in as arguments, nothing here waits or locks. Every operation is O(1) or
//! O(log n) a job; a claim is so in the queues it passes, never in all of them.

mod line;
mod locate;
mod queue;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, Beat, Claimed, ClaimedJob, Depth, DueMs, Fence, Generation, Lease, Push, Shard, Source,
    Terms,
};

use self::queue::QueueState;

/// Jobs that one call promotes, claims or reaps at most.
const BATCH_MAX: usize = 500;

/// How long a job that was given back without a known lane keeps lanes shut, in ms. The sweep
/// pushes it again before.
const SHUT_MS: u64 = 10_000;

/// When queues that wait for leases without a known lane are looked at again, in ms.
const LOOK_AGAIN_MS: i64 = 500;

/// About so many jobs are taken in a round, in which each queue that waits has one turn: where many
/// wait, turns are shorter, so that the last one is served soon, too.
const JOBS_OF_ROUND: usize = 1_024;

/// Turns are not shortened below so many jobs: `tenon-redis` pays for each turn, and both do the same.
const JOBS_OF_TURN_MIN: usize = 4;

/// Buckets of starts that are kept before the full ones are dropped.
const BUCKETS_MAX: usize = 1_024;

/// When a lease lapses: milliseconds on the monotonic clock of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lapse(pub(super) u64);

/// The moment of a call, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) due: DueMs,
    pub(super) lapse: Lapse,
}

type Name = Arc<QueueName>;

#[derive(Debug, Clone)]
struct Owner {
    queue: Name,
    fence: Fence,
    member: MemberId,
    lapse: Lapse,
}

/// Virtual time of the turns: what a job costs is one over the weight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Time(f64);

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Starts that a queue has saved up, and when that was so.
#[derive(Debug, Clone, Copy)]
struct Saved {
    starts: f64,
    at: DueMs,
}

/// One shard.
#[derive(Debug)]
pub(super) struct ShardState {
    shard: Shard,
    generation: Generation,
    counter: u32,
    queues: HashMap<Name, QueueState>,
    owners: HashMap<RunId, Owner>,
    lapses: BTreeSet<(Lapse, RunId)>,
    /// Queues that have something to hand out.
    turns: BTreeSet<(Time, Name)>,
    turn: Time,
    /// Queues that left the turns ahead of the others.
    left: HashMap<Name, Time>,
    due: BTreeSet<(DueMs, Name)>,
    paced: BTreeSet<(DueMs, Name)>,
    terms: HashMap<QueueName, Terms>,
    saved: HashMap<QueueName, Saved>,
    fresh: Vec<Source>,
}

impl ShardState {
    pub(super) fn new(shard: Shard, generation: Generation) -> Self {
        Self {
            shard,
            generation,
            counter: 0,
            queues: HashMap::new(),
            owners: HashMap::new(),
            lapses: BTreeSet::new(),
            turns: BTreeSet::new(),
            turn: Time(0.0),
            left: HashMap::new(),
            due: BTreeSet::new(),
            paced: BTreeSet::new(),
            terms: HashMap::new(),
            saved: HashMap::new(),
            fresh: Vec::new(),
        }
    }

    /// Forgets what belongs to another generation, but not how queues are served.
    pub(super) fn enter(&mut self, generation: Generation) {
        if self.generation != generation {
            let terms = std::mem::take(&mut self.terms);
            *self = Self { terms, ..Self::new(self.shard, generation) };
        }
    }

    /// Sources that have work again since the last call.
    pub(super) fn take_fresh(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.fresh)
    }

    pub(super) fn push(&mut self, queue: &QueueName, push: &Push, now: Now) {
        let name = self.name(queue);
        self.queues.entry(Arc::clone(&name)).or_default().push(push, now.due);
        self.settle(&name, now);
    }

    /// `None` when the generation's fences are used up.
    pub(super) fn claim(
        &mut self,
        source: &Source,
        ask: &Ask,
        member: MemberId,
        lapse: Lapse,
        now: Now,
    ) -> Option<Claimed> {
        self.promote(now);
        let max = ask.max.min(BATCH_MAX);
        let fence = Fence::new(self.generation, self.counter.checked_add(1)?);
        let of_turn = ask.max_of_queue.max(1);
        let mut grant = Grant { fence, member, lapse, now, max, of_turn, jobs: Vec::new() };
        let has_more = match source {
            Source::Shared(_) => self.claim_shared(ask, &mut grant),
            Source::Dedicated(queue) => self.claim_dedicated(queue, ask, &mut grant),
        };
        // The claimer knows by `has_more` what is left here.
        self.fresh.retain(|fresh| fresh != source);
        if !grant.jobs.is_empty() {
            self.counter += 1;
        }
        let dues = [self.due.first(), self.paced.first()];
        let next_due = dues.into_iter().flatten().map(|(due, _)| *due).min();
        Some(Claimed {
            fence: Fence::new(self.generation, self.counter),
            jobs: grant.jobs,
            next_due,
            has_more,
        })
    }

    fn claim_shared(&mut self, ask: &Ask, grant: &mut Grant) -> bool {
        // A queue whose turn gave nothing has only jobs that wait for their lanes.
        let mut barren: Vec<Name> = Vec::new();
        let fair = (JOBS_OF_ROUND / self.turns.len().max(1)).max(JOBS_OF_TURN_MIN);
        grant.of_turn = grant.of_turn.min(fair);
        while grant.jobs.len() < grant.max {
            let is_asked = |entry: &&(Time, Name)| {
                !ask.except.contains(&entry.1) && !barren.contains(&entry.1)
            };
            let Some((time, name)) = self.turns.iter().find(is_asked).cloned() else { break };
            self.turn = self.turn.max(time);
            let taken = self.serve(&name, false, grant);
            if taken == 0 {
                barren.push(name);
            }
        }
        let turn = self.turn;
        self.left.retain(|_, time| *time > turn);
        if self.turns.is_empty() {
            self.left.clear();
        }
        let is_excepted = |(_, name): &(Time, Name)| ask.except.contains(name);
        self.turns.iter().any(|entry| !is_excepted(entry))
    }

    fn claim_dedicated(&mut self, queue: &QueueName, ask: &Ask, grant: &mut Grant) -> bool {
        let is_known = self.queues.contains_key(queue) && !ask.except.contains(queue);
        if !is_known || !self.terms_of(queue).is_dedicated {
            return false;
        }
        let name = self.name(queue);
        while grant.jobs.len() < grant.max && self.serve(&name, true, grant) > 0 {}
        self.is_open(&name, grant.now)
    }

    /// One turn of a queue; answers how many jobs it gave.
    fn serve(&mut self, name: &Name, is_dedicated: bool, grant: &mut Grant) -> usize {
        let terms = self.terms_of(name);
        let mut want = grant.of_turn.min(grant.max - grant.jobs.len());
        if terms.is_paused || terms.is_dedicated != is_dedicated {
            want = 0;
        }
        let Some(queue) = self.queues.get_mut(name) else { return 0 };
        if let Some(max) = terms.running_max {
            want = want.min((max as usize).saturating_sub(queue.running()));
        }
        let saved = terms
            .starts_per_second
            .map(|rate| (rate, self.saved_starts(name, rate, grant.now.due)));
        if let Some((_, starts)) = saved {
            want = want.min(starts as usize);
        }
        let Some(queue) = self.queues.get_mut(name) else { return 0 };
        let taken = queue.take(want, grant.now.due, grant.now.lapse);
        for (run, flags) in &taken {
            let Grant { fence, member, lapse, .. } = *grant;
            let owner = Owner { queue: Arc::clone(name), fence, member, lapse };
            self.owners.insert(*run, owner);
            self.lapses.insert((grant.lapse, *run));
            grant.jobs.push(ClaimedJob {
                run: *run,
                queue: QueueName::clone(name),
                is_recovered: flags.is_recovered,
                is_reaped: flags.is_reaped,
            });
        }
        if let Some((rate, starts)) = saved {
            self.pace(name, rate, starts - taken.len() as f64, grant.now.due);
        }
        self.charge(name, taken.len() as f64 / f64::from(terms.weight.clamp(1, 1_000)));
        self.settle(name, grant.now);
        taken.len()
    }

    /// Moves a queue back by what its turn cost.
    fn charge(&mut self, name: &Name, cost: f64) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let Some(at) = queue.turn_at else { return };
        queue.turn_at = Some(at + cost);
        self.turns.remove(&(Time(at), Arc::clone(name)));
        self.turns.insert((Time(at + cost), Arc::clone(name)));
    }

    fn saved_starts(&self, name: &QueueName, rate: f64, now: DueMs) -> f64 {
        if rate <= 0.0 {
            return 0.0;
        }
        let most = rate.max(1.0);
        let Some(saved) = self.saved.get(name) else { return most };
        let passed_ms = (now.0 - saved.at.0).max(0) as f64;
        (saved.starts + passed_ms * rate / 1_000.0).min(most)
    }

    /// Notes what is saved up now, and when the next start may be where that is not one.
    fn pace(&mut self, name: &Name, rate: f64, starts: f64, now: DueMs) {
        if self.saved.len() >= BUCKETS_MAX {
            let Self { saved, terms, .. } = self;
            saved.retain(|name, saved| {
                let rate = terms.get(name).and_then(|terms| terms.starts_per_second);
                rate.is_some_and(|rate| {
                    let passed_ms = (now.0 - saved.at.0).max(0) as f64;
                    saved.starts + passed_ms * rate / 1_000.0 < rate.max(1.0)
                })
            });
        }
        self.saved.insert(QueueName::clone(name), Saved { starts, at: now });
        if starts < 1.0 && rate > 0.0 {
            let wait_ms = ((1.0 - starts) * 1_000.0 / rate).ceil().max(1.0);
            self.pace_until(name, DueMs(now.0.saturating_add(wait_ms as i64)));
        }
    }

    fn pace_until(&mut self, name: &Name, due: DueMs) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        if let Some(former) = queue.paced_until.replace(due) {
            self.paced.remove(&(former, Arc::clone(name)));
        }
        self.paced.insert((due, Arc::clone(name)));
    }

    fn unpace(&mut self, name: &Name) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        if let Some(former) = queue.paced_until.take() {
            self.paced.remove(&(former, Arc::clone(name)));
        }
    }

    pub(super) fn beat(
        &mut self,
        beats: &[Beat],
        member: MemberId,
        lapse: Lapse,
        now: Now,
    ) -> Vec<RunId> {
        let mut lost = Vec::new();
        for Beat { queue, lease, order } in beats {
            // Only a lease of an earlier generation can have been forgotten; one of this
            // generation that is not known was finished or removed.
            let is_forgotten = lease.fence < Fence::new(self.generation, 0);
            let is_known = self.queues.get(queue).is_some_and(|queue| queue.knows(&lease.run));
            if let Some(owner) = self.owners.get_mut(&lease.run) {
                if owner.fence != lease.fence {
                    lost.push(lease.run);
                    continue;
                }
                self.lapses.remove(&(owner.lapse, lease.run));
                owner.lapse = lapse;
                let name = Arc::clone(&owner.queue);
                let state = self.queues.get_mut(&name);
                if let (Some(state), Some(order)) = (state, order)
                    && state.learn(lease.run, *order)
                {
                    self.settle(&name, now);
                }
            } else if is_forgotten && !is_known {
                let name = self.name(queue);
                self.queues.entry(Arc::clone(&name)).or_default().adopt(lease.run, *order);
                self.settle(&name, now);
                let owner = Owner { queue: name, fence: lease.fence, member, lapse };
                self.owners.insert(lease.run, owner);
            } else {
                lost.push(lease.run);
                continue;
            }
            self.lapses.insert((lapse, lease.run));
        }
        lost
    }

    pub(super) fn ack(&mut self, leases: &[Lease], now: Now) {
        for lease in leases {
            let Some(name) = self.end(*lease) else { continue };
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.finish(lease.run, now.due);
            }
            self.settle(&name, now);
        }
    }

    pub(super) fn nack(&mut self, leases: &[(Lease, Option<DueMs>)], now: Now) {
        // The first one comes to stand first.
        for (lease, due) in leases.iter().rev() {
            let Some(name) = self.end(*lease) else { continue };
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.give_back(lease.run, *due, false, now.due, shut_until(now));
            }
            self.settle(&name, now);
        }
    }

    pub(super) fn reap(&mut self, now: Now) -> usize {
        let lapsed: Vec<_> = self
            .lapses
            .iter()
            .take_while(|(lapse, _)| *lapse <= now.lapse)
            .take(BATCH_MAX)
            .copied()
            .collect();
        // The one that lapsed first comes to stand first.
        for (lapse, run) in lapsed.iter().rev() {
            self.lapses.remove(&(*lapse, *run));
            let Some(owner) = self.owners.remove(run) else { continue };
            if let Some(queue) = self.queues.get_mut(&owner.queue) {
                queue.give_back(*run, None, true, now.due, shut_until(now));
            }
            self.settle(&owner.queue, now);
        }
        lapsed.len()
    }

    pub(super) fn remove(&mut self, queue: &QueueName, runs: &[RunId], now: Now) {
        let name = self.name(queue);
        for run in runs {
            let Some(state) = self.queues.get_mut(&name) else { return };
            if state.remove(*run, now.due)
                && let Some(owner) = self.owners.remove(run)
            {
                self.lapses.remove(&(owner.lapse, *run));
            }
            self.settle(&name, now);
        }
    }

    pub(super) fn knows(&self, queue: &QueueName, run: &RunId) -> bool {
        self.queues.get(queue).is_some_and(|queue| queue.knows(run))
    }

    pub(super) fn depth(&self, queue: &QueueName) -> Depth {
        self.queues.get(queue).map(QueueState::depth).unwrap_or_default()
    }

    pub(super) fn set_terms(&mut self, queue: &QueueName, terms: &Terms, now: Now) {
        if *terms == Terms::default() {
            self.terms.remove(queue);
        } else {
            self.terms.insert(queue.clone(), terms.clone());
        }
        if terms.starts_per_second.is_none() {
            self.saved.remove(queue);
        }
        let name = self.name(queue);
        self.unpace(&name);
        if let Some(state) = self.queues.get_mut(queue) {
            state.was_open = false;
            self.settle(&name, now);
        }
    }

    pub(super) fn terms_of(&self, queue: &QueueName) -> Terms {
        self.terms.get(queue).cloned().unwrap_or_default()
    }

    /// Queues that hold anything, by name.
    pub(super) fn holding(&self) -> Vec<QueueName> {
        let holding = self.queues.iter().filter(|(_, queue)| queue.depth() != Depth::default());
        let mut names: Vec<_> = holding.map(|(name, _)| QueueName::clone(name)).collect();
        names.sort();
        names
    }

    pub(super) fn next_of(&self, queue: &QueueName) -> Option<RunId> {
        self.queues.get(queue)?.next()
    }

    fn name(&self, queue: &QueueName) -> Name {
        self.queues
            .get_key_value(queue)
            .map_or_else(|| Arc::new(queue.clone()), |(name, _)| Arc::clone(name))
    }

    /// Ends a lease if it is the one that holds the job; answers its queue.
    fn end(&mut self, lease: Lease) -> Option<Name> {
        self.owners.get(&lease.run).filter(|owner| owner.fence == lease.fence)?;
        let owner = self.owners.remove(&lease.run)?;
        self.lapses.remove(&(owner.lapse, lease.run));
        Some(owner.queue)
    }

    fn promote(&mut self, now: Now) {
        let mut budget = BATCH_MAX;
        while let Some((due, name)) = self.due.first().cloned() {
            if due > now.due || budget == 0 {
                break;
            }
            let Some(queue) = self.queues.get_mut(&name) else {
                self.due.pop_first();
                continue;
            };
            budget -= queue.promote(now.due, budget);
            self.settle(&name, now);
        }
        while let Some((due, name)) = self.paced.first().cloned() {
            if due > now.due {
                break;
            }
            self.paced.pop_first();
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.paced_until = None;
            }
            self.settle(&name, now);
        }
    }

    /// Whether a queue's terms let it hand out something that is ready.
    fn is_open(&mut self, name: &Name, now: Now) -> bool {
        let terms = self.terms_of(name);
        let Some(queue) = self.queues.get_mut(name) else { return false };
        let has_room = terms.running_max.is_none_or(|max| queue.running() < max as usize);
        let is_paced = terms.starts_per_second.is_some() && queue.paced_until.is_some();
        !terms.is_paused && has_room && !is_paced && queue.open_count(now.lapse) > 0
    }

    /// Puts a queue where its state says: in the turns, among those that fall due, or nowhere.
    fn settle(&mut self, name: &Name, now: Now) {
        let is_open = self.is_open(name, now);
        let is_dedicated = self.terms_of(name).is_dedicated;
        let Some(queue) = self.queues.get_mut(name) else { return };
        let first_due = queue.first_due();
        if queue.listed_due != first_due {
            if let Some(former) = queue.listed_due {
                self.due.remove(&(former, Arc::clone(name)));
            }
            if let Some(due) = first_due {
                self.due.insert((due, Arc::clone(name)));
                // Who hears of it looks, and learns when to come back.
                if queue.listed_due.is_none_or(|former| due < former) {
                    self.fresh.push(match is_dedicated {
                        true => Source::Dedicated(QueueName::clone(name)),
                        false => Source::Shared(self.shard),
                    });
                }
            }
            queue.listed_due = first_due;
        }
        let is_fresh = is_open && !queue.was_open;
        queue.was_open = is_open;
        match (is_open && !is_dedicated, queue.turn_at) {
            (true, None) => {
                let left = self.left.remove(name).unwrap_or(Time(0.0));
                let time = self.turn.max(left);
                queue.turn_at = Some(time.0);
                if self.turns.is_empty() {
                    self.fresh.push(Source::Shared(self.shard));
                }
                self.turns.insert((time, Arc::clone(name)));
            }
            (false, Some(time)) => {
                queue.turn_at = None;
                self.turns.remove(&(Time(time), Arc::clone(name)));
                self.left.insert(Arc::clone(name), Time(time));
            }
            _ => {}
        }
        if is_fresh && is_dedicated {
            self.fresh.push(Source::Dedicated(QueueName::clone(name)));
        }
        let waits = queue.waits_for_sight(now.lapse);
        let is_listed = queue.paced_until.is_some();
        let has_rate = self.terms.get(&**name).is_some_and(|it| it.starts_per_second.is_some());
        if waits && !is_listed {
            self.pace_until(name, DueMs(now.due.0 + LOOK_AGAIN_MS));
        } else if !waits && is_listed && !has_rate {
            self.unpace(name);
        }
        if self.queues.get(name).is_some_and(QueueState::is_empty) {
            self.queues.remove(name);
        }
    }
}

/// What a claim hands out, and how far it has come.
struct Grant {
    fence: Fence,
    member: MemberId,
    lapse: Lapse,
    now: Now,
    max: usize,
    of_turn: usize,
    jobs: Vec<ClaimedJob>,
}

fn shut_until(now: Now) -> Lapse {
    Lapse(now.lapse.0.saturating_add(SHUT_MS))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Now = Now { due: DueMs(1_000), lapse: Lapse(0) };

    fn ask(max: usize) -> Ask {
        Ask { max, max_of_queue: max, ttl: Duration::from_secs(1), except: Vec::new() }
    }

    #[test]
    fn used_up_fences_ask_for_a_new_generation() {
        let mut state = ShardState::new(Shard(0), Generation(1));
        let (source, queue) = (Source::Shared(Shard(0)), QueueName::new("q"));
        state.counter = u32::MAX;
        state.push(&queue, &Push::now(RunId::new()), NOW);
        assert_eq!(state.claim(&source, &ask(1), MemberId::draw(), Lapse(1), NOW), None);
        assert_eq!(state.depth(&queue).ready, 1, "the job stays");
    }

    #[test]
    fn an_empty_queue_leaves_nothing_behind() {
        let mut state = ShardState::new(Shard(0), Generation(1));
        let (source, queue) = (Source::Shared(Shard(0)), QueueName::new("q"));
        let run = RunId::new();
        state.push(&queue, &Push::now(run), NOW);
        let claimed = state.claim(&source, &ask(5), MemberId::draw(), Lapse(1), NOW);
        let claimed = claimed.expect("there are fences");
        state.ack(&[Lease { run, fence: claimed.fence }], NOW);
        assert!(state.queues.is_empty() && state.turns.is_empty() && state.left.is_empty());
        assert!(state.owners.is_empty() && state.lapses.is_empty() && state.due.is_empty());
    }
}
