//! `tenon secrets`: what the project keeps for its workflows under a key.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use tenon_client::{Client, Error, Secret};
use tenon_domain::SecretKey;
use tenon_domain::secrets::InvalidSecretKey;
use zeroize::Zeroizing;

use super::credentials::secrets as input;
use super::credentials::table;
use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon secrets set STRIPE_KEY                        asks for the value, and shows nothing of it
  tenon secrets set STRIPE_KEY --from-file key.txt
  pass show stripe | tenon secrets set STRIPE_KEY
  tenon secrets list
  tenon secrets delete STRIPE_KEY

Steps use a secret as {{secrets.STRIPE_KEY}}. Its value is written and never shown again. There is no
way to give it on the command line, where other users of the machine and the shell's history would
see it. One line break at its end is not part of it.";

/// Keep, list and delete the secrets that workflows use.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SecretsArgs {
    #[command(subcommand)]
    command: SecretsCommand,
}

#[derive(Debug, Subcommand)]
enum SecretsCommand {
    /// Keep a secret, or set another value of one: from a file, standard input or the terminal.
    Set(SetArgs),
    /// List the secrets by key, without their values.
    List,
    /// Delete a secret that no deployed workflow uses, and shred its value.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// What templates call it: a capital letter, then capital letters, digits and `_`.
    key: String,
    /// The file with the value; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    from_file: Option<String>,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The secret's key.
    key: String,
}

/// Not by clap, whose faults show what was written: it may be the value.
fn key(text: &str) -> anyhow::Result<SecretKey> {
    text.parse().map_err(|rule: InvalidSecretKey| anyhow!("a key is {rule}"))
}

/// Runs the command.
pub async fn run(args: SecretsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        SecretsCommand::Set(args) => {
            let key = key(&args.key)?;
            let value = value(&key, args.from_file.as_deref())?;
            let (secret, is_new) = set(&client, key.as_str(), &value).await?;
            if global.json {
                terminal::print_json(&secret);
            } else {
                let did = if is_new { "is kept" } else { "has another value" };
                terminal::print(&format!("{} {did}", secret.key));
            }
        }
        SecretsCommand::List => {
            let secrets = client.secrets().await?;
            match (global.json, secrets.is_empty()) {
                (true, _) => terminal::print_json(&secrets),
                (false, true) => terminal::print("no secrets; `tenon secrets set KEY` keeps one"),
                (false, false) => terminal::print(&table::of_secrets(&secrets)),
            }
        }
        SecretsCommand::Delete(args) => {
            let key = key(&args.key)?;
            client.delete_secret(key.as_str()).await?;
            if !global.json {
                terminal::print(&format!("{key} is deleted"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn value(key: &SecretKey, file: Option<&str>) -> anyhow::Result<Zeroizing<String>> {
    let text = match file {
        Some(file) => input::from_file(file),
        None if std::io::stdin().is_terminal() => {
            input::ask(&format!("Value of {key}"), key.as_str())
        }
        None => input::from_file("-"),
    };
    text.map(Zeroizing::new)
}

/// Sets another value, or keeps the secret where it is new.
async fn set(client: &Client, key: &str, value: &str) -> Result<(Secret, bool), Error> {
    match client.replace_secret(key, value).await {
        Err(Error::Refused(refusal)) if refusal.code == "not_found" => {
            Ok((client.create_secret(key, value).await?, true))
        }
        replaced => Ok((replaced?, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_place_of_a_key_is_refused_without_showing_it() {
        assert!(key("STRIPE_KEY").is_ok());
        let fault = key("sk_live_hunter2").expect_err("it is no key");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
}
