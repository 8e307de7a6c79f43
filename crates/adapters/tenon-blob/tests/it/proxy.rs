//! A proxy between the store and its server that does harm when it is told to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, io::Error>;

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It is refused with this status, and the server never sees it.
    Status(u16),
    /// The server does it, and the answer is this status.
    AnswerLost(u16),
    /// It is not answered.
    BlackHole,
    /// Half of the answer's body comes, then the connection ends.
    Partial,
    /// One bit of the answer's body is another.
    FlippedBit,
    /// The answer names another ETag.
    WrongETag,
    /// The connection ends without an answer.
    Reset,
    /// Half of the request's body reaches the server, as if it were all.
    HalfUpload,
}

/// Which requests, and how many of them: all where there is no number.
#[derive(Debug, Clone)]
struct Order {
    method: Method,
    harm: Harm,
    left: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    done: u32,
}

/// A running proxy.
pub struct Proxy {
    pub base: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Starts one in front of a server.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::<Mutex<State>>::default();
        let (shared, upstream) = (state.clone(), Arc::<str>::from(upstream));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, upstream, client) = (shared.clone(), upstream.clone(), client.clone());
                let service = service_fn(move |request| {
                    let (shared, upstream, client) =
                        (shared.clone(), upstream.clone(), client.clone());
                    async move { answer(request, &shared, &upstream, &client).await }
                });
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { base: format!("http://127.0.0.1:{port}"), state }
    }

    /// Harms the next so many requests of a method.
    pub fn harm(&self, method: Method, harm: Harm, times: u32) {
        self.lock().orders.push_back(Order { method, harm, left: Some(times) });
    }

    /// Harms all requests of a method until [`Self::heal`].
    pub fn harm_all(&self, method: Method, harm: Harm) {
        self.lock().orders.push_back(Order { method, harm, left: None });
    }

    /// Does no more harm; answers how much there was.
    pub fn heal(&self) -> u32 {
        let mut state = self.lock();
        state.orders.clear();
        std::mem::take(&mut state.done)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

fn ordered(state: &Mutex<State>, method: &Method) -> Option<Harm> {
    let mut state = state.lock().expect("nobody panics with it");
    let at = state.orders.iter().position(|order| order.method == *method)?;
    let order = state.orders.get_mut(at)?;
    let harm = order.harm;
    if let Some(left) = &mut order.left {
        *left -= 1;
        if *left == 0 {
            state.orders.remove(at);
        }
    }
    state.done += 1;
    Some(harm)
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
    upstream: &str,
    client: &reqwest::Client,
) -> Result<Response<Body>, io::Error> {
    let harm = ordered(state, request.method());
    match harm {
        Some(Harm::Status(status)) => return Ok(empty(status)),
        Some(Harm::Reset) => return Err(io::Error::other("reset")),
        Some(Harm::BlackHole) => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        _ => {}
    }
    let (parts, body) = request.into_parts();
    let mut body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut headers = parts.headers;
    if harm == Some(Harm::HalfUpload) {
        body.truncate(body.len() / 2);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let sent = client.request(parts.method.clone(), format!("{upstream}{path}"));
    let answer = sent.headers(headers).body(body).send().await.map_err(io::Error::other)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map_err(io::Error::other)?;
    Ok(match harm {
        Some(Harm::AnswerLost(status)) => empty(status),
        _ => harmed(status, headers, body, harm),
    })
}

fn harmed(
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
    harm: Option<Harm>,
) -> Response<Body> {
    let body: Body = match harm {
        Some(Harm::Partial) => {
            let half = body.slice(..body.len() / 2);
            let frames = [Ok(Frame::data(half)), Err(io::Error::other("cut short"))];
            BodyExt::boxed(StreamBody::new(stream::iter(frames)))
        }
        Some(Harm::FlippedBit) => {
            let mut bytes = body.to_vec();
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 1;
            }
            full(Bytes::from(bytes))
        }
        _ => full(body),
    };
    if harm == Some(Harm::WrongETag) {
        headers.insert(header::ETAG, HeaderValue::from_static("\"00000000\""));
    }
    headers.remove(header::TRANSFER_ENCODING);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn empty(status: u16) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}
