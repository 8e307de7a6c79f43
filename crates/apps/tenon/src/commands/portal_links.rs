//! `tenon portal-links`: links to the portal's page, for apps without the SDK.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tenon_client::NewPortalLink;

use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon portal-links create --user user-17
  tenon portal-links create --user user-17 --integration slack
  tenon portal-links create --user user-17 --redirect-url https://app.example.com/settings --expires 3600
  tenon portal-links create --user user-17 --meta plan=pro

A link lets one browser in, once: whoever opens it first acts as the user in the portal. The origin of
--redirect-url must be registered: `tenon portal set --return-origin https://app.example.com`.";

/// Make links to the portal's page.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PortalLinksArgs {
    #[command(subcommand)]
    command: PortalLinksCommand,
}

#[derive(Debug, Subcommand)]
enum PortalLinksCommand {
    /// Make a link for a user and print it.
    Create(CreateArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Your own id of the user, who is made known where it was not.
    #[arg(long)]
    user: String,
    /// The only integration that the page shows: its id, or its connector. All without it.
    #[arg(long)]
    integration: Option<String>,
    /// Where the page sends the user at the end.
    #[arg(long, value_name = "URL")]
    redirect_url: Option<String>,
    /// What your app says of the user; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    meta: Vec<String>,
    /// How long the link can be used, in seconds; 10 minutes when left out.
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u32>,
}

/// Runs the command.
pub async fn run(args: PortalLinksArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let PortalLinksCommand::Create(args) = args.command;
    let new = NewPortalLink {
        metadata: metadata(&args.meta)?,
        user: args.user,
        integration: args.integration,
        redirect_url: args.redirect_url,
        expires_seconds: args.expires,
    };
    let link = global.client()?.create_portal_link(&new).await?;
    match global.json {
        true => terminal::print_json(&link),
        false => {
            terminal::print(&link.url);
            eprintln!("good once, until {}", link.expires_at);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn metadata(given: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut metadata = Map::new();
    for text in given {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                metadata.insert(name.to_owned(), Value::String(value.to_owned()));
            }
            _ => bail!("--meta must be NAME=VALUE"),
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_names_with_values() {
        let read = metadata(&["plan=pro".to_owned(), "note=a=b".to_owned()]);
        let read = read.expect("it can be read");
        assert_eq!(Value::Object(read), json!({"plan": "pro", "note": "a=b"}));
        for bad in ["plan", "=pro", ""] {
            assert!(metadata(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
