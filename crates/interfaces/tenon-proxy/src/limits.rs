//! How many calls may be under way at once, counted by project and by credential.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

/// Counts what is under way, by id. Counters that are at zero take no memory.
pub(crate) struct Counters {
    shards: [Mutex<HashMap<Uuid, u32>>; SHARDS],
}

/// Locks, so that calls of different ids do not wait for each other.
const SHARDS: usize = 64;

impl Default for Counters {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

/// One call under way.
pub(crate) struct Slot {
    counters: Arc<Counters>,
    id: Uuid,
}

impl Counters {
    /// A slot of this id, unless `max` are taken.
    pub(crate) fn enter(self: &Arc<Self>, id: Uuid, max: u32) -> Option<Slot> {
        let mut shard = self.shard(id).lock();
        let count = shard.entry(id).or_default();
        if *count >= max {
            if *count == 0 {
                shard.remove(&id);
            }
            return None;
        }
        *count += 1;
        drop(shard);
        Some(Slot { counters: self.clone(), id })
    }

    fn shard(&self, id: Uuid) -> &Mutex<HashMap<Uuid, u32>> {
        &self.shards[usize::from(id.as_bytes()[15]) % SHARDS]
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut shard = self.counters.shard(self.id).lock();
        if let Some(count) = shard.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_up_to_the_limit_and_come_back() {
        let counters = Arc::new(Counters::default());
        let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
        let first = counters.enter(a, 2).expect("free");
        let second = counters.enter(a, 2).expect("free");
        assert!(counters.enter(a, 2).is_none());
        assert!(counters.enter(b, 1).is_some(), "another id has its own");
        drop(first);
        let third = counters.enter(a, 2).expect("free again");
        drop((second, third));
        assert!(counters.enter(a, 0).is_none());
        assert!(counters.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
