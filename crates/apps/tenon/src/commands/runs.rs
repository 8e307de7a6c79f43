//! `tenon runs`: what ran and what runs.

mod archive;
mod find;
pub mod follow;
mod show;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use tenon_client::{Client, ReplayFrom, Run, RunFilter, RunStatus, StepRecordView};
use tenon_domain::{ConfigurationId, CredentialId, RunId, WorkflowId};

use super::global::Global;
use crate::terminal;

pub(super) use follow::{follow, run_line};

/// The most step records that one command gathers.
const STEPS_MAX: usize = 10_000;

const EXAMPLES: &str = "\
Examples:
  tenon runs list --status failed --after 1h
  tenon runs show latest
  tenon runs why 5e0c41d7                 a run is named by the end of its id, too
  tenon runs replay 5e0c41d7 --from failed-step --follow
  tenon runs archive list                 what retention took out of the database

Exit codes: 0 done, 1 the run did not succeed (show, follow, replay --follow), 2 it could not be done.";

/// See, follow, replay and cancel runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List runs, newest first.
    List(ListArgs),
    /// Show a run and its steps.
    Show(RunArgs),
    /// Show the steps of a run, one line for each attempt.
    Steps(RunArgs),
    /// Tell why a run does not go on, or why it failed: the step, what went in, what came out.
    Why(RunArgs),
    /// Follow a run until it has ended.
    Follow(RunArgs),
    /// Run again with the same version and input.
    Replay(ReplayArgs),
    /// End a run.
    Cancel(RunArgs),
    /// See runs that were archived when retention took them out of the database.
    Archive(archive::ArchiveArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The run: its id, the end of its id, or `latest`.
    run: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Runs of this workflow: its name or id.
    #[arg(long)]
    workflow: Option<String>,
    /// Runs for this connected user.
    #[arg(long)]
    user: Option<String>,
    /// Runs for this account of a user: its id.
    #[arg(long, value_name = "ID")]
    credential: Option<CredentialId>,
    /// Runs for this configuration of an account: its id.
    #[arg(long, value_name = "ID")]
    configuration: Option<ConfigurationId>,
    /// Runs in this state: queued, running, waiting, succeeded, failed, cancelled or parked.
    #[arg(long)]
    status: Option<RunStatus>,
    /// Runs accepted at or after this time: 2026-03-01T08:00:00Z, or 90m, 2h ago.
    #[arg(long, value_parser = time)]
    after: Option<Timestamp>,
    /// Runs accepted before this time.
    #[arg(long, value_parser = time)]
    before: Option<Timestamp>,
    /// Runs in one page.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The run: its id, the end of its id, or `latest`.
    run: String,
    /// Where to start.
    #[arg(long, value_enum, default_value_t = From::Start)]
    from: From,
    /// Follow the new run until it has ended.
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// From the trigger: every step runs again.
    Start,
    /// From the step that failed: finished steps keep their outputs.
    FailedStep,
}

/// Runs the command.
pub async fn run(args: RunsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        RunsCommand::List(args) => list(&client, args, global).await,
        RunsCommand::Show(args) => {
            show::show(&client, find::run(&client, &args.run).await?, global).await
        }
        RunsCommand::Steps(args) => {
            let run = find::id(&client, &args.run).await?;
            let steps = steps(&client, run).await?;
            match global.json {
                true => terminal::print_json(&steps),
                false => terminal::print(&terminal::step_table(&steps)),
            }
            Ok(ExitCode::SUCCESS)
        }
        RunsCommand::Why(args) => {
            show::why(&client, find::run(&client, &args.run).await?, global).await
        }
        RunsCommand::Follow(args) => {
            follow(&client, find::id(&client, &args.run).await?, global).await
        }
        RunsCommand::Replay(args) => replay(&client, args, global).await,
        RunsCommand::Cancel(args) => {
            let run = find::id(&client, &args.run).await?;
            client.cancel(run).await?;
            let cancelled = client.run(run).await?;
            match global.json {
                true => terminal::print_json(&cancelled),
                false => terminal::print(&format!("{run} is {}", cancelled.status.name())),
            }
            Ok(ExitCode::SUCCESS)
        }
        RunsCommand::Archive(args) => archive::run(&client, args, global).await,
    }
}

async fn list(client: &Client, args: ListArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let workflow = match &args.workflow {
        Some(text) => Some(workflow_id(client, text).await?),
        None => None,
    };
    let filter = RunFilter {
        workflow,
        user: args.user,
        credential: args.credential,
        configuration: args.configuration,
        status: args.status,
        after: args.after,
        before: args.before,
        cursor: args.cursor,
        limit: Some(args.limit),
    };
    let page = client.runs(&filter).await?;
    if global.json {
        terminal::print_json(&page);
        return Ok(ExitCode::SUCCESS);
    }
    if page.runs.is_empty() {
        terminal::print("no runs");
    } else {
        terminal::print(&terminal::run_table(&page.runs));
    }
    if let Some(next) = page.next {
        terminal::print(&format!("more with --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn replay(client: &Client, args: ReplayArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let from = match args.from {
        From::Start => ReplayFrom::Start,
        From::FailedStep => ReplayFrom::FailedStep,
    };
    let run = find::id(client, &args.run).await?;
    let accepted = client.replay(run, from).await?;
    if args.follow {
        return follow(client, accepted.run_id, global).await;
    }
    match global.json {
        true => terminal::print_json(&accepted),
        false => terminal::print(&format!("run {} is accepted", accepted.run_id)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A workflow by its name or id.
pub(super) async fn workflow_id(client: &Client, text: &str) -> anyhow::Result<WorkflowId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let workflows = client.workflows().await?;
    let found = workflows.iter().find(|workflow| workflow.name == text);
    let found = found.with_context(|| {
        format!("there is no workflow `{text}`; `tenon workflows list` shows which there are")
    })?;
    Ok(found.id)
}

/// All step records of a run, 10,000 at most.
pub async fn steps(client: &Client, run: RunId) -> anyhow::Result<Vec<StepRecordView>> {
    let mut steps = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.steps(run, cursor.as_deref()).await?;
        let is_empty = page.steps.is_empty();
        steps.extend(page.steps);
        if steps.len() >= STEPS_MAX {
            eprintln!("only the first {} step records are shown", steps.len());
            return Ok(steps);
        }
        match page.next {
            Some(next) if !is_empty => cursor = Some(next),
            _ => return Ok(steps),
        }
    }
}

/// 0 when a run succeeded, else 1.
pub(super) fn exit_code(run: &Run) -> ExitCode {
    match run.status {
        RunStatus::Failed | RunStatus::Cancelled | RunStatus::Parked => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}

/// A point in time, or how long ago it was.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = text.strip_suffix("ago").unwrap_or(text).trim();
    let ago: SignedDuration = ago
        .parse()
        .map_err(|_| "write a time like 2026-03-01T08:00:00Z, or how long ago: 90m".to_owned())?;
    Timestamp::now().checked_sub(ago).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_or_counted_back_from_now() {
        let given = time("2026-03-01T08:00:00Z").expect("it is a time");
        assert_eq!(given.to_string(), "2026-03-01T08:00:00Z");
        for text in ["90m", "1h 30m", "90m ago"] {
            let back = Timestamp::now().duration_since(time(text).expect("it is a duration"));
            assert!((back.as_secs() - 5_400).abs() <= 5, "{text}: {back}");
        }
        for text in ["", "yesterday", "5", "2026-03-01"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
