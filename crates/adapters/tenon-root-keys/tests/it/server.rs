//! A server of this process on a free port, and what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A request, whole.
#[derive(Clone)]
pub struct Asked {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A field of a form, or of the query.
    pub fn form(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        [query, body].into_iter().find_map(|text| {
            let url = url::Url::parse(&format!("http://form/?{text}")).ok()?;
            url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        })
    }
}

pub type Answer = (StatusCode, String);

/// An answer with a JSON body.
pub fn json(value: &Value) -> Answer {
    (StatusCode::OK, value.to_string())
}

/// An answer that refuses, with a body that nobody may repeat.
pub fn refuse(status: StatusCode) -> Answer {
    (status, serde_json::json!({ "error": { "message": SECRET_IN_A_BODY } }).to_string())
}

pub const SECRET_IN_A_BODY: &str = "the body of a refusal";

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A running server; it ends with the test.
pub struct Server {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Shared {
    handler: Arc<Handler>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub async fn start(
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { handler: Arc::new(handler), asked: Arc::clone(&asked) };
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, asked })
    }

    /// How many requests there were whose path has this in it.
    pub fn count(&self, path: &str) -> usize {
        let asked = self.asked.lock().expect("no handler panics");
        asked.iter().filter(|asked| asked.path.contains(path)).count()
    }
}

async fn answer(State(shared): State<Shared>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = head.uri.to_string();
    let asked = Asked { method: head.method, path, headers: head.headers, body };
    shared.asked.lock().expect("no handler panics").push(asked.clone());
    (shared.handler)(&asked).into_response()
}

/// An address where nobody listens.
pub async fn nobody() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(format!("http://{}", listener.local_addr()?))
}
