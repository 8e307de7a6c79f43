//! The value database in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_contract::vault::{HeadChange, RefreshClaim, SecretHead, SecretOwner, SecretState};
use tenon_domain::{Clock, ProjectId, SecretId};
use tenon_vault::envelope;
use tenon_vault::ports::{NewVersion, StateGuard, StoreError, StoredValue, ValueStore, Written};
use uuid::Uuid;

use super::VaultFaults;

#[derive(Debug, Clone)]
struct Row {
    project: ProjectId,
    /// `None`: a tombstone.
    stored: Option<StoredValue>,
    /// The last fence that was handed out, or taken by a write without one.
    fence: u64,
    /// The highest fence that has written.
    written_fence: u64,
    /// The claim that holds, or has lapsed without an end.
    claim: Option<(u64, Timestamp)>,
    sequence: i64,
}

#[derive(Debug, Default)]
struct Rows {
    secrets: HashMap<SecretId, Row>,
    sequence: i64,
}

/// Heads and envelopes in memory, with the promises of [`ValueStore`].
pub struct MemoryValues {
    rows: Mutex<Rows>,
    clock: Arc<dyn Clock>,
    faults: VaultFaults,
}

impl MemoryValues {
    /// An empty store whose claims go by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, faults: VaultFaults) -> Self {
        Self { rows: Mutex::new(Rows::default()), clock, faults }
    }

    /// What somebody with the dump of the database sees and could write back.
    #[must_use]
    pub fn raw(&self, secret: SecretId) -> Option<StoredValue> {
        self.rows.lock().secrets.get(&secret).and_then(|row| row.stored.clone())
    }

    /// Writes a row past all rules, as somebody with the password of the database could.
    ///
    /// # Panics
    /// When there is no such secret.
    pub fn tamper(&self, secret: SecretId, stored: StoredValue) {
        let mut rows = self.rows.lock();
        rows.secrets.get_mut(&secret).expect("the test wrote it before").stored = Some(stored);
    }
}

impl Rows {
    fn row(&mut self, project: ProjectId, secret: SecretId) -> Option<&mut Row> {
        self.secrets.get_mut(&secret).filter(|row| row.project == project)
    }

    fn live(&mut self, project: ProjectId, secret: SecretId) -> Option<(&mut Row, StoredValue)> {
        let row = self.row(project, secret)?;
        let stored = row.stored.clone()?;
        Some((row, stored))
    }

    /// Puts a head in place and gives the row the next number of the feed.
    fn change(&mut self, secret: SecretId, stored: Option<StoredValue>) {
        self.sequence += 1;
        let sequence = self.sequence;
        let row = self.secrets.get_mut(&secret).expect("its caller has just read it");
        row.stored = stored;
        row.sequence = sequence;
    }

    fn insert(&mut self, secret: SecretId, owner: &SecretOwner, new: &NewVersion) -> Written {
        match self.secrets.get(&secret) {
            Some(Row { stored: Some(stored), .. }) => {
                return Written::Stale(stored.head.clone());
            }
            Some(_) => return Written::Missing,
            None => {}
        }
        let head = SecretHead {
            secret,
            owner: owner.clone(),
            version: new.version,
            state: SecretState::Valid,
            state_at: new.written_at,
            expires_at: new.expires_at,
            written_at: new.written_at,
            refresh_failures: 0,
        };
        let row = Row {
            project: owner.project,
            stored: None,
            fence: 0,
            written_fence: 0,
            claim: None,
            sequence: 0,
        };
        self.secrets.insert(secret, row);
        let envelope = new.envelope.clone();
        self.change(secret, Some(StoredValue { head: head.clone(), envelope }));
        Written::Committed(head)
    }

    fn update(&mut self, project: ProjectId, secret: SecretId, new: &NewVersion) -> Written {
        let Some((row, stored)) = self.live(project, secret) else { return Written::Missing };
        if new.fence.is_some_and(|fence| fence < row.written_fence) {
            return Written::Superseded;
        }
        if new.version != stored.head.version + 1 {
            return Written::Stale(stored.head);
        }
        if new.fence.is_none() {
            row.fence += 1;
        }
        row.written_fence = new.fence.unwrap_or(row.fence);
        row.claim = None;
        let was_valid = stored.head.state == SecretState::Valid;
        let head = SecretHead {
            version: new.version,
            state: SecretState::Valid,
            state_at: if was_valid { stored.head.state_at } else { new.written_at },
            expires_at: new.expires_at,
            written_at: new.written_at,
            refresh_failures: 0,
            ..stored.head
        };
        let envelope = new.envelope.clone();
        self.change(secret, Some(StoredValue { head: head.clone(), envelope }));
        Written::Committed(head)
    }

    fn release(&mut self, project: ProjectId, secret: SecretId, fence: u64) -> Option<SecretHead> {
        let (row, mut stored) = self.live(project, secret)?;
        row.claim.take_if(|(held, _)| *held == fence)?;
        stored.head.refresh_failures += 1;
        let head = stored.head.clone();
        self.change(secret, Some(stored));
        Some(head)
    }

    fn set_state(
        &mut self,
        project: ProjectId,
        secret: SecretId,
        guard: StateGuard,
        state: &SecretState,
        now: Timestamp,
    ) -> Option<SecretHead> {
        let (row, mut stored) = self.live(project, secret)?;
        let holds = match guard {
            StateGuard::Version(version) => version == stored.head.version,
            StateGuard::Fence(fence) => row.claim.is_some_and(|(held, _)| held == fence),
        };
        if !holds {
            return None;
        }
        row.claim = None;
        stored.head.state = state.clone();
        stored.head.state_at = now;
        let head = stored.head.clone();
        self.change(secret, Some(stored));
        Some(head)
    }

    fn changes(&self, after: i64, limit: u32) -> Vec<HeadChange> {
        let mut changed: Vec<HeadChange> = self
            .secrets
            .iter()
            .filter(|(_, row)| row.sequence > after)
            .map(|(secret, row)| HeadChange {
                sequence: row.sequence,
                head: row.stored.as_ref().map(|stored| stored.head.clone()),
                secret: *secret,
                project: row.project,
            })
            .collect();
        changed.sort_by_key(|change| change.sequence);
        changed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        changed
    }
}

#[async_trait]
impl ValueStore for MemoryValues {
    async fn insert(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        new: &NewVersion,
    ) -> Result<Written, StoreError> {
        // An answer never comes at once: whoever does not wait for it gets ahead of it.
        tokio::task::yield_now().await;
        self.faults.call("insert", || Ok(self.rows.lock().insert(secret, owner, new)))
    }

    async fn update(
        &self,
        project: ProjectId,
        secret: SecretId,
        new: &NewVersion,
    ) -> Result<Written, StoreError> {
        tokio::task::yield_now().await;
        self.faults.call("update", || Ok(self.rows.lock().update(project, secret, new)))
    }

    async fn value(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<StoredValue>, StoreError> {
        tokio::task::yield_now().await;
        self.faults
            .call("value", || Ok(self.rows.lock().live(project, secret).map(|(_, stored)| stored)))
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, StoreError> {
        self.faults.call("head", || {
            Ok(self.rows.lock().live(project, secret).map(|(_, stored)| stored.head))
        })
    }

    async fn claim(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, StoreError> {
        let now = self.clock.now();
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        let until = now.checked_add(ttl).unwrap_or(Timestamp::MAX);
        self.faults.call("claim", || {
            let mut rows = self.rows.lock();
            let Some((row, stored)) = rows.live(project, secret) else {
                return Ok(RefreshClaim::Changed);
            };
            if stored.head.version != version || stored.head.state != SecretState::Valid {
                return Ok(RefreshClaim::Changed);
            }
            if let Some((_, until)) = row.claim
                && until > now
            {
                return Ok(RefreshClaim::Busy { until });
            }
            if row.claim.is_some()
                && let Some(stored) = &mut row.stored
            {
                // Whoever held it has died.
                stored.head.refresh_failures += 1;
            }
            row.fence += 1;
            row.claim = Some((row.fence, until));
            Ok(RefreshClaim::Claimed { fence: row.fence })
        })
    }

    async fn release(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
    ) -> Result<Option<SecretHead>, StoreError> {
        self.faults.call("release", || Ok(self.rows.lock().release(project, secret, fence)))
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        guard: StateGuard,
        state: &SecretState,
        now: Timestamp,
    ) -> Result<Option<SecretHead>, StoreError> {
        self.faults.call("set_state", || {
            Ok(self.rows.lock().set_state(project, secret, guard, state, now))
        })
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<bool, StoreError> {
        self.faults.call("delete", || {
            let mut rows = self.rows.lock();
            if rows.live(project, secret).is_none() {
                return Ok(false);
            }
            rows.change(secret, None);
            Ok(true)
        })
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, StoreError> {
        self.faults.call("changes", || Ok(self.rows.lock().changes(after, limit)))
    }

    async fn is_in_use(&self, data_key: Uuid, secret: SecretId) -> Result<bool, StoreError> {
        self.faults.call("is_in_use", || {
            let rows = self.rows.lock();
            let stored = rows.secrets.get(&secret).and_then(|row| row.stored.as_ref());
            Ok(stored.and_then(|stored| envelope::data_key_of(&stored.envelope)) == Some(data_key))
        })
    }
}
