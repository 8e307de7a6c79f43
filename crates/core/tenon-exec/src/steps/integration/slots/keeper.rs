//! Asks the service for slots, and tells it what is used: one question a pool at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{CallSlots, SAFETY_MARGIN, Shared, Slots};
use crate::metrics;
use crate::ports::call_pools::{Bid, Share};

/// When a question is given up. Then this process goes on with its share.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// The pauses between questions of a pool in which there is no room, from the first to the longest,
/// which repeats. Each is drawn from its half to its whole, so that workers do not ask together.
const PAUSES_MS: [u64; 5] = [20, 40, 80, 160, 250];

/// Questions under way at a time.
const QUESTIONS_MAX: usize = 64;

/// What to do after an answer.
enum Next {
    Nothing,
    AskAgain,
    Pause,
}

impl CallSlots {
    /// Asks for slots when there are calls that want some, says three times a lease what is used,
    /// and gives back what is not. At `stop` gives back everything that is free.
    pub async fn keep(self, stop: CancellationToken) {
        let shared = self.0;
        let mut ticks = tokio::time::interval(shared.settings.lease_ttl / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let questions = Semaphore::new(QUESTIONS_MAX);
        let mut under_way = FuturesUnordered::new();
        loop {
            while let Some(slots) = shared.next_due() {
                under_way.push(shared.settle(slots, &questions));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = shared.is_due.notified() => {}
                Some(()) = under_way.next() => {}
                _ = ticks.tick() => shared.renew(),
            }
        }
        drop(under_way);
        shared.give_back().await;
    }
}

impl Shared {
    fn next_due(&self) -> Option<Arc<Slots>> {
        self.due.lock().pop_front()
    }

    /// Everything that this process has a part in is told again.
    fn renew(&self) {
        self.forget_idle();
        let all: Vec<Arc<Slots>> = self.pools.iter().map(|entry| Arc::clone(&entry)).collect();
        for slots in all {
            let mut state = slots.state.lock();
            if state.has_part() && !state.is_asking {
                self.ask(&slots, &mut state);
            }
        }
    }

    /// Asks until no call waits, or the service is away.
    async fn settle(self: &Arc<Self>, slots: Arc<Slots>, questions: &Semaphore) {
        let mut pauses = 0;
        loop {
            let used = slots.state.lock().used;
            match self.ask_once(&slots, questions).await {
                Next::Nothing => return,
                Next::AskAgain => {}
                Next::Pause => {
                    if slots.state.lock().used > used {
                        pauses = 0;
                    }
                    let longest = PAUSES_MS[pauses.min(PAUSES_MS.len() - 1)];
                    let pause = rand::rng().random_range(longest / 2..=longest);
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                        () = slots.wake.notified() => {}
                    }
                    pauses += 1;
                }
            }
        }
    }

    async fn ask_once(self: &Arc<Self>, slots: &Arc<Slots>, questions: &Semaphore) -> Next {
        let _permit = questions.acquire().await;
        let bid = slots.state.lock().bid(self.me, &self.settings);
        let sent = Instant::now();
        let answer = self.ask_service(slots, &bid).await;
        match answer {
            Some(share) => {
                let sure_for = self.settings.lease_ttl.saturating_sub(SAFETY_MARGIN);
                slots.state.lock().take(share, sent + sure_for);
                self.members.store(share.members, Ordering::Relaxed);
            }
            None => slots.state.lock().go_alone(self.members.load(Ordering::Relaxed)),
        }
        self.hand_out(slots);
        let mut state = slots.state.lock();
        state.was_used = state.used > 0;
        state.waiting.retain(|call| !call.is_closed());
        let next = match (state.alone.is_some(), state.is_changed, state.waiting.is_empty()) {
            (false, true, _) => Next::AskAgain,
            (false, false, false) => Next::Pause,
            // The next look asks whether the service is back.
            (true, ..) | (false, false, true) => Next::Nothing,
        };
        state.is_asking = !matches!(next, Next::Nothing);
        next
    }

    async fn ask_service(&self, slots: &Slots, bid: &Bid) -> Option<Share> {
        let asked = self.service.bid(&slots.pool, bid);
        let answer = match tokio::time::timeout(ANSWER_PATIENCE, asked).await {
            Ok(Ok(share)) => Some(share),
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "calls are counted in this process alone");
                None
            }
            Err(_) => None,
        };
        let outcome = if answer.is_some() { "answered" } else { "failed" };
        metrics::CONNECTOR_SLOT_CALLS.add_of(&[outcome], 1);
        answer
    }

    async fn give_back(self: &Arc<Self>) {
        let all: Vec<Arc<Slots>> = self.pools.iter().map(|entry| Arc::clone(&entry)).collect();
        let told =
            futures::stream::iter(all).for_each_concurrent(QUESTIONS_MAX, |slots| async move {
                let (bid, held) = {
                    let mut state = slots.state.lock();
                    (state.bid(self.me, &self.settings), state.held)
                };
                if held > 0 {
                    self.ask_service(&slots, &Bid { wanted: 0, spare: 0, ..bid }).await;
                }
            });
        told.await;
    }
}
