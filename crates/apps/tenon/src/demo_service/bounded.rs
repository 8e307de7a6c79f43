//! A map with a bound: what was put in first gives way to what is new.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// At most so many entries, each there until newer ones need its place.
#[derive(Debug)]
pub(super) struct BoundedMap<K, V> {
    entries: HashMap<K, V>,
    /// The keys of `entries`, oldest first.
    order: VecDeque<K>,
    entries_max: usize,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    /// An empty one for at least one entry.
    pub(super) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), entries_max: entries_max.max(1) }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key)
    }

    /// The entry of `key`; made by `value` when there is none, in place of the oldest if need be.
    pub(super) fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            if self.order.len() >= self.entries_max
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.entries.entry(key).or_insert_with(value)
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedMap;

    #[test]
    fn the_oldest_entry_gives_way() {
        let mut map = BoundedMap::new(2);
        for key in ["a", "b", "a", "c"] {
            *map.get_or_insert_with(key, || 0) += 1;
        }
        assert_eq!(map.get("a"), None, "it came first, however often it was used");
        assert_eq!((map.get("b"), map.get("c")), (Some(&1), Some(&1)));
        assert_eq!(map.order.len(), map.entries.len());
    }
}
