//! The life of one child, on the thread that started it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use super::{Ending, Ready, Restart, Shared, Spec, State};

/// How often a state is looked at while waiting for it.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// The same of a child that is ready: only its end is waited for.
const WATCH_INTERVAL: Duration = Duration::from_millis(25);
/// Between the end of a child that failed and the next start; doubled up to the second value.
const RESTART_DELAY: Duration = Duration::from_millis(100);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(10);
/// A child that lived so long starts with the short delay again.
const LONG_LIFE: Duration = Duration::from_secs(10);
/// A log larger than this is put aside at a start, in bytes.
const LOG_BYTES_MAX: u64 = 32 << 20;
/// How much of the end of a log is read for a message, in bytes.
const TAIL_BYTES: u64 = 4_096;

/// Keeps one child running.
pub(super) struct Keeper {
    spec: Arc<Spec>,
    shared: Arc<Shared>,
}

impl Keeper {
    pub(super) const fn new(spec: Arc<Spec>, shared: Arc<Shared>) -> Self {
        Self { spec, shared }
    }

    /// Starts it again and again, until it is to stop or has ended for good.
    pub(super) fn keep(self) {
        end_leftover(&self.spec);
        let mut delay = RESTART_DELAY;
        loop {
            let began = Instant::now();
            let ended = self.live();
            let _ = std::fs::remove_file(&self.spec.pid_file);
            let is_over = self.is_stopping()
                || self.spec.restart == Restart::Never
                || ended == Ending::Exited(0);
            if is_over {
                self.tell(State::Ended(ended));
                return;
            }
            if began.elapsed() >= LONG_LIFE {
                delay = RESTART_DELAY;
            }
            self.tell(State::Waiting { ended });
            if !self.pause(delay) {
                self.tell(State::Ended(ended));
                return;
            }
            delay = (delay * 2).min(RESTART_DELAY_MAX);
        }
    }

    /// One life.
    fn live(&self) -> Ending {
        self.tell(State::Starting);
        let mut child = match self.spawn() {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(process = %self.spec.name, error = %error, "it cannot be started");
                return Ending::NotStarted;
            }
        };
        let pid = child.id();
        *self.shared.pid.lock() = Some(pid);
        let _ = std::fs::write(&self.spec.pid_file, format!("{pid}\n"));
        if self.is_stopping() {
            // The request came before there was somebody to tell.
            send(pid, Signal::TERM);
        }
        let mut is_ready = false;
        while !has_ended(pid) {
            if is_ready {
                std::thread::sleep(WATCH_INTERVAL);
                continue;
            }
            if let Some(said) = self.readiness() {
                is_ready = true;
                self.tell(State::Ready { said });
                continue;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        // It is a zombie still, so its number and its group's are nobody else's.
        *self.shared.pid.lock() = None;
        kill_group(pid);
        match child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ending::Exited(code),
                (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
            },
            Err(_) => Ending::NotStarted,
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let spec = &*self.spec;
        if let Ready::File(path) | Ready::Socket(path) = &spec.ready {
            // Of the life before.
            let _ = std::fs::remove_file(path);
        }
        let log = open_log(&spec.log)?;
        let mut command = Command::new(&spec.program);
        for name in &spec.without {
            command.env_remove(name);
        }
        command
            .args(&spec.arguments)
            .envs(spec.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&spec.folder)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            // A group of its own: Ctrl-C in the terminal is for us.
            .process_group(0);
        end_with_parent(&mut command);
        command.spawn()
    }

    /// What it said when it is ready.
    fn readiness(&self) -> Option<String> {
        match &self.spec.ready {
            Ready::File(path) => {
                std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
            }
            Ready::Connects(address) => TcpStream::connect_timeout(address, LOOK_INTERVAL * 10)
                .is_ok()
                .then(|| address.to_string()),
            Ready::Socket(path) => {
                UnixStream::connect(path).is_ok().then(|| path.display().to_string())
            }
        }
    }

    /// Waits before a start, and as long as somebody holds it down; false when it is to stop
    /// instead.
    fn pause(&self, delay: Duration) -> bool {
        let until = Instant::now() + delay;
        let hold = self.spec.pid_file.with_extension("hold");
        while Instant::now() < until || hold.exists() {
            if self.is_stopping() {
                return false;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        !self.is_stopping()
    }

    fn is_stopping(&self) -> bool {
        self.shared.is_stopping.load(Ordering::SeqCst)
    }

    fn tell(&self, state: State) {
        let (process, pid) = (&self.spec.name, *self.shared.pid.lock());
        tracing::info!(process, pid, state = %state, "`{process}`: {state}");
        self.shared.state.send_replace(state);
    }
}

/// Lets the kernel kill the child when the thread that started it ends, in whatever way this
/// process dies. All children may be killed at any time without loss; that is what they are for.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code between fork and exec can set the parent-death signal")]
fn end_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let set_signal = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
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

/// Elsewhere the next start ends what is left.
#[cfg(not(target_os = "linux"))]
fn end_with_parent(_command: &mut Command) {}

/// Whether a child is a zombie. It is left one, so that its number stays its own.
fn has_ended(pid: u32) -> bool {
    let Some(pid) = raw(pid) else { return true };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(pid), options) {
        Ok(ended) => ended.is_some(),
        Err(error) => error != rustix::io::Errno::INTR,
    }
}

/// Sends a signal; a process that is gone is no error.
pub(super) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = raw(pid)
        && let Err(error) = kill_process(pid, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(pid = pid.as_raw_nonzero().get(), %error, "a child cannot be signalled");
    }
}

/// Ends what a child has started and left.
fn kill_group(pid: u32) {
    if let Some(pid) = raw(pid) {
        // Most leave nothing; then there is nobody to signal.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Kills what an earlier start of the same name left behind, where the kernel did not.
fn end_leftover(spec: &Spec) {
    let Ok(text) = std::fs::read_to_string(&spec.pid_file) else { return };
    let Ok(pid) = text.trim().parse::<u32>() else { return };
    if runs_program(pid, &spec.program) {
        tracing::warn!(process = %spec.name, pid, "ending one that an earlier start left behind");
        kill_group(pid);
        send(pid, Signal::KILL);
    }
    let _ = std::fs::remove_file(&spec.pid_file);
}

/// Whether the process is one of a program: the number may be another's by now.
#[cfg(target_os = "linux")]
fn runs_program(pid: u32, program: &Path) -> bool {
    let Ok(running) = std::fs::read_link(format!("/proc/{pid}/exe")) else { return false };
    program.canonicalize().is_ok_and(|program| program == running)
}

/// Elsewhere: by its command line.
#[cfg(not(target_os = "linux"))]
fn runs_program(pid: u32, program: &Path) -> bool {
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).starts_with(&program.display().to_string())
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The last lines of a log, on one line.
pub(super) fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}
