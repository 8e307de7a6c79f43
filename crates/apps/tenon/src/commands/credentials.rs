//! `tenon credentials`: accounts of connected users.

pub mod secrets;
pub mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tenon_client::{
    AuthMethod, Client, ConnectRequest, ConnectSession, ConnectStatus, Credential, CredentialStatus,
};
use tenon_domain::CredentialId;

use super::global::Global;
use super::integrations;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon credentials list user-17
  tenon credentials connect user-17 slack --wait         prints the link for the user's browser
  tenon credentials connect user-17 stripe               asks for the API key
  tenon credentials connect user-17 stripe --secret-file api_key=key.txt
  printf %s \"$KEY\" | tenon credentials connect user-17 stripe --secret-file api_key=-
  tenon credentials complete-setup 3f2a91c0-0000-4000-8000-000000000001 --field site=north
  tenon credentials probe 3f2a91c0-0000-4000-8000-000000000001

Secrets are never taken from the command line, which other users of the machine can read.";

/// How often a session is looked at.
const WAIT_INTERVAL: Duration = Duration::from_secs(1);

/// Link, see, probe and disconnect accounts of connected users.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CredentialsArgs {
    #[command(subcommand)]
    command: CredentialsCommand,
}

#[derive(Debug, Subcommand)]
enum CredentialsCommand {
    /// List the accounts of a user, oldest first.
    List(ListArgs),
    /// Link an account: prints a link for the user's browser, or takes an API key and the like.
    Connect(ConnectArgs),
    /// Show an account.
    Show(CredentialArgs),
    /// Give what is asked for after linking, so that a pending account can be used.
    CompleteSetup(SetupArgs),
    /// Ask the provider whether an account works. The exit code is 1 if not.
    Probe(CredentialArgs),
    /// Take an account back at the provider and shred its secrets.
    Disconnect(CredentialArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Your own id of the user.
    user: String,
}

#[derive(Debug, Args)]
struct CredentialArgs {
    /// The account's id.
    credential: CredentialId,
}

#[derive(Debug, Args)]
struct SetupArgs {
    /// The account's id.
    credential: CredentialId,
    /// A value; may be repeated.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = secrets::pair, required = true)]
    fields: Vec<(String, String)>,
}

#[derive(Debug, Args)]
struct ConnectArgs {
    /// Your own id of the user.
    user: String,
    /// The integration: its connector or id.
    integration: String,
    /// The connector's auth method; its first one when left out.
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// A value that is no secret; may be repeated.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = secrets::pair)]
    fields: Vec<(String, String)>,
    /// A secret value from a file, or from standard input with `-`; may be repeated. What is not
    /// given is asked for on a terminal.
    #[arg(long = "secret-file", value_name = "NAME=FILE", value_parser = secrets::pair)]
    secret_files: Vec<(String, String)>,
    /// The account to connect again.
    #[arg(long, value_name = "UUID")]
    again: Option<CredentialId>,
    /// Your own name for the account.
    #[arg(long, value_name = "NAME")]
    external_id: Option<String>,
    /// Allow several accounts of this integration for the user.
    #[arg(long)]
    several: bool,
    /// Wait until the user has finished in the browser.
    #[arg(long)]
    wait: bool,
}

/// Runs the command.
pub async fn run(args: CredentialsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        CredentialsCommand::List(args) => {
            let found = client.credentials(&args.user).await?;
            match (global.json, found.is_empty()) {
                (true, _) => terminal::print_json(&found),
                (false, true) => terminal::print("no accounts"),
                (false, false) => terminal::print(&table::of_credentials(&found, global.paint())),
            }
        }
        CredentialsCommand::Connect(args) => return connect(args, &client, global).await,
        CredentialsCommand::Show(args) => {
            show(global, &client.credential(args.credential).await?);
        }
        CredentialsCommand::CompleteSetup(args) => {
            let fields = args.fields.into_iter();
            let fields = fields.map(|(name, value)| (name, Value::String(value))).collect();
            show(global, &client.complete_setup(args.credential, &fields).await?);
        }
        CredentialsCommand::Probe(args) => {
            let probe = client.probe(args.credential).await?;
            if global.json {
                terminal::print_json(&probe);
            } else {
                let reason = probe.reason.as_deref().map_or(String::new(), |reason| {
                    format!(": {}", terminal::one_line(reason, 200))
                });
                terminal::print(&format!("{}{reason}", probe.health));
            }
            return Ok(match probe.credential.status {
                CredentialStatus::Valid => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            });
        }
        CredentialsCommand::Disconnect(args) => {
            client.disconnect(args.credential).await?;
            if !global.json {
                terminal::print("disconnected; its secrets are gone");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn connect(args: ConnectArgs, client: &Client, global: &Global) -> anyhow::Result<ExitCode> {
    let integration = integrations::find(client, &args.integration).await?;
    let method = method(client, &integration.connector, args.method.as_deref()).await?;
    let request = ConnectRequest {
        integration: args.integration,
        fields: fields(&method, args.fields, &args.secret_files)?,
        auth_method: Some(method.id.clone()),
        credential_id: args.again,
        external_id: args.external_id,
        allow_multiple: args.several,
    };
    if !method.browser {
        show(global, &client.link(&args.user, &request).await?);
        return Ok(ExitCode::SUCCESS);
    }
    let session = client.open_connect(&args.user, &request).await?;
    if global.json {
        terminal::print_json(&session);
    } else {
        let link = session.authorize_url.as_deref().unwrap_or_default();
        terminal::print(&format!(
            "{link}\n\nOpen it in the user's browser before {}. It links the account of whoever \
             opens it.",
            terminal::time(session.expires_at)
        ));
    }
    if !args.wait {
        return Ok(ExitCode::SUCCESS);
    }
    finished(&wait(client, session).await?, global)
}

async fn wait(client: &Client, mut session: ConnectSession) -> anyhow::Result<ConnectSession> {
    // A failed session may be begun again until its end, but then the user does so knowingly.
    let is_under_way = |status| {
        matches!(status, ConnectStatus::Open | ConnectStatus::Started | ConnectStatus::Working)
    };
    while is_under_way(session.status) {
        tokio::time::sleep(WAIT_INTERVAL).await;
        session = client.connect_session(session.id).await?;
    }
    Ok(session)
}

fn finished(session: &ConnectSession, global: &Global) -> anyhow::Result<ExitCode> {
    if global.json {
        terminal::print_json(session);
    }
    match (session.status, session.credential_id) {
        (ConnectStatus::Connected, Some(credential)) => {
            if !global.json {
                let account = session.account.as_deref().unwrap_or("an account");
                let account = terminal::one_line(account, 100);
                terminal::print(&format!("connected {account} as {credential}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        _ if global.json => Ok(ExitCode::FAILURE),
        (ConnectStatus::Ended, _) => bail!("the link has ended; nobody came back"),
        _ => {
            let message = session.message.as_deref().unwrap_or("it was not connected");
            bail!("not connected: {}", terminal::one_line(message, 300))
        }
    }
}

/// The auth method of a connector that is meant, with the fields that it asks for.
async fn method(
    client: &Client,
    connector: &str,
    wanted: Option<&str>,
) -> anyhow::Result<AuthMethod> {
    let connectors = client.connectors().await?;
    let found = connectors.into_iter().find(|known| known.name == connector);
    let methods = found
        .with_context(|| format!("the server does not list the connector `{connector}`"))?
        .auth_methods;
    let names: Vec<String> = methods.iter().map(|method| method.id.clone()).collect();
    let found = match wanted {
        Some(wanted) => methods.into_iter().find(|method| method.id == wanted),
        None => methods.into_iter().next(),
    };
    found.with_context(|| {
        format!("`{connector}` has no such auth method; it has {}", names.join(", "))
    })
}

/// The id of a connector's first auth method.
pub async fn default_method(client: &Client, connector: &str) -> anyhow::Result<String> {
    Ok(method(client, connector, None).await?.id)
}

/// The values of a method's fields: given, from files, or asked for.
fn fields(
    method: &AuthMethod,
    given: Vec<(String, String)>,
    files: &[(String, String)],
) -> anyhow::Result<Map<String, Value>> {
    let mut values = Map::new();
    for (name, value) in given {
        if method.fields.iter().any(|field| field.name == name && field.secret) {
            bail!(
                "`{name}` is a secret: leave it out to be asked, or use --secret-file {name}=FILE"
            );
        }
        values.insert(name, Value::String(value));
    }
    for (name, file) in files {
        values.insert(name.clone(), Value::String(secrets::from_file(file)?));
    }
    for field in method.fields.iter().filter(|field| !field.optional) {
        if !values.contains_key(&field.name) && field.secret {
            let value = secrets::ask(&field.title, &field.name)?;
            values.insert(field.name.clone(), Value::String(value));
        }
    }
    Ok(values)
}

fn show(global: &Global, credential: &Credential) {
    match global.json {
        true => terminal::print_json(credential),
        false => terminal::print(&table::of_one(credential, global.paint())),
    }
}

#[cfg(test)]
mod tests {
    use tenon_client::ConnectField;

    use super::*;

    fn field(name: &str, secret: bool) -> ConnectField {
        ConnectField { name: name.to_owned(), title: name.to_owned(), optional: false, secret }
    }

    fn api_key() -> AuthMethod {
        AuthMethod {
            id: "key".to_owned(),
            title: None,
            kind: "api_key".to_owned(),
            browser: false,
            setup_fields: Vec::new(),
            fields: vec![field("api_key", true), field("region", false)],
        }
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_secret_is_not_taken_from_the_command_line() {
        let error = fields(&api_key(), vec![pair("api_key", "k")], &[]).expect_err("it is refused");
        assert!(error.to_string().contains("--secret-file api_key=FILE"), "{error}");
        assert!(!error.to_string().contains("`k`"), "{error}");
    }

    #[test]
    fn a_secret_is_read_from_a_file_without_the_last_line_break() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "line 1\nline 2\n").expect("it is writable");
        let files = [pair("api_key", &path.display().to_string())];
        let values =
            fields(&api_key(), vec![pair("region", "eu")], &files).expect("it is complete");
        assert_eq!(values["api_key"], "line 1\nline 2");
        assert_eq!(values["region"], "eu");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let files = [pair("api_key", "/nonexistent/key")];
        let error = fields(&api_key(), Vec::new(), &files).expect_err("it is not there");
        assert!(error.to_string().contains("/nonexistent/key"), "{error}");
    }
}
