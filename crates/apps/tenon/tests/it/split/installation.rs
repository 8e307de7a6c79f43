//! `tenon dev --split` as a test starts, disturbs and stops it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use crate::product::{PATIENCE, Product, ends_within, signal, text_of, watch};

const START_TIMEOUT: Duration = Duration::from_secs(90);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const READY_LINE: &str = "Ctrl-C stops it.";

/// A running installation; stopped when dropped.
pub struct Split {
    folder: PathBuf,
    child: Option<Child>,
}

/// Whether a process is there and not just waiting to be waited for.
pub fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

impl Split {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// With settings in the environment.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        // Short: a socket of Redis lies below it.
        let name = format!("tn-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        let log = File::create(folder.join("product.log")).expect("a log file can be made");
        let out = log.try_clone().expect("a file can be opened twice");
        let child = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(["dev", "--split", "--listen", "127.0.0.1:0", "--without-demo", "--dir"])
            .arg(folder.join("data"))
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("the product can be started");
        watch(std::process::id(), child.id(), &folder);
        let mut split = Self { folder, child: Some(child) };
        split.wait_until_ready();
        split
    }

    fn wait_until_ready(&mut self) {
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            let log = self.said();
            if log.contains(READY_LINE) {
                return;
            }
            let child = self.child.as_mut().expect("it was started");
            let has_ended = child.try_wait().expect("it can be asked").is_some();
            assert!(!has_ended, "it ended before it was ready:\n{log}");
            assert!(Instant::now() < give_up, "it is not ready in time:\n{log}");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("product.log")).unwrap_or_default()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join("data/processes").join(name)
    }

    /// The product as its users see it.
    pub fn product(&self) -> Product {
        let text = fs::read_to_string(self.folder.join("data/dev.json")).expect("dev.json");
        let access: Value = serde_json::from_str(&text).expect("dev.json is JSON");
        let field = |name: &str| text_of(&access[name]);
        Product::elsewhere(
            field("server"),
            field("project"),
            field("api_key"),
            field("execution_url"),
        )
    }

    /// The numbers of all children.
    pub fn pids(&self) -> Vec<u32> {
        let folders = ["processes", "redis"].map(|name| self.folder.join("data").join(name));
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter_map(|path| pid_in(&path)).collect()
    }

    /// Kills a role and keeps it down.
    pub fn take_down(&self, name: &str) {
        fs::write(self.file(&format!("{name}.hold")), "").expect("the folder is there");
        self.kill_role(name);
    }

    /// Kills a role, which is started again.
    pub fn restart(&self, name: &str) {
        let before = self.kill_role(name);
        let give_up = Instant::now() + PATIENCE;
        let file = self.file(&format!("{name}.pid"));
        while pid_in(&file).is_none_or(|pid| pid == before) {
            assert!(Instant::now() < give_up, "{name} is not started again");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    fn kill_role(&self, name: &str) -> u32 {
        let pid = pid_in(&self.file(&format!("{name}.pid"))).expect("it runs");
        assert!(signal(pid, "KILL"), "{name} has ended by itself");
        let give_up = Instant::now() + PATIENCE;
        while is_alive(pid) {
            assert!(Instant::now() < give_up, "{name} does not end");
            std::thread::sleep(LOOK_INTERVAL);
        }
        pid
    }

    /// Lets a role be started again.
    pub fn bring_back(&self, name: &str) {
        fs::remove_file(self.file(&format!("{name}.hold"))).expect("it was held down");
    }

    /// Makes Redis forget everything.
    pub fn flush_redis(&self) {
        let socket = self.folder.join("data/redis/redis.sock");
        let done = Command::new("redis-cli").arg("-s").arg(socket).arg("FLUSHALL").output();
        let done = done.expect("redis-cli can be run");
        assert!(done.status.success(), "{done:?}");
    }

    /// Stops it as Ctrl-C does.
    pub fn stop(mut self) {
        let mut child = self.child.take().expect("it runs");
        assert!(signal(child.id(), "INT"), "it has ended by itself");
        assert!(ends_within(&mut child, PATIENCE), "it does not stop:\n{}", self.said());
    }

    /// Kills the parent alone.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is there");
        child.wait().expect("it can be waited for");
    }
}

fn pid_in(file: &Path) -> Option<u32> {
    file.extension().filter(|end| *end == "pid")?;
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

impl Drop for Split {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what it said\n{}", self.said());
            let entries = fs::read_dir(self.folder.join("data/processes")).into_iter().flatten();
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|end| end == "log") {
                    let log = fs::read_to_string(&path).unwrap_or_default();
                    let lines: Vec<&str> = log.lines().collect();
                    let tail = &lines[lines.len().saturating_sub(25)..];
                    eprintln!("--- the end of {}\n{}", path.display(), tail.join("\n"));
                }
            }
        }
        if let Some(mut child) = self.child.take() {
            signal(child.id(), "TERM");
            if !ends_within(&mut child, PATIENCE) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
