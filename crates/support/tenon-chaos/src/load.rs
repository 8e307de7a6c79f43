//! The clients: each asks at its own pace, whether or not earlier requests were answered, and
//! repeats a request under the same key until it has an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::history::{Function, History, Phase};

/// Clients beside each other.
const CLIENTS: usize = 4;
/// Clients whose runs have an order; each sends the next request when the last one was accepted.
const LANES: u64 = 3;
/// Between two requests of such a client.
const LANE_PAUSE: Duration = Duration::from_millis(400);
/// Requests of one client without an answer; beyond, it leaves some out.
const OUTSTANDING_MAX: usize = 200;
/// Before a request is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Every so often a client asks again although it had its answer, as one does that lost it.
const FORGETS_EVERY: u64 = 10;
/// Every so often a request is too large for the row and goes to the blob store.
const LARGE_EVERY: u64 = 40;
/// Larger than `execution.inline_bytes_max`.
const LARGE_BYTES: usize = 100_000;
/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// How the product is reached; addresses change when it is started again.
#[derive(Debug, Clone)]
pub struct Access {
    addresses: Arc<Mutex<Addresses>>,
    project: String,
    api_key: String,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct Addresses {
    api: Option<SocketAddr>,
    gateway: Option<SocketAddr>,
}

/// How a request ended.
#[derive(Debug)]
enum Answer {
    Accepted(Vec<String>),
    Refused,
    Unknown,
}

impl Access {
    pub(crate) fn new(project: String, api_key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { addresses: Arc::default(), project, api_key, client })
    }

    pub(crate) fn found(&self, role: &str, address: SocketAddr) {
        let mut addresses = self.addresses.lock();
        match role {
            "api" => addresses.api = Some(address),
            "gateway" => addresses.gateway = Some(address),
            _ => {}
        }
    }

    /// Makes another project; the answer reaches it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_project(&self, name: &str, installation_key: &str) -> anyhow::Result<Self> {
        let address = self.addresses.lock().api.context("the api does not listen")?;
        let post = self.client.post(format!("http://{address}/api/v1/projects"));
        let post = post.bearer_auth(installation_key).json(&json!({ "name": name }));
        let response = post.send().await?;
        ensure!(response.status().is_success(), "refused: {}", response.text().await?);
        let made: Value = response.json().await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Self {
            project: text(&made["id"]).context("a project without an id")?,
            api_key: text(&made["api_key"]["key"]).context("a project without a key")?,
            ..self.clone()
        })
    }

    /// Deploys a workflow document.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let address = self.addresses.lock().api.context("the api does not listen")?;
        let url = format!("http://{address}/api/v1/projects/{}/workflows/apply", self.project);
        let body = json!({ "documents": [{ "file": file, "text": text }] });
        let post = self.client.post(url).bearer_auth(&self.api_key).json(&body);
        let response = post.send().await?;
        ensure!(response.status().is_success(), "refused: {}", response.text().await?);
        Ok(())
    }

    fn post(&self, path: &str) -> Option<reqwest::RequestBuilder> {
        let address = self.addresses.lock().gateway?;
        let url = format!("http://{address}/api/v1/projects/{}/{path}", self.project);
        Some(self.client.post(url).bearer_auth(&self.api_key))
    }

    async fn ask(&self, ask: &Ask) -> Answer {
        let (path, body) = match ask.trigger {
            Trigger::Event(name) => {
                ("events".to_owned(), json!({ "name": name, "payload": ask.payload() }))
            }
            Trigger::Request(workflow) => (format!("triggers/{workflow}"), ask.payload()),
        };
        let Some(post) = self.post(&path) else { return Answer::Unknown };
        let sent = post.header("idempotency-key", &ask.id).json(&body).send().await;
        let Ok(response) = sent else { return Answer::Unknown };
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::OK => match response.json::<Value>().await {
                Ok(answer) => match runs_of(&answer) {
                    Some(runs) => Answer::Accepted(runs),
                    // Deployed a moment ago, and not heard of here yet.
                    None => Answer::Refused,
                },
                Err(_) => Answer::Unknown,
            },
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::NOT_FOUND => Answer::Refused,
            _ => Answer::Unknown,
        }
    }

    /// Asks once and records it; whether it was accepted.
    pub async fn try_once(&self, client: &str, ask: &Ask, history: &History) -> bool {
        let begun = json!({ "expects": ask.expects, "steps": ask.steps });
        history.push(client, Phase::Invoke, Function::Accept, &ask.id, begun);
        let (phase, val) = match self.ask(ask).await {
            Answer::Accepted(runs) => (Phase::Ok, json!({ "runs": runs })),
            Answer::Refused => (Phase::Fail, json!(null)),
            Answer::Unknown => (Phase::Info, json!(null)),
        };
        history.push(client, phase, Function::Accept, &ask.id, val);
        phase == Phase::Ok
    }
}

fn runs_of(answer: &Value) -> Option<Vec<String>> {
    if let Some(run) = answer["run"].as_str() {
        return Some(vec![run.to_owned()]);
    }
    let runs = answer["runs"].as_array()?;
    let runs: Option<Vec<String>> =
        runs.iter().map(|run| run["id"].as_str().map(str::to_owned)).collect();
    runs.filter(|runs| !runs.is_empty())
}

/// What starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An app event of this name.
    Event(&'static str),
    /// The request trigger of this workflow.
    Request(&'static str),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The client's own id of it, and its idempotency key.
    pub id: String,
    /// What it starts.
    pub trigger: Trigger,
    /// Whose turn it takes, where its runs have an order.
    pub lane: Option<u64>,
    /// Bytes beside the id.
    pub padding: usize,
    /// How its runs are to end: `well`, or `any` where they may fail.
    pub expects: &'static str,
    /// Steps whose calls are seen when a run of it ended well.
    pub steps: &'static [&'static str],
}

/// The steps of the workflow that an app event starts.
pub const EVENT_STEPS: [&str; 3] = ["first", "flaky", "last"];
/// The steps of the workflow whose runs have an order.
pub const ORDERED_STEPS: [&str; 2] = ["begin", "end"];
/// The steps of the workflow with a request trigger.
pub const REQUEST_STEPS: [&str; 3] = ["one", "two", "three"];

impl Ask {
    fn payload(&self) -> Value {
        let padding = "x".repeat(self.padding);
        json!({ "request": self.id, "padding": padding, "lane": self.lane })
    }
}

/// Clients under way.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<()>,
    stop: CancellationToken,
}

impl Load {
    /// Starts clients that together ask so often a second.
    #[must_use]
    pub fn start(access: &Access, history: &Arc<History>, rate: f64) -> Self {
        let (mut clients, stop) = (JoinSet::new(), CancellationToken::new());
        for number in 0..CLIENTS {
            let client = Arc::new(Client {
                name: format!("client-{number}"),
                // One of them calls a request trigger, the others send events.
                trigger: match number {
                    0 => Trigger::Request("chaos-request"),
                    _ => Trigger::Event("chaos"),
                },
                access: access.clone(),
                history: history.clone(),
                outstanding: Arc::new(Semaphore::new(OUTSTANDING_MAX)),
            });
            let pause = Duration::from_secs_f64(CLIENTS as f64 / rate.max(0.1));
            clients.spawn(client.run(pause, stop.clone()));
        }
        for lane in 0..LANES {
            let (access, history) = (access.clone(), history.clone());
            clients.spawn(keep_lane(lane, access, history, stop.clone()));
        }
        Self { clients, stop }
    }

    /// Lets the clients end their tries.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.clients.join_next().await.is_some() {}
    }
}

struct Client {
    name: String,
    trigger: Trigger,
    access: Access,
    history: Arc<History>,
    outstanding: Arc<Semaphore>,
}

impl Client {
    async fn run(self: Arc<Self>, pause: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(pause);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let requests = TaskTracker::new();
        for number in 1_u64.. {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let Ok(permit) = self.outstanding.clone().try_acquire_owned() else { continue };
            let (client, stop) = (self.clone(), stop.clone());
            requests.spawn(async move {
                client.request(number, &stop).await;
                drop(permit);
            });
        }
        requests.close();
        requests.wait().await;
    }

    async fn request(&self, number: u64, stop: &CancellationToken) {
        let padding = if number.is_multiple_of(LARGE_EVERY) { LARGE_BYTES } else { 0 };
        let id = format!("{}-{number}", self.name);
        let steps: &[&str] = match self.trigger {
            Trigger::Event(_) => &EVENT_STEPS,
            Trigger::Request(_) => &REQUEST_STEPS,
        };
        let ask = Ask { id, trigger: self.trigger, lane: None, padding, expects: "well", steps };
        while !self.access.try_once(&self.name, &ask, &self.history).await {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
        if number.is_multiple_of(FORGETS_EVERY) {
            self.access.try_once(&self.name, &ask, &self.history).await;
        }
    }
}

/// Sends the requests of a lane, each after the one before it was accepted.
async fn keep_lane(lane: u64, access: Access, history: Arc<History>, stop: CancellationToken) {
    let name = format!("client-lane-{lane}");
    for number in 1_u64.. {
        let ask = Ask {
            id: format!("order-{lane}-{number}"),
            trigger: Trigger::Event("chaos-ordered"),
            lane: Some(lane),
            padding: 0,
            expects: "well",
            steps: &ORDERED_STEPS,
        };
        while !access.try_once(&name, &ask, &history).await {
            if stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await.is_none() {
                return;
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(LANE_PAUSE)).await.is_none() {
            return;
        }
    }
}
