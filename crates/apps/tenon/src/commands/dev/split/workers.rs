//! Worker processes: as many as are wanted, between two bounds.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::line_of;
use super::roles::Installation;
use crate::processes::{Process, State};

/// How often it is looked whether workers have come or gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// At least and at most so many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) min: usize,
    pub(super) max: usize,
}

/// The workers; kept at the wanted number by a thread of their own until they are stopped.
pub(super) struct Workers {
    pool: Arc<Mutex<Pool>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Pool {
    installation: Installation,
    bounds: Bounds,
    running: Vec<Process>,
    /// Asked to go; they end their steps first.
    leaving: Vec<Process>,
    is_stopping: bool,
}

impl Workers {
    /// Starts the least number, and follows `desired` from then on. A sender that is gone leaves
    /// it at its last value.
    ///
    /// # Errors
    /// When this program's own path cannot be found.
    pub(super) fn start(
        installation: Installation,
        bounds: Bounds,
        desired: watch::Receiver<usize>,
    ) -> anyhow::Result<Self> {
        let (running, leaving) = (Vec::new(), Vec::new());
        let mut pool = Pool { installation, bounds, running, leaving, is_stopping: false };
        pool.adjust(*desired.borrow())?;
        let pool = Arc::new(Mutex::new(pool));
        let own = pool.clone();
        let thread =
            std::thread::Builder::new().name("tenon-workers".to_owned()).spawn(move || {
                loop {
                    std::thread::sleep(LOOK_INTERVAL);
                    let wanted = *desired.borrow();
                    let mut pool = own.lock();
                    if pool.is_stopping {
                        return;
                    }
                    if let Err(error) = pool.adjust(wanted) {
                        tracing::error!(error = %error, "a worker cannot be started");
                    }
                }
            })?;
        Ok(Self { pool, thread: Some(thread) })
    }

    /// Waits until those that run are ready.
    ///
    /// # Errors
    /// When one does not become ready.
    pub(super) fn wait_until_ready(&self, patience: Duration) -> anyhow::Result<()> {
        for worker in &self.pool.lock().running {
            worker.wait_until_ready(patience)?;
        }
        Ok(())
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.pool.lock().running.iter().map(line_of).collect()
    }

    /// Stops all of them, together.
    pub(super) fn stop(mut self) {
        let mut pool = self.pool.lock();
        pool.is_stopping = true;
        let mut all = std::mem::take(&mut pool.running);
        all.append(&mut pool.leaving);
        drop(pool);
        all.iter().for_each(Process::ask_to_stop);
        all.into_iter().for_each(Process::stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Pool {
    /// Starts what is missing and lets go what is too much. A worker that went by itself counts as
    /// gone; it is replaced only where fewer than the wanted number are left.
    fn adjust(&mut self, wanted: usize) -> anyhow::Result<()> {
        let has_ended = |process: &Process| matches!(process.state(), State::Ended(_));
        self.running.retain(|process| !has_ended(process));
        self.leaving.retain(|process| !has_ended(process));
        let wanted = wanted.clamp(self.bounds.min, self.bounds.max);
        while self.running.len() > wanted {
            let Some(worker) = self.running.pop() else { break };
            tracing::info!(process = worker.name(), "a worker is let go");
            worker.ask_to_stop();
            self.leaving.push(worker);
        }
        while self.running.len() < wanted {
            let name = self.free_name();
            self.running.push(self.installation.worker(&name)?);
        }
        Ok(())
    }

    /// The first of `worker-1`, `worker-2` and so on that nobody has.
    fn free_name(&self) -> String {
        let taken = |name: &String| {
            self.running.iter().chain(&self.leaving).any(|process| process.name() == name)
        };
        let mut names = (1..).map(|at| format!("worker-{at}"));
        names.find(|name| !taken(name)).unwrap_or_default()
    }
}
