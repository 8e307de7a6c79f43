//! One process of the product: started, killed with SIGKILL, started again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

/// How long a process may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(40);
/// How often its log is looked at.
const POLL: Duration = Duration::from_millis(10);
/// What a listening process logs when it is ready, before its address.
const READY: &str = ": ready on http://";

/// Runs the product, and kills it when the pipe closes: by [`Process::kill`], or because the test
/// has ended, however it ended.
const WATCHDOG: &str = r#""$@" </dev/null & read -r word; kill -KILL $! 2>/dev/null; wait $!"#;

/// The build under test: this one, or the one that `TENON_KILL_PROGRAM` names.
pub fn program() -> PathBuf {
    std::env::var_os("TENON_KILL_PROGRAM")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_tenon")), PathBuf::from)
}

/// A process of the product.
pub struct Process {
    name: &'static str,
    roles: &'static str,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    starts: u32,
    child: Option<Child>,
}

impl Process {
    pub fn new(
        name: &'static str,
        roles: &'static str,
        environment: Vec<(String, String)>,
        folder: &Path,
    ) -> Self {
        Self { name, roles, environment, folder: folder.to_owned(), starts: 0, child: None }
    }

    /// Starts it; it dies with the test.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let log = File::create(self.log_path())?;
        let child = Command::new("sh")
            .args(["-c", WATCHDOG, "sh"])
            .arg(program())
            .args(["server", "--listen", "127.0.0.1:0", "--roles", self.roles])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "info")
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the product could not be started")?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it is ready; answers its address if it listens.
    pub async fn ready(&mut self) -> anyhow::Result<Option<String>> {
        let give_up = Instant::now() + READY_TIMEOUT;
        loop {
            let log = fs::read_to_string(self.log_path()).unwrap_or_default();
            if let Some(line) = log.lines().find(|line| line.contains(": ready")) {
                if let Some((_, address)) = line.split_once(READY) {
                    let address = address.split_whitespace().next().unwrap_or_default();
                    return Ok(Some(format!("http://{address}")));
                }
                if line.trim_end().ends_with(": ready") {
                    return Ok(None);
                }
            }
            if log.lines().any(|line| line.starts_with("error: ")) {
                bail!("{} did not start: {log}", self.name);
            }
            if Instant::now() > give_up {
                bail!("{} was not ready in {READY_TIMEOUT:?}: {log}", self.name);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().await.context("the process could not be waited for")?;
        }
        Ok(())
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(format!("{}-{}.log", self.name, self.starts))
    }
}
