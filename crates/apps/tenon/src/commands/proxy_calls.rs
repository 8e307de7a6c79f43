//! `tenon proxy-calls`: the log of calls that went through the proxy.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use tenon_client::{Client, ProxyCall, ProxyCallFilter, StatusClass};
use tenon_domain::IntegrationId;

use super::global::Global;
use super::runs::time;
use crate::terminal::{self, Paint, Tone, one_line};

const EXAMPLES: &str = "\
Examples:
  tenon proxy-calls list --user user-17
  tenon proxy-calls list --integration slack --status 4xx --since 1h
  tenon --json proxy-calls list --limit 200";

/// The longest path in a table, in characters.
const PATH_CHARS_MAX: usize = 50;
/// The longest id of a user in a table, in characters.
const USER_CHARS_MAX: usize = 30;

/// See the calls that went through the proxy.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProxyCallsArgs {
    #[command(subcommand)]
    command: ProxyCallsCommand,
}

#[derive(Debug, Subcommand)]
enum ProxyCallsCommand {
    /// List calls, newest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Calls of this connected user.
    #[arg(long)]
    user: Option<String>,
    /// Calls with this integration: its connector or id.
    #[arg(long)]
    integration: Option<String>,
    /// Calls that were answered with such a status: 2xx, 3xx, 4xx or 5xx.
    #[arg(long)]
    status: Option<StatusClass>,
    /// Calls that ended at or after this time: 2026-03-01T08:00:00Z, or 90m, 2h ago.
    #[arg(long, value_parser = time)]
    since: Option<Timestamp>,
    /// Calls in one page.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// Runs the command.
pub async fn run(args: ProxyCallsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    let ProxyCallsCommand::List(args) = args.command;
    let integration = match args.integration {
        Some(name) => Some(integration_id(&client, &name).await?),
        None => None,
    };
    let filter = ProxyCallFilter {
        user: args.user,
        integration,
        status: args.status,
        since: args.since,
        cursor: args.cursor,
        limit: Some(args.limit),
    };
    let page = client.proxy_calls(&filter).await?;
    if global.json {
        terminal::print_json(&page);
        return Ok(ExitCode::SUCCESS);
    }
    terminal::print(&match page.calls.is_empty() {
        true => "no calls".to_owned(),
        false => table(&page.calls, global.paint()),
    });
    if let Some(next) = page.next {
        terminal::print(&format!("more with --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn integration_id(client: &Client, name: &str) -> anyhow::Result<IntegrationId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let found = client.integration(name).await;
    Ok(found.with_context(|| format!("there is no integration `{name}`"))?.id)
}

/// Calls, one a line.
fn table(calls: &[ProxyCall], paint: Paint) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "started", "user", "method", "url", "status", "duration", "in", "out", "attempts",
    ]);
    for call in calls {
        table.add_row(vec![
            terminal::time(call.started_at),
            one_line(call.user.as_deref().unwrap_or("-"), USER_CHARS_MAX),
            one_line(&call.method, 10),
            one_line(&format!("{}{}", call.host, call.path), PATH_CHARS_MAX),
            status(call, paint),
            terminal::duration_text(call.duration_ms),
            call.request_bytes.to_string(),
            call.response_bytes.to_string(),
            call.attempts.to_string(),
        ]);
    }
    table.to_string()
}

/// The status, whose it is where it is not the provider's, and whether the answer was cut off.
fn status(call: &ProxyCall, paint: Paint) -> String {
    let tone = match call.status {
        0..400 if call.complete => Tone::Good,
        0..400 => Tone::Warning,
        _ => Tone::Bad,
    };
    let mut text = paint.text(tone, &call.status.to_string());
    if let Some(problem) = &call.problem {
        text = format!("{text} {}", one_line(problem, USER_CHARS_MAX));
    }
    if !call.complete && call.status < 400 {
        text.push_str(" cut off");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(change: serde_json::Value) -> ProxyCall {
        let mut call = json!({
            "id": "00000009-0000-4000-8000-000000000001", "user": "user-17",
            "integration_id": null, "credential_id": null, "method": "GET",
            "host": "api.example.com", "path": "/v1/things", "status": 200, "problem": null,
            "started_at": "2026-03-01T08:00:00Z", "duration_ms": 12.5, "request_bytes": 0,
            "response_bytes": 1024, "complete": true, "attempts": 1,
        });
        let fields = call.as_object_mut().expect("an object");
        fields.extend(change.as_object().expect("an object").clone());
        serde_json::from_value(call).expect("it is a call")
    }

    #[test]
    fn a_line_tells_where_it_went_and_how_it_ended() {
        let refused = json!({"status": 502, "problem": "provider_unreachable", "complete": false});
        let calls = [call(json!({})), call(refused), call(json!({"complete": false}))];
        let shown = table(&calls, Paint::plain());
        assert!(shown.contains("api.example.com/v1/things"), "{shown}");
        assert!(shown.contains("502 provider_unreachable"), "{shown}");
        assert_eq!(shown.matches("cut off").count(), 1, "{shown}");
    }
}
