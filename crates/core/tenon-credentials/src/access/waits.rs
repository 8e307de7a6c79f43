//! Renewals that failed a moment ago, so that not every call tries again.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_domain::SecretId;

use super::error::AccessError;

/// Failed renewals and when to try again.
#[derive(Default)]
pub(super) struct Waits(Mutex<HashMap<SecretId, Wait>>);

struct Wait {
    version: u32,
    until: Timestamp,
    error: AccessError,
}

impl Waits {
    /// Notes that the renewal of a version failed.
    pub(super) fn note(
        &self,
        secret: SecretId,
        version: u32,
        until: Timestamp,
        error: AccessError,
    ) {
        self.0.lock().insert(secret, Wait { version, until, error });
    }

    /// The failure that is still too young to try again.
    pub(super) fn holds(
        &self,
        secret: SecretId,
        version: u32,
        now: Timestamp,
    ) -> Option<AccessError> {
        let mut waits = self.0.lock();
        let wait = waits.get(&secret)?;
        if wait.version != version || wait.until <= now {
            waits.remove(&secret);
            return None;
        }
        Some(match &wait.error {
            AccessError::Temporary { reason, .. } => AccessError::Temporary {
                reason: reason.clone(),
                retry_after: until(wait.until, now),
            },
            other => other.clone(),
        })
    }

    /// Forgets a secret.
    pub(super) fn forget(&self, secret: SecretId) {
        self.0.lock().remove(&secret);
    }

    /// Forgets what has passed.
    pub(super) fn tidy(&self, now: Timestamp) {
        self.0.lock().retain(|_, wait| wait.until > now);
    }
}

/// From now until then; zero when it has passed.
pub(super) fn until(then: Timestamp, now: Timestamp) -> Duration {
    let left = then.duration_since(now).max(SignedDuration::ZERO);
    Duration::try_from(left).unwrap_or_default()
}
