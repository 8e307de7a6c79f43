//! What is asked for after an account is linked. A connector says that one of a method's own fields
//! is filled in by the provider (`automated`); where the provider did not, and the field is needed,
//! the user is asked. Until then the account is pending: nothing uses it.

use serde_json::{Map, Value};
use tenon_connector::connector::Connector;
use tenon_connector::field_values::{self, is_secret};
use tenon_connector::manifest::auth::AuthMethod;
use tenon_connector::manifest::fields::Field;
use tenon_domain::{CredentialId, ProjectId};

use super::{Credential, CredentialState, CredentialStatus};
use crate::events::{EventType, NewEvent};
use crate::{Configuration, Error};

/// The code of an account that waits for more.
pub(crate) const SETUP_INCOMPLETE: &str = "setup_incomplete";

/// The fields of a method that are asked for after linking, unless the provider filled them in.
///
/// A value that could lead calls to another host is never asked for this way: manifests are checked
/// for values that people give, and `automated` ones are exempt, so they are checked here.
#[must_use]
pub fn setup_fields(connector: &Connector, method: &AuthMethod) -> Vec<Field> {
    let may_be_asked = |field: &&Field| {
        field.automated && !field.optional && field.default.is_none() && !is_secret(field)
    };
    let fields: Vec<Field> = (method.fields.iter().filter(may_be_asked))
        .map(|field| Field { automated: false, ..field.clone() })
        .collect();
    if fields.is_empty() || !is_safe_when_asked(connector, method, &fields) {
        return Vec::new();
    }
    fields
}

/// Whether the manifest would be valid with these fields filled in by people.
fn is_safe_when_asked(connector: &Connector, method: &AuthMethod, asked: &[Field]) -> bool {
    let mut manifest = connector.manifest().clone();
    let own = manifest.auth.iter_mut().filter(|own| own.id == method.id);
    for field in own.flat_map(|own| &mut own.fields) {
        field.automated &= !asked.iter().any(|asked| asked.name == field.name);
    }
    let Ok(manifest) = serde_json::to_value(&manifest) else { return false };
    match Connector::from_value(&manifest) {
        Ok(_) => true,
        Err(faults) => !faults.iter().any(|fault| fault.code == "unsafe_host"),
    }
}

/// Those of the fields that are still needed.
pub(crate) fn missing<'a>(asked: &'a [Field], fields: &Map<String, Value>) -> Vec<&'a Field> {
    let given = of_setup(asked, fields);
    match field_values::check(&asked.iter().collect::<Vec<_>>(), &given) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            let is_missing = |field: &&Field| faults.iter().any(|fault| fault.field == field.name);
            asked.iter().filter(is_missing).collect()
        }
    }
}

/// The values of these fields, where there are any.
pub(crate) fn of_setup(asked: &[Field], fields: &Map<String, Value>) -> Map<String, Value> {
    let values = asked.iter().filter_map(|field| {
        fields.get(&field.name).map(|value| (field.name.clone(), value.clone()))
    });
    values.collect()
}

impl CredentialStatus {
    /// The same, unless it works and these fields are still needed.
    pub(crate) fn while_missing(self, missing: &[&Field]) -> Self {
        if self.state != CredentialState::Valid || missing.is_empty() {
            return self;
        }
        let titles: Vec<&str> = missing.iter().map(|field| field.title.as_str()).collect();
        Self {
            state: CredentialState::Pending,
            code: Some(SETUP_INCOMPLETE.to_owned()),
            reason: Some(format!("not given yet: {}", titles.join(", "))),
            at: self.at,
        }
    }
}

impl Configuration {
    /// Takes what is asked for after linking. What was given before stays; an account that lacks
    /// nothing any more can be used from then on. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::ConnectorUnknown`],
    /// [`Error::Fields`] for values that are missing, wrong or not asked for, [`Error::NoVault`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn complete_setup(
        &self,
        project: ProjectId,
        credential: CredentialId,
        given: Map<String, Value>,
    ) -> Result<Credential, Error> {
        let usable = self.usable(project, credential).await?;
        let Credential { integration, auth_method, secret, .. } = usable.credential;
        let mut work = self.read(project).await?;
        let asked = self.asked_after(&mut *work, project, integration, &auth_method).await?;
        drop(work);
        let head = self.linking()?.vault.head(project, secret).await?;
        let mut work = self.begin_change(project).await?;
        let found = work.credential(project, credential).await?;
        let mut changed = found.ok_or_else(|| Error::no_credential(credential))?;
        let mut values = of_setup(&asked, &changed.fields);
        values.extend(given);
        let asked: Vec<&Field> = asked.iter().collect();
        let checked = field_values::check(&asked, &values).map_err(Error::fields)?;
        let was = changed.clone();
        changed.fields.extend(checked.public);
        let now = self.clock.now();
        if changed.status.state == CredentialState::Pending
            && let Some(head) = &head
        {
            changed.status = CredentialStatus { at: now, ..CredentialStatus::of_head(head) };
        }
        if changed == was {
            return Ok(changed);
        }
        changed.updated_at = now;
        work.update_credential(project, &changed).await?;
        let mut workflows = Vec::new();
        if was.status.state == CredentialState::Pending
            && changed.status.state == CredentialState::Valid
        {
            workflows = self.start_defaults(&mut *work, project, &changed).await?;
            let event = NewEvent::of_credential(EventType::CredentialConnected, &changed, now);
            work.append_event(project, &event).await?;
        }
        if changed.fields != was.fields {
            workflows.extend(super::bump_routes(&mut *work, project, changed.id).await?);
        }
        work.bump_user_revision(project, &changed.user).await?;
        work.commit().await?;
        self.after_installations_changed(project, &changed.user, &workflows).await;
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connector(base: &str) -> Connector {
        let manifest = json!({
            "format": 1, "name": "acme", "version": "1.0.0", "title": "Acme",
            "description": "A service that tests use.", "categories": ["testing"],
            "docs": "https://acme.example/docs",
            "fields": [{"name": "tenant", "title": "Tenant", "automated": true}],
            "auth": [
                {
                    "id": "key", "type": "api_key",
                    "fields": [
                        {"name": "api_key", "title": "API key", "type": "password"},
                        {"name": "site", "title": "Site", "automated": true},
                        {"name": "zone", "title": "Zone", "automated": true, "optional": true},
                    ],
                    "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}},
                },
                {"id": "other", "type": "api_key",
                 "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}}},
            ],
            "proxy": {"base_url": [{"url": base}]},
        });
        Connector::from_value(&manifest).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    fn names(connector: &Connector, method: &str) -> Vec<String> {
        let method = connector.auth(Some(method)).expect("it is there");
        setup_fields(connector, method).into_iter().map(|field| field.name).collect()
    }

    #[test]
    fn what_the_provider_may_have_left_out_is_asked_for() {
        let connector = connector("https://acme.example");
        assert_eq!(names(&connector, "key"), ["site"], "what is needed, of the method itself");
        assert!(names(&connector, "other").is_empty());
    }

    #[test]
    fn nobody_chooses_the_host_afterwards() {
        let connector = connector("https://{{fields.site}}.acme.example");
        assert!(names(&connector, "key").is_empty());
    }

    #[test]
    fn an_account_is_pending_until_nothing_is_missing() {
        let connector = connector("https://acme.example");
        let asked = setup_fields(&connector, connector.auth(Some("key")).expect("it is there"));
        let Value::Object(with) = json!({"site": "north"}) else { unreachable!("an object") };
        let valid = || CredentialStatus {
            state: CredentialState::Valid,
            code: None,
            reason: None,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let pending = valid().while_missing(&missing(&asked, &Map::new()));
        assert_eq!(pending.state, CredentialState::Pending);
        assert_eq!(pending.code.as_deref(), Some(SETUP_INCOMPLETE));
        assert!(pending.reason.expect("it says why").contains("Site"));
        assert_eq!(valid().while_missing(&missing(&asked, &with)), valid());
        let invalid = CredentialStatus { state: CredentialState::Invalid, ..valid() };
        assert_eq!(invalid.clone().while_missing(&missing(&asked, &Map::new())), invalid);
    }
}
