//! Options of every command that talks to a server: which one, which project, which key.
//!
//! What is not given comes from the environment, else from `.tenon/dev.json`, which `tenon dev`
//! writes; the file is looked for in this folder and the ones above it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use tenon_client::{Client, Error};

use crate::terminal::{self, Paint};

/// Where `tenon dev` leaves its address and key.
const DEV_FILE: &str = ".tenon/dev.json";

/// The options.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Global {
    /// Address of the server, such as http://127.0.0.1:7070.
    #[arg(long, global = true, env = "TENON_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Id of the project.
    #[arg(long, global = true, env = "TENON_PROJECT", value_name = "UUID")]
    pub project: Option<String>,
    /// API key of the project. Better given as TENON_API_KEY: other users of the machine can
    /// read the command line.
    #[arg(long, global = true, env = "TENON_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Print JSON instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
}

/// What `tenon dev` writes.
#[derive(Debug, Deserialize)]
struct DevFile {
    server: String,
    project: String,
    api_key: String,
}

impl Global {
    /// A client of the server that is meant.
    pub fn client(&self) -> anyhow::Result<Client> {
        let folder = std::env::current_dir().context("cannot tell the current folder")?;
        let (server, project, api_key) = self.connection(&folder)?;
        Ok(Client::new(&server, &project, &api_key)?)
    }

    /// The address of the server that is meant.
    ///
    /// # Errors
    /// When none is given and none was started here.
    pub fn server(&self) -> anyhow::Result<String> {
        if let Some(server) = &self.server {
            return Ok(server.clone());
        }
        let folder = std::env::current_dir().context("cannot tell the current folder")?;
        let dev = find_dev_file(&folder)?;
        dev.map(|dev| dev.server).context("which server? give --server (or TENON_SERVER)")
    }

    /// Colours, or none.
    #[must_use]
    pub fn paint(&self) -> Paint {
        Paint::for_stdout()
    }

    /// The address, project and key; the file is read only when one of them is missing.
    fn connection(&self, folder: &Path) -> anyhow::Result<(String, String, String)> {
        if let (Some(server), Some(project), Some(api_key)) =
            (&self.server, &self.project, &self.api_key)
        {
            return Ok((server.clone(), project.clone(), api_key.clone()));
        }
        let Some(dev) = find_dev_file(folder)? else {
            bail!(
                "which server? start one with `tenon dev` in this folder, or give --server, \
                 --project and --api-key (or TENON_SERVER, TENON_PROJECT and TENON_API_KEY)"
            );
        };
        // The key of `tenon dev` is for that server and no other.
        if self.server.as_deref().is_some_and(|server| !is_same_server(server, &dev.server))
            && self.api_key.is_none()
        {
            bail!("--server is not the one of {DEV_FILE}; give --project and --api-key too");
        }
        Ok((
            self.server.clone().unwrap_or(dev.server),
            self.project.clone().unwrap_or(dev.project),
            self.api_key.clone().unwrap_or(dev.api_key),
        ))
    }
}

fn is_same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn find_dev_file(folder: &Path) -> anyhow::Result<Option<DevFile>> {
    let found: Option<PathBuf> =
        folder.ancestors().map(|folder| folder.join(DEV_FILE)).find(|path| path.is_file());
    let Some(path) = found else { return Ok(None) };
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let file = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what `tenon dev` writes", path.display()))?;
    Ok(Some(file))
}

/// What a refused call looks like with `--json`: the problem itself on standard output.
/// `None` for any other error, which the caller hands on.
pub fn print_refusal(error: &Error) -> Option<ExitCode> {
    match error {
        Error::Refused(refusal) => {
            terminal::print_json(refusal);
            Some(ExitCode::from(2))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with_dev_file() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join(".tenon")).expect("it is writable");
        std::fs::create_dir_all(folder.path().join("a/b")).expect("it is writable");
        let text = r#"{"server": "http://x:1", "project": "p", "api_key": "k", "pid": 1}"#;
        std::fs::write(folder.path().join(DEV_FILE), text).expect("it is writable");
        folder
    }

    fn text(parts: (&str, &str, &str)) -> (String, String, String) {
        (parts.0.to_owned(), parts.1.to_owned(), parts.2.to_owned())
    }

    #[test]
    fn the_dev_file_is_found_from_folders_below() {
        let folder = folder_with_dev_file();
        let found = Global::default().connection(&folder.path().join("a/b")).expect("it is there");
        assert_eq!(found, text(("http://x:1", "p", "k")));
    }

    #[test]
    fn what_is_given_wins() {
        let folder = folder_with_dev_file();
        let global = Global { project: Some("q".into()), ..Global::default() };
        let found = global.connection(folder.path()).expect("it is there");
        assert_eq!(found, text(("http://x:1", "q", "k")));
    }

    #[test]
    fn the_dev_key_is_not_sent_to_another_server() {
        let folder = folder_with_dev_file();
        let elsewhere = Global { server: Some("https://y".into()), ..Global::default() };
        let error = elsewhere.connection(folder.path()).expect_err("it is refused");
        assert!(error.to_string().contains("--api-key"), "{error}");
        let same = Global { server: Some("http://x:1/".into()), ..Global::default() };
        assert!(same.connection(folder.path()).is_ok());
    }

    #[test]
    fn without_any_of_it_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = Global::default().connection(folder.path()).expect_err("nothing is there");
        assert!(error.to_string().contains("tenon dev"), "{error}");
    }
}
