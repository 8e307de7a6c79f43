//! What clients send while an account is connected, read into the words of the use cases.

use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::linking::is_by_browser;
use tenon_config::{AccountView, PortalIntegration};
use tenon_connector::connector::Connector;
use tenon_connector::field_values;
use tenon_connector::manifest::auth::AuthMethod;
use tenon_domain::CredentialId;
use tenon_http_kit::WireProblem;

use crate::problem::invalid;
use crate::view::View;

/// Sent along with what was filled in; it says how the form was shown.
const SKIP_SETUP: &str = "skipPostOAuthInputs";

/// How an account is to be connected. What is not known here is about the client's own screens.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct InstallOptions {
    /// The auth method; a list of those to choose from means no choice yet.
    account_type: Option<Value>,
    allow_multiple_credentials: Option<bool>,
    external_id: Option<String>,
    selected_credential_id: Option<String>,
}

/// Which account it becomes.
pub(super) struct Target<'a> {
    pub(super) credential: Option<&'a AccountView>,
    pub(super) external_id: Option<String>,
    pub(super) several_accounts: bool,
}

impl InstallOptions {
    /// The chosen auth method.
    pub(super) fn account_type(&self) -> Option<&str> {
        match self.account_type.as_ref()? {
            Value::String(id) => Some(id),
            Value::Array(ids) if ids.len() == 1 => ids[0].as_str(),
            _ => None,
        }
    }

    /// The same with an auth method that was said beside them, where they say none.
    pub(super) fn or_account_type(mut self, id: Option<String>) -> Self {
        if self.account_type().is_none()
            && let Some(id) = id
        {
            self.account_type = Some(Value::String(id));
        }
        self
    }

    /// Which account it becomes.
    pub(super) fn target<'a>(
        &self,
        view: &'a View,
        integration: &PortalIntegration,
    ) -> Result<Target<'a>, WireProblem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let selected = given(&self.selected_credential_id);
        let external_id = given(&self.external_id).map(|text| own_name(&text));
        if selected.is_some() && external_id.is_some() {
            let message = "name an account to connect again, or give a new one a name: not both";
            return Err(invalid("installOptions/externalId", message));
        }
        let credential = selected.map(|name| view.account(&name)).transpose()?;
        if credential.is_some_and(|one| one.credential.integration != integration.id) {
            let message = "this account is of another integration";
            return Err(invalid("installOptions/selectedCredentialId", message));
        }
        Ok(Target {
            credential,
            external_id,
            several_accounts: self.allow_multiple_credentials.unwrap_or_default(),
        })
    }
}

impl Target<'_> {
    /// The account to connect again.
    pub(super) fn id(&self) -> Option<CredentialId> {
        self.credential.map(|account| account.credential.id)
    }
}

/// The builder's own name, as clients write it: `ext:` tells it from an id.
pub(super) fn own_name(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix("ext:").unwrap_or(text).to_owned()
}

/// The values that were filled in.
pub(super) fn filled_in(mut payload: Map<String, Value>) -> Map<String, Value> {
    payload.remove(SKIP_SETUP);
    payload
}

/// The method that sends users to the provider: the chosen one, else the first.
pub(super) fn browser_method<'a>(
    connector: &'a Connector,
    chosen: Option<&str>,
) -> Option<&'a AuthMethod> {
    method_where(connector, chosen, |method| is_by_browser(&method.kind))
}

/// The method that a form was filled in for: the chosen one, else the first one that takes these
/// values, else the first of all. Not every client says which form it showed.
pub(super) fn form_method<'a>(
    connector: &'a Connector,
    chosen: Option<&str>,
    values: &Map<String, Value>,
) -> Option<&'a AuthMethod> {
    let is_form = |method: &AuthMethod| !is_by_browser(&method.kind);
    let takes = |method: &AuthMethod| {
        is_form(method) && field_values::check(&connector.fields_of(method), values).is_ok()
    };
    method_where(connector, chosen, is_form)
        .filter(|method| chosen == Some(method.id.as_str()))
        .or_else(|| connector.manifest().auth.iter().find(|method| takes(method)))
        .or_else(|| method_where(connector, None, is_form))
}

fn method_where<'a>(
    connector: &'a Connector,
    chosen: Option<&str>,
    fits: impl Fn(&AuthMethod) -> bool,
) -> Option<&'a AuthMethod> {
    let mut methods = connector.manifest().auth.iter().filter(|method| fits(method));
    let named = methods.clone().find(|method| Some(method.id.as_str()) == chosen);
    named.or_else(|| methods.next())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connector() -> Connector {
        let manifest = json!({
            "format": 1, "name": "acme", "version": "1.0.0", "title": "Acme",
            "description": "A service that tests use.", "categories": ["testing"],
            "docs": "https://acme.example/docs",
            "auth": [
                {"id": "oauth", "type": "oauth2", "authorize_url": "https://acme.example/authorize",
                 "token_url": "https://acme.example/token"},
                {"id": "key", "type": "api_key",
                 "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}}},
                {"id": "login", "type": "basic"},
            ],
            "proxy": {"base_url": [{"url": "https://acme.example"}]},
        });
        Connector::from_value(&manifest).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    fn values(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_form_is_known_by_what_was_filled_in() {
        let connector = connector();
        let chosen = |chosen: Option<&str>, given: Value| {
            form_method(&connector, chosen, &values(given)).map(|method| method.id.clone())
        };
        let key = json!({"api_key": "k"});
        let login = json!({"username": "u", "password": "p"});
        assert_eq!(chosen(None, key.clone()).as_deref(), Some("key"));
        assert_eq!(chosen(None, login.clone()).as_deref(), Some("login"));
        assert_eq!(chosen(Some("login"), key).as_deref(), Some("login"), "so its faults are told");
        assert_eq!(chosen(Some("oauth"), login).as_deref(), Some("login"));
        assert_eq!(chosen(None, json!({"nonsense": 1})).as_deref(), Some("key"));
    }

    #[test]
    fn the_browser_goes_where_it_can() {
        let connector = connector();
        let chosen = |name| browser_method(&connector, name).map(|method| method.id.clone());
        assert_eq!(chosen(None).as_deref(), Some("oauth"));
        assert_eq!(chosen(Some("key")).as_deref(), Some("oauth"));
    }

    #[test]
    fn options_are_read_as_clients_write_them() {
        let read = |value: Value| serde_json::from_value::<InstallOptions>(value).expect("options");
        let account_type =
            |value| read(json!({"accountType": value})).account_type().map(str::to_owned);
        assert_eq!(account_type(json!("key")).as_deref(), Some("key"));
        assert_eq!(account_type(json!(["key"])).as_deref(), Some("key"));
        assert_eq!(account_type(json!(["key", "login"])), None);
        assert_eq!(account_type(json!(null)), None);
        let options = read(json!({"isApiInstallation": true, "selectedCredentialId": null}));
        assert!(options.selected_credential_id.is_none());
        assert_eq!(own_name(" ext:team "), "team");
    }
}
