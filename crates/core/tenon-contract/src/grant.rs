//! Grants: what lets a process open a credential. Whoever takes work in (gateway, controller,
//! proxy, api) signs that the work exists; the vault checks it. A worker holds no signing key, so
//! a stolen one can open only what the runs that it holds may use.
//!
//! A grant names the project, the user and the work (a run, or a call with an end), under
//! HMAC-SHA256. It is no secret by itself: it opens nothing but for that user.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tenon_domain::{EndUserId, ProjectId, RunId};

use crate::secret::SecretBytes;

/// The work that a grant is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A run, as long as it lasts.
    Run(RunId),
    /// Anything short, until its end.
    Call {
        /// Not good any more from then on.
        until: Timestamp,
    },
}

/// A signed grant, as text of at most 160 bytes: `r1.<mac>` for a run, `c1.<until>.<mac>` for a
/// call; `<mac>` is base64url, `<until>` seconds since 1970.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grant(String);

impl Grant {
    /// Wraps text that came from [`GrantKey::sign`] at some time. Nothing is checked.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(..)")
    }
}

/// The key that signs and checks grants, at least 32 random bytes.
pub struct GrantKey(SecretBytes);

/// A grant does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It is not written like one.
    #[error("the grant cannot be read")]
    Malformed,
    /// It was signed for something else, or by somebody else.
    #[error("the grant is not for this project, user and work")]
    Mismatch,
    /// Its end has passed.
    #[error("the grant has ended")]
    Ended,
}

/// The fewest bytes of a key.
pub const KEY_BYTES_MIN: usize = 32;

impl GrantKey {
    /// Wraps a key; `None` when it is too short.
    #[must_use]
    pub fn new(key: SecretBytes) -> Option<Self> {
        (key.len() >= KEY_BYTES_MIN).then_some(Self(key))
    }

    /// Signs that `work` is done for a user of a project.
    #[must_use]
    pub fn sign(&self, project: ProjectId, user: &EndUserId, work: &Work) -> Grant {
        let mac = encode(&self.mac(project, user, work));
        Grant(match work {
            Work::Run(_) => format!("r1.{mac}"),
            Work::Call { until } => format!("c1.{}.{mac}", until.as_second()),
        })
    }

    /// Checks a grant for a user's credential. `run` is the run that the caller says it is for.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn check(
        &self,
        grant: &Grant,
        project: ProjectId,
        user: &EndUserId,
        run: Option<RunId>,
        now: Timestamp,
    ) -> Result<(), GrantError> {
        let mut parts = grant.0.split('.');
        let (work, mac) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("r1"), Some(mac), None, None) => {
                (Work::Run(run.ok_or(GrantError::Mismatch)?), mac)
            }
            (Some("c1"), Some(until), Some(mac), None) => {
                let seconds = until.parse().map_err(|_| GrantError::Malformed)?;
                let until = Timestamp::from_second(seconds).map_err(|_| GrantError::Malformed)?;
                (Work::Call { until }, mac)
            }
            _ => return Err(GrantError::Malformed),
        };
        let given = decode(mac).ok_or(GrantError::Malformed)?;
        let wanted = self.mac(project, user, &work);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&given[..], &wanted[..])) {
            return Err(GrantError::Mismatch);
        }
        match work {
            Work::Call { until } if until <= now => Err(GrantError::Ended),
            _ => Ok(()),
        }
    }

    /// HMAC-SHA256 (RFC 2104) over fields whose lengths keep them apart.
    fn mac(&self, project: ProjectId, user: &EndUserId, work: &Work) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of any length");
        mac.update(b"tenon grant 1");
        mac.update(project.uuid().as_bytes());
        let user = user.as_str().as_bytes();
        mac.update(&(user.len() as u64).to_be_bytes());
        mac.update(user);
        match work {
            Work::Run(run) => {
                mac.update(b"r");
                mac.update(run.uuid().as_bytes());
            }
            Work::Call { until } => {
                mac.update(b"c");
                mac.update(&until.as_second().to_be_bytes());
            }
        }
        mac.finalize().into_bytes().into()
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> GrantKey {
        GrantKey::new(SecretBytes::new(vec![byte; 32])).expect("32 bytes")
    }

    #[test]
    fn a_grant_holds_for_its_project_user_and_run_only() {
        let (project, user, run) = (ProjectId::new(), EndUserId::new("u1"), RunId::new());
        let grant = key(1).sign(project, &user, &Work::Run(run));
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(key(1).check(&grant, project, &user, Some(run), now), Ok(()));
        let other_user = EndUserId::new("u2");
        for outcome in [
            key(2).check(&grant, project, &user, Some(run), now),
            key(1).check(&grant, ProjectId::new(), &user, Some(run), now),
            key(1).check(&grant, project, &other_user, Some(run), now),
            key(1).check(&grant, project, &user, Some(RunId::new()), now),
            key(1).check(&grant, project, &user, None, now),
        ] {
            assert_eq!(outcome, Err(GrantError::Mismatch));
        }
    }

    #[test]
    fn a_call_ends_and_its_end_cannot_be_moved() {
        let (project, user) = (ProjectId::new(), EndUserId::new("u1"));
        let until = Timestamp::from_second(1_000).expect("in range");
        let grant = key(1).sign(project, &user, &Work::Call { until });
        let at = |second| {
            let now = Timestamp::from_second(second).expect("in range");
            key(1).check(&grant, project, &user, None, now)
        };
        assert_eq!(at(999), Ok(()));
        assert_eq!(at(1_000), Err(GrantError::Ended));
        let moved = Grant::from_text(grant.as_str().replace("1000", "9000"));
        assert_eq!(key(1).check(&moved, project, &user, None, until), Err(GrantError::Mismatch));
    }

    #[test]
    fn a_short_key_is_no_key() {
        assert!(GrantKey::new(SecretBytes::new(vec![1; 31])).is_none());
    }
}
