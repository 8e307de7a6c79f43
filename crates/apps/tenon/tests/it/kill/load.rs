//! The clients: they ask, and ask again with the same key until they have an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tenon_domain::RunId;
use tenon_testkit::history_checker::{Event, History};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Clients that send app events; one more calls a request trigger.
const EVENT_CLIENTS: usize = 2;
/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(120);
/// Before a request is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Every so often a client asks again although it had its answer, as one does that lost it.
const FORGETS_EVERY: u32 = 10;
/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How the product is reached; the address changes when it is started again.
#[derive(Clone)]
pub struct Access {
    address: Arc<Mutex<String>>,
    project: String,
    api_key: String,
    client: reqwest::Client,
}

impl Access {
    pub fn new(project: String, api_key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { address: Arc::default(), project, api_key, client })
    }

    pub fn move_to(&self, address: String) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Deploys a workflow document.
    pub async fn apply(&self, text: &str) -> anyhow::Result<()> {
        let body = json!({ "documents": [{ "file": "kill.yaml", "text": text }] });
        let response = self.post("workflows/apply").json(&body).send().await?;
        ensure!(response.status().is_success(), "refused: {}", response.text().await?);
        Ok(())
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        let address = self.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let url = format!("{address}/api/v1/projects/{}/{path}", self.project);
        self.client.post(url).bearer_auth(&self.api_key)
    }

    async fn send_event(&self, request: &str) -> anyhow::Result<Vec<RunId>> {
        let body = json!({ "name": "kill", "payload": { "request": request } });
        let sent =
            self.post("events").header("idempotency-key", request).json(&body).send().await?;
        ensure!(sent.status() == http::StatusCode::ACCEPTED, "{}", sent.status());
        let answer: Value = sent.json().await?;
        let runs = answer["runs"].as_array().context("an answer without runs")?;
        ensure!(!runs.is_empty(), "nothing listens yet");
        runs.iter().map(|run| run_of(&run["id"])).collect()
    }

    async fn call_trigger(&self, request: &str) -> anyhow::Result<Vec<RunId>> {
        let post = self.post("triggers/kill-request").header("idempotency-key", request);
        let sent = post.json(&json!({ "request": request })).send().await?;
        ensure!(sent.status() == http::StatusCode::ACCEPTED, "{}", sent.status());
        let answer: Value = sent.json().await?;
        Ok(vec![run_of(&answer["run"])?])
    }
}

fn run_of(id: &Value) -> anyhow::Result<RunId> {
    id.as_str().context("an answer without a run id")?.parse().context("a run id in an answer")
}

/// Clients under way.
pub struct Load {
    clients: JoinSet<()>,
    stop: CancellationToken,
}

impl Load {
    pub fn start(access: &Access, history: &Arc<History>) -> Self {
        let (mut clients, stop) = (JoinSet::new(), CancellationToken::new());
        for number in 0..=EVENT_CLIENTS {
            let client = Client {
                name: format!("client-{number}"),
                sends_events: number < EVENT_CLIENTS,
                access: access.clone(),
                history: history.clone(),
            };
            clients.spawn(client.run(stop.clone()));
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
    sends_events: bool,
    access: Access,
    history: Arc<History>,
}

impl Client {
    async fn run(self, stop: CancellationToken) {
        let mut number = 0_u32;
        while !stop.is_cancelled() {
            number += 1;
            let request = format!("{}-{number}", self.name);
            while !self.try_once(&request).await && !stop.is_cancelled() {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            if number.is_multiple_of(FORGETS_EVERY) {
                self.try_once(&request).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_once(&self, request: &str) -> bool {
        self.history.push(Event::Invoked { request: request.to_owned() });
        let answer = if self.sends_events {
            self.access.send_event(request).await
        } else {
            self.access.call_trigger(request).await
        };
        let request = request.to_owned();
        match answer {
            Ok(runs) => {
                self.history.push(Event::Accepted { request, runs });
                true
            }
            Err(_) => {
                self.history.push(Event::Unknown { request });
                false
            }
        }
    }
}
