//! How many calls of a project to one connector are under way at a time, over all workers.
//!
//! This process holds slots of the common pools ([`CallPools`]) and lets its calls take turns on
//! them. A call that finds one free costs no round trip; else this process asks, once for all calls
//! that wait here. What is not used goes back soon: at once where others wait or slots are scarce.
//!
//! While the service is away each process goes on with its share: the limit over the number of
//! workers that had a part when it last answered, at least one call.

mod keeper;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::metrics;
use crate::ports::call_pools::{Bid, CallPools, Pool, Share};
use crate::ports::membership::MemberId;

/// Pools that are known; beyond, those without a slot are forgotten.
const POOLS_MAX: usize = 10_000;

/// How much earlier than the service this process takes what it holds for lost.
const SAFETY_MARGIN: Duration = Duration::from_millis(500);

/// A call that finds no slot here may wait this long for the first answer of the service, also where
/// it is to wait for nothing else.
const FIRST_ANSWER: Duration = Duration::from_millis(250);

/// Bounds of what a process holds of the pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSettings {
    /// How long the service keeps slots for a process that says nothing. Longer than
    /// two seconds.
    pub lease_ttl: Duration,
    /// Slots that a process keeps ready beside those that it uses, where there are plenty.
    pub spare: u32,
}

impl Default for SlotSettings {
    fn default() -> Self {
        Self { lease_ttl: Duration::from_secs(5), spare: 4 }
    }
}

/// The slots of this process. Cheap to clone.
#[derive(Clone)]
pub struct CallSlots(Arc<Shared>);

struct Shared {
    service: Arc<dyn CallPools>,
    me: MemberId,
    settings: SlotSettings,
    pools: DashMap<Pool, Arc<Slots>>,
    /// Pools of which the service is to be told something, each once.
    due: Mutex<VecDeque<Arc<Slots>>>,
    is_due: Notify,
    /// Workers that had a part in a pool when the service last answered.
    members: AtomicU32,
}

/// One pool, as this process knows it.
struct Slots {
    pool: Pool,
    state: Mutex<State>,
    /// Ends a pause between two questions.
    wake: Notify,
}

struct State {
    max: u32,
    used: u32,
    held: u32,
    /// Until when what is held is held for sure.
    sure_until: Instant,
    /// What this process may use without asking, while the service is away.
    alone: Option<u32>,
    others_wait: bool,
    is_scarce: bool,
    /// In the order in which they came.
    waiting: VecDeque<oneshot::Sender<CallSlot>>,
    /// The service is being asked, or will be.
    is_asking: bool,
    /// Something changed that the question under way did not say.
    is_changed: bool,
    /// A call began since the last look.
    was_used: bool,
}

/// The right to make one call.
pub struct CallSlot {
    slots: Arc<Slots>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for CallSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CallSlot").field(&self.slots.pool).finish()
    }
}

impl CallSlots {
    /// The slots of the process `me`. They are of no use until [`CallSlots::keep`] runs.
    #[must_use]
    pub fn new(service: Arc<dyn CallPools>, me: MemberId, settings: SlotSettings) -> Self {
        Self(Arc::new(Shared {
            service,
            me,
            settings,
            pools: DashMap::new(),
            due: Mutex::default(),
            is_due: Notify::new(),
            members: AtomicU32::new(1),
        }))
    }

    /// A slot of a pool of `max`, once there is one; who came first is served first. `None` after
    /// `wait`. Another `max` than before holds for calls that begin from then on.
    pub async fn enter(&self, pool: Pool, max: u32, wait: Duration) -> Option<CallSlot> {
        let slots = self.slots(pool);
        let waiting = {
            let mut state = slots.state.lock();
            state.max = max;
            state.was_used = true;
            if state.room() > 0 && state.waiting.is_empty() {
                state.used += 1;
                metrics::CONNECTOR_SLOTS.add_of(&["ready"], 1);
                return Some(self.0.slot(&slots));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            self.0.ask(&slots, &mut state);
            receiver
        };
        let given = tokio::time::timeout(wait.max(FIRST_ANSWER), waiting).await;
        let given = given.ok().and_then(Result::ok);
        let outcome = if given.is_some() { "waited" } else { "refused" };
        metrics::CONNECTOR_SLOTS.add_of(&[outcome], 1);
        given
    }

    fn slots(&self, pool: Pool) -> Arc<Slots> {
        if let Some(slots) = self.0.pools.get(&pool) {
            return Arc::clone(&slots);
        }
        if self.0.pools.len() >= POOLS_MAX {
            self.0.forget_idle();
        }
        let new = || Arc::new(Slots { pool, state: Mutex::new(State::new()), wake: Notify::new() });
        Arc::clone(&self.0.pools.entry(pool).or_insert_with(new))
    }
}

impl Shared {
    /// A slot that was counted as used.
    fn slot(self: &Arc<Self>, slots: &Arc<Slots>) -> CallSlot {
        CallSlot { slots: Arc::clone(slots), shared: Arc::clone(self) }
    }

    /// Has the service told what is used and wanted now.
    fn ask(&self, slots: &Arc<Slots>, state: &mut State) {
        if std::mem::replace(&mut state.is_asking, true) {
            state.is_changed = true;
            slots.wake.notify_one();
        } else {
            self.due.lock().push_back(Arc::clone(slots));
            self.is_due.notify_one();
        }
    }

    /// Gives free slots to calls that wait. Who stopped waiting meanwhile gives its slot back, which
    /// goes to the next one.
    fn hand_out(self: &Arc<Self>, slots: &Arc<Slots>) {
        let mut given = Vec::new();
        {
            let mut state = slots.state.lock();
            while state.room() > 0 {
                let Some(call) = state.waiting.pop_front() else { break };
                if call.is_closed() {
                    continue;
                }
                state.used += 1;
                given.push((call, self.slot(slots)));
            }
        }
        // A slot that is not taken locks the state again.
        given.into_iter().for_each(|(call, slot)| drop(call.send(slot)));
    }

    /// Forgets pools in which this process has no part.
    fn forget_idle(&self) {
        self.pools.retain(|_, slots| {
            // Whoever has it in its hands may be about to use it.
            Arc::strong_count(slots) > 1 || slots.state.lock().has_part()
        });
    }
}

impl State {
    fn new() -> Self {
        Self {
            max: 0,
            used: 0,
            held: 0,
            sure_until: Instant::now(),
            alone: None,
            others_wait: false,
            is_scarce: false,
            waiting: VecDeque::new(),
            is_asking: false,
            is_changed: false,
            was_used: false,
        }
    }

    /// Calls that may begin without asking.
    fn room(&self) -> u32 {
        let mine = match self.alone {
            Some(share) => share,
            None if Instant::now() < self.sure_until => self.held,
            None => 0,
        };
        mine.min(self.max).saturating_sub(self.used)
    }

    fn has_part(&self) -> bool {
        self.used > 0 || self.held > 0 || !self.waiting.is_empty() || self.is_asking
    }

    /// What the service is told.
    fn bid(&mut self, member: MemberId, settings: &SlotSettings) -> Bid {
        self.is_changed = false;
        self.waiting.retain(|call| !call.is_closed());
        let wanted = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).min(self.max);
        let keeps_some = self.used > 0 || wanted > 0 || self.was_used;
        Bid {
            member,
            max: self.max,
            used: self.used,
            wanted,
            spare: if keeps_some { settings.spare } else { 0 },
            ttl: settings.lease_ttl,
        }
    }

    fn take(&mut self, share: Share, sure_until: Instant) {
        (self.held, self.sure_until) = (share.held, sure_until);
        (self.others_wait, self.is_scarce) = (share.others_wait, share.is_scarce);
        self.alone = None;
    }

    /// The service is away: this process goes on with its share.
    fn go_alone(&mut self, members: u32) {
        self.alone = Some((self.max / members.max(1)).max(1));
        (self.others_wait, self.is_scarce) = (false, false);
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        let Self { slots, shared } = self;
        let mut state = slots.state.lock();
        state.used -= 1;
        let goes_back = state.others_wait || (state.is_scarce && state.waiting.is_empty());
        if goes_back {
            return shared.ask(slots, &mut state);
        }
        let has_next = !state.waiting.is_empty();
        drop(state);
        if has_next {
            shared.hand_out(slots);
        }
    }
}

#[cfg(test)]
mod tests;
