//! A provider: an HTTP server that notes what it sees.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A body of any kind.
pub type AnyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request as the provider saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A server; it stops when it is dropped.
pub struct Provider {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    /// Answers by what it saw; the body was read whole.
    pub async fn new(
        answer: impl Fn(&Seen) -> Response<AnyBody> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::streaming(move |request, seen| {
            let answer = answer.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_or_else(|_| Bytes::new(), |it| it.to_bytes());
                let request = Seen {
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    headers: head.headers,
                    body,
                };
                seen.lock().push(request.clone());
                answer(&request)
            }
        })
        .await
    }

    /// Answers while the body comes in.
    pub async fn streaming<F, T>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>, Arc<Mutex<Vec<Seen>>>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = Response<AnyBody>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, notes) = (answer.clone(), notes.clone());
                let service = service_fn(move |request| {
                    let answering = answer(request, notes.clone());
                    async move { Ok::<_, Infallible>(answering.await) }
                });
                tokio::spawn(async move {
                    // How the other side leaves is its business.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, seen, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// The only request.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

pub fn whole(bytes: impl Into<Bytes>) -> AnyBody {
    AnyBody::new(Full::new(bytes.into()).map_err(|never| match never {}))
}

pub fn text(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<AnyBody> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(whole(body)).expect("a response")
}

pub fn json(status: u16, body: impl Into<Bytes>) -> Response<AnyBody> {
    text(status, &[("content-type", "application/json")], body)
}
