//! Ring keys in memory: bounded in number and time. The cipher wipes a key that is dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenon_domain::ProjectId;
use tokio::time::Instant;
use uuid::Uuid;

use super::OpenRingKey;

struct Entry {
    key: Arc<OpenRingKey>,
    ends: Instant,
}

struct Current {
    key: Uuid,
    ends: Instant,
}

pub(super) struct Cache {
    entries: HashMap<Uuid, Entry>,
    current: HashMap<ProjectId, Current>,
    max: usize,
    ttl: Duration,
}

impl Cache {
    pub(super) fn new(max: usize, ttl: Duration) -> Self {
        Self { entries: HashMap::new(), current: HashMap::new(), max: max.max(1), ttl }
    }

    pub(super) fn by_id(&self, project: ProjectId, id: Uuid) -> Option<Arc<OpenRingKey>> {
        let entry = self.entries.get(&id).filter(|entry| entry.ends > Instant::now())?;
        (entry.key.project() == project).then(|| entry.key.clone())
    }

    pub(super) fn current(&self, project: ProjectId) -> Option<Arc<OpenRingKey>> {
        let current = self.current.get(&project).filter(|it| it.ends > Instant::now())?;
        self.by_id(project, current.key)
    }

    /// Keeps a key; the time of one that is there already is not extended.
    pub(super) fn put(&mut self, key: &Arc<OpenRingKey>) {
        let now = Instant::now();
        if self.entries.get(&key.id()).is_some_and(|entry| entry.ends > now) {
            return;
        }
        if self.entries.len() >= self.max {
            self.make_room();
        }
        self.entries.insert(key.id(), Entry { key: key.clone(), ends: now + self.ttl });
    }

    pub(super) fn put_current(&mut self, key: &Arc<OpenRingKey>) {
        self.put(key);
        let ends = Instant::now() + self.ttl;
        self.current.insert(key.project(), Current { key: key.id(), ends });
    }

    pub(super) fn forget_current(&mut self, project: ProjectId) {
        self.current.remove(&project);
    }

    pub(super) fn forget(&mut self, id: Uuid) {
        self.entries.remove(&id);
        self.current.retain(|_, current| current.key != id);
    }

    pub(super) fn forget_expired(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| entry.ends > now);
        let entries = &self.entries;
        self.current.retain(|_, it| it.ends > now && entries.contains_key(&it.key));
    }

    /// Lets an eighth of the entries go, those that end first: one pass makes room for many.
    fn make_room(&mut self) {
        self.forget_expired();
        if self.entries.len() < self.max {
            return;
        }
        let mut ends: Vec<Instant> = self.entries.values().map(|entry| entry.ends).collect();
        let (_, limit, _) = ends.select_nth_unstable(self.max / 8);
        let limit = *limit;
        self.entries.retain(|_, entry| entry.ends > limit);
        let entries = &self.entries;
        self.current.retain(|_, it| entries.contains_key(&it.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(project: ProjectId) -> Arc<OpenRingKey> {
        Arc::new(OpenRingKey::new(project, Uuid::now_v7(), &[1; 32]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_ends_with_its_time_however_often_it_is_used() {
        let mut cache = Cache::new(10, Duration::from_secs(60));
        let project = ProjectId::new();
        let one = key(project);
        cache.put_current(&one);
        for _ in 0..59 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(cache.by_id(project, one.id()).is_some());
            cache.put(&one);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(cache.by_id(project, one.id()).is_none());
        assert!(cache.current(project).is_none());
        assert_eq!(Arc::strong_count(&one), 2);
        cache.forget_expired();
        assert_eq!(Arc::strong_count(&one), 1, "an expired key is still in memory");
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_holds_more_than_it_may_and_lets_the_oldest_go() {
        let mut cache = Cache::new(16, Duration::from_secs(60));
        let project = ProjectId::new();
        let keys: Vec<_> = (0..100).map(|_| key(project)).collect();
        for key in &keys {
            cache.put_current(key);
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(cache.entries.len() <= 16);
            assert!(cache.by_id(project, key.id()).is_some(), "the newest is not there");
        }
        assert!(cache.by_id(project, keys[0].id()).is_none());
        assert!(cache.current(project).is_some());
    }

    #[tokio::test]
    async fn a_key_of_another_tenant_is_not_given_out() {
        let mut cache = Cache::new(10, Duration::from_secs(60));
        let one = key(ProjectId::new());
        cache.put_current(&one);
        assert!(cache.by_id(ProjectId::new(), one.id()).is_none());
        cache.forget(one.id());
        assert!(cache.current(one.project()).is_none());
    }
}
