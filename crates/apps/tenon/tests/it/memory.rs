//! What a crash leaves behind of the memory of a process that holds keys.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

/// A process that has read its settings and now waits for a database that never answers.
struct Waiting {
    child: Child,
    _database: TcpListener,
    _folder: tempfile::TempDir,
}

impl Waiting {
    fn start(allow_memory_dumps: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = database.local_addr().expect("it listens");
        let child = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(["server", "--roles", "vault"])
            .env("TENON_VAULT__VALUES_URL", format!("postgres://tenon@{address}/values"))
            .env("TENON_VAULT__KEYS_URL", format!("postgres://tenon@{address}/keys"))
            .env("TENON_SERVER__ALLOW_MEMORY_DUMPS", allow_memory_dumps.to_string())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the product can be started");
        database.accept().expect("it asks its database");
        Self { child, _database: database, _folder: folder }
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.child.id()).expect("a pid is small");
        Pid::from_raw(pid).expect("a pid is not 0")
    }

    /// Crashes it where a core file would be welcome, as far as this user may say so.
    fn crash(mut self) -> ExitStatus {
        let welcome = getrlimit(Resource::Core).maximum;
        let limit = Rlimit { current: welcome, maximum: welcome };
        // In a container even root may not raise a limit; the one that the process has set then
        // holds beside its not being dumpable.
        let _ = prlimit(Some(self.pid()), Resource::Core, limit);
        kill_process(self.pid(), Signal::ABORT).expect("it runs");
        self.child.wait().expect("it can be waited for")
    }
}

/// The limit of core files of a process, soft and hard.
fn core_limit(pid: Pid) -> String {
    let path = format!("/proc/{}/limits", pid.as_raw_nonzero());
    let limits = std::fs::read_to_string(path).expect("the process is there");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<_> = line.expect("it has this limit").split_whitespace().collect();
    words.join(" ")
}

/// Whether a crash leaves a core file here at all: it may be forbidden, or go to a program.
fn leaves_core_files() -> bool {
    let pattern = std::fs::read_to_string(Path::new("/proc/sys/kernel/core_pattern"));
    let is_file = pattern.is_ok_and(|pattern| !pattern.starts_with('|'));
    is_file && getrlimit(Resource::Core).maximum != Some(0)
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    let waiting = Waiting::start(false);
    assert_eq!(core_limit(waiting.pid()), "0 0 bytes");
    let status = waiting.crash();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    assert!(!status.core_dumped(), "a core was dumped");
}

#[test]
fn an_operator_can_allow_it() {
    let waiting = Waiting::start(true);
    assert_ne!(core_limit(waiting.pid()), "0 0 bytes");
    let status = waiting.crash();
    assert_eq!(status.core_dumped(), leaves_core_files(), "{status}");
}
