//! `tenon project queue`: how a project's queue is served, against those of other projects.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use tenon_client::ProjectQueue;

use crate::commands::global::{Global, print_refusal};
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon project queue show
  tenon project queue set --weight 20 --installation-key-file /etc/tenon/installation.key
  tenon project queue set --running-max 100 --starts-per-second 50
  tenon project queue set --running-max none

To set takes the installation's key, since it is about all projects: its file, or the key itself as
TENON_API_KEY.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Show how the queue is served.
    Show,
    /// Set how the queue is served; what is not given stays as it is.
    Set(SetArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Its share against other queues that wait, 1 to 1000; 10 is usual.
    #[arg(long)]
    weight: Option<u16>,
    /// Runs that may go on at a time, or `none` for no limit.
    #[arg(long, value_name = "NUMBER", value_parser = limit::<u32>)]
    running_max: Option<Limit<u32>>,
    /// Runs that may start in a second, or `none` for no limit.
    #[arg(long, value_name = "NUMBER", value_parser = limit::<f64>)]
    starts_per_second: Option<Limit<f64>>,
    /// Calls that one worker has under way at a time to one connector, or `none` for the
    /// installation's limit.
    #[arg(long, value_name = "NUMBER", value_parser = limit::<u32>)]
    calls_per_connector_max: Option<Limit<u32>>,
    /// The file of the installation's key.
    #[arg(long, value_name = "FILE", env = "TENON_INSTALLATION_KEY_FILE")]
    installation_key_file: Option<PathBuf>,
}

/// A number, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit<T>(Option<T>);

fn limit<T: std::str::FromStr>(text: &str) -> Result<Limit<T>, String> {
    match text {
        "none" => Ok(Limit(None)),
        number => match number.parse() {
            Ok(number) => Ok(Limit(Some(number))),
            Err(_) => Err("give a number, or `none`".to_owned()),
        },
    }
}

/// Runs the command.
pub async fn run(args: QueueArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let queue = match args.command {
        QueueCommand::Show => global.client()?.project_queue().await,
        QueueCommand::Set(args) => set(&args, global).await?,
    };
    match queue {
        Ok(queue) if global.json => terminal::print_json(&queue),
        Ok(queue) => terminal::print(&shown(&queue)),
        Err(error) => match print_refusal(&error).filter(|_| global.json) {
            Some(code) => return Ok(code),
            None => return Err(error.into()),
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// What is given over what there is. With a key of the project at hand that is read; the
/// installation's key does not open it, and then what is not given has its default.
async fn set(
    args: &SetArgs,
    global: &Global,
) -> anyhow::Result<Result<ProjectQueue, tenon_client::Error>> {
    let mut operator = global.clone();
    if let Some(path) = &args.installation_key_file {
        let key = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        operator.api_key = Some(key.trim().to_owned());
    }
    let mut queue = match global.client()?.project_queue().await {
        Ok(queue) => queue,
        Err(error) if args.is_whole() => {
            tracing::debug!(%error, "what is set already is not read");
            usual()
        }
        Err(error) => {
            return Err(error).context(
                "cannot read what is set already: give a key of the project as TENON_API_KEY and \
                 --installation-key-file, or all four values",
            );
        }
    };
    args.change(&mut queue);
    Ok(operator.client()?.set_project_queue(&queue).await)
}

const fn usual() -> ProjectQueue {
    ProjectQueue {
        weight: 10,
        running_max: None,
        starts_per_second: None,
        calls_per_connector_max: None,
    }
}

impl SetArgs {
    /// Whether it says everything.
    const fn is_whole(&self) -> bool {
        self.weight.is_some()
            && self.running_max.is_some()
            && self.starts_per_second.is_some()
            && self.calls_per_connector_max.is_some()
    }

    fn change(&self, queue: &mut ProjectQueue) {
        queue.weight = self.weight.unwrap_or(queue.weight);
        if let Some(Limit(most)) = self.running_max {
            queue.running_max = most;
        }
        if let Some(Limit(rate)) = self.starts_per_second {
            queue.starts_per_second = rate;
        }
        if let Some(Limit(most)) = self.calls_per_connector_max {
            queue.calls_per_connector_max = most;
        }
    }
}

fn shown(queue: &ProjectQueue) -> String {
    let number = |number: Option<String>, none: &str| number.unwrap_or_else(|| none.to_owned());
    let unlimited = "no limit";
    format!(
        "weight               {}\n\
         runs at a time       {}\n\
         starts per second    {}\n\
         calls per connector  {}",
        queue.weight,
        number(queue.running_max.map(|most| most.to_string()), unlimited),
        number(queue.starts_per_second.map(|rate| rate.to_string()), unlimited),
        number(
            queue.calls_per_connector_max.map(|most| format!("{most} of each worker")),
            "the installation's limit"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> SetArgs {
        SetArgs {
            weight: None,
            running_max: None,
            starts_per_second: None,
            calls_per_connector_max: None,
            installation_key_file: None,
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let mut queue = ProjectQueue { running_max: Some(7), weight: 3, ..usual() };
        SetArgs { starts_per_second: Some(Limit(Some(2.5))), ..args() }.change(&mut queue);
        let expected = ProjectQueue {
            weight: 3,
            running_max: Some(7),
            starts_per_second: Some(2.5),
            calls_per_connector_max: None,
        };
        assert_eq!(queue, expected);
        SetArgs { running_max: Some(Limit(None)), ..args() }.change(&mut queue);
        assert_eq!(queue.running_max, None);
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        assert_eq!(limit::<u32>("none"), Ok(Limit(None)));
        assert_eq!(limit::<u32>("12"), Ok(Limit(Some(12))));
        assert!(limit::<u32>("-1").is_err());
        assert!(limit::<f64>("fast").is_err());
    }
}
