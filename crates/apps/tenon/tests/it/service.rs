//! The outside world of a test: an HTTP service on loopback that notes every call and answers
//! as the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A call that the service got.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query, as it was written.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; JSON, or text.
    pub body: Value,
    /// When it came.
    pub at: Instant,
    /// How many calls of the same path came before it.
    pub before: usize,
}

impl Call {
    /// A header of it, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What the service says.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    after: Duration,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            after: Duration::ZERO,
        }
    }

    /// Bytes of a type.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, headers, body, after: Duration::ZERO }
    }

    /// With one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Only after a while.
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

/// The service.
pub struct Service {
    /// Its address, `http://host:port`.
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    open: Arc<Mutex<HashMap<String, Open>>>,
    task: tokio::task::JoinHandle<()>,
}

/// Calls of a path that have no answer yet: how many, and how many at most so far.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    now: usize,
    most: usize,
}

/// A call without an answer; it ends with its answer or when its caller goes.
struct Answering {
    open: Arc<Mutex<HashMap<String, Open>>>,
    path: String,
}

impl Answering {
    fn begin(shared: &Shared, path: &str) -> Self {
        let (open, path) = (shared.open.clone(), path.to_owned());
        let mut paths = open.lock().expect("no test panics in it");
        let calls = paths.entry(path.clone()).or_default();
        calls.now += 1;
        calls.most = calls.most.max(calls.now);
        drop(paths);
        Self { open, path }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut paths = self.open.lock().expect("no test panics in it");
        paths.entry(std::mem::take(&mut self.path)).or_default().now -= 1;
    }
}

#[derive(Clone)]
struct Shared {
    open: Arc<Mutex<HashMap<String, Open>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    answer: Arc<dyn Fn(&Call) -> Reply + Send + Sync>,
}

impl Service {
    /// Starts it.
    pub async fn start(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::default();
        let shared = Shared {
            open: Arc::clone(&open),
            calls: calls.clone(),
            counts: Arc::new(Mutex::new(HashMap::new())),
            answer: Arc::new(answer),
        };
        let router = Router::new().fallback(serve).with_state(shared);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, calls, open, task }
    }

    /// A service that says 200 with what it got.
    pub async fn echo() -> Self {
        Self::start(|call| {
            Reply::json(200, &json!({ "path": call.path, "query": call.query, "body": call.body }))
        })
        .await
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no test panics in it").clone()
    }

    /// How many calls of a path were under way at the same time, at most so far.
    pub fn most_at_once(&self, path: &str) -> usize {
        let open = self.open.lock().expect("no test panics in it");
        open.get(path).map_or(0, |open| open.most)
    }

    /// The calls of a path so far.
    pub fn calls_of(&self, path: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path == path).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let _answering = Answering::begin(&shared, &path);
    let before = {
        let mut counts = shared.counts.lock().expect("no test panics in it");
        let count = counts.entry(path.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let call = Call {
        method: parts.method.to_string(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned())),
        at: Instant::now(),
        before,
    };
    shared.calls.lock().expect("no test panics in it").push(call.clone());
    let reply = (shared.answer)(&call);
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).expect("a status");
    for (name, value) in reply.headers {
        let value = HeaderValue::from_str(&value).expect("a header value");
        response.headers_mut().insert(name, value);
    }
    response
}
