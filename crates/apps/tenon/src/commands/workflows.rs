//! `tenon workflows`: what is deployed.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::global::Global;
use super::runs::workflow_id;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon workflows list
  tenon workflows show welcome            its document, as JSON
  tenon workflows undeploy welcome        no new run starts; runs under way go on";

/// See and undeploy workflows. `tenon apply` deploys them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WorkflowsArgs {
    #[command(subcommand)]
    command: WorkflowsCommand,
}

#[derive(Debug, Subcommand)]
enum WorkflowsCommand {
    /// List workflows, by name.
    List,
    /// Show a workflow with its document, as JSON.
    Show(WorkflowArgs),
    /// List the versions of a workflow, newest first.
    Versions(WorkflowArgs),
    /// Start no new runs of a workflow.
    Undeploy(WorkflowArgs),
}

#[derive(Debug, Args)]
struct WorkflowArgs {
    /// The workflow: its name or id.
    workflow: String,
}

/// Runs the command.
pub async fn run(args: WorkflowsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        WorkflowsCommand::List => {
            let workflows = client.workflows().await?;
            if global.json {
                terminal::print_json(&workflows);
            } else if workflows.is_empty() {
                terminal::print("no workflows; `tenon apply -f <folder>` deploys some");
            } else {
                terminal::print(&terminal::workflow_table(&workflows, global.paint()));
            }
        }
        WorkflowsCommand::Show(args) => {
            let id = workflow_id(&client, &args.workflow).await?;
            terminal::print_json(&client.workflow(id).await?);
        }
        WorkflowsCommand::Versions(args) => {
            let id = workflow_id(&client, &args.workflow).await?;
            let versions = client.versions(id).await?;
            if global.json {
                terminal::print_json(&versions);
            } else {
                for version in versions {
                    let time = terminal::time(version.created_at);
                    terminal::print(&format!("{:>4}  {time}  {}", version.number, version.id));
                }
            }
        }
        WorkflowsCommand::Undeploy(args) => {
            let id = workflow_id(&client, &args.workflow).await?;
            client.undeploy(id).await?;
            if !global.json {
                terminal::print(&format!("{} is not deployed any more", args.workflow));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
