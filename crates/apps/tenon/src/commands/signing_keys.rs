//! `tenon signing-keys`: keys that sign the tokens of connected users.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use tenon_client::{Client, SigningKey};
use zeroize::Zeroizing;

use super::credentials::table;
use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon signing-keys create                        writes signing-key.pem, readable by you only
  tenon signing-keys create --out /run/secrets/tenon-signing-key.pem
  tenon signing-keys create --print | kubectl create secret generic signing-key --from-file=key=/dev/stdin
  tenon signing-keys list
  tenon signing-keys revoke 9f86d081884c7d65

The private half of a key is given once, when it is made. To change keys: make the new one, let your
service sign with it, then revoke the old one.";

/// Make, see and revoke the keys that sign the tokens of connected users.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SigningKeysArgs {
    #[command(subcommand)]
    command: SigningKeysCommand,
}

#[derive(Debug, Subcommand)]
enum SigningKeysCommand {
    /// List the keys, revoked ones too, oldest first; public halves only.
    List,
    /// Make a key; its private half goes to a file that only you can read.
    Create(CreateArgs),
    /// Revoke a key: its tokens are refused within seconds.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Where the private half goes; the file must not exist.
    #[arg(long, value_name = "FILE", default_value = "signing-key.pem")]
    out: PathBuf,
    /// Print the private half instead, and make no file.
    #[arg(long, conflicts_with = "out")]
    print: bool,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The key's id: the `kid` of its tokens.
    key: String,
}

/// Runs the command.
pub async fn run(args: SigningKeysArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match args.command {
        SigningKeysCommand::List => {
            let keys = client.signing_keys().await?;
            match (global.json, keys.is_empty()) {
                (true, _) => terminal::print_json(&keys),
                (false, true) => {
                    terminal::print("no signing keys; `tenon signing-keys create` makes one");
                }
                (false, false) => terminal::print(&table::of_signing_keys(&keys, global.paint())),
            }
        }
        SigningKeysCommand::Create(args) if args.print => print_new(&client, global).await?,
        SigningKeysCommand::Create(args) => write_new(&client, global, &args.out).await?,
        SigningKeysCommand::Revoke(args) => {
            client.revoke_signing_key(&args.key).await?;
            if !global.json {
                let key = terminal::one_line(&args.key, 100);
                terminal::print(&format!("{key} is revoked; its tokens are refused"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn print_new(client: &Client, global: &Global) -> anyhow::Result<()> {
    let mut key = client.create_signing_key().await?;
    if global.json {
        terminal::print_json(&key);
        drop(Zeroizing::new(key.private_key.take()));
        return Ok(());
    }
    let private = private_half(&mut key)?;
    terminal::print(&private);
    eprintln!("put `{}` into the header of tokens as `kid`", key.id);
    Ok(())
}

/// The file is made first, so that a key whose private half cannot be kept is never made.
async fn write_new(client: &Client, global: &Global, path: &Path) -> anyhow::Result<()> {
    let mut file = private_file(path)?;
    let made = match client.create_signing_key().await {
        Ok(mut key) => private_half(&mut key).map(|private| (key, private)),
        Err(error) => Err(error.into()),
    };
    let (key, private) = match made {
        Ok(made) => made,
        Err(error) => {
            drop(file);
            // An empty file would only be in the way of the next try.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
    };
    let written = file.write_all(private.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| {
        format!(
            "cannot write {}; the private half is lost: `tenon signing-keys revoke {}`",
            path.display(),
            key.id
        )
    })?;
    if global.json {
        let mut shown = serde_json::to_value(&key).context("the key cannot be shown")?;
        shown["private_key_file"] = path.display().to_string().into();
        terminal::print_json(&shown);
        return Ok(());
    }
    terminal::print(&format!(
        "key {}: its private half is in {} and nowhere else; put the id into the header of tokens as \
         `kid`",
        key.id,
        path.display()
    ));
    Ok(())
}

fn private_half(key: &mut SigningKey) -> anyhow::Result<Zeroizing<String>> {
    let private = key.private_key.take().context("the server gave no private half")?;
    Ok(Zeroizing::new(private))
}

/// A new file that only its owner can read.
fn private_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).with_context(|| {
        format!("cannot make {}; choose another file with --out, or use --print", path.display())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_the_owners_and_never_an_old_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key.pem");
        drop(private_file(&path).expect("it is made"));
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = private_file(&path).expect_err("it is there already");
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
