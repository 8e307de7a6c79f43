//! Key rings: per tenant, the keys that wrap its data keys; themselves wrapped by the root.
//!
//! The highest number of a ring wraps new data keys, the others are there for what they wrapped.
//! Unwrapped ring keys are kept in memory for a while, bounded, so that the root is asked rarely.
//! The root is asked once however many want the same key. This module stores no value and
//! decides nothing about access.

mod cache;
mod wrap;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tenon_domain::{Clock, ProjectId};
use uuid::Uuid;
use zeroize::Zeroizing;

use self::cache::Cache;
pub(crate) use self::wrap::OpenRingKey;
pub use self::wrap::WrapError;
use crate::cipher::{KEY_BYTES, fill_random};
use crate::envelope::InstallId;
use crate::ports::{KeyStore, RingKey, RootKey, RootKeyError, StoreError};
use crate::settings::Settings;
use crate::tlv::Tlv;

/// Locks that keep callers of one tenant from asking the root for the same key at once.
const LOADING_LOCKS: usize = 64;

/// A ring key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key store failed.
    #[error(transparent)]
    Store(StoreError),
    /// The root is away or refuses.
    #[error("the root key `{root}` did not unwrap or wrap a ring key")]
    Root {
        /// Which.
        root: String,
        /// Why.
        #[source]
        source: RootKeyError,
    },
    /// A ring key was wrapped by a root that this process was not given.
    #[error("the root key `{root}` is not configured")]
    UnknownRoot {
        /// Which.
        root: String,
    },
}

/// The root keys that a process knows: one that wraps, and older ones that only unwrap.
#[derive(Clone)]
pub struct Roots {
    current: Arc<dyn RootKey>,
    others: Vec<Arc<dyn RootKey>>,
}

impl Roots {
    /// Wraps by `current`; `others` are for reading, until [`crate::rotation`] has moved
    /// everything over.
    #[must_use]
    pub fn new(current: Arc<dyn RootKey>, others: Vec<Arc<dyn RootKey>>) -> Self {
        Self { current, others }
    }

    /// The one that wraps.
    #[must_use]
    pub fn current(&self) -> &Arc<dyn RootKey> {
        &self.current
    }

    fn by_id(&self, id: &str) -> Option<&Arc<dyn RootKey>> {
        std::iter::once(&self.current).chain(&self.others).find(|root| root.id() == id)
    }
}

/// The rings of all tenants.
pub(crate) struct KeyRings {
    install: InstallId,
    roots: Roots,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    cache: Mutex<Cache>,
    loading: Vec<tokio::sync::Mutex<()>>,
    root_timeout: Duration,
}

impl KeyRings {
    pub(crate) fn new(
        install: InstallId,
        roots: Roots,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        settings: &Settings,
    ) -> Self {
        Self {
            install,
            roots,
            keys,
            clock,
            cache: Mutex::new(Cache::new(settings.ring_cache_max, settings.ring_cache_ttl)),
            loading: (0..LOADING_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect(),
            root_timeout: settings.root_timeout,
        }
    }

    pub(crate) const fn install(&self) -> InstallId {
        self.install
    }

    pub(crate) const fn roots(&self) -> &Roots {
        &self.roots
    }

    /// The key of a tenant's ring that wraps new data keys; makes the ring where there is none.
    pub(crate) async fn current(&self, project: ProjectId) -> Result<Arc<OpenRingKey>, Error> {
        if let Some(key) = self.cache.lock().current(project) {
            return Ok(key);
        }
        let _loading = self.loading_lock(project).lock().await;
        if let Some(key) = self.cache.lock().current(project) {
            return Ok(key);
        }
        loop {
            let ring = self.keys.ring(project).await.map_err(Error::Store)?;
            let Some(stored) = ring.first() else {
                self.add(project, 1).await?;
                continue;
            };
            let known = self.cache.lock().by_id(project, stored.id);
            let key = match known {
                Some(key) => key,
                None => self.open(stored).await?,
            };
            self.cache.lock().put_current(&key);
            return Ok(key);
        }
    }

    /// A key of a tenant's ring; `None`: it is not there (any more).
    pub(crate) async fn by_id(
        &self,
        project: ProjectId,
        id: Uuid,
    ) -> Result<Option<Arc<OpenRingKey>>, Error> {
        if let Some(key) = self.cache.lock().by_id(project, id) {
            return Ok(Some(key));
        }
        let _loading = self.loading_lock(project).lock().await;
        if let Some(key) = self.cache.lock().by_id(project, id) {
            return Ok(Some(key));
        }
        let ring = self.keys.ring(project).await.map_err(Error::Store)?;
        let Some(stored) = ring.iter().find(|key| key.id == id) else { return Ok(None) };
        let key = self.open(stored).await?;
        self.cache.lock().put(&key);
        Ok(Some(key))
    }

    /// Draws a ring key under a number and stores it. `false`: the number is taken.
    pub(crate) async fn add(&self, project: ProjectId, number: u32) -> Result<bool, Error> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        fill_random(&mut key[..]);
        let mut stored = RingKey {
            id: Uuid::now_v7(),
            project,
            number,
            root: String::new(),
            wrapped: Vec::new(),
            created_at: Timestamp::from_microsecond(self.clock.now().as_microsecond())
                .unwrap_or(Timestamp::UNIX_EPOCH),
        };
        self.wrap_by_current_root(&mut stored, &key).await?;
        self.keys.insert_ring_key(&stored).await.map_err(Error::Store)
    }

    /// Forgets which key of a ring is the current one.
    pub(crate) fn forget_current(&self, project: ProjectId) {
        self.cache.lock().forget_current(project);
    }

    /// Forgets a key that was removed.
    pub(crate) fn forget(&self, id: Uuid) {
        self.cache.lock().forget(id);
    }

    /// Forgets what has expired.
    pub(crate) fn forget_expired(&self) {
        self.cache.lock().forget_expired();
    }

    /// A ring key as its root gives it.
    pub(crate) async fn unwrap(
        &self,
        stored: &RingKey,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, Error> {
        let root = self
            .roots
            .by_id(&stored.root)
            .ok_or_else(|| Error::UnknownRoot { root: stored.root.clone() })?;
        let context = self.context(stored);
        let unwrapping = root.unwrap(&stored.wrapped, &context);
        self.in_time(root, unwrapping).await
    }

    /// Puts `key`, wrapped by the current root, into its row.
    pub(crate) async fn wrap_by_current_root(
        &self,
        stored: &mut RingKey,
        key: &[u8; KEY_BYTES],
    ) -> Result<(), Error> {
        let root = &self.roots.current;
        let context = self.context(stored);
        stored.wrapped = self.in_time(root, root.wrap(key, &context)).await?;
        root.id().clone_into(&mut stored.root);
        Ok(())
    }

    async fn open(&self, stored: &RingKey) -> Result<Arc<OpenRingKey>, Error> {
        let key = self.unwrap(stored).await?;
        Ok(Arc::new(OpenRingKey::new(stored.project, stored.id, &key)))
    }

    /// What a ring key is bound to under its root.
    fn context(&self, key: &RingKey) -> Vec<u8> {
        let mut tlv = Tlv::new("tenon ring key 1");
        tlv.bytes(1, self.install.uuid().as_bytes());
        tlv.bytes(2, key.project.uuid().as_bytes());
        tlv.bytes(3, key.id.as_bytes());
        tlv.bytes(4, &key.number.to_be_bytes());
        tlv.as_slice().to_vec()
    }

    async fn in_time<T>(
        &self,
        root: &Arc<dyn RootKey>,
        call: impl Future<Output = Result<T, RootKeyError>>,
    ) -> Result<T, Error> {
        let outcome = tokio::time::timeout(self.root_timeout, call).await.unwrap_or_else(|_| {
            Err(RootKeyError::Unavailable { reason: "it did not answer in time".to_owned() })
        });
        outcome.map_err(|source| Error::Root { root: root.id().to_owned(), source })
    }

    fn loading_lock(&self, project: ProjectId) -> &tokio::sync::Mutex<()> {
        let (_, low) = project.uuid().as_u64_pair();
        let index = low % LOADING_LOCKS as u64;
        &self.loading[usize::try_from(index).expect("it is below 64")]
    }
}
