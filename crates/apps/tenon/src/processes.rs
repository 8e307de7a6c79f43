//! Child processes: started, watched, started again, stopped in order, and never left behind.
//!
//! A [`Spec`] says what to run, how it is known to be ready and whether it is started again; a
//! [`Process`] is the handle of one that runs. [`roles::RoleProcess`] makes the spec of this very
//! binary with some roles; [`redis::RedisSet`] runs a Redis server, a cluster of six or a primary
//! with a replica and three Sentinels:
//!
//! ```ignore
//! let redis = RedisSet::start(&RedisOptions::new(dir.join("redis"), Topology::Cluster))?;
//! let worker = RoleProcess::new("worker-1", "worker", &folder)?
//!     .env("TENON_REDIS__URL", redis.url())
//!     .start();
//! worker.wait_until_ready(Duration::from_secs(20))?;
//! worker.signal(Signal::KILL);         // a fault; it is started again after a short wait
//! worker.stop();                       // SIGTERM, then SIGKILL to its whole group
//! redis.stop();
//! ```
//!
//! Each child has a thread of its own here, which starts it and waits for it: the kernel ends a
//! child when the thread that started it ends (Linux), so nothing outlives this process in
//! whatever way it dies. Elsewhere the next start ends what the pid files name. A child leads a
//! process group, so Ctrl-C in a terminal is for this process only, and what the child started
//! ends with it. Everything here blocks; call it from a blocking thread, or with
//! `tokio::task::spawn_blocking`. Calls of [`Process::signal`] and [`Process::state`] do not block.
//!
//! A file `<name>.hold` beside the pid file keeps a child that ended from being started again, as
//! long as it is there: so one can be kept down by hand, to see what the others do meanwhile.
//!
//! It knows nothing of what the children do, and does not read their settings.

mod child;
pub mod ports;
pub mod redis;
pub mod roles;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::sync::watch;

use child::Keeper;

/// How long an unforced end may take after SIGKILL.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// How a child is known to be ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// It makes this file, with its address in it or nothing; see `server.ready_file`.
    File(PathBuf),
    /// Something listens there.
    Connects(std::net::SocketAddr),
    /// A unix socket takes connections.
    Socket(PathBuf),
}

/// Whether a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    Never,
    /// Unless it ended by itself and without a failure.
    OnFailure,
}

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name in logs, and of its files.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables beside those of this process.
    pub environment: Vec<(String, OsString)>,
    /// Variables of this process that it does not get.
    pub without: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Where its output goes; a start appends.
    pub log: PathBuf,
    /// Where its process number is written: `<name>.pid`.
    pub pid_file: PathBuf,
    /// When it is ready.
    pub ready: Ready,
    /// Whether it is started again.
    pub restart: Restart,
    /// How long it may take to end after SIGTERM.
    pub stop_grace: Duration,
}

/// Where a child is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was started and is not ready.
    Starting,
    /// It is ready.
    Ready {
        /// What is in the file of [`Ready::File`]; else where it listens.
        said: String,
    },
    /// It ended; it is started again after a while.
    Waiting {
        /// How it ended.
        ended: Ending,
    },
    /// It ended and is not started again.
    Ended(Ending),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal.
    Signalled(i32),
    /// It could not be started.
    NotStarted,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Ready { .. } => f.write_str("ready"),
            Self::Waiting { ended } => write!(f, "{ended}; it is started again"),
            Self::Ended(ended) => write!(f, "{ended}"),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(0) => f.write_str("ended"),
            Self::Exited(code) => write!(f, "ended with code {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::NotStarted => f.write_str("could not be started"),
        }
    }
}

/// Why a child is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended.
    #[error("`{name}` {ended}; the end of {log} says: {tail}")]
    Ended {
        /// Its name.
        name: String,
        /// How.
        ended: Ending,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// It takes too long.
    #[error("`{name}` is not ready in time; the end of {log} says: {tail}")]
    TooLate {
        /// Its name.
        name: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
}

/// What the keeping thread and the handle share.
#[derive(Debug)]
struct Shared {
    /// Of the running child. Cleared before the number is free for others.
    pid: Mutex<Option<u32>>,
    is_stopping: AtomicBool,
    state: watch::Sender<State>,
}

/// A child, or its next life. Dropping the handle stops it as [`Process::stop`] does.
#[derive(Debug)]
pub struct Process {
    spec: Arc<Spec>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it, and ends what an earlier start of the same name has left behind. Returns at
    /// once; see [`Process::wait_until_ready`].
    #[must_use]
    pub fn start(spec: Spec) -> Self {
        let spec = Arc::new(spec);
        let (state, _) = watch::channel(State::Starting);
        let shared =
            Arc::new(Shared { pid: Mutex::new(None), is_stopping: AtomicBool::new(false), state });
        let keeper = Keeper::new(spec.clone(), shared.clone());
        let thread = std::thread::Builder::new()
            .name("tenon-child".to_owned())
            .spawn(move || keeper.keep())
            .expect("the system can start a thread");
        Self { spec, shared, thread: Some(thread) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The file of its output.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.spec.log
    }

    /// Its process number, while one runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        *self.shared.pid.lock()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    /// What it said when it became ready; `None` while it is not.
    #[must_use]
    pub fn said(&self) -> Option<String> {
        match self.state() {
            State::Ready { said } => Some(said),
            _ => None,
        }
    }

    /// Waits until it is ready; answers what it said.
    ///
    /// # Errors
    /// [`NotReady`] when it ends for good first, or takes too long.
    pub fn wait_until_ready(&self, patience: Duration) -> Result<String, NotReady> {
        let until = Instant::now() + patience;
        loop {
            match self.state() {
                State::Ready { said } => return Ok(said),
                // One that fails at its first start fails again: its settings are wrong.
                State::Waiting { ended } | State::Ended(ended) => {
                    let (name, log) = (self.spec.name.clone(), self.spec.log.clone());
                    return Err(NotReady::Ended { name, ended, tail: child::tail(&log), log });
                }
                State::Starting if Instant::now() >= until => {
                    let (name, log) = (self.spec.name.clone(), self.spec.log.clone());
                    return Err(NotReady::TooLate { name, tail: child::tail(&log), log });
                }
                State::Starting => std::thread::sleep(child::LOOK_INTERVAL),
            }
        }
    }

    /// Sends a signal to the process, and to nothing that it started. One that is gone is no error.
    pub fn signal(&self, signal: Signal) {
        // Held until the signal is sent: the number belongs to the child as long as it is there.
        let pid = self.shared.pid.lock();
        if let Some(pid) = *pid {
            child::send(pid, signal);
        }
    }

    /// Asks it to end and not to be started again; does not wait.
    pub fn ask_to_stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // A stopped process takes no SIGTERM.
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
    }

    /// Stops it: SIGTERM, after its grace SIGKILL to its whole group. Returns when it is gone.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.ask_to_stop();
        if !ends_within(&thread, self.spec.stop_grace) {
            tracing::warn!(process = %self.spec.name, "it did not stop in time and is killed");
            self.signal(Signal::KILL);
        }
        if ends_within(&thread, KILL_PATIENCE) {
            let _ = thread.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop_now();
    }
}

fn ends_within(thread: &JoinHandle<()>, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while !thread.is_finished() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(child::LOOK_INTERVAL);
    }
    true
}

#[cfg(test)]
mod tests;
