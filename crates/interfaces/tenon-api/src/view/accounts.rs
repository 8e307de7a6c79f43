//! Accounts, connect sessions, configurations, signing keys and events as the API shows them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_config::ports::linker::Health;
use tenon_config::{
    AccountSettings, ConnectOutcome, ConnectSession, Credential, Event, NewSigningKey,
    OpenedConnect, Probed, SigningKey,
};
use tenon_domain::{ConfigurationId, ConnectSessionId, CredentialId, EndUserId, IntegrationId};
use utoipa::ToSchema;

/// A connected account, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
pub(crate) struct CredentialView {
    #[schema(value_type = String, format = Uuid)]
    id: CredentialId,
    #[schema(value_type = String, format = Uuid)]
    integration_id: IntegrationId,
    /// The builder's own id of the user.
    #[schema(value_type = String)]
    user: EndUserId,
    /// The builder's own name for the account.
    external_id: Option<String>,
    auth_method: String,
    /// The account's id at the provider.
    provider_id: Option<String>,
    /// The account's name at the provider.
    provider_name: Option<String>,
    /// Values of fields that are no secret.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
    /// Scopes that were granted, as the provider wrote them.
    scopes: Option<String>,
    /// `pending` while its set-up is not complete, `valid`, `invalid` or `expired`, as last known.
    status: &'static str,
    /// Why, for machines.
    status_code: Option<String>,
    /// Why, for people.
    status_reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    status_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Credential> for CredentialView {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id,
            integration_id: credential.integration,
            user: credential.user,
            external_id: credential.external_id,
            auth_method: credential.auth_method,
            provider_id: credential.provider_id,
            provider_name: credential.provider_name,
            fields: credential.fields,
            scopes: credential.scopes,
            status: credential.status.state.name(),
            status_code: credential.status.code,
            status_reason: credential.status.reason,
            status_at: credential.status.at,
            created_at: credential.created_at,
            updated_at: credential.updated_at,
        }
    }
}

/// The accounts of a user, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialList {
    pub(crate) credentials: Vec<CredentialView>,
}

/// What a probe found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Probe)]
pub(crate) struct ProbeView {
    credential: CredentialView,
    /// `valid`, `refused`, `answers` where the provider takes it and says something else, or
    /// `unknown` where the connector has no request that would tell.
    health: &'static str,
    /// What the provider said.
    reason: Option<String>,
}

impl From<Probed> for ProbeView {
    fn from(probed: Probed) -> Self {
        let (health, reason) = match probed.health {
            Health::Valid => ("valid", None),
            Health::Refused { reason } => ("refused", Some(reason)),
            Health::Answers { reason } => ("answers", Some(reason)),
            Health::Unknown => ("unknown", None),
        };
        Self { credential: probed.credential.into(), health, reason }
    }
}

/// A session in which a user links an account in a browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectSession)]
pub(crate) struct ConnectSessionView {
    #[schema(value_type = String, format = Uuid)]
    id: ConnectSessionId,
    #[schema(value_type = String)]
    user: EndUserId,
    #[schema(value_type = String, format = Uuid)]
    integration_id: IntegrationId,
    auth_method: String,
    /// `open`, `started` once a browser was sent to the provider, `working` while the provider is
    /// asked, `connected`, `failed` or `ended`.
    status: &'static str,
    /// The account, once it is connected.
    #[schema(value_type = Option<String>, format = Uuid)]
    credential_id: Option<CredentialId>,
    /// The account's name at the provider.
    account: Option<String>,
    /// Why it failed, for machines.
    code: Option<String>,
    /// Why it failed, for people.
    message: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl ConnectSessionView {
    pub(crate) fn new(session: ConnectSession, now: Timestamp) -> Self {
        let is_over = session.expires_at <= now;
        let status = match (&session.outcome, session.used_at) {
            (Some(ConnectOutcome::Connected { .. }), _) => "connected",
            (Some(ConnectOutcome::Failed { .. }), _) => "failed",
            (None, _) if is_over => "ended",
            (None, Some(_)) => "working",
            (None, None) if session.is_begun => "started",
            (None, None) => "open",
        };
        let (credential_id, account, code, message) = match session.outcome {
            Some(ConnectOutcome::Connected { credential, account, .. }) => {
                (Some(credential), account, None, None)
            }
            Some(ConnectOutcome::Failed { code, message }) => {
                (None, None, Some(code), Some(message))
            }
            None => (None, None, None, None),
        };
        Self {
            id: session.id,
            user: session.user,
            integration_id: session.integration,
            auth_method: session.auth_method,
            status,
            credential_id,
            account,
            code,
            message,
            expires_at: session.expires_at,
        }
    }
}

/// A session that was opened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedConnectSession)]
pub(crate) struct OpenedConnectView {
    #[serde(flatten)]
    session: ConnectSessionView,
    /// What the user's browser opens. Whoever opens it links their account to this user.
    authorize_url: String,
}

impl OpenedConnectView {
    pub(crate) fn new(opened: OpenedConnect, now: Timestamp) -> Self {
        Self { session: ConnectSessionView::new(opened.session, now), authorize_url: opened.url }
    }
}

/// One set of settings of an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountConfiguration)]
pub(crate) struct SettingsView {
    #[schema(value_type = String, format = Uuid)]
    id: ConfigurationId,
    #[schema(value_type = String, format = Uuid)]
    credential_id: CredentialId,
    external_id: Option<String>,
    /// Whether it is used where none is named.
    default: bool,
    /// Settings of the integration.
    #[schema(value_type = Object)]
    shared_settings: Map<String, Value>,
    /// Settings of workflows, by the workflow's id.
    #[schema(value_type = Object)]
    workflow_settings: Map<String, Value>,
    #[schema(value_type = Object)]
    meta: Map<String, Value>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<AccountSettings> for SettingsView {
    fn from(settings: AccountSettings) -> Self {
        Self {
            id: settings.id,
            credential_id: settings.credential,
            external_id: settings.external_id,
            default: settings.is_default,
            shared_settings: settings.shared,
            workflow_settings: settings.workflows,
            meta: settings.meta,
            created_at: settings.created_at,
        }
    }
}

/// The configurations of an account, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsList {
    pub(crate) configurations: Vec<SettingsView>,
}

/// A key that signs the tokens of connected users; its public half.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct SigningKeyView {
    /// The `kid` of its tokens.
    id: String,
    /// PEM.
    public_key: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when its tokens are not taken any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<SigningKey> for SigningKeyView {
    fn from(key: SigningKey) -> Self {
        Self {
            id: key.id,
            public_key: key.public_pem,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The signing keys of a project, revoked ones too, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyList {
    pub(crate) signing_keys: Vec<SigningKeyView>,
}

/// A signing key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedSigningKey)]
pub(crate) struct CreatedSigningKeyView {
    #[serde(flatten)]
    signing_key: SigningKeyView,
    /// The private half, PEM (PKCS#8); shown this once and not kept.
    private_key: String,
}

impl From<NewSigningKey> for CreatedSigningKeyView {
    fn from(new: NewSigningKey) -> Self {
        let private_key = String::from_utf8_lossy(new.private_pem.expose()).into_owned();
        Self { private_key, signing_key: new.key.into() }
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Grows by one with each event of the project.
    sequence: i64,
    /// Such as `credential.invalid`.
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = Option<String>)]
    user: Option<EndUserId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    integration_id: Option<IntegrationId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    credential_id: Option<CredentialId>,
    /// More of it.
    #[schema(value_type = Object)]
    payload: Map<String, Value>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            sequence: event.sequence,
            kind: event.event.kind.name(),
            at: event.event.at,
            user: event.event.user,
            integration_id: event.event.integration,
            credential_id: event.event.credential,
            payload: event.event.payload,
        }
    }
}

/// Events in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventList {
    pub(crate) events: Vec<EventView>,
    /// Pass it as `after` to go on; it may be asked for again when there is nothing yet.
    pub(crate) next: i64,
}
