//! The numbers that stand for kinds in the tables, and what PostgreSQL cannot hold as text.

use std::borrow::Cow;

use tenon_contract::vault::{Purpose, SecretState, Subject};
use tenon_domain::{CredentialId, EndUserId};
use uuid::Uuid;

use crate::database::broken;

/// A subject as three columns.
pub(crate) struct SubjectColumns<'a> {
    pub(crate) kind: i16,
    pub(crate) credential: Option<Uuid>,
    pub(crate) user: Option<&'a str>,
}

impl<'a> SubjectColumns<'a> {
    pub(crate) fn of(subject: &'a Subject) -> Self {
        let plain = |kind| Self { kind, credential: None, user: None };
        match subject {
            Subject::Credential { credential, user } => {
                Self { kind: 1, credential: Some(credential.uuid()), user: Some(user.as_str()) }
            }
            Subject::App => plain(2),
            Subject::Session => plain(3),
            Subject::Project => plain(4),
            Subject::Webhook => plain(5),
        }
    }
}

pub(crate) fn subject(
    kind: i16,
    credential: Option<Uuid>,
    user: Option<String>,
) -> Result<Subject, sqlx::Error> {
    match (kind, credential, user) {
        (1, Some(credential), Some(user)) => Ok(Subject::Credential {
            credential: CredentialId::from_uuid(credential),
            user: EndUserId::new(user),
        }),
        (2, None, None) => Ok(Subject::App),
        (3, None, None) => Ok(Subject::Session),
        (4, None, None) => Ok(Subject::Project),
        (5, None, None) => Ok(Subject::Webhook),
        _ => Err(broken("a secret has a subject that this version does not know")),
    }
}

/// A state as three columns.
pub(crate) struct StateColumns<'a> {
    pub(crate) kind: i16,
    pub(crate) code: Option<Cow<'a, str>>,
    pub(crate) reason: Option<Cow<'a, str>>,
}

impl<'a> StateColumns<'a> {
    pub(crate) fn of(state: &'a SecretState) -> Self {
        match state {
            SecretState::Valid => Self { kind: 1, code: None, reason: None },
            SecretState::Invalid { code, reason } => {
                Self { kind: 2, code: Some(storable(code)), reason: Some(storable(reason)) }
            }
            SecretState::Expired => Self { kind: 3, code: None, reason: None },
        }
    }
}

pub(crate) fn state(
    kind: i16,
    code: Option<String>,
    reason: Option<String>,
) -> Result<SecretState, sqlx::Error> {
    match (kind, code, reason) {
        (1, None, None) => Ok(SecretState::Valid),
        (2, Some(code), Some(reason)) => Ok(SecretState::Invalid { code, reason }),
        (3, None, None) => Ok(SecretState::Expired),
        _ => Err(broken("a secret has a state that this version does not know")),
    }
}

pub(crate) const fn of_purpose(purpose: Purpose) -> i16 {
    match purpose {
        Purpose::Step => 1,
        Purpose::Proxy => 2,
        Purpose::Refresh => 3,
        Purpose::Connect => 4,
        Purpose::Webhook => 5,
    }
}

pub(crate) fn purpose(code: i16) -> Result<Purpose, sqlx::Error> {
    match code {
        1 => Ok(Purpose::Step),
        2 => Ok(Purpose::Proxy),
        3 => Ok(Purpose::Refresh),
        4 => Ok(Purpose::Connect),
        5 => Ok(Purpose::Webhook),
        _ => Err(broken("the audit has a purpose that this version does not know")),
    }
}

/// What a provider says may hold U+0000, which PostgreSQL refuses in text.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text.into() }
}

/// A fence as the database counts it.
pub(crate) fn fence(fence: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(fence).map_err(|_| broken("a fence is higher than any that was handed out"))
}

/// A version or a number of a ring, as the database gave it.
pub(crate) fn count(number: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(number).map_err(|_| broken("a count is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_comes_back_from_its_code() {
        let all =
            [Purpose::Step, Purpose::Proxy, Purpose::Refresh, Purpose::Connect, Purpose::Webhook];
        for kind in all {
            assert_eq!(purpose(of_purpose(kind)).expect("it has a code"), kind);
        }
        assert!(purpose(0).is_err() && purpose(6).is_err());
    }

    #[test]
    fn a_state_whose_columns_do_not_fit_is_refused() {
        assert!(state(1, Some("revoked".into()), None).is_err());
        assert!(state(2, None, None).is_err());
        assert!(subject(1, None, None).is_err());
        assert!(subject(2, Some(Uuid::nil()), None).is_err());
    }

    #[test]
    fn text_that_the_database_refuses_is_replaced() {
        let state = SecretState::Invalid { code: "rejected".into(), reason: "no\0such".into() };
        assert_eq!(StateColumns::of(&state).reason.as_deref(), Some("no\u{fffd}such"));
    }
}
