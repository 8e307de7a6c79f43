//! Accounts and integrations as tables.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use tenon_client::{Credential, CredentialStatus, Integration};

use crate::terminal::{Paint, Tone, one_line, time};

/// The longest name or reason in a table, in characters.
const TEXT_CHARS_MAX: usize = 60;

/// Accounts, one a line.
#[must_use]
pub fn of_credentials(credentials: &[Credential], paint: Paint) -> String {
    let mut table = new(&["credential", "account", "name", "method", "status", "since"]);
    for credential in credentials {
        table.add_row(vec![
            credential.id.to_string(),
            cut(credential.provider_name.as_deref()),
            cut(credential.external_id.as_deref()),
            credential.auth_method.clone(),
            status(credential, paint),
            time(credential.status_at),
        ]);
    }
    table.to_string()
}

/// One account, a line for each thing that is known.
#[must_use]
pub fn of_one(credential: &Credential, paint: Paint) -> String {
    let reason = match (&credential.status_code, &credential.status_reason) {
        (None, None) => String::new(),
        (code, reason) => format!("  {} {}", cut(code.as_deref()), cut(reason.as_deref())),
    };
    let mut lines = vec![
        format!("credential   {}", credential.id),
        format!("user         {}", one_line(&credential.user, TEXT_CHARS_MAX)),
        format!("account      {}", cut(credential.provider_name.as_deref())),
        format!("status       {}{reason}", status(credential, paint)),
        format!("since        {}", time(credential.status_at)),
        format!("method       {}", credential.auth_method),
        format!("connected    {}", time(credential.created_at)),
    ];
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
