//! A server on a free port, and a client that sends exactly the bytes it is given.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::Value;
use tenon_http_kit::{
    BodyLimits, DrainReport, LayerSettings, Problem, ServeSettings, StrictValue, serve, with_layers,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for anything that is going to happen.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Server {
    pub address: std::net::SocketAddr,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<DrainReport>,
}

impl Server {
    pub async fn start(router: Router, settings: ServeSettings) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, settings, shutdown.clone()));
        Ok(Self { address, shutdown, task })
    }

    pub async fn with_defaults() -> std::io::Result<Self> {
        let router = with_layers(routes(), &LayerSettings::default());
        Self::start(router, ServeSettings::default()).await
    }

    pub async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    /// Sends bytes on a connection of their own and reads the whole answer.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> std::io::Result<Answer> {
        let mut stream = self.connect().await?;
        // The server may answer and close before it has read everything.
        drop(stream.write_all(bytes.as_ref()).await);
        Answer::read(&mut stream).await
    }

    /// Posts a JSON body to `/echo`.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> std::io::Result<Answer> {
        let body = body.as_ref();
        let mut request = format!(
            "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.send(request).await
    }
}

/// `/echo` answers the body, `/panic` panics, `/wait` never answers, `/teapot` is a handler's own
/// problem.
pub fn routes() -> Router {
    let limits = BodyLimits { body_bytes_max: 1_000, body_timeout: Duration::from_millis(200) };
    Router::new()
        .route("/echo", post(echo).layer(axum::Extension(limits)))
        .route("/ok", get(|| async { "ok" }))
        .route("/panic", get(panic))
        .route("/wait", get(|| async { std::future::pending::<()>().await }))
        .route("/gone", get(|| async { Problem::not_found().detail("it went away") }))
}

async fn echo(body: StrictValue) -> String {
    body.value.to_string()
}

async fn panic() {
    panic!("a defect with a secret in its text");
}

/// An answer, read to the end of the connection.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub async fn read(stream: &mut TcpStream) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await {
            // A reset after the answer is how a server refuses to read on.
            Ok(outcome) => {
                outcome.or_else(|error| if bytes.is_empty() { Err(error) } else { Ok(0) })?
            }
            Err(_) => return Err(std::io::Error::other("the server keeps the connection open")),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Ok(Self { head: head.to_ascii_lowercase(), body: body.to_owned() })
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The problem, whose status must be that of the answer.
    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).expect("a problem is JSON");
        assert_eq!(problem["status"], self.status(), "{self:?}");
        assert!(problem["request_id"].is_string(), "{self:?}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        problem
    }

    pub fn code(&self) -> String {
        self.problem()["code"].as_str().unwrap_or_default().to_owned()
    }
}
