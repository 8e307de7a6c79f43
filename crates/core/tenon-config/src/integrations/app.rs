//! The builder's app at a provider: client id and secret, further values that the connector asks
//! for, and the scopes to ask users for.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tenon_connector::connector::Connector;
use tenon_connector::field_values;
use tenon_connector::manifest::auth::{AuthKind, AuthMethod, ClientAuth, Scopes};
use tenon_connector::manifest::fields::{Field, FieldKind};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject};
use tenon_domain::{IntegrationId, ProjectId, SecretId};

use super::Integration;
use crate::{Configuration, Error, FieldFault};

/// A change of an app. What is left out stays; a null removes a value.
#[derive(Default)]
pub struct AppChange {
    /// `client_id`, `client_secret` and what the connector's `app_fields` name. Secret ones
    /// included, so it is neither printed nor kept.
    pub values: Map<String, Value>,
    /// Scopes to ask for; empty for the connector's defaults.
    pub scopes: Option<Vec<String>>,
}

impl Configuration {
    /// Sets the app of an auth method; the connector's first method when none is named.
    ///
    /// The secret part is written to the vault before the rest is committed: after a failure
    /// between the two, doing it again completes it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::ConnectorUnknown`],
    /// [`Error::Fields`] for values or scopes that are not valid, [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn set_app(
        &self,
        project: ProjectId,
        integration: IntegrationId,
        auth_method: Option<&str>,
        change: AppChange,
    ) -> Result<Integration, Error> {
        let mut work = self.begin_change(project).await?;
        let found = work.integration(project, integration).await?;
        let mut changed = found.ok_or_else(|| Error::no_integration(integration))?;
        let connector = self.find_connector(&mut *work, project, &changed.connector).await?;
        let method = connector.auth(auth_method).ok_or_else(|| Error::NotFound {
            what: "auth method",
            id: auth_method.unwrap_or_default().to_owned(),
        })?;
        let mut app = changed.apps.remove(&method.id).unwrap_or_default();
        if let Some(scopes) = change.scopes {
            check_scopes(method, &scopes)?;
            app.scopes = scopes;
        }
        if !change.values.is_empty() {
            let fields = app_fields(&connector, method);
            let mut values = app.values.clone();
            values.extend(self.app_secrets(project, app.secret).await?);
            for (name, value) in change.values {
                match value {
                    Value::Null => drop(values.remove(&name)),
                    value => drop(values.insert(name, value)),
                }
            }
            let fields: Vec<&Field> = fields.iter().collect();
            let checked = field_values::check(&fields, &values).map_err(Error::fields)?;
            self.keep_app_webhooks(project, &changed, &connector, (&method.id, &checked)).await?;
            app.values = checked.public;
            app.secret = self.keep_app_secrets(project, app.secret, checked.secret).await?;
        }
        changed.apps.insert(method.id.clone(), app);
        changed.updated_at = self.clock.now();
        work.update_integration(project, &changed).await?;
        self.commit_and_publish(work, project, &[]).await?;
        Ok(changed)
    }

    /// The secret values of an app that were given before.
    pub(crate) async fn app_secrets(
        &self,
        project: ProjectId,
        secret: Option<SecretId>,
    ) -> Result<Map<String, Value>, Error> {
        let Some(secret) = secret else { return Ok(Map::new()) };
        let opened = self.open_for_connect(project, secret, "app").await?;
        serde_json::from_slice(opened.expose()).map_err(|_| Error::damaged("an app's secrets"))
    }

    async fn keep_app_secrets(
        &self,
        project: ProjectId,
        held: Option<SecretId>,
        values: Map<String, Value>,
    ) -> Result<Option<SecretId>, Error> {
        if values.is_empty() && held.is_none() {
            return Ok(None);
        }
        let vault = &self.linking()?.vault;
        let text = serde_json::to_vec(&values).expect("a map of JSON values can be written");
        let value = NewValue { value: SecretBytes::new(text), expires_at: None };
        let owner = SecretOwner { project, subject: Subject::App };
        let secret = held.unwrap_or_else(SecretId::new);
        match held {
            Some(_) => vault.replace(secret, &owner, value).await?,
            None => vault.create(secret, &owner, value).await?,
        };
        Ok(Some(secret))
    }
}

/// What the builder supplies for a method: the client, where it has one, and the connector's own
/// fields, which win over the usual ones of the same name.
pub(crate) fn app_fields(connector: &Connector, method: &AuthMethod) -> Vec<Field> {
    let own = &connector.manifest().app_fields;
    let (is_id_optional, is_secret_optional) = match &method.kind {
        AuthKind::Oauth2(oauth2) => {
            let is_public =
                !matches!(oauth2.token_request.client_auth, ClientAuth::Body | ClientAuth::Basic);
            (false, is_public)
        }
        AuthKind::ClientCredentials(kind) => {
            (kind.client_id.is_some(), kind.client_secret.is_some())
        }
        AuthKind::Oauth1(kind) => {
            (kind.request_token_url.is_none(), kind.request_token_url.is_none())
        }
        _ => (true, true),
    };
    let usual = [
        client_field("client_id", "Client ID", FieldKind::Text, is_id_optional),
        client_field("client_secret", "Client secret", FieldKind::Password, is_secret_optional),
    ];
    let is_own = |name: &str| own.iter().any(|field| field.name == name);
    usual.into_iter().filter(|field| !is_own(&field.name)).chain(own.iter().cloned()).collect()
}

/// What the builder has not set yet of the values that a method needs. Values are checked as a whole
/// when they are set, so an app that has some of the secret ones has all.
pub(crate) fn missing_of_app(
    connector: &Connector,
    method: &AuthMethod,
    integration: &Integration,
) -> Vec<String> {
    let app = integration.apps.get(&method.id);
    let is_missing = |field: &Field| match app {
        None => true,
        Some(app) if field_values::is_secret(field) => app.secret.is_none(),
        Some(app) => !app.values.contains_key(&field.name),
    };
    let is_needed = |field: &Field| {
        !field.optional
            && !field.automated
            && field.default.is_none()
            && field.visible_when.is_none()
    };
    let fields = app_fields(connector, method).into_iter();
    fields.filter(|field| is_needed(field) && is_missing(field)).map(|field| field.name).collect()
}

fn client_field(name: &str, title: &str, kind: FieldKind, optional: bool) -> Field {
    Field {
        name: name.to_owned(),
        title: title.to_owned(),
        kind,
        description: None,
        help_url: None,
        example: None,
        optional,
        secret: kind == FieldKind::Password,
        default: None,
        pattern: None,
        message: None,
        options: Vec::new(),
        strip_prefix: Vec::new(),
        strip_suffix: Vec::new(),
        automated: false,
        visible_when: None,
    }
}

/// The scopes of a method that has any.
pub(crate) fn scopes_of(method: &AuthMethod) -> Option<&Scopes> {
    match &method.kind {
        AuthKind::Oauth2(kind) => Some(&kind.scopes),
        AuthKind::ClientCredentials(kind) => Some(&kind.scopes),
        AuthKind::McpOauth(kind) => Some(&kind.scopes),
        _ => None,
    }
}

/// A connector that says which scopes there are takes no others.
fn check_scopes(method: &AuthMethod, asked: &[String]) -> Result<(), Error> {
    let Some(scopes) = scopes_of(method) else {
        return match asked.is_empty() {
            true => Ok(()),
            false => Err(Error::Fields(vec![FieldFault {
                field: "scopes".to_owned(),
                message: "this auth method has no scopes".to_owned(),
            }])),
        };
    };
    let known: BTreeSet<&str> = scopes
        .available
        .keys()
        .chain(&scopes.default)
        .chain(&scopes.required)
        .map(String::as_str)
        .collect();
    let is_known = |scope: &String| scopes.available.is_empty() || known.contains(scope.as_str());
    let is_written_well = |scope: &String| {
        (1..=255).contains(&scope.len()) && scope.chars().all(|c| c.is_ascii_graphic())
    };
    let faults: Vec<FieldFault> = asked
        .iter()
        .filter(|scope| !is_known(scope) || !is_written_well(scope))
        .map(|scope| FieldFault {
            field: "scopes".to_owned(),
            message: format!("the connector knows no scope `{scope}`"),
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::Fields(faults)) }
}
