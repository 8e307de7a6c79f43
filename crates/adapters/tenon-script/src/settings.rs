//! The limits of the pool and of a call, each with a default and a unit.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How to start a runner process: a program that does nothing but call
/// [`runner_main`](crate::runner_main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerCommand {
    /// The executable. It is opened again whenever a process is started, so it must stay in place.
    pub program: PathBuf,
    /// Its arguments, for example the name of a hidden subcommand.
    pub args: Vec<OsString>,
}

/// Settings of a [`ScriptPool`](crate::ScriptPool).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What to start.
    pub runner: RunnerCommand,
    /// Processes at once, of all projects together. At least 2.
    pub children_max: usize,
    /// Processes at once of one project, so that one project's slow functions leave room for the
    /// others. At least 1.
    pub children_per_project_max: usize,
    /// Calls that may wait for a process. One more is refused as unavailable.
    pub waiters_max: usize,
    /// How long a call waits for a process before it is refused as unavailable.
    pub wait_max: Duration,
    /// Another project that waited this long gets the next free process, even when the process's
    /// own project has calls waiting. Below it, calls of the same project go first, because
    /// changing the project costs a process.
    pub patience: Duration,
    /// Calls after which a process is replaced. Starting one costs some 10 ms of processor time.
    pub calls_per_child_max: u32,
    /// Resident memory above which an idle process is replaced, in bytes.
    pub child_rss_bytes_max: u64,
    /// Memory of the JavaScript heap of one call, in bytes.
    pub memory_bytes_max: u32,
    /// Stack of the JavaScript of one call, in bytes.
    pub stack_bytes_max: u32,
    /// Parameters of one call, in bytes of JSON.
    pub parameters_bytes_max: u32,
    /// Source text of a function, in bytes.
    pub code_bytes_max: u32,
    /// Result of one call, in bytes of JSON.
    pub output_bytes_max: u32,
    /// Console lines that are kept of one call.
    pub console_lines_max: u32,
    /// Console text that is kept of one call, in bytes.
    pub console_bytes_max: u32,
    /// How long after the limit of a call its process is killed. Only code that the engine cannot
    /// interrupt gets that far.
    pub kill_grace: Duration,
    /// How long a process may take to start and lock itself in.
    pub start_max: Duration,
}

impl Settings {
    /// The defaults for this machine, with the given runner.
    #[must_use]
    pub fn new(runner: RunnerCommand) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Self {
            runner,
            children_max: cores * 2,
            children_per_project_max: cores,
            waiters_max: 10_000,
            wait_max: Duration::from_secs(30),
            patience: Duration::from_millis(50),
            calls_per_child_max: 10_000,
            child_rss_bytes_max: 128 << 20,
            memory_bytes_max: 64 << 20,
            stack_bytes_max: 1 << 20,
            parameters_bytes_max: 16 << 20,
            code_bytes_max: 1 << 20,
            output_bytes_max: 8 << 20,
            console_lines_max: 1_000,
            console_bytes_max: 64 << 10,
            kill_grace: Duration::from_millis(200),
            start_max: Duration::from_secs(10),
        }
    }
}
