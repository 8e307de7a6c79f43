//! The server process: its command line, when it is ready, how it ends, and what an earlier one
//! left behind.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use super::binaries::Binaries;
use super::{EmbeddedSettings, PostgresError};

/// How often a state is looked at while waiting for it: short, so that nothing waits for us.
const POLL: Duration = Duration::from_millis(4);
/// A log file larger than this is put aside when the server starts, in bytes.
const LOG_BYTES_MAX: u64 = 8 << 20;

/// Everything needed to start the server, again and again.
#[derive(Debug, Clone)]
pub(super) struct ServerCommand {
    pub(super) binaries: Binaries,
    pub(super) account: Account,
    pub(super) data_dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
    pub(super) settings: EmbeddedSettings,
}

impl ServerCommand {
    /// Starts the process. The calling thread must live as long as the server shall: the server
    /// stops when that thread ends.
    pub(super) fn spawn(&self) -> Result<Child, PostgresError> {
        let program = self.binaries.program("postgres");
        let log = self.open_log()?;
        let errors = log.try_clone().map_err(PostgresError::io("open", &self.log))?;
        let mut command = Command::new(&program);
        prepare(&mut command, &self.account, &self.data_dir);
        command.arg("-D").arg(&self.data_dir);
        for (name, value) in self.parameters() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // A group of its own: Ctrl-C in the terminal is for us, who still need the server.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        stop_with_parent(&mut command);
        command.spawn().map_err(PostgresError::io("run", &program))
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let settings = &self.settings;
        let socket_dir = self.socket_dir.display().to_string().replace('"', "\"\"");
        let mut parameters = vec![
            ("unix_socket_directories", format!("\"{socket_dir}\"")),
            ("shared_buffers", format!("{}MB", settings.shared_buffers_mib)),
            ("max_connections", settings.connections_max.to_string()),
            ("max_wal_size", format!("{}MB", settings.wal_size_max_mib)),
        ];
        let fixed = [
            ("listen_addresses", ""),
            ("port", "5432"),
            ("unix_socket_permissions", "0700"),
            // What is acknowledged is on disk. Never trade these for speed.
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            // A single server without replicas writes less log.
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            ("wal_compression", "on"),
            ("min_wal_size", "80MB"),
            // Short statements on a small machine.
            ("jit", "off"),
            ("huge_pages", "off"),
            ("max_parallel_workers_per_gather", "0"),
            ("autovacuum_naptime", "10s"),
            ("track_io_timing", "off"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_line_prefix", "%m [%p] %q%u@%d "),
            ("log_checkpoints", "off"),
            ("logging_collector", "off"),
        ];
        parameters.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        parameters
    }

    fn open_log(&self) -> Result<File, PostgresError> {
        let failed = PostgresError::io("open", &self.log);
        let is_large = std::fs::metadata(&self.log).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX);
        if is_large {
            let old = self.log.with_extension("log.1");
            std::fs::rename(&self.log, &old).map_err(PostgresError::io("rename to", &old))?;
        }
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.log).map_err(failed)
    }

    /// Waits until the server takes connections.
    pub(super) fn wait_until_ready(&self, child: &mut Child) -> Result<(), PostgresError> {
        let deadline = Instant::now() + self.settings.start_timeout;
        while Instant::now() < deadline {
            let ended = child.try_wait().map_err(PostgresError::io("wait for", &self.data_dir))?;
            if ended.is_some() {
                return Err(self.did_not_start());
            }
            if is_ready(&self.data_dir, child.id()) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        signal(child.id(), Signal::QUIT);
        let _ = child.wait();
        Err(self.did_not_start())
    }

    fn did_not_start(&self) -> PostgresError {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let tail = last_lines(&String::from_utf8_lossy(&text), 5);
        PostgresError::Start { log: self.log.clone(), tail }
    }
}

/// What both programs need: the right account, a folder that account can be in, and an
/// environment without settings meant for others.
pub(super) fn prepare(command: &mut Command, account: &Account, folder: &Path) {
    command.env_clear().env("LC_ALL", "C").current_dir(folder);
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some((uid, gid)) = account.switch_to() {
        command.uid(uid).gid(gid);
    }
}

/// Lets the kernel interrupt the program (a fast shutdown of the server) when the thread that started it ends, in
/// whatever way this process dies.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code between fork and exec can set the parent-death signal")]
pub(super) fn stop_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let set_signal = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
        // The parent may have died before the line above.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: the closure makes two system calls, allocates nothing and takes no lock, so it is
    // safe in the child of a process with many threads.
    unsafe { command.pre_exec(set_signal) };
}

/// Elsewhere the server lives on and is stopped at the next start.
#[cfg(not(target_os = "linux"))]
pub(super) fn stop_with_parent(_command: &mut Command) {}

/// Whether this server takes connections.
pub(super) fn is_ready(data_dir: &Path, pid: u32) -> bool {
    PidFile::read(data_dir).is_some_and(|state| state.pid == pid && state.is_ready)
}

/// What `postmaster.pid` says.
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: u32,
    is_ready: bool,
}

impl PidFile {
    fn read(data_dir: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(data_dir.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        Some(Self { pid, is_ready: lines.nth(6).is_some_and(|line| line.trim() == "ready") })
    }
}

/// Ends a server that outlived the process which started it, and clears a `postmaster.pid` whose
/// number now belongs to something else (usual in containers). Call with the directory locked.
pub(super) fn stop_leftovers(data_dir: &Path, timeout: Duration) -> Result<(), PostgresError> {
    let Some(file) = PidFile::read(data_dir) else { return Ok(()) };
    let running = processes_of(data_dir, file.pid);
    if running.contains(&file.pid) {
        tracing::warn!(pid = file.pid, "stopping a PostgreSQL that outlived its `tenon`");
    }
    // Without a postmaster the others are its orphans; they notice and go by themselves.
    let steps = [(Signal::INT, timeout), (Signal::QUIT, timeout), (Signal::KILL, timeout)];
    for (order, patience) in steps {
        let running = processes_of(data_dir, file.pid);
        if running.contains(&file.pid) {
            signal(file.pid, order);
        }
        if wait_until_gone(data_dir, file.pid, patience) {
            return remove_stale_pid_file(data_dir);
        }
    }
    let holder = format!("process {}", file.pid);
    Err(PostgresError::InUse { directory: data_dir.to_owned(), holder })
}

fn wait_until_gone(data_dir: &Path, postmaster: u32, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if processes_of(data_dir, postmaster).is_empty() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Safe only when no process works on the cluster, orphans of a killed server included.
fn remove_stale_pid_file(data_dir: &Path) -> Result<(), PostgresError> {
    let path = data_dir.join("postmaster.pid");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.map_err(PostgresError::io("remove", &path)),
    }
}

/// The processes that work on the cluster: every PostgreSQL process is in its data directory.
#[cfg(target_os = "linux")]
fn processes_of(data_dir: &Path, _postmaster: u32) -> Vec<u32> {
    let wanted = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let is_in = std::fs::read_link(entry.path().join("cwd")).ok()? == wanted;
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            (is_in && name.trim() == "postgres").then_some(pid)
        })
        .collect()
}

/// Elsewhere: the postmaster, where its command line names the cluster.
#[cfg(not(target_os = "linux"))]
fn processes_of(data_dir: &Path, postmaster: u32) -> Vec<u32> {
    let query = ["-o", "command=", "-p", &postmaster.to_string()];
    let output = Command::new("ps").args(query).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let names_it = String::from_utf8_lossy(&text).contains(&format!("-D {}", data_dir.display()));
    if names_it { vec![postmaster] } else { Vec::new() }
}

/// Sends a signal; a process that is gone is no error.
pub(super) fn signal(pid: u32, order: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, order)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(pid = pid.as_raw_nonzero().get(), %error, "could not signal PostgreSQL");
    }
}

/// The last lines of a log, on one line.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_the_eighth_line() {
        let starting = "41\n/data\n1700000000\n5432\n/socket\n\n  5432001   3\nstarting\n";
        assert_eq!(PidFile::parse(starting), Some(PidFile { pid: 41, is_ready: false }));
        let ready = starting.replace("starting", "ready   ");
        assert_eq!(PidFile::parse(&ready), Some(PidFile { pid: 41, is_ready: true }));
        assert_eq!(PidFile::parse("41\n/data\n"), Some(PidFile { pid: 41, is_ready: false }));
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn a_pid_file_whose_process_is_something_else_is_cleared() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("postmaster.pid");
        std::fs::write(&path, format!("{}\n/data\n", std::process::id())).expect("a file");
        stop_leftovers(folder.path(), Duration::from_millis(50)).expect("nothing runs here");
        assert!(!path.exists());
    }
}
