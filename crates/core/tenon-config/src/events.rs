//! The event log of a project: what happened to its accounts, numbered and in order.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};

use crate::credentials::Credential;
use crate::{Configuration, Error};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum EventType {
    /// An account was linked, or linked again, and can be used.
    #[serde(rename = "credential.connected")]
    CredentialConnected,
    /// An account was linked and waits for what its user has to fill in.
    #[serde(rename = "credential.pending")]
    CredentialPending,
    /// An account works again.
    #[serde(rename = "credential.valid")]
    CredentialValid,
    /// The provider refuses an account; the user has to connect again.
    #[serde(rename = "credential.invalid")]
    CredentialInvalid,
    /// An account has ended and cannot be renewed.
    #[serde(rename = "credential.expired")]
    CredentialExpired,
    /// An account was unlinked.
    #[serde(rename = "credential.disconnected")]
    CredentialDisconnected,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CredentialConnected,
        Self::CredentialPending,
        Self::CredentialValid,
        Self::CredentialInvalid,
        Self::CredentialExpired,
        Self::CredentialDisconnected,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialConnected => "credential.connected",
            Self::CredentialPending => "credential.pending",
            Self::CredentialValid => "credential.valid",
            Self::CredentialInvalid => "credential.invalid",
            Self::CredentialExpired => "credential.expired",
            Self::CredentialDisconnected => "credential.disconnected",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub kind: EventType,
    /// Whose account.
    pub user: Option<EndUserId>,
    /// For which integration.
    pub integration: Option<IntegrationId>,
    /// Which account.
    pub credential: Option<CredentialId>,
    /// More of it, without secrets.
    pub payload: Map<String, Value>,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Grows by one with each event of the project.
    pub sequence: i64,
    /// What happened.
    pub event: NewEvent,
}

impl NewEvent {
    /// An event about an account.
    #[must_use]
    pub fn of_credential(kind: EventType, credential: &Credential, at: Timestamp) -> Self {
        let mut payload = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                payload.insert(name.to_owned(), json!(value));
            }
        };
        put("external_id", credential.external_id.as_deref());
        put("provider_name", credential.provider_name.as_deref());
        if !matches!(kind, EventType::CredentialConnected | EventType::CredentialDisconnected) {
            put("code", credential.status.code.as_deref());
            put("reason", credential.status.reason.as_deref());
        }
        Self {
            at,
            kind,
            user: Some(credential.user.clone()),
            integration: Some(credential.integration),
            credential: Some(credential.id),
            payload,
        }
    }
}

impl Configuration {
    /// Events behind a number, in order; at most [`crate::Limits::events_page_max`].
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn events(
        &self,
        project: ProjectId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, Error> {
        let limit = limit.clamp(1, self.limits.events_page_max);
        Ok(self.read(project).await?.events(project, after, limit).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_serialised() {
        for kind in EventType::ALL {
            assert_eq!(json!(kind), json!(kind.name()));
            assert_eq!(EventType::of_name(kind.name()), Some(kind));
        }
    }
}
