//! `tenon events`: what happened to the accounts of a project.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use tenon_client::{Client, Error, Event};

use super::global::Global;
use crate::terminal::{self, Paint, Tone, one_line};

const EXAMPLES: &str = "\
Examples:
  tenon events list
  tenon events list --after 120
  tenon events follow                     what happens from now on
  tenon events follow --after 0 --json    everything that is kept, then what happens, for programs";

/// How often the log is asked for more.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait of a server that says when to come again.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Events of one answer.
const PAGE: u32 = 200;

/// See what happened to accounts: linked, refused, ended, disconnected.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List events, in the order in which they happened.
    List(ListArgs),
    /// Print events as they happen, until Ctrl-C.
    Follow(FollowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only events behind this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: i64,
    /// How many; 1 to 200.
    #[arg(long, value_name = "COUNT", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

#[derive(Debug, Args)]
struct FollowArgs {
    /// Begin behind this number; without it, with what happens from now on.
    #[arg(long, value_name = "NUMBER")]
    after: Option<i64>,
}

/// Runs the command.
pub async fn run(args: EventsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        EventsCommand::List(args) => {
            let page = client.events(args.after, args.limit).await?;
            if global.json {
                terminal::print_json(&page);
            } else if page.events.is_empty() {
                terminal::print("no events");
            } else {
                page.events.iter().for_each(|event| show(event, global));
                if u32::try_from(page.events.len()).is_ok_and(|count| count == args.limit) {
                    terminal::print(&format!("more with --after {}", page.next));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        EventsCommand::Follow(args) => follow(&client, args.after, global).await,
    }
}

/// Runs until the process is stopped, or the server refuses for good. An outage is waited out:
/// the log goes on where it was left, and nothing is missing.
async fn follow(client: &Client, after: Option<i64>, global: &Global) -> anyhow::Result<ExitCode> {
    let mut after = match after {
        Some(after) => after,
        None => end(client).await?,
    };
    let mut is_away = false;
    loop {
        let pause = match client.events(after, PAGE).await {
            Ok(page) => {
                is_away = false;
                after = page.next;
                page.events.iter().for_each(|event| show(event, global));
                if page.events.is_empty() { FOLLOW_INTERVAL } else { Duration::ZERO }
            }
            Err(error) => match wait_after(&error) {
                Some(wait) => {
                    if !is_away {
                        eprintln!("waiting: {error}");
                    }
                    is_away = true;
                    wait
                }
                None => return Err(error.into()),
            },
        };
        tokio::time::sleep(pause).await;
    }
}

/// The number of the last event.
async fn end(client: &Client) -> Result<i64, Error> {
    let mut after = 0;
    loop {
        let page = client.events(after, PAGE).await?;
        if page.events.is_empty() {
            return Ok(after);
        }
        after = page.next;
    }
}

/// How long to wait where trying again may help.
fn wait_after(error: &Error) -> Option<Duration> {
    match error {
        Error::Unreachable { .. } => Some(FOLLOW_INTERVAL),
        Error::Refused(refusal) if refusal.status >= 500 || refusal.status == 429 => {
            Some(refusal.retry_after.unwrap_or(FOLLOW_INTERVAL).clamp(FOLLOW_INTERVAL, RETRY_MAX))
        }
        _ => None,
    }
}

fn show(event: &Event, global: &Global) {
    match global.json {
        true => terminal::print_json_line(event),
        false => terminal::print(&line(event, global.paint())),
    }
}

/// An event in one line.
fn line(event: &Event, paint: Paint) -> String {
    let tone = match event.kind.as_str() {
        "credential.connected" | "credential.valid" => Tone::Good,
        "credential.invalid" | "credential.expired" => Tone::Bad,
        "credential.pending" => Tone::Warning,
        _ => Tone::Quiet,
    };
    let kind = paint.text(tone, &format!("{:23}", one_line(&event.kind, 40)));
    let user = one_line(event.user.as_deref().unwrap_or("-"), 40);
    let mut line = format!("{:6}  {}  {kind}  {user}", event.sequence, terminal::time(event.at));
    if let Some(credential) = event.credential_id {
        line += &format!("  {credential}");
    }
    let text = |name: &str| event.payload.get(name).and_then(|value| value.as_str());
    if let Some(account) = text("provider_name") {
        line += &format!("  {}", one_line(account, 60));
    }
    match (text("code"), text("reason")) {
        (Some(code), Some(reason)) => line += &format!("  {code}: {}", one_line(reason, 200)),
        (Some(text), None) | (None, Some(text)) => line += &format!("  {}", one_line(text, 200)),
        (None, None) => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, payload: serde_json::Value) -> Event {
        serde_json::from_value(json!({
            "sequence": 12, "type": kind, "at": "2026-03-01T08:00:00Z", "user": "user-17",
            "integration_id": "00000007-0000-4000-8000-000000000001",
            "credential_id": "00000008-0000-4000-8000-000000000001", "payload": payload,
        }))
        .expect("it is an event")
    }

    #[test]
    fn a_line_says_when_what_whose_and_why() {
        let payload = json!({
            "provider_name": "ann@acme.example", "code": "revoked",
            "reason": "the grant\u{1b}[2J has ended",
        });
        assert_eq!(
            line(&event("credential.invalid", payload), Paint::plain()),
            "    12  2026-03-01 08:00:00  credential.invalid       user-17  \
             00000008-0000-4000-8000-000000000001  ann@acme.example  \
             revoked: the grant [2J has ended"
        );
        let shown = line(&event("credential.disconnected", json!({})), Paint::plain());
        assert!(shown.ends_with("user-17  00000008-0000-4000-8000-000000000001"), "{shown}");
    }

    #[test]
    fn an_outage_is_waited_out_and_a_refusal_is_not() {
        let refused = |status: u16, retry_after: Option<u64>| {
            let refusal: tenon_client::Refusal =
                serde_json::from_value(json!({"status": status, "code": "x", "title": "x"}))
                    .expect("it is a refusal");
            let retry_after = retry_after.map(Duration::from_secs);
            Error::Refused(Box::new(tenon_client::Refusal { retry_after, ..refusal }))
        };
        assert_eq!(wait_after(&refused(503, Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(wait_after(&refused(503, Some(9_999))), Some(RETRY_MAX));
        assert_eq!(wait_after(&refused(429, None)), Some(FOLLOW_INTERVAL));
        assert_eq!(wait_after(&refused(401, None)), None);
        assert_eq!(wait_after(&refused(404, None)), None);
    }
}
