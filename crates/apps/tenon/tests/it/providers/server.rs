//! Servers on loopback that are installed on demand, started for one test and stopped with it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::emulate;

/// How long an installation may take.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(240);
/// How long a start may take on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Runs its arguments until its standard input ends, so that they never outlive the test. Nobody
/// needs their files any more, and SeaweedFS takes half a minute to end in peace, or never does.
const KEEPER: &str = r#""$@" & read -r _; kill -KILL "$!"; wait "$!""#;

/// A running server.
pub struct Server {
    /// Its address, `http://127.0.0.1:port`.
    pub base: String,
    keeper: Child,
    folder: TempDir,
}

/// What is started.
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where it runs.
    pub directory: PathBuf,
    /// The port that the tests talk to.
    pub port: u16,
    /// A path that answers with one of `statuses` once the server is ready.
    pub path: &'static str,
    /// See `path`.
    pub statuses: &'static [u16],
}

impl Server {
    /// Starts a server that keeps its files in `folder`, and waits until it is ready.
    pub async fn start(launch: Launch, folder: TempDir) -> Self {
        let log = folder.path().join("log");
        let output = File::create(&log).expect("a log file can be made");
        let errors = output.try_clone().expect("the log file can be opened again");
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&launch.program)
            .args(&launch.arguments)
            .current_dir(&launch.directory)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("a shell can be started");
        let server = Self { base: format!("http://127.0.0.1:{}", launch.port), keeper, folder };
        server.wait_until_ready(launch.path, launch.statuses).await;
        server
    }

    async fn wait_until_ready(&self, path: &str, statuses: &[u16]) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            let answer = http.get(format!("{}{path}", self.base)).send().await;
            if answer.is_ok_and(|answer| statuses.contains(&answer.status().as_u16())) {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < give_up, "the server is not ready in time: {log}");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input tells the keeper to stop the server.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// One of emulate's services, fresh from a seed; `None`, with the reason printed, where it cannot
/// be installed.
pub async fn emulate(service: &str, seed: &Value) -> Option<Server> {
    let node = match emulate::installed_node() {
        Ok(node) => node,
        Err(reason) => {
            println!("SKIPPED, emulate cannot be installed: {reason}");
            return None;
        }
    };
    let folder = new_folder();
    let file = folder.path().join("seed.json");
    fs::write(&file, seed.to_string()).expect("the seed can be written");
    let port = free_ports::<1>()[0];
    let mut arguments: Vec<OsString> =
        ["node_modules/emulate/dist/index.js", "start", "--service"].map(OsString::from).into();
    arguments.extend([service, "--port", &port.to_string(), "--seed"].map(OsString::from));
    arguments.push(file.into());
    let directory = emulate::folder();
    // Any answer will do: not all services have a start page.
    let (path, statuses) = ("/", &[200, 302, 404][..]);
    let launch = Launch { program: node, arguments, directory, port, path, statuses };
    Some(Server::start(launch, folder).await)
}

/// The programs of a tool from PyPI, installed if need be; `None`, with the reason printed, where
/// it cannot be had.
pub fn installed(tool: &str) -> Option<PathBuf> {
    // One test installs; the others wait for it.
    let lock = std::env::temp_dir().join(format!("tenon-{tool}-install.lock"));
    let lock = File::create(lock).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    match install(tool) {
        Ok(()) => Some(repository().join("target/test-tools").join(tool).join("bin")),
        Err(reason) => {
            println!("SKIPPED, {tool} cannot be installed: {reason}");
            None
        }
    }
}

fn install(tool: &str) -> Result<(), String> {
    let log = tempfile::NamedTempFile::new().expect("a log file can be made");
    let output = log.reopen().expect("the log file can be opened again");
    let mut script = Command::new("bash")
        .arg(repository().join("tests/providers/install.sh"))
        .arg(tool)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| format!("bash cannot be run: {error}"))?;
    let give_up = Instant::now() + INSTALL_TIMEOUT;
    loop {
        match script.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => {
                let log = fs::read_to_string(log.path()).unwrap_or_default();
                return Err(log.lines().last().unwrap_or("it says nothing").to_owned());
            }
            None if Instant::now() > give_up => {
                let _ = script.kill();
                let _ = script.wait();
                return Err(format!("it took longer than {INSTALL_TIMEOUT:?}"));
            }
            None => std::thread::sleep(LOOK_INTERVAL),
        }
    }
}

/// A folder that goes with its server.
pub fn new_folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// Ports that nobody listens on.
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    // All are held until the last is found, so that they differ.
    let held = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    held.map(|listener| listener.local_addr().expect("it listens").port())
}

fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    path.canonicalize().expect("the repository is there")
}
