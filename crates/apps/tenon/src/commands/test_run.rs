//! `tenon test`: runs a draft once, without deploying it.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use tenon_client::{Client, Error, FollowEvent, Run, TestRun};
use tenon_domain::RunId;

use super::apply;
use super::global::Global;
use super::runs;
use crate::terminal::{self, show_fault};

const EXAMPLES: &str = "\
Examples:
  tenon test welcome.yaml --input '{\"event\": {\"email\": \"ada@example.com\"}}'
  tenon test welcome.yaml --user user-17 --input @event.json
  tenon test welcome.yaml --no-wait          only start it

Delays are skipped, failures are not retried, a fan-out runs its first ten items and a paginated
request reads one page. Requests are sent for real.

Exit codes: 0 the run succeeded, 1 it did not or the document is not valid, 2 it could not be tried.";

/// Run a draft once, without deploying it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TestArgs {
    /// The document.
    pub file: PathBuf,
    /// What the trigger gives, a JSON object; `@FILE` reads a file, `-` standard input.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub input: String,
    /// The connected user it runs for.
    #[arg(long)]
    pub user: Option<String>,
    /// Only start it.
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs the command.
pub async fn run(args: TestArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let document = apply::read(&args.file)?;
    let source = document.text.clone();
    let input = input(&args.input)?;
    let client = global.client()?;
    let accepted = match client.test(&TestRun { document, user: args.user, input }).await {
        Ok(accepted) => accepted,
        Err(Error::Refused(refusal)) if refusal.code == "invalid_document" => {
            if global.json {
                terminal::print_json(&refusal);
            } else {
                for fault in &refusal.errors {
                    eprintln!("{}\n", show_fault(fault, Some(&source), global.paint()));
                }
            }
            return Ok(ExitCode::from(1));
        }
        Err(error) => return Err(error.into()),
    };
    if args.no_wait {
        match global.json {
            true => terminal::print_json(&accepted),
            false => terminal::print(&format!("run {} is accepted", accepted.run_id)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if global.json {
        return runs::follow(&client, accepted.run_id, global).await;
    }
    let run = wait(&client, accepted.run_id).await?;
    let steps = runs::steps(&client, run.id).await?;
    terminal::print(&terminal::step_table(&steps));
    for step in &steps {
        for log in &step.logs {
            let message = terminal::one_line(&log.message, 200);
            terminal::print(&format!("{} {}: {message}", step.step, log.level));
        }
    }
    terminal::print(&runs::run_line(&run, global.paint()));
    Ok(runs::exit_code(&run))
}

async fn wait(client: &Client, run: RunId) -> anyhow::Result<Run> {
    let mut events = client.follow(run);
    while let Some(event) = events.next().await? {
        if let FollowEvent::End(run) = event {
            return Ok(*run);
        }
    }
    bail!("the events of run {run} ended before the run did")
}

fn input(text: &str) -> anyhow::Result<Value> {
    let text = match (text, text.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the input from standard input")?;
            text
        }
        (_, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?
        }
        (text, None) => text.to_owned(),
    };
    let value: Value = serde_json::from_str(&text).context("the input is not valid JSON")?;
    if !value.is_object() {
        bail!("the input must be a JSON object, such as {{\"event\": {{\"email\": \"a@b.c\"}}}}");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn input_is_an_object_given_or_in_a_file() {
        assert_eq!(input(r#"{"event": 1}"#).expect("an object"), json!({"event": 1}));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("event.json");
        std::fs::write(&file, r#"{"a": 2}"#).expect("it is writable");
        let value = input(&format!("@{}", file.display())).expect("it is readable");
        assert_eq!(value, json!({"a": 2}));
        for text in ["[1]", "1", "{", "", "@/no/such/file"] {
            assert!(input(text).is_err(), "{text}");
        }
    }
}
