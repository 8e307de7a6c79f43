//! The product as its users meet it: a process that is started, called over HTTP and stopped.
//!
//! [`Product::shared`] is one process for all tests of a test run; its tests keep apart by the
//! names of their workflows and events. A test that stops or starves the process has one of its
//! own ([`Product::own`]). A small shell watches over each process: when its owner ends, however
//! that ends, the shell stops the process and removes its folder.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a test waits for something that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long a start may take, `initdb` on a busy machine included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The line that the product prints last when it is ready.
const READY_LINE: &str = "Ctrl-C stops it.";

/// Stops process $2 when process $1 has ended, and removes the folder $3.
const WATCHDOG: &str = r#"
while kill -0 "$1" 2>/dev/null && kill -0 "$2" 2>/dev/null; do sleep 0.3; done
kill -0 "$1" 2>/dev/null && exit 0
kill -TERM "$2" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$2" 2>/dev/null || break; sleep 0.5; done
kill -KILL "$2" 2>/dev/null
rm -rf "$3"
"#;

/// A running product and how to reach it.
pub struct Product {
    /// Its address, `http://host:port`.
    pub base: String,
    /// The development project.
    pub project: String,
    /// A key of the project.
    pub key: String,
    /// Its execution database.
    pub execution_url: String,
    /// Its process.
    pub pid: u32,
    /// Calls it.
    pub http: reqwest::Client,
    own: Option<OwnProcess>,
}

/// A process that belongs to one test.
struct OwnProcess {
    folder: PathBuf,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

impl Product {
    /// The process that all tests share.
    #[expect(clippy::zombie_processes, reason = "it outlives this process; its watchdog ends it")]
    pub fn shared() -> Self {
        let owner = run_owner();
        let folder = std::env::temp_dir().join(format!("tenon-it-{owner}"));
        fs::create_dir_all(&folder).expect("a folder for the product can be made");
        let lock = File::create(folder.join("lock")).expect("a lock file can be made");
        lock.lock().expect("the lock file can be locked");
        let pid_file = folder.join("pid");
        let pid = match fs::read_to_string(&pid_file) {
            Ok(pid) => pid.parse().expect("the pid file holds a pid"),
            Err(_) => {
                let child = spawn(&folder, &[]);
                fs::write(&pid_file, child.id().to_string()).expect("the pid can be noted");
                watch(owner, child.id(), &folder);
                wait_until_ready(&folder, child.id());
                child.id()
            }
        };
        Self::reach(&folder, pid, None)
    }

    /// A process of the test's own, with these settings in its environment.
    pub fn own(settings: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("tenon-it-own-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).expect("a folder for the product can be made");
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let child = spawn(&folder, &settings);
        let pid = child.id();
        let own = OwnProcess { folder: folder.clone(), settings, child: Some(child) };
        watch(std::process::id(), pid, &folder);
        wait_until_ready(&folder, pid);
        Self::reach(&folder, pid, Some(own))
    }

    fn reach(folder: &Path, pid: u32, own: Option<OwnProcess>) -> Self {
        let text = fs::read_to_string(folder.join("data/dev.json")).expect("dev.json is there");
        let access: Value = serde_json::from_str(&text).expect("dev.json is JSON");
        let field = |name: &str| access[name].as_str().expect("a text in dev.json").to_owned();
        Self {
            base: field("server"),
            project: field("project"),
            key: field("api_key"),
            execution_url: field("execution_url"),
            pid,
            http: client(),
            own,
        }
    }

    /// A product that something else starts and stops.
    pub fn elsewhere(base: String, project: String, key: String, execution_url: String) -> Self {
        Self { base, project, key, execution_url, pid: 0, http: client(), own: None }
    }

    /// Asks the process to stop (SIGTERM) and waits until it has. The test goes on meanwhile: a
    /// service of its own may have to answer the last calls.
    pub async fn stop(&mut self) {
        let own = self.own.as_mut().expect("only a process of the test's own is stopped");
        let mut child = own.child.take().expect("the process runs");
        assert!(signal(child.id(), "TERM"), "the product has ended by itself");
        let waiting = tokio::task::spawn_blocking(move || ends_within(&mut child, PATIENCE));
        let has_ended = waiting.await.expect("waiting does not panic");
        assert!(has_ended, "the product does not stop on SIGTERM");
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) {
        let own = self.own.as_mut().expect("only a process of the test's own is killed");
        let mut child = own.child.take().expect("the process runs");
        child.kill().expect("the process is there");
        tokio::task::spawn_blocking(move || child.wait())
            .await
            .expect("waiting does not panic")
            .expect("the process can be waited for");
    }

    /// Starts the process again on the same folder, after [`Product::stop`] or [`Product::kill`].
    pub async fn start_again(&mut self) {
        let mut own = self.own.take().expect("only a process of the test's own is started again");
        let child = spawn(&own.folder, &own.settings);
        let pid = child.id();
        own.child = Some(child);
        let folder = own.folder.clone();
        watch(std::process::id(), pid, &folder);
        let place = folder.clone();
        let waiting = tokio::task::spawn_blocking(move || wait_until_ready(&place, pid));
        waiting.await.expect("the product becomes ready");
        *self = Self::reach(&folder, pid, Some(own));
    }

    /// The folder with the data of a process of the test's own.
    pub fn data_folder(&self) -> PathBuf {
        let own = self.own.as_ref().expect("only for a process of the test's own");
        own.folder.join("data")
    }

    /// The resident memory of the process, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a VmRSS line");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") * 1_024
    }

    /// A call to a path of the project, with its key.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/projects/{}{path}", self.base, self.project);
        self.http.request(method, url).bearer_auth(&self.key)
    }

    /// GETs a path of the project.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.call(Method::GET, path)).await
    }

    /// POSTs JSON to a path of the project.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.call(Method::POST, path).json(body)).await
    }

    /// PUTs JSON to a path of the project.
    pub async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.call(Method::PUT, path).json(body)).await
    }

    /// Deploys a document; answers the workflow's id.
    pub async fn apply(&self, document: &Value) -> String {
        let text = document.to_string();
        let body = json!({ "documents": [{ "file": "test.json", "text": text }] });
        let (status, applied) = self.post("/workflows/apply", &body).await;
        assert_eq!(status, StatusCode::OK, "the document is refused: {applied:#}");
        text_of(&applied["applied"][0]["workflow_id"])
    }

    /// Deploys steps that an app event of a fresh name starts; answers that name.
    pub async fn deploy(&self, steps: Value) -> String {
        let name = fresh_name();
        self.apply(&document(&name, json!([{ "type": "app_event", "event": name }]), steps)).await;
        name
    }

    /// Sends an app event; answers the runs that it started.
    pub async fn fire(&self, event: &str, payload: Value) -> Vec<String> {
        let body = json!({ "name": event, "payload": payload });
        let (status, accepted) = self.post("/events", &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "the event is refused: {accepted:#}");
        let runs = accepted["runs"].as_array().expect("a list of runs");
        runs.iter().map(|run| text_of(&run["id"])).collect()
    }

    /// Deploys steps, starts one run of them and waits for its end; answers the run.
    pub async fn run(&self, steps: Value, payload: Value) -> Value {
        let event = self.deploy(steps).await;
        let runs = self.fire(&event, payload).await;
        assert_eq!(runs.len(), 1, "one workflow listens");
        self.ended(&runs[0]).await
    }

    /// As [`Product::run`], for a run that must succeed; answers the output of one of its steps.
    pub async fn output(&self, steps: Value, payload: Value, step: &str) -> Value {
        let run = self.run(steps, payload).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        self.value(&text_of(&run["id"]), step, "output").await
    }

    /// Waits until a run has ended.
    pub async fn ended(&self, run: &str) -> Value {
        let is_final = ["succeeded", "failed", "cancelled", "parked"];
        self.run_when(run, |shown| is_final.contains(&shown["status"].as_str().unwrap_or(""))).await
    }

    /// Waits until a run is in this state.
    pub async fn in_status(&self, run: &str, status: &str) -> Value {
        self.run_when(run, |shown| shown["status"] == status).await
    }

    /// Waits until a run fits.
    pub async fn run_when(&self, run: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let (status, shown) = self.get(&format!("/runs/{run}")).await;
            if status == StatusCode::OK && fits(&shown) {
                return shown;
            }
            assert!(Instant::now() < give_up, "run {run} does not get there: {shown:#}");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// All step records of a run, in the order they ended.
    pub async fn steps(&self, run: &str) -> Vec<Value> {
        let mut steps = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) =
                self.get(&format!("/runs/{run}/steps?limit=200&payloads=none{cursor}")).await;
            assert_eq!(status, StatusCode::OK, "{page:#}");
            let found = page["steps"].as_array().expect("a list of steps");
            let is_end = found.len() < 200;
            steps.extend(found.iter().cloned());
            match page["next"].as_str() {
                Some(next) if !is_end => cursor = format!("&cursor={next}"),
                _ => return steps,
            }
        }
    }

    /// The records of one step of a run.
    pub async fn records(&self, run: &str, step: &str) -> Vec<Value> {
        let steps = self.steps(run).await;
        steps.into_iter().filter(|record| record["step"] == step).collect()
    }

    /// A recorded value of a step outside of fan-outs, whole.
    pub async fn value(&self, run: &str, step: &str, field: &str) -> Value {
        let (status, value) = self.get(&format!("/runs/{run}/values/{step}/{field}")).await;
        assert_eq!(status, StatusCode::OK, "there is no {field} of {step}: {value:#}");
        value
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        if std::thread::panicking() {
            for log in [former_log_of(&own.folder), log_of(&own.folder)] {
                eprintln!(
                    "--- {}\n{}",
                    log.display(),
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
        }
        if let Some(mut child) = own.child.take() {
            signal(child.id(), "TERM");
            if !ends_within(&mut child, Duration::from_secs(8)) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        let _ = fs::remove_dir_all(&own.folder);
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client without TLS files can be built")
}

/// A name that no other test uses.
pub fn fresh_name() -> String {
    format!("t-{}", Uuid::new_v4().simple())
}

/// A document without settings but for retries that do not wait.
pub fn document(name: &str, triggers: Value, steps: Value) -> Value {
    let retry = json!({ "retries": 0 });
    json!({
        "version": 1, "name": name, "triggers": triggers, "steps": steps,
        "settings": { "retry": retry },
    })
}

/// The text that a value is.
pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// Sends a signal, such as `TERM`, to a process; `false` when it is not there any more.
pub fn signal(pid: u32, name: &str) -> bool {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    sent.expect("kill can be run").success()
}

/// Sends a call; an answer that is not JSON is null.
pub async fn answer(call: RequestBuilder) -> (StatusCode, Value) {
    let response = call.send().await.expect("the product answers");
    let status = response.status();
    let bytes = response.bytes().await.expect("the whole answer comes");
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// Waits until a condition holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "this did not happen in time: {what}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// The process that a shared product lives as long as: nextest, which starts a process for each
/// test, or this very process.
fn run_owner() -> u32 {
    match std::env::var_os("NEXTEST_RUN_ID") {
        Some(_) => std::os::unix::process::parent_id(),
        None => std::process::id(),
    }
}

fn spawn(folder: &Path, settings: &[(String, String)]) -> Child {
    let _ = fs::rename(log_of(folder), former_log_of(folder));
    let log = File::create(log_of(folder)).expect("a log file can be made");
    let out = log.try_clone().expect("a file can be opened twice");
    Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["dev", "--listen", "127.0.0.1:0", "--without-demo", "--dir"])
        .arg(folder.join("data"))
        .env("TENON_LOG__FILTER", "warn")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("the product can be started")
}

/// Has a shell stop the process `pid` and remove the folder once the process `owner` has ended.
#[expect(clippy::zombie_processes, reason = "the shell ends after its owner")]
pub fn watch(owner: u32, pid: u32, folder: &Path) {
    let ids = [owner.to_string(), pid.to_string()];
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .args(ids)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell can be started");
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("product.log")
}

fn former_log_of(folder: &Path) -> PathBuf {
    folder.join("product.former.log")
}

fn wait_until_ready(folder: &Path, pid: u32) {
    let give_up = Instant::now() + START_TIMEOUT;
    loop {
        let log = fs::read_to_string(log_of(folder)).unwrap_or_default();
        if log.contains(READY_LINE) {
            return;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let has_ended = stat.is_empty() || stat.contains(") Z ");
        assert!(!has_ended, "the product ended before it was ready:\n{log}");
        assert!(Instant::now() < give_up, "the product is not ready in time:\n{log}");
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Waits until a child has ended; `false` when it has not by then.
pub fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let give_up = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if Instant::now() < give_up => std::thread::sleep(LOOK_INTERVAL),
            _ => return false,
        }
    }
}
