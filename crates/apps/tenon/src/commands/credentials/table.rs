//! Accounts and integrations as tables.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use tenon_client::{
    AccountConfiguration, Credential, CredentialStatus, Integration, Secret, SigningKey,
};

use crate::terminal::{Paint, Tone, one_line, time};

/// The longest name or reason in a table, in characters.
const TEXT_CHARS_MAX: usize = 60;
/// The longest reason where one account is shown, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Accounts, one a line.
#[must_use]
pub fn of_credentials(credentials: &[Credential], paint: Paint) -> String {
    let mut table = new(&["credential", "account", "name", "method", "status", "since", "why"]);
    for credential in credentials {
        table.add_row(vec![
            credential.id.to_string(),
            cut(credential.provider_name.as_deref()),
            cut(credential.external_id.as_deref()),
            credential.auth_method.clone(),
            status(credential, paint),
            time(credential.status_at),
            cut(credential.status_reason.as_deref().or(credential.status_code.as_deref())),
        ]);
    }
    table.to_string()
}

/// One account, a line for each thing that is known.
#[must_use]
pub fn of_one(credential: &Credential, paint: Paint) -> String {
    let mut lines = vec![
        format!("credential   {}", credential.id),
        format!("user         {}", one_line(&credential.user, TEXT_CHARS_MAX)),
        format!("account      {}", cut(credential.provider_name.as_deref())),
        format!("status       {}", status(credential, paint)),
        format!("since        {}", time(credential.status_at)),
        format!("method       {}", credential.auth_method),
        format!("connected    {}", time(credential.created_at)),
    ];
    let why = [credential.status_code.as_deref(), credential.status_reason.as_deref()];
    let why: Vec<String> =
        why.into_iter().flatten().map(|text| one_line(text, REASON_CHARS_MAX)).collect();
    if !why.is_empty() {
        lines.insert(5, format!("why          {}", why.join(": ")));
    }
    if let Some(name) = &credential.external_id {
        lines.push(format!("external id  {}", one_line(name, TEXT_CHARS_MAX)));
    }
    if let Some(scopes) = &credential.scopes {
        lines.push(format!("scopes       {}", one_line(scopes, 200)));
    }
    lines.join("\n")
}

/// Integrations, one a line.
#[must_use]
pub fn of_integrations(integrations: &[Integration], paint: Paint) -> String {
    let mut table = new(&["connector", "status", "apps", "integration"]);
    for integration in integrations {
        let (word, tone) =
            if integration.active { ("active", Tone::Good) } else { ("off", Tone::Warning) };
        let apps: Vec<String> = integration
            .apps
            .iter()
            .map(|(method, app)| match app.values.get("client_id").and_then(|id| id.as_str()) {
                Some(client) => format!("{method} ({})", one_line(client, 30)),
                None => method.clone(),
            })
            .collect();
        table.add_row(vec![
            integration.connector.clone(),
            paint.text(tone, word),
            if apps.is_empty() { "-".to_owned() } else { apps.join(", ") },
            integration.id.to_string(),
        ]);
    }
    table.to_string()
}

/// Configurations, one a line.
#[must_use]
pub fn of_configurations(configurations: &[AccountConfiguration]) -> String {
    let mut table =
        new(&["configuration", "external id", "default", "settings", "workflows", "added"]);
    for configuration in configurations {
        let settings = serde_json::Value::Object(configuration.shared_settings.clone());
        table.add_row(vec![
            configuration.id.to_string(),
            cut(configuration.external_id.as_deref()),
            (if configuration.default { "yes" } else { "no" }).to_owned(),
            one_line(&settings.to_string(), TEXT_CHARS_MAX),
            configuration.workflow_settings.len().to_string(),
            time(configuration.created_at),
        ]);
    }
    table.to_string()
}

/// Signing keys, one a line; public halves are in the JSON only.
#[must_use]
pub fn of_signing_keys(keys: &[SigningKey], paint: Paint) -> String {
    let mut table = new(&["key", "status", "made", "revoked"]);
    for key in keys {
        let (word, tone) = match key.revoked_at {
            None => ("valid", Tone::Good),
            Some(_) => ("revoked", Tone::Quiet),
        };
        table.add_row(vec![
            key.id.clone(),
            paint.text(tone, word),
            time(key.created_at),
            key.revoked_at.map_or_else(|| "-".to_owned(), time),
        ]);
    }
    table.to_string()
}

/// Environment secrets, one a line, without their values.
#[must_use]
pub fn of_secrets(secrets: &[Secret]) -> String {
    let mut table = new(&["key", "made", "set"]);
    for secret in secrets {
        table.add_row(vec![secret.key.clone(), time(secret.created_at), time(secret.updated_at)]);
    }
    table.to_string()
}

fn status(credential: &Credential, paint: Paint) -> String {
    let tone = match credential.status {
        CredentialStatus::Valid => Tone::Good,
        CredentialStatus::Invalid | CredentialStatus::Expired => Tone::Bad,
        CredentialStatus::Pending => Tone::Warning,
        CredentialStatus::Unknown => Tone::Quiet,
    };
    paint.text(tone, credential.status.name())
}

fn cut(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| one_line(text, TEXT_CHARS_MAX))
}

fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused() -> Credential {
        serde_json::from_value(json!({
            "id": "00000008-0000-4000-8000-000000000001",
            "integration_id": "00000007-0000-4000-8000-000000000001",
            "user": "user-17", "auth_method": "oauth", "fields": {}, "status": "invalid",
            "status_code": "revoked", "status_reason": "the grant has ended",
            "status_at": "2026-03-01T08:00:00Z", "created_at": "2026-02-01T08:00:00Z",
            "updated_at": "2026-03-01T08:00:00Z",
        }))
        .expect("it is an account")
    }

    #[test]
    fn an_account_that_does_not_work_says_why_and_since_when() {
        let shown = of_one(&refused(), Paint::plain());
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[3..6],
            [
                "status       invalid",
                "since        2026-03-01 08:00:00",
                "why          revoked: the grant has ended"
            ],
            "{shown}"
        );
        let table = of_credentials(&[refused()], Paint::plain());
        assert!(table.contains("the grant has ended") && table.contains("2026-03-01"), "{table}");
        let valid = Credential {
            status: CredentialStatus::Valid,
            status_code: None,
            status_reason: None,
            ..refused()
        };
        assert!(!of_one(&valid, Paint::plain()).contains("why"));
    }
}
