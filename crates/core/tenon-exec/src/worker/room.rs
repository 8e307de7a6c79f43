//! The slots of a worker: how many runs it has in hand, and how many of each queue.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tenon_domain::QueueName;
use tokio::sync::Notify;

use crate::metrics;
use crate::ports::queue::Source;

/// Full queues that a claim names; the service takes no more.
const FULL_MAX: usize = 100;

/// Counts slots.
#[derive(Debug)]
pub(super) struct Room {
    slots_max: usize,
    of_queue_max: usize,
    /// There is a slot again where there was none.
    freed: Arc<Notify>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Slots ever taken.
    ever: u64,
    of_queue: HashMap<QueueName, usize>,
    /// Queues that have all the slots they may have.
    full: Vec<QueueName>,
    /// Sources of queues that were full and no longer are.
    reopened: Vec<Source>,
}

/// A slot, taken until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    room: Arc<Room>,
    source: Source,
    queue: QueueName,
}

impl Room {
    /// Room for so many runs, and for so many of one queue.
    pub(super) fn new(slots_max: usize, of_queue_max: usize, freed: Arc<Notify>) -> Self {
        let of_queue_max = of_queue_max.clamp(1, slots_max.max(1));
        Self { slots_max, of_queue_max, freed, taken: Mutex::default() }
    }

    /// Slots that are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().all
    }

    /// Slots that were ever taken.
    pub(super) fn ever_taken(&self) -> u64 {
        self.taken.lock().ever
    }

    /// Slots that are free.
    pub(super) fn left(&self) -> usize {
        self.slots_max.saturating_sub(self.taken())
    }

    /// Queues that have all the slots they may have.
    pub(super) fn full_queues(&self) -> Vec<QueueName> {
        self.taken.lock().full.iter().take(FULL_MAX).cloned().collect()
    }

    /// Sources to look at again because a queue of theirs is no longer full.
    pub(super) fn reopened(&self) -> Vec<Source> {
        std::mem::take(&mut self.taken.lock().reopened)
    }

    /// Takes a slot, also beyond the limits: what was claimed is run.
    pub(super) fn take(self: &Arc<Self>, source: &Source, queue: &QueueName) -> Slot {
        let mut taken = self.taken.lock();
        taken.all += 1;
        metrics::RUNS_IN_FLIGHT.set(taken.all as f64);
        taken.ever += 1;
        let of_queue = taken.of_queue.entry(queue.clone()).or_default();
        *of_queue += 1;
        let is_full = *of_queue == self.of_queue_max;
        // Who works for one queue only has no others to keep slots for.
        if is_full && matches!(source, Source::Shared(_)) {
            taken.full.push(queue.clone());
        }
        drop(taken);
        Slot { room: self.clone(), source: source.clone(), queue: queue.clone() }
    }

    fn free(&self, source: &Source, queue: &QueueName) {
        let mut taken = self.taken.lock();
        let was_full = taken.all >= self.slots_max;
        taken.all -= 1;
        metrics::RUNS_IN_FLIGHT.set(taken.all as f64);
        let left = taken.of_queue.get_mut(queue).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            taken.of_queue.remove(queue);
        }
        let is_reopened = left.is_some_and(|left| left + 1 == self.of_queue_max);
        if is_reopened {
            taken.full.retain(|full| full != queue);
            taken.reopened.push(source.clone());
        }
        drop(taken);
        if was_full || is_reopened {
            self.freed.notify_one();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.free(&self.source, &self.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::queue::Shard;

    const SOURCE: Source = Source::Shared(Shard(0));

    #[test]
    fn a_queue_may_not_have_all_the_slots() {
        let room = Arc::new(Room::new(4, 3, Arc::default()));
        let (flood, other) = (QueueName::new("flood"), QueueName::new("other"));
        let mut slots: Vec<Slot> = (0..3).map(|_| room.take(&SOURCE, &flood)).collect();
        assert_eq!(room.full_queues(), std::slice::from_ref(&flood));
        assert_eq!(room.left(), 1);
        let _other = room.take(&SOURCE, &other);
        assert_eq!(room.left(), 0);
        drop(slots.pop());
        assert_eq!(room.full_queues(), []);
        assert_eq!(room.reopened(), [SOURCE]);
        assert_eq!(room.reopened(), [], "told once");
        assert_eq!(room.taken(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_comes_free_where_there_was_none_is_told() {
        let freed = Arc::new(Notify::new());
        let room = Arc::new(Room::new(2, 2, freed.clone()));
        let queue = QueueName::new("one");
        let first = room.take(&SOURCE, &queue);
        let second = room.take(&SOURCE, &queue);
        drop(first);
        freed.notified().await;
        drop(second);
        assert_eq!(room.taken(), 0);
        assert!(room.taken.lock().of_queue.is_empty(), "idle queues cost nothing");
    }
}
