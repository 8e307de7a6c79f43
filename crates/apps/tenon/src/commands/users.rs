//! `tenon users`: connected users, and which workflows run for them.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::global::Global;
use super::runs::workflow_id;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon users list
  tenon users put user-17                    make a user known
  tenon users disable user-17                nothing runs for the user any more
  tenon users choose user-17 welcome --off   switch one workflow off for the user";

/// See connected users and change what runs for them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// List users, in the order of their ids.
    List(ListArgs),
    /// Make a user known; what is known stays.
    Put(UserArgs),
    /// Let workflows run for a user again.
    Enable(UserArgs),
    /// Let nothing run for a user.
    Disable(UserArgs),
    /// Switch a workflow on or off for a user.
    Choose(ChooseArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct UserArgs {
    /// Your own id of the user.
    user: String,
}

#[derive(Debug, Args)]
struct ChooseArgs {
    /// Your own id of the user.
    user: String,
    /// The workflow: its name or id.
    workflow: String,
    /// Switch it on.
    #[arg(long, required_unless_present = "off", conflicts_with = "off")]
    on: bool,
    /// Switch it off.
    #[arg(long)]
    off: bool,
}

/// Runs the command.
pub async fn run(args: UsersArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        UsersCommand::List(args) => {
            let page = client.users(args.cursor.as_deref()).await?;
            if global.json {
                terminal::print_json(&page);
                return Ok(ExitCode::SUCCESS);
            }
            terminal::print(&match page.users.is_empty() {
                true => "no users".to_owned(),
                false => terminal::user_table(&page.users, global.paint()),
            });
            if let Some(next) = page.next {
                terminal::print(&format!("more with --cursor {next}"));
            }
        }
        UsersCommand::Put(args) => show(global, &client.put_user(&args.user, None).await?),
        UsersCommand::Enable(args) => {
            show(global, &client.put_user(&args.user, Some(false)).await?);
        }
        UsersCommand::Disable(args) => {
            show(global, &client.put_user(&args.user, Some(true)).await?);
        }
        UsersCommand::Choose(args) => {
            let workflow = workflow_id(&client, &args.workflow).await?;
            client.choose(&args.user, workflow, args.on).await?;
            if !global.json {
                let word = if args.on { "on" } else { "off" };
                let user = terminal::one_line(&args.user, 100);
                terminal::print(&format!("{} is {word} for {user}", args.workflow));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(global: &Global, user: &tenon_client::User) {
    match global.json {
        true => terminal::print_json(user),
        false => {
            terminal::print(&terminal::user_table(std::slice::from_ref(user), global.paint()));
        }
    }
}
