//! The outside that the workflows call: notes every call with its key, and whether the caller
//! stayed for the answer. It lives in this process and is never broken by accident.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, serve};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::history::{Function, History, Phase};
use crate::misbehaviour::{self, Misbehaviour};

/// How long a call takes, so that a fault finds some of them under way.
const WORK: Duration = Duration::from_millis(40);
/// How this process is called in the record.
const NAME: &str = "effects";

/// What a step sends.
#[derive(Debug, Deserialize)]
struct Call {
    run: String,
    step: String,
    request: String,
    /// Whether the first call of the step is to fail.
    #[serde(default)]
    is_flaky: bool,
}

/// The running service.
#[derive(Debug, Clone)]
pub struct Effects {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    history: Arc<History>,
    calls: AtomicU64,
    /// Flaky steps that failed once.
    failed: Mutex<HashSet<String>>,
    misbehaviour: Mutex<Misbehaviour>,
    /// Who called on behalf of a job that is to kill its worker.
    poison: Mutex<Option<mpsc::UnboundedSender<SocketAddr>>>,
}

impl Effects {
    /// Listens on a free port; ends with the runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(history: Arc<History>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            history,
            calls: AtomicU64::new(0),
            failed: Mutex::default(),
            misbehaviour: Mutex::new(Misbehaviour::None),
            poison: Mutex::default(),
        });
        let router = Router::new()
            .route("/effect", post(act))
            .route("/provider", post(misbehave))
            .route("/poison", post(poison))
            .with_state(inner.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { serve(listener, service).await });
        Ok(Self { address, inner })
    }

    /// How `/provider` behaves from now on.
    pub fn behave(&self, misbehaviour: Misbehaviour) {
        *self.inner.misbehaviour.lock() = misbehaviour;
    }

    /// The addresses from which jobs call that are to kill their worker.
    #[must_use]
    pub fn poisoned(&self) -> mpsc::UnboundedReceiver<SocketAddr> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.inner.poison.lock() = Some(sender);
        receiver
    }
}

impl Inner {
    /// Notes a call; the answer notes its end when it is dropped.
    fn note(self: &Arc<Self>, headers: &HeaderMap, call: &Call) -> Stay {
        let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}/{}", call.run, call.step);
        let val = json!({ "call": number, "request": call.request, "key": key });
        self.history.push(NAME, Phase::Invoke, Function::Effect, &id, val);
        Stay { history: self.history.clone(), id, number, phase: Phase::Info }
    }
}

/// A call under way. Dropped without an answer, its caller went away.
struct Stay {
    history: Arc<History>,
    id: String,
    number: u64,
    phase: Phase,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let val = json!({ "call": self.number });
        self.history.push(NAME, self.phase, Function::Effect, &self.id, val);
    }
}

async fn act(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Json(call): Json<Call>,
) -> (StatusCode, Json<Value>) {
    let mut stay = inner.note(&headers, &call);
    let is_success = !(call.is_flaky && inner.failed.lock().insert(stay.id.clone()));
    // A caller that goes away makes the server drop this very future, and `stay` with it.
    tokio::time::sleep(WORK).await;
    stay.phase = if is_success { Phase::Ok } else { Phase::Fail };
    let status = if is_success { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": is_success })))
}

async fn misbehave(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Json(call): Json<Call>,
) -> Response {
    let mut stay = inner.note(&headers, &call);
    let misbehaviour = *inner.misbehaviour.lock();
    let response = misbehaviour::answer(misbehaviour).await;
    stay.phase = if misbehaviour == Misbehaviour::None { Phase::Ok } else { Phase::Fail };
    response
}

/// A job that is the end of its worker: who called is told, and does not get an answer for long.
async fn poison(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(call): Json<Call>,
) -> Response {
    let mut stay = inner.note(&headers, &call);
    let listener = inner.poison.lock().clone();
    if listener.is_some_and(|listener| listener.send(caller).is_ok()) {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    stay.phase = Phase::Fail;
    Body::from("the worker lives").into_response()
}
