//! How many calls of a project to one connector are under way at a time.
//!
//! Counted in this process: with several workers each has the limit for itself. A count over all of
//! them would cost a round trip a call, for a bound that the provider's own limits, which are counted
//! for all, keep tighter.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tenon_domain::{IntegrationId, ProjectId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Integrations that are counted; beyond, those without a call are forgotten.
const COUNTED_MAX: usize = 10_000;

/// Calls under way, by project and integration.
#[derive(Debug, Default)]
pub struct CallSlots(DashMap<(ProjectId, IntegrationId), Counted>);

#[derive(Debug, Clone)]
struct Counted {
    max: u32,
    free: Arc<Semaphore>,
}

/// The right to make one call.
#[derive(Debug)]
pub struct CallSlot(
    #[expect(dead_code, reason = "held until the call is over")] OwnedSemaphorePermit,
);

impl CallSlots {
    /// A slot, once there is one; who came first is served first. `None` after `wait`.
    ///
    /// After a change of `max` calls under way are not counted against the new one.
    pub async fn enter(
        &self,
        of: (ProjectId, IntegrationId),
        max: u32,
        wait: Duration,
    ) -> Option<CallSlot> {
        let free = self.semaphore(of, max);
        if let Ok(permit) = free.clone().try_acquire_owned() {
            return Some(CallSlot(permit));
        }
        let permit = tokio::time::timeout(wait, free.acquire_owned()).await;
        permit.ok()?.ok().map(CallSlot)
    }

    fn semaphore(&self, of: (ProjectId, IntegrationId), max: u32) -> Arc<Semaphore> {
        if let Some(counted) = self.0.get(&of).filter(|counted| counted.max == max) {
            return counted.free.clone();
        }
        if self.0.len() >= COUNTED_MAX {
            self.0.retain(|_, counted| Arc::strong_count(&counted.free) > 1);
        }
        let new = || Counted { max, free: Arc::new(Semaphore::new(max as usize)) };
        let mut entry = self.0.entry(of).or_insert_with(new);
        if entry.max != max {
            *entry = new();
        }
        entry.free.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[tokio::test]
    async fn calls_are_bounded_for_each_integration_of_each_project() {
        let slots = CallSlots::default();
        let (one, other) = (IntegrationId::new(), IntegrationId::new());
        let (project, stranger) = (ProjectId::new(), ProjectId::new());
        let first = slots.enter((project, one), 2, NOW).await.expect("free");
        let _second = slots.enter((project, one), 2, NOW).await.expect("free");
        assert!(slots.enter((project, one), 2, NOW).await.is_none());
        assert!(slots.enter((project, other), 2, NOW).await.is_some());
        assert!(slots.enter((stranger, one), 2, NOW).await.is_some());
        drop(first);
        assert!(slots.enter((project, one), 2, NOW).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_slot_as_long_as_it_may() {
        let slots = Arc::new(CallSlots::default());
        let of = (ProjectId::new(), IntegrationId::new());
        let held = slots.enter(of, 1, NOW).await.expect("free");
        assert!(slots.enter(of, 1, Duration::from_secs(2)).await.is_none());
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.enter(of, 1, Duration::from_secs(2)).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert!(waiting.await.expect("it ends"));
    }

    #[tokio::test]
    async fn another_limit_counts_from_then_on() {
        let slots = CallSlots::default();
        let of = (ProjectId::new(), IntegrationId::new());
        let _held = slots.enter(of, 1, NOW).await.expect("free");
        assert!(slots.enter(of, 1, NOW).await.is_none());
        assert!(slots.enter(of, 2, NOW).await.is_some());
    }
}
