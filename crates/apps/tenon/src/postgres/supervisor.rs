//! Keeps the server running: one thread that starts it, waits for it and starts it again when it
//! died without being asked to. Its own connections and pools reconnect by themselves.

use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::PostgresError;
use super::process::{self, ServerCommand};

/// Between the end of a server that died and the next one; doubled up to the second value.
const RESTART_DELAY: Duration = Duration::from_millis(100);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(10);
/// After an immediate shutdown was asked for.
const QUIT_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct State {
    /// The running server. Cleared before its process number is free for others.
    pid: Option<u32>,
    is_stopping: bool,
    has_ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the server and returns when it takes connections.
    pub(super) fn start(command: ServerCommand) -> Result<Self, PostgresError> {
        let shared = Arc::new(Shared::default());
        let (report, started) = mpsc::sync_channel(1);
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("tenon-postgres".to_owned())
            .spawn(move || supervise(&command, &own, &report))
            .expect("the system can start a thread");
        started.recv().expect("the thread reports once before it ends")?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.shared.state.lock().pid
    }

    /// Stops the server for good: fast; after `patience`, immediately; then by force.
    pub(super) fn stop(mut self, patience: Duration) {
        let orders =
            [(Signal::INT, patience), (Signal::QUIT, QUIT_PATIENCE), (Signal::KILL, QUIT_PATIENCE)];
        for (order, patience) in orders {
            self.order(order);
            if self.wait(patience) {
                break;
            }
            tracing::warn!("PostgreSQL did not stop in time");
        }
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the supervising code does not panic");
        }
    }

    fn order(&self, order: Signal) {
        let mut state = self.shared.state.lock();
        state.is_stopping = true;
        if let Some(pid) = state.pid {
            process::signal(pid, order);
        }
        self.shared.changed.notify_all();
    }

    /// Whether the thread ended in time.
    fn wait(&self, patience: Duration) -> bool {
        let mut state = self.shared.state.lock();
        self.shared.changed.wait_while_for(&mut state, |state| !state.has_ended, patience);
        state.has_ended
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.order(Signal::INT);
        }
    }
}

fn supervise(
    command: &ServerCommand,
    shared: &Shared,
    report: &mpsc::SyncSender<Result<(), PostgresError>>,
) {
    let first = run(command, shared, || {
        let _ = report.send(Ok(()));
    });
    if let Err(error) = first {
        let _ = report.send(Err(error));
    } else {
        restart_until_stopped(command, shared);
    }
    shared.state.lock().has_ended = true;
    shared.changed.notify_all();
}

fn restart_until_stopped(command: &ServerCommand, shared: &Shared) {
    let mut delay = RESTART_DELAY;
    while !pause(shared, delay) {
        tracing::error!("the embedded PostgreSQL died; starting it again");
        let timeout = command.settings.stop_timeout;
        let outcome = process::stop_leftovers(&command.data_dir, timeout)
            .and_then(|()| run(command, shared, || tracing::info!("PostgreSQL is back")));
        match outcome {
            Ok(()) => delay = RESTART_DELAY,
            Err(error) => {
                tracing::error!(%error, "the embedded PostgreSQL cannot be started again");
                delay = (delay * 2).min(RESTART_DELAY_MAX);
            }
        }
    }
}

/// Waits; true when the server shall stop for good.
fn pause(shared: &Shared, delay: Duration) -> bool {
    let mut state = shared.state.lock();
    shared.changed.wait_while_for(&mut state, |state| !state.is_stopping, delay);
    state.is_stopping
}

/// Runs the server once, until it ends.
fn run(
    command: &ServerCommand,
    shared: &Shared,
    when_ready: impl FnOnce(),
) -> Result<(), PostgresError> {
    let mut child = {
        let mut state = shared.state.lock();
        if state.is_stopping {
            return Ok(());
        }
        let child = command.spawn()?;
        state.pid = Some(child.id());
        child
    };
    let outcome = command.wait_until_ready(&mut child);
    if outcome.is_ok() {
        when_ready();
        wait_without_reaping(&child);
    }
    shared.state.lock().pid = None;
    let ended = child.wait().map_err(PostgresError::io("wait for", &command.data_dir))?;
    tracing::debug!(status = %ended, "the embedded PostgreSQL ended");
    outcome
}

/// Blocks until the process ended but keeps its number taken, so that no signal of ours can ever
/// reach a stranger.
fn wait_without_reaping(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { return };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
}
