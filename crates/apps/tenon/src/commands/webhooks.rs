//! `tenon webhooks`: the URLs to enter at providers.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tenon_client::{AccountWebhook, Webhook, WebhookScope};
use tenon_domain::CredentialId;

use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon webhooks list                the webhooks of all integrations, with their URLs
  tenon webhooks list slack
  tenon webhooks url 7d1e... events  the URL of one account, with the secret to enter";

/// See the URLs to enter at providers, so that they send events here.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List webhooks: of one integration, or of all.
    List(ListArgs),
    /// Show the URL of one account, and the secret to enter beside it. Both are the same each time.
    Url(UrlArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The integration: its connector or id.
    integration: Option<String>,
}

#[derive(Debug, Args)]
struct UrlArgs {
    /// The account's id.
    credential: CredentialId,
    /// The webhook, as `tenon webhooks list` names it.
    webhook: String,
}

/// Runs the command.
pub async fn run(args: WebhooksArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        WebhooksCommand::List(args) => {
            let names = match args.integration {
                Some(name) => vec![super::integrations::find(&client, &name).await?.connector],
                None => {
                    let all = client.integrations().await?;
                    all.into_iter().map(|integration| integration.connector).collect()
                }
            };
            let mut found = Vec::new();
            for name in names {
                let webhooks = client.webhooks(&name).await?;
                found.extend(webhooks.into_iter().map(|webhook| (name.clone(), webhook)));
            }
            if global.json {
                let values: Vec<&Webhook> = found.iter().map(|(_, webhook)| webhook).collect();
                terminal::print_json(&values);
            } else if found.is_empty() {
                terminal::print("no webhooks: no connector of the project's integrations has any");
            } else {
                let texts: Vec<String> =
                    found.iter().map(|(name, webhook)| described(name, webhook)).collect();
                terminal::print(texts.join("\n\n").trim_end());
            }
        }
        WebhooksCommand::Url(args) => {
            let found = client.account_webhook(args.credential, &args.webhook).await?;
            match global.json {
                true => terminal::print_json(&found),
                false => terminal::print(shown(&found).trim_end()),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn described(connector: &str, webhook: &Webhook) -> String {
    let mut text = format!("{connector} {}: {}\n", webhook.webhook, webhook.title);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:8}  {}", terminal::one_line(value, 2_000));
    };
    match (&webhook.url, webhook.scope) {
        (Some(url), _) => line("url", url),
        (None, WebhookScope::App) => {}
        (None, WebhookScope::Account) => {
            line(
                "url",
                &format!("one for each account: tenon webhooks url ID {}", webhook.webhook),
            );
        }
    }
    if let Some(instructions) = &webhook.instructions {
        line("enter", instructions);
    }
    if let (Some(false), Some(field)) = (webhook.ready, &webhook.app_field) {
        let how = format!(
            "calls are refused until your app's {field} is set: tenon integrations set-app \
             {connector} --secret-file {field}=FILE"
        );
        line("missing", &how);
    }
    if !webhook.supported {
        line("note", "has to be subscribed to for each account, which is not done yet");
    }
    if !webhook.events.is_empty() {
        let names: Vec<&str> = webhook.events.keys().map(String::as_str).collect();
        line("events", &names.join(", "));
    }
    text
}

fn shown(webhook: &AccountWebhook) -> String {
    let mut text = format!("url     {}\n", terminal::one_line(&webhook.url, 2_000));
    if let Some(secret) = &webhook.secret {
        let _ = writeln!(text, "secret  {}", terminal::one_line(secret, 2_000));
    }
    if let Some(instructions) = &webhook.instructions {
        let _ = writeln!(text, "enter   {}", terminal::one_line(instructions, 2_000));
    }
    text
}
