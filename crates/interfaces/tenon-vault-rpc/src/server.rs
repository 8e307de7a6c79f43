//! The side of the vault: accepts connections of known roles and answers them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenon_contract::vault::{Vault, VaultError};
use tenon_telemetry::trace;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use zeroize::Zeroizing;

use crate::deadline;
use crate::identity::{Identity, IdentityError, role_of};
use crate::wire::{
    Changes, Claim, Fault, Finish, Open, Share, State as SetState, Which, WireOpened,
    WireSharingKey, WireToShare, Write,
};

/// The vault as each role may use it, by the role's name.
pub type Handles = HashMap<String, Arc<dyn Vault>>;

/// Limits of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// Open connections; more wait.
    pub connections_max: usize,
    /// How long TLS may take to be set up, and a head to arrive.
    pub handshake_timeout: Duration,
    /// The largest message, in bytes: a value in base64 and some.
    pub body_bytes_max: usize,
    /// How long requests in work may take when it stops.
    pub drain_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 1_000,
            handshake_timeout: Duration::from_secs(5),
            body_bytes_max: 512 << 10,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// [`IdentityError`] when TLS cannot be set up; nothing is served then.
pub async fn serve(
    listener: TcpListener,
    identity: &Identity,
    handles: Handles,
    settings: ServerSettings,
    stop: CancellationToken,
) -> Result<(), IdentityError> {
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()?));
    let routers: HashMap<String, Router> = handles
        .into_iter()
        .map(|(role, vault)| (role, router(vault, settings.body_bytes_max)))
        .collect();
    let routers = Arc::new(routers);
    let slots = Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, routers, stop) = (acceptor.clone(), Arc::clone(&routers), stop.clone());
        connections.spawn(async move {
            connection(stream, &acceptor, &routers, settings, stop).await;
            drop(slot);
        });
    }
    connections.close();
    let _ = tokio::time::timeout(settings.drain_timeout, connections.wait()).await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection to the vault");
            None
        }
    }
}

/// One connection: known by its certificate for as long as it lasts.
async fn connection(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    routers: &HashMap<String, Router>,
    settings: ServerSettings,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let accepted = tokio::time::timeout(settings.handshake_timeout, acceptor.accept(stream)).await;
    let stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a connection to the vault was refused");
            return;
        }
        Err(_) => return,
    };
    let role = stream.get_ref().1.peer_certificates().and_then(|chain| role_of(chain.first()?));
    let router = role.as_ref().and_then(|role| routers.get(role));
    let Some(router) = router else {
        tracing::warn!(?role, "a certificate without a role of this installation was refused");
        return;
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.handshake_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(20));
    let service = TowerToHyperService::new(router.clone());
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error, "a connection to the vault ended early");
    }
}

fn router(vault: Arc<dyn Vault>, body_bytes_max: usize) -> Router {
    Router::new()
        .route("/vault/v1/create", post(create))
        .route("/vault/v1/replace", post(replace))
        .route("/vault/v1/open", post(open))
        .route("/vault/v1/open-to-share", post(open_to_share))
        .route("/vault/v1/sharing-key", post(sharing_key))
        .route("/vault/v1/head", post(head))
        .route("/vault/v1/claim", post(claim))
        .route("/vault/v1/finish", post(finish))
        .route("/vault/v1/state", post(state))
        .route("/vault/v1/delete", post(delete))
        .route("/vault/v1/changes", post(changes))
        .route_layer(from_fn(deadline::within))
        .route_layer(from_fn(traced))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .with_state(vault)
}

/// Goes on with the trace of whoever asks.
async fn traced(request: Request, next: Next) -> Response {
    let parent = request.headers().get(trace::HEADER).map(HeaderValue::as_bytes);
    let span = trace::span_after(trace::of_header(parent), || {
        let operation = request.uri().path().rsplit('/').next().unwrap_or_default();
        tracing::info_span!("vault.serve", otel.kind = "server", vault.operation = operation)
    });
    next.run(request).instrument(span).await
}

/// Reads a message.
fn read<T: DeserializeOwned>(body: Bytes) -> Result<T, VaultError> {
    // Where nobody else holds the buffer it is taken over and zeroed.
    let body = Zeroizing::new(Vec::from(body));
    serde_json::from_slice(&body).map_err(|error| VaultError::Invalid {
        reason: format!("the message cannot be read at column {}", error.column()),
    })
}

/// An answer that says why not.
pub(crate) fn refused(fault: &Fault) -> Response {
    let body = serde_json::to_vec(fault).expect("messages of the vault always serialise");
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (fault.status(), headers, body).into_response()
}

fn answer<T: Serialize>(outcome: Result<T, VaultError>) -> Response {
    match outcome {
        Ok(value) => {
            let body = serde_json::to_vec(&value).expect("messages of the vault always serialise");
            let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
            (StatusCode::OK, headers, body).into_response()
        }
        Err(error) => {
            if let VaultError::Unavailable { source } = &error {
                tracing::warn!(error = %source, "the vault is away");
            }
            refused(&Fault::of(&error))
        }
    }
}

async fn create(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Write>(body) {
        Ok(write) => vault.create(write.secret, &write.owner, write.new.into()).await,
        Err(error) => Err(error),
    })
}

async fn replace(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Write>(body) {
        Ok(write) => vault.replace(write.secret, &write.owner, write.new.into()).await,
        Err(error) => Err(error),
    })
}

async fn open(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Open>(body) {
        Ok(open) => {
            let secret = open.secret;
            let opened = vault.open(secret, &open.into_access()).await;
            opened.map(|opened| WireOpened::from(&opened))
        }
        Err(error) => Err(error),
    })
}

async fn open_to_share(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Open>(body) {
        Ok(open) => {
            let secret = open.secret;
            let opened = vault.open_to_share(secret, &open.into_access()).await;
            opened.map(WireToShare::from)
        }
        Err(error) => Err(error),
    })
}

async fn sharing_key(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Share>(body) {
        Ok(Share { value, open }) => {
            let key = vault.sharing_key(&value, &open.into_access()).await;
            key.map(|key| key.map(WireSharingKey::from))
        }
        Err(error) => Err(error),
    })
}

async fn head(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Which>(body) {
        Ok(which) => vault.head(which.project, which.secret).await,
        Err(error) => Err(error),
    })
}

async fn claim(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Claim>(body) {
        Ok(claim) => {
            let ttl = Duration::from_millis(claim.ttl_ms);
            vault.claim_refresh(claim.project, claim.secret, claim.version, ttl).await
        }
        Err(error) => Err(error),
    })
}

async fn finish(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Finish>(body) {
        Ok(Finish { project, secret, fence, outcome }) => {
            vault.finish_refresh(project, secret, fence, outcome.into()).await
        }
        Err(error) => Err(error),
    })
}

async fn state(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<SetState>(body) {
        Ok(SetState { project, secret, version, state }) => {
            vault.set_state(project, secret, version, state).await
        }
        Err(error) => Err(error),
    })
}

async fn delete(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Which>(body) {
        Ok(which) => vault.delete(which.project, which.secret).await,
        Err(error) => Err(error),
    })
}

async fn changes(State(vault): State<Arc<dyn Vault>>, body: Bytes) -> Response {
    answer(match read::<Changes>(body) {
        Ok(asked) => vault.changes(asked.after, asked.limit).await,
        Err(error) => Err(error),
    })
}
