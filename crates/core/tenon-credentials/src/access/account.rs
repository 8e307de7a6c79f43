//! An account to use, as the plans describe it.

use std::sync::Arc;

use tenon_connector::connector::Connector;
use tenon_connector::field_values::is_secret;
use tenon_connector::manifest::auth::{AuthKind, AuthMethod};
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_domain::{EndUserId, ProjectId};

use super::Inner;
use super::error::AccessError;

/// A connected account, borrowed from the plans of its project and user.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account it is.
    pub user: &'a EndUserId,
    /// The integration that the credential is for.
    pub integration: &'a IntegrationPlan,
    /// The credential.
    pub credential: &'a CredentialPlan,
}

/// The same for a task that outlives its caller.
pub(super) struct OwnedAccount {
    pub(super) project: ProjectId,
    pub(super) user: EndUserId,
    pub(super) integration: IntegrationPlan,
    pub(super) credential: CredentialPlan,
}

impl OwnedAccount {
    pub(super) fn of(account: Account<'_>) -> Self {
        Self {
            project: account.project,
            user: account.user.clone(),
            integration: account.integration.clone(),
            credential: account.credential.clone(),
        }
    }

    pub(super) fn borrowed(&self) -> Account<'_> {
        Account {
            project: self.project,
            user: &self.user,
            integration: &self.integration,
            credential: &self.credential,
        }
    }
}

/// An auth method, together with the connector that it is of.
#[derive(Clone)]
pub(crate) struct Method {
    connector: Arc<Connector>,
    /// Its place in the manifest.
    index: usize,
}

impl Method {
    /// `None`: the connector has no such method.
    pub(crate) fn of(connector: Arc<Connector>, id: &str) -> Option<Self> {
        let index = connector.manifest().auth.iter().position(|method| method.id == id)?;
        Some(Self { connector, index })
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    pub(crate) fn auth(&self) -> &AuthMethod {
        &self.connector.manifest().auth[self.index]
    }

    /// Whether a value of this method can ever be renewed without a person.
    pub(crate) fn may_renew(&self) -> bool {
        match &self.auth().kind {
            AuthKind::Oauth2(oauth) => !oauth.refresh.never,
            AuthKind::McpOauth(_)
            | AuthKind::ClientCredentials(_)
            | AuthKind::TokenExchange(_)
            | AuthKind::Assertion(_)
            | AuthKind::AppInstallation(_) => true,
            AuthKind::None
            | AuthKind::ApiKey
            | AuthKind::Basic
            | AuthKind::Fields
            | AuthKind::Oauth1(_) => false,
        }
    }

    /// Names of the account's fields that a token answer brings and that are no secret: they may
    /// come anew with every renewal.
    pub(crate) fn answered_fields(&self) -> Vec<&str> {
        answered_fields(&self.connector, self.auth())
    }

    /// Whether it is renewed with a refresh token, which a provider may take back.
    pub(crate) fn needs_refresh_token(&self) -> bool {
        matches!(self.auth().kind, AuthKind::Oauth2(_) | AuthKind::McpOauth(_))
    }
}

/// Names of the fields that a token answer of a method brings and that are no secret.
#[must_use]
pub fn answered_fields<'a>(connector: &'a Connector, auth: &'a AuthMethod) -> Vec<&'a str> {
    let response = match &auth.kind {
        AuthKind::Oauth2(kind) => &kind.response,
        AuthKind::ClientCredentials(kind) => &kind.response,
        AuthKind::TokenExchange(kind) => &kind.response,
        AuthKind::Assertion(kind) => &kind.response,
        AuthKind::AppInstallation(kind) => &kind.response,
        AuthKind::McpOauth(_)
        | AuthKind::None
        | AuthKind::ApiKey
        | AuthKind::Basic
        | AuthKind::Fields
        | AuthKind::Oauth1(_) => return Vec::new(),
    };
    // Asked for every call of a credential; most connectors have none.
    if response.fields.is_empty() {
        return Vec::new();
    }
    let fields = connector.fields_of(auth);
    let is_secret = |name: &str| fields.iter().any(|it| it.name == name && is_secret(it));
    response.fields.keys().map(String::as_str).filter(|name| !is_secret(name)).collect()
}

impl Inner {
    /// The connector and auth method of an account.
    pub(super) fn method(&self, account: Account<'_>) -> Result<Method, AccessError> {
        self.method_of(account.project, account.integration, &account.credential.auth_method)
    }

    /// The connector of an integration, and one of its auth methods.
    pub(crate) fn method_of(
        &self,
        project: ProjectId,
        integration: &IntegrationPlan,
        method: &str,
    ) -> Result<Method, AccessError> {
        let name = &integration.connector;
        if !integration.is_active {
            return Err(AccessError::Inactive { connector: name.clone() });
        }
        let connector = self.catalog.find(project, name, integration.manifest.as_ref());
        let connector =
            connector.ok_or_else(|| AccessError::UnknownConnector { connector: name.clone() })?;
        Method::of(connector, method).ok_or_else(|| AccessError::UnknownMethod {
            connector: name.clone(),
            method: method.to_owned(),
        })
    }
}
