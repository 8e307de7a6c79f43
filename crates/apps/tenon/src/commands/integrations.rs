//! `tenon integrations`: connectors that the project has switched on, and the builder's apps.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;
use tenon_client::{AppChange, Client, Error, Integration};
use tenon_domain::document::did_you_mean;

use super::credentials::{secrets, table};
use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon integrations available
  tenon integrations add slack
  tenon integrations set-app slack --client-id 123.456           asks for the client secret
  tenon integrations set-app slack --client-id 123.456 --secret-file client_secret=secret.txt \\
      --scope chat:write --scope channels:read
  tenon integrations disable slack";

/// See connectors, switch them on, and set the OAuth apps.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct IntegrationsArgs {
    #[command(subcommand)]
    command: IntegrationsCommand,
}

#[derive(Debug, Subcommand)]
enum IntegrationsCommand {
    /// List the integrations of the project.
    List,
    /// List the connectors that can be switched on.
    Available,
    /// Switch a connector on; doing it again changes nothing.
    Add(ConnectorArgs),
    /// Set your own app at the provider: client id, client secret, scopes.
    SetApp(AppArgs),
    /// Let users connect again, and their accounts be used.
    Enable(IntegrationArgs),
    /// Let nobody connect and nothing use the accounts; they stay.
    Disable(IntegrationArgs),
    /// Remove an integration that has no accounts, with the secrets of its apps.
    Remove(IntegrationArgs),
}

#[derive(Debug, Args)]
struct ConnectorArgs {
    /// The connector, such as slack; custom.NAME for one of the project's own.
    connector: String,
}

#[derive(Debug, Args)]
struct IntegrationArgs {
    /// The integration: its connector or id.
    integration: String,
}

#[derive(Debug, Args)]
struct AppArgs {
    /// The integration: its connector or id.
    integration: String,
    /// The connector's auth method; its first one when left out.
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// The client id. The client secret is asked for unless it is given or kept from before.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A further value that the connector asks for and that is no secret; may be repeated.
    #[arg(long = "value", value_name = "NAME=VALUE", value_parser = secrets::pair)]
    values: Vec<(String, String)>,
    /// A secret value from a file, or from standard input with `-`; may be repeated.
    #[arg(long = "secret-file", value_name = "NAME=FILE", value_parser = secrets::pair)]
    secret_files: Vec<(String, String)>,
    /// A scope to ask users for; may be repeated. Without any they stay as they are.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

/// Runs the command.
pub async fn run(args: IntegrationsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        IntegrationsCommand::List => {
            let found = client.integrations().await?;
            match (global.json, found.is_empty()) {
                (true, _) => terminal::print_json(&found),
                (false, true) => {
                    terminal::print(
                        "no integrations; `tenon integrations add <connector>` adds one",
                    );
                }
                (false, false) => terminal::print(&table::of_integrations(&found, global.paint())),
            }
        }
        IntegrationsCommand::Available => available(&client, global).await?,
        IntegrationsCommand::Add(args) => {
            show(global, &add(&client, &args.connector).await?);
        }
        IntegrationsCommand::SetApp(args) => show(global, &set_app(&client, args).await?),
        IntegrationsCommand::Enable(args) => {
            show(global, &client.set_integration_active(&args.integration, true).await?);
        }
        IntegrationsCommand::Disable(args) => {
            show(global, &client.set_integration_active(&args.integration, false).await?);
        }
        IntegrationsCommand::Remove(args) => {
            client.remove_integration(&args.integration).await?;
            if !global.json {
                terminal::print(&format!("{} is removed", args.integration));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn available(client: &Client, global: &Global) -> anyhow::Result<()> {
    let connectors = client.connectors().await?;
    if global.json {
        terminal::print_json(&connectors);
        return Ok(());
    }
    let width = connectors.iter().map(|known| known.name.chars().count()).max().unwrap_or(0);
    for known in connectors {
        let methods: Vec<&str> =
            known.auth_methods.iter().map(|method| method.kind.as_str()).collect();
        let line = format!("{:width$}  {}  ({})", known.name, known.title, methods.join(", "));
        terminal::print(&terminal::one_line(&line, 200));
    }
    Ok(())
}

/// Switches a connector on; where there is none of the name, says which one may be meant.
async fn add(client: &Client, connector: &str) -> anyhow::Result<Integration> {
    match client.add_integration(connector).await {
        Err(Error::Refused(mut refusal)) if refusal.code == "connector_unknown" => {
            let known = client.connectors().await?;
            let help = did_you_mean(connector, known.iter().map(|known| known.name.as_str()));
            let help =
                help.unwrap_or_else(|| "`tenon integrations available` lists them".to_owned());
            refusal.detail = Some(format!("there is no connector `{connector}`; {help}"));
            Err(Error::Refused(refusal).into())
        }
        added => Ok(added?),
    }
}

/// An integration; where there is none of the name, says how to get it.
pub async fn find(client: &Client, name: &str) -> anyhow::Result<Integration> {
    match client.integration(name).await {
        Err(Error::Refused(mut refusal)) if refusal.code == "not_found" => {
            refusal.detail = Some(format!(
                "there is no integration `{name}` in this project; `tenon integrations add {name}` \
                 switches the connector on"
            ));
            Err(Error::Refused(refusal).into())
        }
        found => Ok(found?),
    }
}

async fn set_app(client: &Client, args: AppArgs) -> anyhow::Result<Integration> {
    let integration = find(client, &args.integration).await?;
    let method = match args.method {
        Some(method) => method,
        None => super::credentials::default_method(client, &integration.connector).await?,
    };
    let mut change = AppChange::default();
    for (name, value) in args.values {
        change.values.insert(name, Value::String(value));
    }
    for (name, file) in &args.secret_files {
        change.values.insert(name.clone(), Value::String(secrets::from_file(file)?));
    }
    if let Some(client_id) = args.client_id {
        let is_kept = integration.apps.get(&method).is_some_and(|app| app.has_secret);
        if !is_kept && !change.values.contains_key("client_secret") {
            let secret = secrets::ask("Client secret", "client_secret")?;
            change.values.insert("client_secret".to_owned(), Value::String(secret));
        }
        change.values.insert("client_id".to_owned(), Value::String(client_id));
    }
    change.scopes = (!args.scopes.is_empty()).then_some(args.scopes);
    Ok(client.set_app(&args.integration, &method, &change).await?)
}

fn show(global: &Global, integration: &Integration) {
    match global.json {
        true => terminal::print_json(integration),
        false => terminal::print(&table::of_integrations(
            std::slice::from_ref(integration),
            global.paint(),
        )),
    }
}
