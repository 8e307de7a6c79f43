//! Connectors and integrations as the API shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_config::{Integration, ListedConnector};
use tenon_connector::connector::Connector;
use tenon_connector::manifest::auth::{AuthKind, AuthMethod};
use tenon_connector::manifest::fields::{Field, FieldKind};
use tenon_contract::plan::AppPlan;
use tenon_domain::IntegrationId;
use tenon_domain::portal::IntegrationDocument;
use utoipa::ToSchema;

/// A connector, in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectorSummary)]
pub(crate) struct ConnectorSummaryView {
    /// What integrations name it by; `custom.<name>` for the project's own.
    name: String,
    title: String,
    description: String,
    version: String,
    categories: Vec<String>,
    /// Whether the project uploaded it.
    custom: bool,
    /// The provider's colour, `#rrggbb`.
    color: Option<String>,
    /// Why it should not be used any more, and what instead.
    deprecated: Option<String>,
    /// How accounts are linked; the first is the default.
    auth_methods: Vec<AuthMethodView>,
    /// Ids of the actions that workflows can use.
    actions: Vec<String>,
}

impl From<&ListedConnector> for ConnectorSummaryView {
    fn from(listed: &ListedConnector) -> Self {
        Self::new(&listed.name, &listed.connector)
    }
}

impl ConnectorSummaryView {
    pub(crate) fn new(name: &str, connector: &Connector) -> Self {
        let manifest = connector.manifest();
        Self {
            name: name.to_owned(),
            title: manifest.title.clone(),
            description: manifest.description.clone(),
            version: manifest.version.clone(),
            categories: manifest.categories.clone(),
            custom: name.starts_with("custom."),
            color: manifest.color.clone(),
            deprecated: manifest.deprecated.clone(),
            auth_methods: manifest
                .auth
                .iter()
                .map(|method| AuthMethodView::new(connector, method))
                .collect(),
            actions: manifest.actions.iter().map(|action| action.id.clone()).collect(),
        }
    }
}

/// A way to link an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthMethod)]
pub(crate) struct AuthMethodView {
    id: String,
    title: Option<String>,
    /// `oauth2`, `api_key` and so on.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether the user's browser is sent to the provider: link it by a connect session.
    browser: bool,
    /// What the user fills in.
    fields: Vec<FieldView>,
    /// What the user is asked for after linking, where the provider did not say it. Until it is
    /// given the account is `pending`.
    setup_fields: Vec<FieldView>,
    /// Scopes that can be asked for, with a line for people.
    scopes: BTreeMap<String, String>,
}

impl AuthMethodView {
    fn new(connector: &Connector, method: &AuthMethod) -> Self {
        let (kind, scopes) = match &method.kind {
            AuthKind::None => ("none", None),
            AuthKind::ApiKey => ("api_key", None),
            AuthKind::Basic => ("basic", None),
            AuthKind::Fields => ("fields", None),
            AuthKind::Oauth2(kind) => ("oauth2", Some(&kind.scopes)),
            AuthKind::ClientCredentials(kind) => ("client_credentials", Some(&kind.scopes)),
            AuthKind::TokenExchange(_) => ("token_exchange", None),
            AuthKind::Assertion(_) => ("assertion", None),
            AuthKind::Oauth1(_) => ("oauth1", None),
            AuthKind::AppInstallation(_) => ("app_installation", None),
            AuthKind::McpOauth(kind) => ("mcp_oauth", Some(&kind.scopes)),
        };
        let fields = connector.fields_of(method);
        Self {
            id: method.id.clone(),
            title: method.title.clone(),
            kind,
            browser: tenon_config::linking::is_by_browser(&method.kind),
            fields: fields
                .into_iter()
                .filter(|field| !field.automated)
                .map(FieldView::from)
                .collect(),
            setup_fields: tenon_config::setup_fields(connector, method)
                .iter()
                .map(FieldView::from)
                .collect(),
            scopes: scopes.map(|scopes| scopes.available.clone()).unwrap_or_default(),
        }
    }
}

/// What a person fills in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectField)]
pub(crate) struct FieldView {
    name: String,
    title: String,
    /// `text`, `password`, `select` and so on.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: FieldKind,
    description: Option<String>,
    help_url: Option<String>,
    example: Option<String>,
    optional: bool,
    /// Whether it is kept in the vault and never shown again.
    secret: bool,
    /// Used when left out.
    #[schema(value_type = Option<Object>)]
    default: Option<Value>,
    /// The choices of a `select`: value and label.
    options: Vec<OptionView>,
}

/// A choice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectFieldOption)]
pub(crate) struct OptionView {
    value: String,
    label: String,
}

impl From<&Field> for FieldView {
    fn from(field: &Field) -> Self {
        let option = |option: &tenon_connector::manifest::fields::FieldOption| OptionView {
            value: option.value.clone(),
            label: option.label.clone(),
        };
        Self {
            name: field.name.clone(),
            title: field.title.clone(),
            kind: field.kind,
            description: field.description.clone(),
            help_url: field.help_url.clone(),
            example: field.example.clone(),
            optional: field.optional,
            secret: field.secret || field.kind == FieldKind::Password,
            default: field.default.clone(),
            options: field.options.iter().map(option).collect(),
        }
    }
}

/// Connectors that the project can use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectorList {
    pub(crate) connectors: Vec<ConnectorSummaryView>,
}

/// A connector with its manifest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connector)]
pub(crate) struct ConnectorView {
    #[serde(flatten)]
    pub(crate) summary: ConnectorSummaryView,
    /// The manifest.
    #[schema(value_type = Object)]
    pub(crate) manifest: Value,
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutConnectorResult {
    /// What integrations name it by.
    pub(crate) name: String,
    /// The manifest's version.
    pub(crate) version: String,
    /// Whether there was none before.
    pub(crate) created: bool,
}

/// A connector that the project has switched on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Integration)]
pub(crate) struct IntegrationView {
    #[schema(value_type = String, format = Uuid)]
    id: IntegrationId,
    connector: String,
    /// Whether it may be used.
    active: bool,
    /// The builder's app for each auth method that has one.
    apps: BTreeMap<String, AppView>,
    /// The document that was applied for it; null where none was.
    #[schema(value_type = Option<Object>)]
    document: Option<IntegrationDocument>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The builder's app, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    /// `client_id`, and what else is no secret.
    #[schema(value_type = Object)]
    values: Map<String, Value>,
    /// Whether secret values are kept.
    has_secret: bool,
    /// Scopes that users are asked for; the connector's defaults when empty.
    scopes: Vec<String>,
}

impl From<AppPlan> for AppView {
    fn from(app: AppPlan) -> Self {
        Self { values: app.values, has_secret: app.secret.is_some(), scopes: app.scopes }
    }
}

impl From<Integration> for IntegrationView {
    fn from(integration: Integration) -> Self {
        Self {
            id: integration.id,
            connector: integration.connector,
            active: integration.is_active,
            apps: integration.apps.into_iter().map(|(id, app)| (id, app.into())).collect(),
            document: integration.document,
            created_at: integration.created_at,
            updated_at: integration.updated_at,
        }
    }
}

/// The integrations of a project, by connector.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntegrationList {
    pub(crate) integrations: Vec<IntegrationView>,
}
