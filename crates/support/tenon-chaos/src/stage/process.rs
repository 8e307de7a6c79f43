//! One process of the product: started, signalled, killed, started again.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tenon_fault_proxy::FaultProxy;

use crate::spawner;

/// How long a process may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a process may take to end after SIGTERM, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// How often its log is looked at.
const POLL: Duration = Duration::from_millis(20);
/// What a listening process logs when it is ready, before its address.
const READY: &str = ": ready on http://";

/// What a process is made of.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub name: String,
    pub role: &'static str,
    pub program: PathBuf,
    pub environment: Vec<(String, String)>,
    pub folder: PathBuf,
}

/// A process of the product, with links of its own to what it needs.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    /// To each Redis server, where the topology has one link a process.
    pub redis: Option<FaultProxy>,
    /// To PostgreSQL.
    pub postgres: FaultProxy,
    /// Another build of the product for the next start.
    pub next_program: Option<PathBuf>,
    starts: u32,
    child: Option<Child>,
}

impl Process {
    pub(crate) fn new(recipe: Recipe, redis: Option<FaultProxy>, postgres: FaultProxy) -> Self {
        Self { recipe, redis, postgres, next_program: None, starts: 0, child: None }
    }

    /// Its name, such as `worker-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// What it does.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        self.recipe.role
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.start_with(&[], &[])
    }

    /// Starts it with a program in front of its own, and more variables.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_with(&mut self, front: &[&str], more: &[(&str, &str)]) -> anyhow::Result<()> {
        self.starts += 1;
        let program = self.next_program.as_ref().unwrap_or(&self.recipe.program);
        let mut words: Vec<&std::ffi::OsStr> = front.iter().map(AsRef::as_ref).collect();
        words.push(program.as_os_str());
        let (first, rest) = words.split_first().expect("the program is among them");
        let mut command = Command::new(first);
        command
            .args(rest)
            .args(["server", "--listen", "127.0.0.1:0", "--roles", self.recipe.role])
            .envs(self.recipe.environment.iter().map(|(name, value)| (name, value)))
            .envs(more.iter().copied())
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "info,sqlx=warn")
            .current_dir(&self.recipe.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log())?);
        let child = spawner::spawn(command);
        self.child = Some(child.with_context(|| format!("cannot start {}", self.recipe.name))?);
        Ok(())
    }

    /// Waits until it is ready; answers its address if it listens.
    ///
    /// # Errors
    /// When it ends, or is not ready in time.
    pub async fn ready(&mut self) -> anyhow::Result<Option<SocketAddr>> {
        let give_up = Instant::now() + READY_TIMEOUT;
        loop {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            for line in log.lines().filter(|line| line.contains(": ready")) {
                if let Some((_, address)) = line.split_once(READY) {
                    let address = address.split_whitespace().next().unwrap_or_default();
                    return Ok(Some(address.parse()?));
                }
                if line.trim_end().ends_with(": ready") {
                    return Ok(None);
                }
            }
            if !self.is_alive() {
                bail!("{} ended while it started: {log}", self.recipe.name);
            }
            if Instant::now() > give_up {
                bail!("{} was not ready in {READY_TIMEOUT:?}: {log}", self.recipe.name);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether it runs (or is stopped by a signal).
    pub fn is_alive(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        match child.try_wait() {
            Ok(None) => true,
            Ok(Some(_)) | Err(_) => {
                self.child = None;
                false
            }
        }
    }

    /// Its number, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let child = self.child.as_ref().context("the process does not run")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Kills it and what it started with SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // The whole group: what stands in front of the program may not pass the signal on.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().with_context(|| format!("cannot wait for {}", self.recipe.name))?;
        Ok(())
    }

    /// Asks it to stop, and waits.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if self.is_alive() {
            self.signal(Signal::TERM)?;
            let give_up = Instant::now() + STOP_TIMEOUT;
            while self.is_alive() && Instant::now() < give_up {
                tokio::time::sleep(POLL).await;
            }
        }
        self.kill()
    }

    /// Whether its log of this start has a line with such a text.
    #[must_use]
    pub fn has_logged(&self, text: &str) -> bool {
        fs::read_to_string(self.log()).unwrap_or_default().contains(text)
    }

    fn log(&self) -> PathBuf {
        log_path(&self.recipe.folder, &self.recipe.name, self.starts)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        drop(self.kill());
    }
}

fn log_path(folder: &Path, name: &str, starts: u32) -> PathBuf {
    folder.join(format!("{name}-{starts}.log"))
}
