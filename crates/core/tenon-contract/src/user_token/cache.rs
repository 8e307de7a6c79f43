//! Remembers tokens that held, so that a busy caller does not pay for RSA on each call.
//!
//! An entry is bound to the project and to the revision of its plan: a key that was taken away
//! ends what it signed. The token itself is not kept, only its SHA-256.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{LEEWAY_SECONDS, UserTokenError, VerifiedUser, verify};
use crate::plan::ProjectPlan;

/// How long a token that held is believed without looking again, at most.
const BELIEVED_FOR: Duration = Duration::from_secs(60);

/// A cache of verified tokens.
pub struct UserTokens {
    entries: Mutex<HashMap<[u8; 32], Entry>>,
    entries_max: usize,
}

struct Entry {
    user: VerifiedUser,
    revision: i64,
    until: Timestamp,
}

impl UserTokens {
    /// A cache of at most so many tokens.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self { entries: Mutex::default(), entries_max: entries_max.max(1) }
    }

    /// Checks a token against the keys of a project, or recalls that it held.
    ///
    /// # Errors
    /// When it does not hold. Failures are not remembered.
    pub fn verify(
        &self,
        plan: &ProjectPlan,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedUser, UserTokenError> {
        let mut digest = Sha256::new();
        digest.update(plan.project.uuid().as_bytes());
        digest.update(token.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        if let Some(entry) = self.entries.lock().get(&digest)
            && entry.revision == plan.revision
            && entry.until > now
        {
            return Ok(entry.user.clone());
        }
        let user = verify(token, &plan.signing_keys, now)?;
        let ends = user.expires_at.as_second().saturating_add(LEEWAY_SECONDS);
        let believed = now.checked_add(BELIEVED_FOR).unwrap_or(now);
        let until = Timestamp::from_second(ends).unwrap_or(believed).min(believed);
        self.remember(digest, Entry { user: user.clone(), revision: plan.revision, until }, now);
        Ok(user)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    fn remember(&self, digest: [u8; 32], entry: Entry, now: Timestamp) {
        let mut entries = self.entries.lock();
        if entries.len() >= self.entries_max && !entries.contains_key(&digest) {
            entries.retain(|_, entry| entry.until > now);
            if entries.len() >= self.entries_max {
                entries.clear();
            }
        }
        entries.insert(digest, entry);
    }
}
