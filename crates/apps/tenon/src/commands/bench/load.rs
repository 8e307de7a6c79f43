//! The load: keep-alive connections, each with one request under way, and an echo service.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What every caller sends.
#[derive(Debug, Clone)]
pub struct Shot {
    /// `POST` with a body, or `GET`.
    pub method: Method,
    /// Host and port.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
    /// `Authorization` value, empty for none.
    pub authorization: String,
    /// JSON body.
    pub body: Bytes,
    /// The status that counts as right.
    pub expected: StatusCode,
    /// Text that a right answer holds.
    pub marker: &'static str,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Right answers.
    pub answered: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Latencies, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Right answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latencies in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = ((last as f64) * quantile).round() as usize;
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// Sends as fast as the answers come, with so many callers.
///
/// # Errors
/// When an answer is wrong: then no figure counts.
pub async fn closed_loop(shot: &Shot, callers: usize, length: Duration) -> anyhow::Result<Outcome> {
    drive(shot, callers, length, None).await
}

/// Sends at a fixed rate, spread over so many callers; latency counts from the planned moment,
/// so that a stall is not hidden.
///
/// # Errors
/// When an answer is wrong.
pub async fn open_loop(
    shot: &Shot,
    callers: usize,
    length: Duration,
    rate: f64,
) -> anyhow::Result<Outcome> {
    drive(shot, callers, length, Some(rate)).await
}

async fn drive(
    shot: &Shot,
    callers: usize,
    length: Duration,
    rate: Option<f64>,
) -> anyhow::Result<Outcome> {
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    let until = started + length;
    let planned = Arc::new(AtomicU64::new(0));
    for _ in 0..callers {
        let (shot, planned) = (shot.clone(), planned.clone());
        tasks.spawn(async move {
            let mut sender = connect(shot.address).await?;
            let mut latencies = Vec::new();
            loop {
                let mut due = Instant::now();
                if let Some(rate) = rate {
                    let number = planned.fetch_add(1, Ordering::Relaxed);
                    due = started + Duration::from_secs_f64(number as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                }
                if due >= until || Instant::now() >= until {
                    return anyhow::Ok(latencies);
                }
                fire(&mut sender, &shot).await?;
                latencies.push(due.elapsed());
            }
        });
    }
    let mut outcome = Outcome::default();
    while let Some(latencies) = tasks.join_next().await {
        outcome.latencies.extend(latencies??);
    }
    outcome.elapsed = started.elapsed();
    outcome.answered = outcome.latencies.len() as u64;
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// Opens a connection.
async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("the service cannot be reached")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// What came of more than the service can take.
#[derive(Debug, Clone, Default)]
pub struct Flood {
    /// Right answers.
    pub answered: u64,
    /// Turned away, each with the time to come again.
    pub refused: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Sends as fast as answers come, with so many callers, of whom none waits when it is turned away.
///
/// # Errors
/// When an answer is neither right nor a 429 or 503 with `Retry-After`.
pub async fn flood(shot: &Shot, callers: usize, length: Duration) -> anyhow::Result<Flood> {
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..callers {
        let shot = shot.clone();
        tasks.spawn(async move {
            let mut sender = connect(shot.address).await?;
            let (mut answered, mut refused) = (0_u64, 0_u64);
            while started.elapsed() < length {
                let (head, body) = send(&mut sender, &shot).await?;
                let is_refusal = matches!(head.status.as_u16(), 429 | 503);
                if is_refusal && head.headers.contains_key("retry-after") {
                    refused += 1;
                } else {
                    check(&shot, head.status, &body)?;
                    answered += 1;
                }
            }
            anyhow::Ok((answered, refused))
        });
    }
    let mut flood = Flood::default();
    while let Some(counts) = tasks.join_next().await {
        let (answered, refused) = counts??;
        flood.answered += answered;
        flood.refused += refused;
    }
    flood.elapsed = started.elapsed();
    Ok(flood)
}

async fn fire(sender: &mut SendRequest<Full<Bytes>>, shot: &Shot) -> anyhow::Result<()> {
    let (head, body) = send(sender, shot).await?;
    check(shot, head.status, &body)
}

fn check(shot: &Shot, status: StatusCode, body: &Bytes) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(body);
    if status != shot.expected || !text.contains(shot.marker) {
        bail!("wrong answer {status}: {}", text.chars().take(300).collect::<String>());
    }
    Ok(())
}

async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    shot: &Shot,
) -> anyhow::Result<(http::response::Parts, Bytes)> {
    let mut request = Request::builder()
        .method(&shot.method)
        .uri(&shot.path)
        .header("host", "localhost")
        .header("content-type", "application/json");
    if !shot.authorization.is_empty() {
        request = request.header("authorization", &shot.authorization);
    }
    sender.ready().await?;
    let response = sender.send_request(request.body(Full::new(shot.body.clone()))?).await?;
    let (head, body) = response.into_parts();
    Ok((head, body.collect().await?.to_bytes()))
}

/// A service that answers what it was sent, for the workflow's request step and for calibration.
/// `delay` is how long each answer takes.
///
/// # Errors
/// When no port is free.
pub async fn echo(delay: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, delay));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

/// A service that gives out the same JSON whatever it is asked, for calibration.
///
/// # Errors
/// When no port is free.
pub async fn giving(body: Bytes) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let body = body.clone();
            tokio::spawn(async move {
                let service = service_fn(move |_request: Request<Incoming>| {
                    let answer = json_answer(body.clone());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(json_answer(body))
}

fn json_answer(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}
