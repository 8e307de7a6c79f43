//! Grants: what lets a process open a credential or a secret of the project. Whoever takes work in (gateway, controller,
//! proxy, api) signs that the work exists; the vault checks it. A worker holds no signing key, so
//! a stolen one can open only what the runs that it holds may use.
//!
//! A grant names the project, the user and the work (a run, or a call with an end), under
//! HMAC-SHA256. That of a run also says, under a second HMAC, that it is of the project whoever its
//! user is: what is the project's opens against that one. A grant is no secret by itself: it opens
//! nothing but for that user and that run.

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

/// A signed grant, as text of at most 160 bytes: `r2.<user's mac>.<project's mac>` for a run, the
/// first one empty where it has no user; `c1.<until>.<mac>` for a call. A `<mac>` is base64url,
/// `<until>` seconds since 1970.
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
        match work {
            Work::Run(run) => self.sign_run(project, Some(user), *run),
            Work::Call { until } => {
                let mac = encode(&self.mac(project, Some(user), work));
                Grant(format!("c1.{}.{mac}", until.as_second()))
            }
        }
    }

    /// Signs that a run is one of the project, for a user where it has one.
    #[must_use]
    pub fn sign_run(&self, project: ProjectId, user: Option<&EndUserId>, run: RunId) -> Grant {
        let work = Work::Run(run);
        let of_user = user.map(|user| encode(&self.mac(project, Some(user), &work)));
        let of_project = encode(&self.mac(project, None, &work));
        Grant(format!("r2.{}.{of_project}", of_user.unwrap_or_default()))
    }

    /// Checks a run's grant for what is the project's own.
    ///
    /// # Errors
    /// [`GrantError`]; always for the grant of a call.
    pub fn check_run(
        &self,
        grant: &Grant,
        project: ProjectId,
        run: Option<RunId>,
    ) -> Result<(), GrantError> {
        let mut parts = grant.0.split('.');
        let mac = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("r2"), Some(_), Some(mac), None) => mac,
            (Some("c1"), Some(_), Some(_), None) => return Err(GrantError::Mismatch),
            _ => return Err(GrantError::Malformed),
        };
        let work = Work::Run(run.ok_or(GrantError::Mismatch)?);
        self.verify(mac, project, None, &work)
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
            (Some("r2"), Some(mac), Some(_), None) => {
                (Work::Run(run.ok_or(GrantError::Mismatch)?), mac)
            }
            (Some("c1"), Some(until), Some(mac), None) => {
                let seconds = until.parse().map_err(|_| GrantError::Malformed)?;
                let until = Timestamp::from_second(seconds).map_err(|_| GrantError::Malformed)?;
                (Work::Call { until }, mac)
            }
            _ => return Err(GrantError::Malformed),
        };
        self.verify(mac, project, Some(user), &work)?;
        match work {
            Work::Call { until } if until <= now => Err(GrantError::Ended),
            _ => Ok(()),
        }
    }

    fn verify(
        &self,
        mac: &str,
        project: ProjectId,
        user: Option<&EndUserId>,
        work: &Work,
    ) -> Result<(), GrantError> {
        let given = decode(mac).ok_or(GrantError::Malformed)?;
        let wanted = self.mac(project, user, work);
        match bool::from(subtle::ConstantTimeEq::ct_eq(&given[..], &wanted[..])) {
            true => Ok(()),
            false => Err(GrantError::Mismatch),
        }
    }

    /// HMAC-SHA256 (RFC 2104) over fields whose lengths keep them apart. No user is not the user
    /// without a name: another length stands there.
    fn mac(&self, project: ProjectId, user: Option<&EndUserId>, work: &Work) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of any length");
        mac.update(b"tenon grant 1");
        mac.update(project.uuid().as_bytes());
        match user.map(|user| user.as_str().as_bytes()) {
            Some(user) => {
                mac.update(&(user.len() as u64).to_be_bytes());
                mac.update(user);
            }
            None => mac.update(&u64::MAX.to_be_bytes()),
        }
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
    fn what_is_the_projects_opens_for_any_run_of_it_and_for_no_call() {
        let (project, user, run) = (ProjectId::new(), EndUserId::new("u1"), RunId::new());
        let of_user = key(1).sign(project, &user, &Work::Run(run));
        let of_nobody = key(1).sign_run(project, None, run);
        assert!(of_user.as_str().len() <= 160, "{}", of_user.as_str());
        for grant in [&of_user, &of_nobody] {
            assert_eq!(key(1).check_run(grant, project, Some(run)), Ok(()));
            for outcome in [
                key(2).check_run(grant, project, Some(run)),
                key(1).check_run(grant, ProjectId::new(), Some(run)),
                key(1).check_run(grant, project, Some(RunId::new())),
                key(1).check_run(grant, project, None),
            ] {
                assert_eq!(outcome, Err(GrantError::Mismatch));
            }
        }
        let now = Timestamp::UNIX_EPOCH;
        for user in ["", "u1"] {
            let outcome = key(1).check(&of_nobody, project, &EndUserId::new(user), Some(run), now);
            assert_eq!(outcome, Err(GrantError::Mismatch), "no user's credential: `{user}`");
        }
        // The mac of the project is none of a user, whoever puts it there.
        let moved = of_nobody.as_str().replacen("r2.", "r2.x", 1);
        let mac = of_nobody.as_str().rsplit('.').next().expect("it has parts");
        for text in [moved, format!("r2.{mac}.{mac}")] {
            let moved = Grant::from_text(text);
            let outcome = key(1).check(&moved, project, &user, Some(run), now);
            assert!(outcome.is_err(), "{moved:?}");
        }
        let call = key(1).sign(project, &user, &Work::Call { until: Timestamp::MAX });
        assert_eq!(key(1).check_run(&call, project, Some(run)), Err(GrantError::Mismatch));
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
