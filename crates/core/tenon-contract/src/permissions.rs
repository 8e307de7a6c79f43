//! What a connected user's token may do: the claim `urn:useparagon:connect:permissions`.
//!
//! The claim maps scopes to `true`, `false` or a list of operations. For a request the most
//! specific scope that fits decides: a configuration before an account, an account before an
//! integration, and what is named before what is meant by `*`. A token without the claim may do
//! everything; under a claim in which no scope fits, nothing may be done. So
//! `{"integration:*": true, "integration:slack": ["event"]}` limits one integration only.
//!
//! Permissions are read from each request's own token and never kept with the user.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_domain::CredentialId;

/// Scopes in one claim; more are refused.
const SCOPES_MAX: usize = 200;

/// Something a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Linking, changing and removing accounts, their settings and what runs for them.
    CredentialWrite,
    /// Calling the provider through the proxy.
    Proxy,
    /// Sending events of the app.
    Event,
    /// Running workflows by request.
    Workflow,
    /// Using actions as tools, and triggers as subscriptions.
    ActionKit,
}

impl Operation {
    /// Its name in a claim.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialWrite => "credential:write",
            Self::Proxy => "proxy",
            Self::Event => "event",
            Self::Workflow => "workflow",
            Self::ActionKit => "actionkit",
        }
    }
}

/// What a request is about, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// The connector.
    pub integration: Option<&'a str>,
    /// The account.
    pub credential: Option<CredentialId>,
    /// The builder's own name of the configuration.
    pub configuration: Option<&'a str>,
}

/// What a token may do. Cheap to clone; the default allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(Option<Arc<Vec<(Scope, Granted)>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Integrations,
    Integration(String),
    Credentials,
    Credential(CredentialId),
    Configurations,
    Configuration(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Granted {
    All(bool),
    Operations(Vec<String>),
}

/// The claim is not written as described here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token's permissions cannot be read")]
pub struct PermissionsError;

impl Permissions {
    /// Reads the claim.
    ///
    /// # Errors
    /// For an unknown scope, a value of another form, or more than 200 scopes.
    pub fn from_claim(claim: &Map<String, Value>) -> Result<Self, PermissionsError> {
        if claim.len() > SCOPES_MAX {
            return Err(PermissionsError);
        }
        let read = |(scope, granted): (&String, &Value)| {
            let granted = Granted::deserialize(granted).map_err(|_| PermissionsError)?;
            Ok((Scope::parse(scope).ok_or(PermissionsError)?, granted))
        };
        let scopes = claim.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(Some(Arc::new(scopes))))
    }

    /// Whether a request is allowed.
    #[must_use]
    pub fn allow(&self, operation: Operation, about: &About<'_>) -> bool {
        let Some(scopes) = &self.0 else { return true };
        let fitting = scopes.iter().filter(|(scope, _)| scope.fits(about));
        let decisive = fitting.max_by_key(|(scope, _)| scope.rank());
        decisive.is_some_and(|(_, granted)| granted.allows(operation))
    }
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (noun, name) = text.split_once(':')?;
        Some(match (noun, name) {
            (_, "") => return None,
            ("integration", "*") => Self::Integrations,
            ("integration", name) => Self::Integration(name.to_owned()),
            ("credential", "*") => Self::Credentials,
            ("credential", id) => Self::Credential(id.parse().ok()?),
            ("configuration", "*") => Self::Configurations,
            ("configuration", name) => Self::Configuration(name.strip_prefix("ext:")?.to_owned()),
            _ => return None,
        })
    }

    fn fits(&self, about: &About<'_>) -> bool {
        match self {
            Self::Integrations => about.integration.is_some(),
            Self::Integration(name) => about.integration == Some(name),
            Self::Credentials => about.credential.is_some(),
            Self::Credential(id) => about.credential == Some(*id),
            Self::Configurations => about.configuration.is_some(),
            Self::Configuration(name) => about.configuration == Some(name),
        }
    }

    /// How specific it is.
    fn rank(&self) -> u8 {
        match self {
            Self::Integrations => 0,
            Self::Integration(_) => 1,
            Self::Credentials => 2,
            Self::Credential(_) => 3,
            Self::Configurations => 4,
            Self::Configuration(_) => 5,
        }
    }
}

impl Granted {
    fn allows(&self, operation: Operation) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Operations(names) => names.iter().any(|name| name == operation.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACCOUNT: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

    fn permissions(claim: &Value) -> Result<Permissions, PermissionsError> {
        Permissions::from_claim(claim.as_object().expect("an object"))
    }

    #[test]
    fn the_most_specific_scope_decides() {
        let account: CredentialId = ACCOUNT.parse().expect("an id");
        let slack = About { integration: Some("slack"), ..About::default() };
        let with_account = About { credential: Some(account), ..slack };
        let with_team = About { configuration: Some("team-a"), ..with_account };
        let credential = format!("credential:{ACCOUNT}");
        for (claim, about, is_allowed) in [
            (json!({"integration:*": true}), slack, true),
            (json!({"integration:*": true, "integration:slack": false}), slack, false),
            (json!({"integration:*": false, "integration:slack": true}), slack, true),
            (json!({"integration:slack": true, "credential:*": false}), with_account, false),
            (json!({"credential:*": false, credential.clone(): true}), with_account, true),
            (json!({credential.clone(): true, "configuration:*": false}), with_team, false),
            (json!({"configuration:*": false, "configuration:ext:team-a": true}), with_team, true),
            (json!({credential: false, "integration:slack": true}), slack, true),
            (json!({"integration:hubspot": true}), slack, false),
            (json!({}), slack, false),
        ] {
            let permissions = permissions(&claim).expect("it can be read");
            assert_eq!(permissions.allow(Operation::Proxy, &about), is_allowed, "{claim}");
        }
    }

    #[test]
    fn a_list_names_the_operations() {
        let permissions =
            permissions(&json!({"integration:*": ["credential:write"]})).expect("it can be read");
        let about = About { integration: Some("slack"), ..About::default() };
        assert!(permissions.allow(Operation::CredentialWrite, &about));
        assert!(!permissions.allow(Operation::Proxy, &about));
        assert!(!permissions.allow(Operation::ActionKit, &about));
    }

    #[test]
    fn without_the_claim_everything_is_allowed() {
        assert!(Permissions::default().allow(Operation::Proxy, &About::default()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for claim in [
            json!({"integrations:*": true}),
            json!({"integration:": true}),
            json!({"integration": true}),
            json!({"credential:slack": true}),
            json!({"configuration:team-a": true}),
            json!({"integration:*": "yes"}),
            json!({"integration:*": {"proxy": true}}),
        ] {
            assert_eq!(permissions(&claim), Err(PermissionsError), "{claim}");
        }
    }
}
