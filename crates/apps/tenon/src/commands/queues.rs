//! `tenon queues` and `tenon workers`: how work is distributed, for who runs the installation.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use tenon_client::{Operator, Queue, QueueChange, QueueMode, Worker, Workers};
use tenon_domain::ProjectId;
use zeroize::Zeroizing;

use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon queues list
  tenon queues dedicate 6a1f...   give the queue of a project workers of its own
  tenon queues share 6a1f...      take them away
  tenon queues automatic 6a1f...  leave it to the leader again
  tenon queues pause 6a1f...      start nothing of it; work is accepted still

All of them need the installation's key: the file of `api.installation_key_file`.";

/// The installation's key.
#[derive(Debug, Clone, Args)]
struct KeyArgs {
    /// The file of the installation's key.
    #[arg(long, global = true, env = "TENON_API__INSTALLATION_KEY_FILE", value_name = "FILE")]
    installation_key_file: Option<PathBuf>,
}

/// See and change how queues are served.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueuesArgs {
    #[command(flatten)]
    key: KeyArgs,
    #[command(subcommand)]
    command: QueuesCommand,
}

#[derive(Debug, Subcommand)]
enum QueuesCommand {
    /// List the queues that hold anything or are not served in the usual way, the deepest first.
    List {
        /// Queues that are shown.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Show one queue.
    Show(QueueArgs),
    /// Give a queue workers of its own, whatever waits in it.
    Dedicate {
        #[command(flatten)]
        queue: QueueArgs,
        /// How many, where there are enough; the setting's number when left out.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
        workers: Option<u16>,
    },
    /// Take its own workers from a queue, and give it none by itself.
    Share(QueueArgs),
    /// Leave it to the leader whether a queue has workers of its own.
    Automatic(QueueArgs),
    /// Start nothing of a queue until it is resumed.
    Pause(QueueArgs),
    /// Start what waits in a queue again.
    Resume(QueueArgs),
}

#[derive(Debug, Args)]
struct QueueArgs {
    /// The project whose queue it is; that of --project when left out.
    queue: Option<ProjectId>,
}

/// See the workers.
#[derive(Debug, Args)]
pub struct WorkersArgs {
    #[command(flatten)]
    key: KeyArgs,
    #[command(subcommand)]
    command: WorkersCommand,
}

#[derive(Debug, Subcommand)]
enum WorkersCommand {
    /// List the workers that gave a sign of life in the last seconds.
    List,
}

/// Runs `tenon queues`.
///
/// # Errors
/// When there is no key, or the server refuses or cannot be reached.
pub async fn run(args: QueuesArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let operator = args.key.operator(global)?;
    let mode = |mode| QueueChange { mode: Some(mode), ..QueueChange::default() };
    let paused = |paused| QueueChange { paused: Some(paused), ..QueueChange::default() };
    let (queue, change) = match args.command {
        QueuesCommand::List { limit } => {
            let queues = operator.queues(limit).await?;
            match (global.json, queues.is_empty()) {
                (true, _) => terminal::print_json(&queues),
                (false, true) => terminal::print("no queue holds anything"),
                (false, false) => terminal::print(&table(&queues)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        QueuesCommand::Show(queue) => (queue, None),
        QueuesCommand::Dedicate { queue, workers } => {
            let change = QueueChange { workers: Some(workers), ..mode(QueueMode::Dedicated) };
            (queue, Some(change))
        }
        QueuesCommand::Share(queue) => (queue, Some(mode(QueueMode::Shared))),
        QueuesCommand::Automatic(queue) => (queue, Some(mode(QueueMode::Automatic))),
        QueuesCommand::Pause(queue) => (queue, Some(paused(true))),
        QueuesCommand::Resume(queue) => (queue, Some(paused(false))),
    };
    let project = queue.project(global)?;
    let queue = match change {
        Some(change) => operator.change_queue(project, &change).await?,
        None => operator.queue(project).await?,
    };
    match global.json {
        true => terminal::print_json(&queue),
        false => terminal::print(&table(std::slice::from_ref(&queue))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `tenon workers`.
///
/// # Errors
/// When there is no key, or the server refuses or cannot be reached.
pub async fn run_workers(args: WorkersArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let operator = args.key.operator(global)?;
    let WorkersCommand::List = args.command;
    let workers = operator.workers().await?;
    match global.json {
        true => terminal::print_json(&workers),
        false => terminal::print(&workers_text(&workers)),
    }
    Ok(ExitCode::SUCCESS)
}

impl KeyArgs {
    fn operator(&self, global: &Global) -> anyhow::Result<Operator> {
        let file = self.installation_key_file.as_deref().context(
            "this needs the installation's key: give --installation-key-file, or set \
             TENON_API__INSTALLATION_KEY_FILE, to the file of api.installation_key_file",
        )?;
        let key = std::fs::read_to_string(file).map(Zeroizing::new);
        let key = key.with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Operator::new(&global.server()?, key.trim())?)
    }
}

impl QueueArgs {
    fn project(&self, global: &Global) -> anyhow::Result<ProjectId> {
        match self.queue {
            Some(project) => Ok(project),
            None => Ok(global.client()?.project()),
        }
    }
}

/// Queues, one a line.
fn table(queues: &[Queue]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "project", "ready", "oldest", "delayed", "held", "running", "served", "owners",
    ]);
    for queue in queues {
        let served = match (queue.dedicated, queue.mode) {
            (true, QueueMode::Automatic) => "dedicated (automatic)",
            (true, _) => "dedicated",
            (false, QueueMode::Shared) => "shared",
            (false, _) => "shared (automatic)",
        };
        let paused = if queue.paused { ", paused" } else { "" };
        let oldest = match queue.ready {
            0 => "-".to_owned(),
            _ => duration(queue.oldest_age_ms),
        };
        table.add_row(vec![
            queue.project.clone(),
            queue.ready.to_string(),
            oldest,
            queue.delayed.to_string(),
            queue.held.to_string(),
            queue.running.to_string(),
            format!("{served}{paused}"),
            some(&queue.owners),
        ]);
    }
    table.to_string()
}

fn workers_text(workers: &Workers) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["worker", "up", "slots", "in flight", "state", "serves first"]);
    for Worker { address, uptime_ms, slots, in_flight, state, sources, .. } in &workers.workers {
        table.add_row(vec![
            address.clone(),
            duration(*uptime_ms),
            slots.to_string(),
            in_flight.to_string(),
            state.name().to_owned(),
            some(sources),
        ]);
    }
    let leader = match (workers.desired, workers.term) {
        (Some(desired), Some(term)) => format!("there should be {desired} (leader's term {term})"),
        _ => "no leader has been there yet".to_owned(),
    };
    format!("{table}\n{} workers; {leader}", workers.workers.len())
}

/// The first few of a list.
fn some(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    match texts.len() {
        0 => "-".to_owned(),
        1..=SHOWN => texts.join(", "),
        more => format!("{} and {} more", texts[..SHOWN].join(", "), more - SHOWN),
    }
}

fn duration(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match seconds {
        0 => format!("{ms} ms"),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue(change: serde_json::Value) -> Queue {
        let mut queue = json!({
            "project": "00000000-0000-4000-8000-000000000001", "ready": 5, "delayed": 0,
            "held": 0, "running": 1, "oldest_age_ms": 65_000, "mode": "automatic",
            "dedicated": false, "paused": false, "workers": null, "owners": ["a:1"],
        });
        let fields = queue.as_object_mut().expect("an object");
        fields.extend(change.as_object().expect("an object").clone());
        serde_json::from_value(queue).expect("it is a queue")
    }

    #[test]
    fn a_line_says_how_a_queue_is_served_and_who_decided() {
        let queues = [
            queue(json!({})),
            queue(json!({"dedicated": true, "paused": true})),
            queue(json!({"dedicated": true, "mode": "dedicated"})),
        ];
        let shown = table(&queues);
        for text in ["shared (automatic)", "dedicated (automatic), paused", "65 s", "a:1"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let owners: Vec<String> = (0..5).map(|number| number.to_string()).collect();
        assert_eq!(some(&owners), "0, 1, 2 and 2 more");
        assert_eq!(some(&[]), "-");
    }
}
