//! Serves a router on a listener: HTTP/1.1 and HTTP/2 without TLS on the same port, with limits
//! against slow and greedy clients, and a drain with a deadline. Does not do TLS: a proxy in front
//! does.

mod drain;
mod framing;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use drain::Connections;
pub use drain::DrainReport;
use framing::{FramedIo, FramingWatch};
pub use threads::ConnectionThreads;
use threads::Seat;

use crate::codes;
use crate::problem::Problem;

/// Settings of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    /// Open connections; more wait to be accepted.
    pub connections_max: usize,
    /// How long the head of a request may take to arrive; also the longest a connection may be
    /// idle between two requests.
    pub header_read_timeout: Duration,
    /// The most headers of a request (HTTP/1).
    pub headers_max: usize,
    /// The largest head of a request, in bytes; at least 8,192.
    pub header_bytes_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// How long requests in work may go on after the shutdown began.
    pub drain_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            header_read_timeout: Duration::from_secs(30),
            headers_max: 100,
            header_bytes_max: 32 << 10,
            http2_streams_max: 200,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// The smallest buffer that hyper takes.
const HEADER_BYTES_MIN: usize = 8_192;
/// Pause after accepting failed, for lack of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// HTTP/2 pings a connection that is silent.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Streams that were reset but not yet accepted: the budget of a rapid-reset attack.
const HTTP2_PENDING_RESETS_MAX: usize = 20;

/// Serves until `shutdown` is cancelled, then lets requests in work end, at most
/// [`ServeSettings::drain_timeout`]. Connections run on the runtime of the caller.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    shutdown: CancellationToken,
) -> DrainReport {
    accept_until_shutdown(listener, router, settings, None, shutdown).await
}

/// Serves as [`serve`] does, with each connection on one of these threads.
pub async fn serve_on(
    threads: &ConnectionThreads,
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    shutdown: CancellationToken,
) -> DrainReport {
    accept_until_shutdown(listener, router, settings, Some(threads), shutdown).await
}

async fn accept_until_shutdown(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    threads: Option<&ConnectionThreads>,
    shutdown: CancellationToken,
) -> DrainReport {
    let builder = Arc::new(connection_builder(&settings));
    let slots = Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS)));
    let mut connections = Connections::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let seat = threads.and_then(ConnectionThreads::seat);
        let runtime = seat.as_ref().map_or_else(Handle::current, |seat| seat.runtime.clone());
        let (watcher, router, builder) =
            (connections.watcher(), router.clone(), Arc::clone(&builder));
        let connection = async move {
            match settle(stream, seat.as_ref()) {
                Ok(stream) => {
                    let patience = settings.header_read_timeout;
                    serve_connection(stream, router, builder, patience, watcher).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be moved to its thread")
                }
            }
            drop((slot, seat));
        };
        connections.spawn_on(connection, &runtime);
    }
    drop(listener);
    connections.drain(settings.drain_timeout).await
}

type Slot = tokio::sync::OwnedSemaphorePermit;

/// Takes a connection once there is room for one.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, Slot)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

/// Gives a connection to the runtime that it is polled on from now on.
fn settle(stream: TcpStream, seat: Option<&Seat>) -> std::io::Result<TcpStream> {
    match seat {
        Some(_) => TcpStream::from_std(stream.into_std()?),
        None => Ok(stream),
    }
}

fn connection_builder(settings: &ServeSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_bytes_max = settings.header_bytes_max.max(HEADER_BYTES_MIN);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        .max_headers(settings.headers_max)
        .max_buf_size(header_bytes_max)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.http2_streams_max)
        .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(settings.header_read_timeout);
    builder
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    builder: Arc<auto::Builder<TokioExecutor>>,
    first_request_timeout: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let framing = Arc::new(FramingWatch::default());
    let was_used = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(FramedIo::new(stream, Arc::clone(&framing)));
    let service = {
        let was_used = Arc::clone(&was_used);
        hyper::service::service_fn(move |request: Request<Incoming>| {
            was_used.store(true, Ordering::Relaxed);
            let router = router.clone();
            let is_ambiguous =
                request.headers().contains_key(TRANSFER_ENCODING) && framing.is_ambiguous();
            async move {
                if is_ambiguous {
                    return Ok(refuse_ambiguous());
                }
                router.oneshot(request.map(Body::new)).await
            }
        })
    };
    let connection = builder.serve_connection(io, service).into_owned();
    let mut connection = std::pin::pin!(watcher.watch(connection));
    // Telling HTTP/1 from HTTP/2 has no timeout of its own: a client that sends half of a
    // preface would stay for ever.
    tokio::select! {
        outcome = &mut connection => return log_end(outcome),
        () = tokio::time::sleep(first_request_timeout) => {}
    }
    if was_used.load(Ordering::Relaxed) {
        log_end(connection.await);
    }
}

fn log_end(outcome: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = outcome {
        tracing::debug!(error, "a connection ended early");
    }
}

fn refuse_ambiguous() -> axum::response::Response {
    let mut response = Problem::new(&codes::AMBIGUOUS_LENGTH)
        .detail("send either `Content-Length` or `Transfer-Encoding`, not both")
        .into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
