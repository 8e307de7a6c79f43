//! A vault in memory, for steps.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, RefreshClaim, RefreshFinish, RefreshOutcome, SecretHead,
    SecretOwner, SecretState, Subject, Vault, VaultError,
};
use tenon_domain::{Clock, ProjectId, SecretId};

struct Kept {
    head: SecretHead,
    value: Vec<u8>,
    fence: u64,
    until: Timestamp,
}

/// A vault that keeps values as they are and notes who opened what.
pub struct MemoryVault {
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<SecretId, Kept>>,
    opened: Mutex<Vec<(SecretId, Access)>>,
    is_away: AtomicBool,
}

impl MemoryVault {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
            opened: Mutex::default(),
            is_away: AtomicBool::new(false),
        }
    }

    /// Keeps a value.
    pub fn keep(&self, project: ProjectId, subject: Subject, value: Value) -> SecretId {
        self.keep_text(project, subject, &value.to_string())
    }

    /// The same for a text as it is.
    pub fn keep_text(&self, project: ProjectId, subject: Subject, text: &str) -> SecretId {
        let secret = SecretId::new();
        let now = self.clock.now();
        let head = SecretHead {
            secret,
            owner: SecretOwner { project, subject },
            version: 1,
            state: SecretState::Valid,
            state_at: now,
            expires_at: None,
            written_at: now,
            refresh_failures: 0,
        };
        let value = text.as_bytes().to_vec();
        let kept = Kept { head, value, fence: 0, until: Timestamp::MIN };
        self.kept.lock().insert(secret, kept);
        secret
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The state of a secret.
    pub fn state(&self, secret: SecretId) -> SecretState {
        self.kept.lock()[&secret].head.state.clone()
    }

    /// Who opened a secret, in order.
    pub fn openings(&self, secret: SecretId) -> Vec<Access> {
        let opened = self.opened.lock();
        opened.iter().filter(|(id, _)| *id == secret).map(|(_, access)| access.clone()).collect()
    }

    /// Deletes a secret.
    pub fn forget(&self, secret: SecretId) {
        self.kept.lock().remove(&secret);
    }

    /// Makes a secret unusable.
    pub fn end(&self, secret: SecretId, reason: &str) {
        let mut kept = self.kept.lock();
        let head = &mut kept.get_mut(&secret).expect("kept").head;
        head.state = SecretState::Invalid { code: "revoked".to_owned(), reason: reason.to_owned() };
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn create(
        &self,
        _: SecretId,
        _: &SecretOwner,
        _: NewValue,
    ) -> Result<SecretHead, VaultError> {
        unreachable!("steps link no accounts")
    }

    async fn replace(
        &self,
        _: SecretId,
        _: &SecretOwner,
        _: NewValue,
    ) -> Result<SecretHead, VaultError> {
        unreachable!("steps link no accounts")
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(VaultError::Unavailable { source: "away".into() });
        }
        self.opened.lock().push((secret, access.clone()));
        let kept = self.kept.lock();
        let found = kept.get(&secret).ok_or(VaultError::NotFound)?;
        Ok(Opened { head: found.head.clone(), value: SecretBytes::new(found.value.clone()) })
    }

    async fn head(&self, _: ProjectId, secret: SecretId) -> Result<Option<SecretHead>, VaultError> {
        Ok(self.kept.lock().get(&secret).map(|found| found.head.clone()))
    }

    async fn claim_refresh(
        &self,
        _: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        let found = kept.get_mut(&secret).ok_or(VaultError::NotFound)?;
        if found.head.version != version || found.head.state != SecretState::Valid {
            return Ok(RefreshClaim::Changed);
        }
        if found.until > now {
            return Ok(RefreshClaim::Busy { until: found.until });
        }
        found.fence += 1;
        found.until = now + SignedDuration::try_from(ttl).expect("short");
        Ok(RefreshClaim::Claimed { fence: found.fence })
    }

    async fn finish_refresh(
        &self,
        _: ProjectId,
        secret: SecretId,
        _: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        let mut kept = self.kept.lock();
        let found = kept.get_mut(&secret).ok_or(VaultError::NotFound)?;
        found.until = Timestamp::MIN;
        match outcome {
            RefreshOutcome::Renewed(value) => {
                found.head.version += 1;
                found.head.expires_at = value.expires_at;
                found.value = value.value.expose().to_vec();
            }
            RefreshOutcome::Failed { .. } => found.head.refresh_failures += 1,
            RefreshOutcome::Ended(state) => found.head.state = state,
        }
        Ok(RefreshFinish::Recorded { head: found.head.clone() })
    }

    async fn set_state(
        &self,
        _: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError> {
        let mut kept = self.kept.lock();
        let found = kept.get_mut(&secret).ok_or(VaultError::NotFound)?;
        if found.head.version == version {
            found.head.state = state;
        }
        Ok(())
    }

    async fn delete(&self, _: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        self.kept.lock().remove(&secret);
        Ok(())
    }

    async fn changes(&self, _: i64, _: u32) -> Result<Vec<HeadChange>, VaultError> {
        Ok(Vec::new())
    }
}
