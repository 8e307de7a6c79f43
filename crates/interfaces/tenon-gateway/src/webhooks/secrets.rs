//! What calls are signed with: asked of the vault once, then kept sealed in memory for minutes.
//!
//! The vault opens nothing else for a gateway, and records each opening. Strangers can name any
//! account, so that there is nothing under an id is remembered for a moment, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_contract::vault::{Access, Purpose, SecretState, Vault, VaultError};
use tenon_credentials::cache::{Lookup, SecretCache};
use tenon_credentials::settings::CacheSettings;
use tenon_domain::{Clock, ProjectId, SecretId};
use zeroize::Zeroizing;

/// Ids under which there is nothing that are remembered; beyond, all are forgotten.
const MISSING_MAX: usize = 10_000;
/// How long they are.
const MISSING_TTL: SignedDuration = SignedDuration::from_secs(5);
/// Secrets that are kept.
const ENTRIES_MAX: usize = 10_000;
/// Openings at the same time, at most; those of one secret wait for each other.
const GATES: usize = 16;

/// Secrets of webhooks. There is no `Debug`.
pub struct WebhookSecrets {
    vault: Option<Arc<dyn Vault>>,
    clock: Arc<dyn Clock>,
    cache: SecretCache,
    missing: Mutex<HashMap<SecretId, Timestamp>>,
    gates: [tokio::sync::Mutex<()>; GATES],
}

impl WebhookSecrets {
    /// Secrets of a vault, as the role `gateway` sees it; without one there are none.
    #[must_use]
    pub fn new(vault: Option<Arc<dyn Vault>>, clock: Arc<dyn Clock>, ttl: Duration) -> Self {
        let settings = CacheSettings {
            ttl,
            entries_max: ENTRIES_MAX,
            ..tenon_credentials::settings::Settings::default().cache
        };
        let cache = SecretCache::new(&settings, clock.now());
        Self { vault, clock, cache, missing: Mutex::default(), gates: Default::default() }
    }

    /// The secret of a webhook, which the vault's record names; `None` where there is none.
    ///
    /// # Errors
    /// While the vault is away and the secret was not opened before.
    pub(super) async fn open(
        &self,
        project: ProjectId,
        secret: SecretId,
        webhook: &str,
    ) -> Result<Option<Zeroizing<String>>, VaultError> {
        let Some(vault) = &self.vault else { return Ok(None) };
        if let Some(known) = self.known(project, secret) {
            return Ok(known);
        }
        let gate = usize::from(secret.uuid().as_bytes()[15]) % GATES;
        let _pass = self.gates[gate].lock().await;
        if let Some(known) = self.known(project, secret) {
            return Ok(known);
        }
        let now = self.clock.now();
        if let Lookup::Stale = self.cache.get(project, secret, now) {
            let asked = self.cache.moment();
            match vault.head(project, secret).await? {
                Some(head) => drop(self.cache.confirm(head, asked, now)),
                None => self.cache.forget(secret),
            }
            if let Some(known) = self.known(project, secret) {
                return Ok(known);
            }
        }
        let asked = self.cache.moment();
        let access = Access {
            project,
            purpose: Purpose::Webhook,
            run: None,
            step: None,
            reference: Some(webhook.to_owned()),
            grant: None,
        };
        match vault.open(secret, &access).await {
            Ok(opened) if opened.head.state == SecretState::Valid => {
                let value = opened.value.expose();
                self.cache.put(Arc::new(opened.head), value, asked, now);
                Ok(text(value))
            }
            Ok(_) | Err(VaultError::NotFound) => {
                // What was announced meanwhile may have been made just now.
                if asked == self.cache.moment() {
                    self.note_missing(secret, now);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets a secret that changed, or was made.
    pub fn forget(&self, secret: SecretId) {
        self.cache.forget(secret);
        self.missing.lock().remove(&secret);
    }

    /// Drops what is too old. To be called every minute or so.
    pub fn tidy(&self) {
        let now = self.clock.now();
        self.cache.tidy(now);
        self.missing.lock().retain(|_, at| now.duration_since(*at) < MISSING_TTL);
    }

    fn known(&self, project: ProjectId, secret: SecretId) -> Option<Option<Zeroizing<String>>> {
        let now = self.clock.now();
        if let Some(at) = self.missing.lock().get(&secret)
            && now.duration_since(*at) < MISSING_TTL
        {
            return Some(None);
        }
        match self.cache.get(project, secret, now) {
            Lookup::Fresh(_, value) => Some(text(&value)),
            Lookup::Dead(_) => Some(None),
            Lookup::Stale | Lookup::Missing => None,
        }
    }

    fn note_missing(&self, secret: SecretId, now: Timestamp) {
        let mut missing = self.missing.lock();
        if missing.len() >= MISSING_MAX {
            missing.clear();
        }
        missing.insert(secret, now);
    }
}

fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}
