//! Rotations and the sweep of orphans, while everything goes on being read and written.
//!
//! - A tenant's ring gets a new key, and its data keys are wrapped anew under it.
//! - A new root wraps the keys of all rings anew.
//! - Data keys that no value names any more are removed.
//!
//! All state is in the stores: whoever dies half-way leaves some keys under the old key and some
//! under the new one, both readable, and the next call goes on. Two at once do no harm. No value is
//! ever decrypted here, nor read.

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use tenon_domain::ProjectId;
use uuid::Uuid;

use crate::cipher::random_nonce;
use crate::keyring::{Error, KeyRings, OpenRingKey};
use crate::ports::{KeyStore, RingKey, StoreError, ValueStore, WrappedKey};
use crate::settings::Settings;

/// How far a rotation or a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RotationReport {
    /// Keys that were wrapped anew, or removed.
    pub done: u64,
    /// Tenants whose ring is still to be finished, the one at work among them; 0 for the others.
    pub left: u64,
    /// Keys that do not unwrap: changed by somebody, or of a root that is not configured. They
    /// stay as they are, and so does the key that wraps them.
    pub damaged: u64,
}

/// Told after each batch.
pub type Progress<'a> = &'a mut (dyn FnMut(RotationReport) + Send);

/// Rotations over the stores of a vault. Cheap to clone.
#[derive(Clone)]
pub struct Rotation {
    values: Arc<dyn ValueStore>,
    keys: Arc<dyn KeyStore>,
    rings: Arc<KeyRings>,
    settings: Settings,
}

/// What one pass over a ring did.
#[derive(Default)]
struct Pass {
    moved: u64,
    damaged: u64,
}

impl Rotation {
    pub(crate) fn new(
        values: Arc<dyn ValueStore>,
        keys: Arc<dyn KeyStore>,
        rings: Arc<KeyRings>,
        settings: Settings,
    ) -> Self {
        Self { values, keys, rings, settings }
    }

    /// Gives a tenant's ring a new key and wraps its data keys anew.
    ///
    /// # Errors
    /// The key store or a root is away. What was done stays done; [`Self::finish_rings`] goes on.
    pub async fn rotate_ring(
        &self,
        project: ProjectId,
        progress: Progress<'_>,
    ) -> Result<RotationReport, Error> {
        let mut report = RotationReport { left: 1, ..RotationReport::default() };
        let ring = self.keys.ring(project).await.map_err(Error::Store)?;
        self.add_key(project, &ring).await?;
        self.finish_ring(project, &mut report, progress).await?;
        Ok(report)
    }

    /// Gives each ring whose current key is older than `since` a new one, and finishes every
    /// rotation that was begun. Called again with the same moment after a crash, it goes on where
    /// it was.
    ///
    /// # Errors
    /// As [`Self::rotate_ring`].
    pub async fn rotate_rings(
        &self,
        since: Timestamp,
        progress: Progress<'_>,
    ) -> Result<RotationReport, Error> {
        let projects = self.keys.projects().await.map_err(Error::Store)?;
        let mut report = RotationReport { left: projects.len() as u64, ..Default::default() };
        for project in projects {
            let ring = self.keys.ring(project).await.map_err(Error::Store)?;
            let is_old = ring.first().is_some_and(|current| current.created_at < since);
            if is_old {
                self.add_key(project, &ring).await?;
            }
            if is_old || ring.len() > 1 {
                self.finish_ring(project, &mut report, progress).await?;
            } else {
                report.left -= 1;
            }
        }
        progress(report);
        Ok(report)
    }

    /// Finishes every rotation that was begun.
    ///
    /// # Errors
    /// As [`Self::rotate_ring`].
    pub async fn finish_rings(&self, progress: Progress<'_>) -> Result<RotationReport, Error> {
        self.rotate_rings(Timestamp::MIN, progress).await
    }

    /// Wraps every ring key that another root wraps by the current one. When it reports nothing
    /// damaged, the other roots are not needed any more.
    ///
    /// # Errors
    /// The key store or a root is away. Calling it again goes on.
    pub async fn rotate_root(&self, progress: Progress<'_>) -> Result<RotationReport, Error> {
        let current = self.rings.roots().current().id().to_owned();
        let mut report = RotationReport::default();
        let mut after = None;
        loop {
            let limit = self.settings.rotation_batch_max;
            let page = self.keys.ring_keys_to_rewrap(&current, after, limit).await;
            let page = page.map_err(Error::Store)?;
            let Some(last) = page.last() else { return Ok(report) };
            after = Some(last.id);
            for chunk in page.chunks(self.settings.root_calls_max.max(1)) {
                for outcome in join_all(chunk.iter().map(|key| self.rewrap_ring_key(key))).await {
                    match outcome? {
                        true => report.done += 1,
                        false => report.damaged += 1,
                    }
                }
                progress(report);
            }
        }
    }

    /// Removes data keys that no value names: of versions that were replaced and of writes that
    /// did not happen. Young ones are left alone, their value may be on its way.
    ///
    /// # Errors
    /// A store is away. Calling it again goes on.
    pub async fn sweep_orphans(
        &self,
        progress: Progress<'_>,
    ) -> Result<RotationReport, StoreError> {
        let mut report = RotationReport::default();
        let mut after = None;
        loop {
            let Settings { orphan_age, rotation_batch_max, .. } = self.settings;
            let page = self.keys.old_data_keys(orphan_age, after, rotation_batch_max).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = Some(last.id);
            for chunk in page.chunks(self.settings.orphan_checks_max.max(1)) {
                let checks = chunk.iter().map(|key| self.values.is_in_use(key.id, key.secret));
                for (key, is_in_use) in chunk.iter().zip(join_all(checks).await) {
                    if !is_in_use? {
                        self.keys.remove_data_key(key.project, key.id).await?;
                        report.done += 1;
                    }
                }
            }
            progress(report);
        }
    }

    /// Adds the key behind the highest of a ring. If the number is taken, somebody else is at it,
    /// and that key will do.
    async fn add_key(&self, project: ProjectId, ring: &[RingKey]) -> Result<(), Error> {
        let number = ring.first().map_or(1, |current| current.number.saturating_add(1));
        self.rings.add(project, number).await?;
        self.rings.forget_current(project);
        Ok(())
    }

    /// Wraps the data keys of a tenant under its current ring key and removes the other ring keys.
    /// Other processes may still wrap under an old one for a while: what they add is found by the
    /// next pass, or keeps the old key from being removed.
    async fn finish_ring(
        &self,
        project: ProjectId,
        report: &mut RotationReport,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let mut damaged = 0;
        for _ in 0..self.settings.rotation_passes_max.max(1) {
            self.rings.forget_current(project);
            let current = self.rings.current(project).await?;
            let pass = self.pass(&current, report, progress).await?;
            damaged = pass.damaged;
            if self.remove_old_keys(project).await? || (pass.moved == 0 && damaged > 0) {
                break;
            }
        }
        report.damaged += damaged;
        report.left = report.left.saturating_sub(1);
        progress(*report);
        Ok(())
    }

    async fn pass(
        &self,
        current: &Arc<OpenRingKey>,
        report: &mut RotationReport,
        progress: Progress<'_>,
    ) -> Result<Pass, Error> {
        let project = current.project();
        let mut pass = Pass::default();
        let mut after = None;
        loop {
            let limit = self.settings.rotation_batch_max;
            let page = self.keys.data_keys_to_rewrap(project, current.id(), after, limit).await;
            let page = page.map_err(Error::Store)?;
            let Some(last) = page.last() else { return Ok(pass) };
            after = Some(last.id);
            let mut from = Vec::with_capacity(page.len());
            let mut rewrapped = Vec::with_capacity(page.len());
            for row in page {
                match self.rewrap(current, &row).await? {
                    Some(new) => {
                        from.push(row.ring_key);
                        rewrapped.push(new);
                    }
                    None => pass.damaged += 1,
                }
            }
            let moved = self.keys.rewrap_data_keys(project, &from, &rewrapped).await;
            let moved = moved.map_err(Error::Store)?;
            pass.moved += moved;
            report.done += moved;
            progress(*report);
        }
    }

    /// `None`: it does not unwrap.
    async fn rewrap(
        &self,
        current: &OpenRingKey,
        row: &WrappedKey,
    ) -> Result<Option<WrappedKey>, Error> {
        let install = self.rings.install();
        let old = self.rings.by_id(row.project, row.ring_key).await?;
        let Some(unwrapped) = old.and_then(|old| old.unwrap(install, row).ok()) else {
            tracing::error!(data_key = %row.id, secret = %row.secret, "a data key does not unwrap");
            return Ok(None);
        };
        let mut new = WrappedKey { wrapped: Vec::new(), ..row.clone() };
        current.wrap(install, &mut new, &unwrapped.key, &unwrapped.digest, random_nonce());
        Ok(Some(new))
    }

    /// Whether only the current key is left.
    async fn remove_old_keys(&self, project: ProjectId) -> Result<bool, Error> {
        let ring = self.keys.ring(project).await.map_err(Error::Store)?;
        let mut is_finished = true;
        for old in ring.iter().skip(1) {
            let removed = self.keys.remove_ring_key(project, old.id).await;
            if removed.map_err(Error::Store)? {
                self.forget(old.id);
            } else {
                is_finished = false;
            }
        }
        Ok(is_finished)
    }

    fn forget(&self, ring_key: Uuid) {
        self.rings.forget(ring_key);
    }

    /// `false`: its root is not configured, or refuses it.
    async fn rewrap_ring_key(&self, stored: &RingKey) -> Result<bool, Error> {
        use crate::ports::RootKeyError::Refused;
        let key = match self.rings.unwrap(stored).await {
            Ok(key) => key,
            Err(
                error @ (Error::UnknownRoot { .. } | Error::Root { source: Refused { .. }, .. }),
            ) => {
                tracing::error!(error = %error, ring_key = %stored.id, "a ring key does not unwrap");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let mut new = stored.clone();
        self.rings.wrap_by_current_root(&mut new, &key).await?;
        // Otherwise somebody else was faster, to the same end.
        self.keys.rewrap_ring_key(&stored.root, &new).await.map_err(Error::Store)?;
        Ok(true)
    }
}
