//! The outside that the workflows call: it records every call, and whether the caller stayed
//! for the answer. It lives in the test process and is never killed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenon_domain::RunId;
use tenon_testkit::history_checker::{Event, History, StepKey};
use tokio::net::TcpListener;

/// How long a call takes, so that a fault finds some of them under way.
const WORK: Duration = Duration::from_millis(40);

/// What a step sends.
#[derive(Debug, Deserialize)]
struct Call {
    run: RunId,
    step: String,
    #[serde(default)]
    iteration: Vec<u32>,
    request: String,
    /// Whether the first call is to fail.
    #[serde(default)]
    is_flaky: bool,
}

#[derive(Clone)]
struct Service {
    history: Arc<History>,
    calls: Arc<AtomicU64>,
    /// How often flaky steps were called.
    flaky: Arc<Mutex<HashMap<StepKey, u32>>>,
}

/// Starts the service on a free port; it ends with the runtime.
pub async fn serve(history: Arc<History>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Service { history, calls: Arc::default(), flaky: Arc::default() };
    let router = Router::new().route("/effect", post(act)).with_state(service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn act(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(call): Json<Call>,
) -> (StatusCode, Json<Value>) {
    let key = StepKey { run: call.run, step: call.step, iteration: call.iteration };
    let named = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let number = service.calls.fetch_add(1, Ordering::Relaxed);
    service.history.push(Event::Effect {
        call: number,
        key: key.clone(),
        request: call.request,
        idempotency_key: named.unwrap_or_default().to_owned(),
    });
    // A caller that goes away makes the server drop this very future.
    let mut stay = Stay { history: service.history.clone(), call: number, is_over: false };
    let is_success = !(call.is_flaky && service.is_first(key));
    tokio::time::sleep(WORK).await;
    stay.is_over = true;
    service.history.push(Event::Answered { call: number, is_success });
    let status = if is_success { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": is_success })))
}

impl Service {
    fn is_first(&self, key: StepKey) -> bool {
        let mut flaky = self.flaky.lock().unwrap_or_else(PoisonError::into_inner);
        let count = flaky.entry(key).or_default();
        *count += 1;
        *count == 1
    }
}

/// Records that a caller did not stay.
struct Stay {
    history: Arc<History>,
    call: u64,
    is_over: bool,
}

impl Drop for Stay {
    fn drop(&mut self) {
        if !self.is_over {
            self.history.push(Event::Broken { call: self.call });
        }
    }
}
