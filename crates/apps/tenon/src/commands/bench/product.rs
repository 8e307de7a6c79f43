//! The product under measurement, in processes of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::process::{Child, Command};

use super::proc::Tree;
use crate::roles::VaultDatabases;

/// How long the product may take to be ready for the first time, initdb included.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// What `tenon dev` writes for other commands.
#[derive(Debug, Clone, Deserialize)]
pub struct Access {
    /// Its address.
    pub server: String,
    /// The project.
    pub project: String,
    /// A key of the project.
    pub api_key: String,
    /// The execution database, for the calibration.
    pub execution_url: String,
    /// The vault's databases.
    #[serde(default)]
    pub vault: Option<VaultDatabases>,
}

/// A running product.
pub struct Product {
    child: Child,
    /// How to reach it.
    pub access: Access,
    /// From its start until it was ready.
    pub ready_after: Duration,
    folder: PathBuf,
}

impl Product {
    /// Starts the product on a data folder and waits until it is ready.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_roles(folder, "all").await
    }

    /// The same with some roles only.
    pub async fn start_roles(folder: &Path, roles: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let access_file = folder.join("dev.json");
        let _ = std::fs::remove_file(&access_file);
        let started = Instant::now();
        let log = std::fs::File::create(folder.join("product.log"))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["dev", "--listen", "127.0.0.1:0", "--without-demo", "--roles", roles, "--dir"])
            .arg(folder)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .context("the product could not be started")?;
        let access = loop {
            if let Some(access) = read_access(&access_file) {
                break access;
            }
            if let Some(status) = child.try_wait()? {
                bail!(
                    "the product ended with {status}; see {}",
                    folder.join("product.log").display()
                );
            }
            if started.elapsed() > READY_TIMEOUT {
                bail!("the product was not ready in {READY_TIMEOUT:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        Ok(Self { child, access, ready_after: started.elapsed(), folder: folder.to_owned() })
    }

    /// Its processes.
    pub fn tree(&self) -> Tree {
        Tree(self.child.id().unwrap_or(0))
    }

    /// Deploys a workflow document.
    pub async fn apply(&self, text: &str) -> anyhow::Result<()> {
        let url = format!(
            "{}/api/v1/projects/{}/workflows/apply",
            self.access.server, self.access.project
        );
        let body = serde_json::json!({ "documents": [{ "file": "bench.yaml", "text": text }] });
        let response = reqwest::Client::new()
            .post(url)
            .bearer_auth(&self.access.api_key)
            .json(&body)
            .send()
            .await?;
        if !response.status().is_success() {
            bail!("the benchmark's workflow was refused: {}", response.text().await?);
        }
        Ok(())
    }

    /// Stops it as Ctrl-C would, and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        }
        let ended = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await;
        if ended.is_err() {
            bail!("the product did not stop; see {}", self.folder.join("product.log").display());
        }
        Ok(())
    }
}

/// The file is written whole and renamed, so what parses is complete.
fn read_access(path: &Path) -> Option<Access> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}
