//! The key database in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_domain::{Clock, ProjectId, SecretId};
use tenon_vault::audit::{AuditLink, AuditRecord};
use tenon_vault::ports::{KeyStore, RingKey, StoreError, WrappedKey};
use uuid::Uuid;

use super::VaultFaults;

type Chain = Vec<(AuditRecord, AuditLink)>;

#[derive(Debug, Default)]
struct Rows {
    data_keys: BTreeMap<Uuid, (WrappedKey, Timestamp)>,
    ring_keys: BTreeMap<Uuid, RingKey>,
    audit: HashMap<ProjectId, Chain>,
}

/// Wrapped keys, rings and the audit in memory, with the promises of [`KeyStore`].
pub struct MemoryKeys {
    rows: Mutex<Rows>,
    clock: Arc<dyn Clock>,
    faults: VaultFaults,
}

impl MemoryKeys {
    /// An empty store; data keys get their age by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, faults: VaultFaults) -> Self {
        Self { rows: Mutex::new(Rows::default()), clock, faults }
    }

    /// All data keys, as somebody with the dump of the database sees them.
    #[must_use]
    pub fn raw_data_keys(&self) -> Vec<WrappedKey> {
        self.rows.lock().data_keys.values().map(|(key, _)| key.clone()).collect()
    }

    /// All ring keys, as somebody with the dump of the database sees them.
    #[must_use]
    pub fn raw_ring_keys(&self) -> Vec<RingKey> {
        self.rows.lock().ring_keys.values().cloned().collect()
    }

    /// Writes a data key past all rules, as somebody with the password of the database could.
    pub fn tamper(&self, key: WrappedKey) {
        let now = self.clock.now();
        self.rows.lock().data_keys.insert(key.id, (key, now));
    }

    /// Writes a ring key past all rules.
    pub fn tamper_ring(&self, key: RingKey) {
        self.rows.lock().ring_keys.insert(key.id, key);
    }
}

impl Rows {
    fn has_ring_key(&self, project: ProjectId, id: Uuid) -> bool {
        self.ring_keys.get(&id).is_some_and(|key| key.project == project)
    }

    fn require_ring_key(&self, key: &WrappedKey) -> Result<(), StoreError> {
        if self.has_ring_key(key.project, key.ring_key) {
            return Ok(());
        }
        let source = "it names a ring key that is not there".into();
        Err(StoreError { action: "keep a data key", source })
    }

    fn append(&mut self, record: &AuditRecord) {
        let chain = self.audit.entry(record.project).or_default();
        let (number, previous) =
            chain.last().map_or((1, [0; 32]), |(_, link)| (link.number + 1, link.hash));
        chain.push((record.clone(), record.link(number, &previous)));
    }
}

fn first<T>(found: impl Iterator<Item = T>, limit: u32) -> Vec<T> {
    found.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
}

#[async_trait]
impl KeyStore for MemoryKeys {
    async fn insert_data_key(&self, key: &WrappedKey) -> Result<(), StoreError> {
        // An answer never comes at once: whoever does not wait for it gets ahead of it.
        tokio::task::yield_now().await;
        let now = self.clock.now();
        self.faults.call("insert_data_key", || {
            let mut rows = self.rows.lock();
            rows.require_ring_key(key)?;
            rows.data_keys.insert(key.id, (key.clone(), now));
            Ok(())
        })
    }

    async fn data_key(
        &self,
        project: ProjectId,
        id: Uuid,
    ) -> Result<Option<WrappedKey>, StoreError> {
        tokio::task::yield_now().await;
        self.faults.call("data_key", || {
            let rows = self.rows.lock();
            let key = rows.data_keys.get(&id).map(|(key, _)| key);
            Ok(key.filter(|key| key.project == project).cloned())
        })
    }

    async fn shred_data_keys(
        &self,
        project: ProjectId,
        secret: SecretId,
        keep: Option<Uuid>,
    ) -> Result<u64, StoreError> {
        self.faults.call("shred_data_keys", || {
            let mut rows = self.rows.lock();
            let before = rows.data_keys.len();
            rows.data_keys.retain(|id, (key, _)| {
                key.project != project || key.secret != secret || Some(*id) == keep
            });
            Ok((before - rows.data_keys.len()) as u64)
        })
    }

    async fn data_keys_to_rewrap(
        &self,
        project: ProjectId,
        current: Uuid,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        self.faults.call("data_keys_to_rewrap", || {
            let rows = self.rows.lock();
            let keys = rows.data_keys.values().map(|(key, _)| key);
            let keys = keys.filter(|key| {
                key.project == project
                    && key.ring_key != current
                    && after.is_none_or(|after| key.id > after)
            });
            Ok(first(keys.cloned(), limit))
        })
    }

    async fn rewrap_data_keys(
        &self,
        project: ProjectId,
        from: &[Uuid],
        keys: &[WrappedKey],
    ) -> Result<u64, StoreError> {
        tokio::task::yield_now().await;
        self.faults.call("rewrap_data_keys", || {
            let mut rows = self.rows.lock();
            keys.iter().try_for_each(|key| rows.require_ring_key(key))?;
            let mut rewrapped = 0;
            for (from, new) in from.iter().zip(keys) {
                if let Some((key, _)) = rows.data_keys.get_mut(&new.id)
                    && key.project == project
                    && key.ring_key == *from
                {
                    key.ring_key = new.ring_key;
                    key.wrapped.clone_from(&new.wrapped);
                    rewrapped += 1;
                }
            }
            Ok(rewrapped)
        })
    }

    async fn ring(&self, project: ProjectId) -> Result<Vec<RingKey>, StoreError> {
        tokio::task::yield_now().await;
        self.faults.call("ring", || {
            let rows = self.rows.lock();
            let keys = rows.ring_keys.values().filter(|key| key.project == project);
            let mut ring: Vec<RingKey> = keys.cloned().collect();
            ring.sort_by_key(|key| std::cmp::Reverse(key.number));
            Ok(ring)
        })
    }

    async fn insert_ring_key(&self, key: &RingKey) -> Result<bool, StoreError> {
        self.faults.call("insert_ring_key", || {
            let mut rows = self.rows.lock();
            let is_taken = rows
                .ring_keys
                .values()
                .any(|other| other.project == key.project && other.number == key.number);
            if !is_taken {
                rows.ring_keys.insert(key.id, key.clone());
            }
            Ok(!is_taken)
        })
    }

    async fn ring_keys_to_rewrap(
        &self,
        current: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RingKey>, StoreError> {
        self.faults.call("ring_keys_to_rewrap", || {
            let rows = self.rows.lock();
            let keys = rows
                .ring_keys
                .values()
                .filter(|key| key.root != current && after.is_none_or(|after| key.id > after));
            Ok(first(keys.cloned(), limit))
        })
    }

    async fn rewrap_ring_key(&self, from: &str, key: &RingKey) -> Result<bool, StoreError> {
        self.faults.call("rewrap_ring_key", || {
            let mut rows = self.rows.lock();
            let Some(old) = rows.ring_keys.get_mut(&key.id) else { return Ok(false) };
            if old.root != from || old.project != key.project {
                return Ok(false);
            }
            old.root.clone_from(&key.root);
            old.wrapped.clone_from(&key.wrapped);
            Ok(true)
        })
    }

    async fn remove_ring_key(&self, project: ProjectId, id: Uuid) -> Result<bool, StoreError> {
        self.faults.call("remove_ring_key", || {
            let mut rows = self.rows.lock();
            if rows.data_keys.values().any(|(key, _)| key.ring_key == id) {
                return Ok(false);
            }
            if rows.has_ring_key(project, id) {
                rows.ring_keys.remove(&id);
            }
            Ok(true)
        })
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, StoreError> {
        self.faults.call("projects", || {
            let rows = self.rows.lock();
            let mut projects: Vec<_> = rows.ring_keys.values().map(|key| key.project).collect();
            projects.sort();
            projects.dedup();
            Ok(projects)
        })
    }

    async fn old_data_keys(
        &self,
        age: Duration,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let before = self.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN);
        self.faults.call("old_data_keys", || {
            let rows = self.rows.lock();
            let keys = rows.data_keys.values().filter(|(key, made_at)| {
                *made_at <= before && after.is_none_or(|after| key.id > after)
            });
            Ok(first(keys.map(|(key, _)| key.clone()), limit))
        })
    }

    async fn remove_data_key(&self, project: ProjectId, id: Uuid) -> Result<(), StoreError> {
        self.faults.call("remove_data_key", || {
            let mut rows = self.rows.lock();
            if rows.data_keys.get(&id).is_some_and(|(key, _)| key.project == project) {
                rows.data_keys.remove(&id);
            }
            Ok(())
        })
    }

    async fn append_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.faults.call("append_audit", || {
            let mut rows = self.rows.lock();
            records.iter().for_each(|record| rows.append(record));
            Ok(())
        })
    }

    async fn audit(
        &self,
        project: ProjectId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(AuditRecord, AuditLink)>, StoreError> {
        self.faults.call("audit", || {
            let rows = self.rows.lock();
            let chain = rows.audit.get(&project).into_iter().flatten();
            Ok(first(chain.filter(|(_, link)| link.number > after).cloned(), limit))
        })
    }
}
