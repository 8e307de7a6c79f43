//! Connections that wait for their next call, by origin and by what they show of the client.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper::client::conn::http2;
use parking_lot::{Mutex, RwLock};
use tenon_contract::egress::ClientIdentity;
use tokio::runtime::{self, Handle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::outgoing::OutgoingBody;
use crate::settings::EgressSettings;

use super::line::Line;
use super::wire::Wire;

type Shared = http2::SendRequest<OutgoingBody>;
type Waiting = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>;

/// A connection that was kept.
pub(super) enum Kept {
    /// HTTP/1: for one call at a time.
    One(Idle),
    /// HTTP/2: for many.
    Shared(Shared),
}

/// An HTTP/1 connection, by who speaks on it.
pub(super) enum Idle {
    /// We do.
    Wire(Box<Wire>),
    /// hyper does.
    Line(Line),
}

impl Idle {
    /// The runtime that waits for its socket.
    fn runtime(&self) -> runtime::Id {
        match self {
            Self::Wire(wire) => wire.runtime(),
            Self::Line(line) => line.runtime(),
        }
    }

    /// Whether nothing is under way on it.
    fn is_free(&self) -> bool {
        match self {
            Self::Wire(wire) => wire.is_free(),
            Self::Line(line) => line.is_free(),
        }
    }

    /// Whether another request can be sent, as far as is known.
    fn is_open(&mut self) -> bool {
        match self {
            Self::Wire(wire) => wire.is_open(),
            Self::Line(line) => line.is_open(),
        }
    }
}

/// The connections of one process.
pub(super) struct Pool {
    origins: RwLock<HashMap<String, Arc<Origin>>>,
    /// Origins that are called with a client certificate, with their last use.
    showing: Mutex<HashMap<Showing, (Arc<Origin>, Instant)>>,
    limits: Limits,
    is_swept: AtomicBool,
}

#[derive(Clone, Copy)]
struct Limits {
    idle_per_host_max: usize,
    connects_per_host_max: usize,
    idle_timeout: Duration,
    identities_max: usize,
}

/// An origin's name, and the fingerprint of what is shown to it.
type Showing = (String, [u8; 32]);

/// The connections to one scheme, host and port.
pub(crate) struct Origin {
    scheme: Scheme,
    authority: Authority,
    /// The `Host` header of its requests.
    pub(super) host: HeaderValue,
    /// TLS with the client certificate of these calls, where they have one.
    pub(super) tls: Option<TlsConnector>,
    kept: Mutex<Connections>,
    connects: Arc<Semaphore>,
    limits: Limits,
}

#[derive(Default)]
struct Connections {
    /// Apart for each runtime: a call on a connection of another's would be woken by a thread that
    /// has nothing to do with it. There are as many as threads.
    idle: Vec<IdleOf>,
    shared: Option<(Shared, Instant)>,
}

struct IdleOf {
    runtime: runtime::Id,
    /// The last one in is the first one out, so that those that are not needed grow old.
    idle: Vec<(Idle, Instant)>,
}

impl Connections {
    fn idle_of(&mut self, runtime: runtime::Id) -> Option<&mut Vec<(Idle, Instant)>> {
        self.idle.iter_mut().find(|of| of.runtime == runtime).map(|of| &mut of.idle)
    }

    fn idle_count(&self) -> usize {
        self.idle.iter().map(|of| of.idle.len()).sum()
    }
}

impl Pool {
    pub(super) fn new(settings: &EgressSettings) -> Self {
        Self {
            origins: RwLock::default(),
            showing: Mutex::default(),
            limits: Limits {
                idle_per_host_max: settings.idle_per_host_max,
                connects_per_host_max: settings.connects_per_host_max.max(1),
                idle_timeout: settings.idle_timeout,
                identities_max: settings.client_identities_max.max(1),
            },
            is_swept: AtomicBool::new(false),
        }
    }

    /// The origin of that name, such as `https://api.example.com`; `None` when it is no origin.
    pub(super) fn origin(self: &Arc<Self>, name: &str) -> Option<Arc<Origin>> {
        if let Some(origin) = self.origins.read().get(name) {
            return Some(origin.clone());
        }
        let origin = Arc::new(Origin::new(name, self.limits, None)?);
        let origin = self.origins.write().entry(name.to_owned()).or_insert(origin).clone();
        self.sweep_from_now_on();
        Some(origin)
    }

    /// The origin of that name for calls that show an identity. `tls` makes the configuration for
    /// it, where it is not there; it is dropped with its last connection, some time after the last
    /// call.
    pub(super) fn origin_showing<E>(
        self: &Arc<Self>,
        name: &str,
        identity: &ClientIdentity,
        tls: impl FnOnce() -> Result<TlsConnector, E>,
    ) -> Result<Option<Arc<Origin>>, E> {
        let (key, now) = ((name.to_owned(), identity.fingerprint()), Instant::now());
        if let Some((origin, last_used)) = self.showing.lock().get_mut(&key) {
            *last_used = now;
            return Ok(Some(origin.clone()));
        }
        let Some(origin) = Origin::new(name, self.limits, Some(tls()?)) else { return Ok(None) };
        let mut showing = self.showing.lock();
        if showing.len() >= self.limits.identities_max && !showing.contains_key(&key) {
            let oldest = showing.iter().min_by_key(|(_, (_, last_used))| *last_used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                showing.remove(&oldest);
            }
        }
        let (origin, _) = showing.entry(key).or_insert_with(|| (Arc::new(origin), now));
        let origin = origin.clone();
        drop(showing);
        self.sweep_from_now_on();
        Ok(Some(origin))
    }

    /// Starts the task that closes what was idle too long. It ends with the pool.
    fn sweep_from_now_on(self: &Arc<Self>) {
        if self.is_swept.load(Ordering::Relaxed) || self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let (pool, pause) = (Arc::downgrade(self), self.limits.idle_timeout / 2);
        tokio::spawn(sweep_until_dropped(pool, pause.max(Duration::from_millis(100))));
    }

    fn sweep(&self) {
        let now = Instant::now();
        let is_needed = |origin: &Arc<Origin>| {
            let is_empty = origin.sweep(now);
            // Calls that are under way hold the origin too.
            !is_empty || Arc::strong_count(origin) > 1
        };
        self.origins.write().retain(|_, origin| is_needed(origin));
        self.showing.lock().retain(|_, (origin, _)| is_needed(origin));
    }
}

impl Origin {
    fn new(name: &str, limits: Limits, tls: Option<TlsConnector>) -> Option<Self> {
        let parts = name.parse::<Uri>().ok()?.into_parts();
        let authority = parts.authority?;
        Some(Self {
            scheme: parts.scheme?,
            host: HeaderValue::from_str(authority.as_str()).ok()?,
            authority,
            tls,
            kept: Mutex::default(),
            connects: Arc::new(Semaphore::new(limits.connects_per_host_max)),
            limits,
        })
    }

    /// A target of this origin as a whole URI.
    pub(super) fn uri(&self, target: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).expect("scheme, authority and path make a URI")
    }

    /// Takes a connection that is young enough, of this runtime or shared by all; whether it is
    /// open is for the caller to find out.
    pub(super) fn take(&self) -> Option<Kept> {
        let (now, runtime) = (Instant::now(), Handle::current().id());
        let mut kept = self.kept.lock();
        if let Some((shared, last_used)) = &mut kept.shared {
            if !shared.is_closed() {
                *last_used = now;
                return Some(Kept::Shared(shared.clone()));
            }
            kept.shared = None;
        }
        let idle_here = kept.idle_of(runtime)?;
        while let Some((idle, since)) = idle_here.pop() {
            if now.duration_since(since) < self.limits.idle_timeout {
                return Some(Kept::One(idle));
            }
        }
        None
    }

    /// Gives a connection back whose exchange is over; one that is not free is closed.
    pub(super) fn put(&self, mut idle: Idle) {
        if self.limits.idle_timeout.is_zero() || !idle.is_free() {
            return;
        }
        if let Idle::Wire(wire) = &mut idle {
            wire.rest();
        }
        let (now, runtime) = (Instant::now(), idle.runtime());
        let mut kept = self.kept.lock();
        if kept.idle_count() >= self.limits.idle_per_host_max {
            return;
        }
        match kept.idle_of(runtime) {
            Some(idle_there) => idle_there.push((idle, now)),
            None => kept.idle.push(IdleOf { runtime, idle: vec![(idle, now)] }),
        }
    }

    /// Lets others use an HTTP/2 connection too.
    pub(super) fn share(&self, shared: &Shared) {
        self.kept.lock().shared = Some((shared.clone(), Instant::now()));
    }

    /// The right to open a connection: at once, or after waiting.
    pub(super) fn permit(&self) -> Result<OwnedSemaphorePermit, Waiting> {
        let connects = self.connects.clone();
        connects.clone().try_acquire_owned().map_err(|_| -> Waiting {
            Box::pin(async move {
                connects.acquire_owned().await.expect("the semaphore is never closed")
            })
        })
    }

    /// Closes what is too old or was closed by the other side; whether nothing is left.
    fn sweep(&self, now: Instant) -> bool {
        let is_old = |since: Instant| now.duration_since(since) >= self.limits.idle_timeout;
        let mut kept = self.kept.lock();
        kept.idle.retain_mut(|of| {
            of.idle.retain_mut(|(idle, since)| !is_old(*since) && idle.is_open());
            !of.idle.is_empty()
        });
        // Calls that are under way hold their own handle.
        kept.shared.take_if(|(shared, last_used)| shared.is_closed() || is_old(*last_used));
        kept.idle.is_empty() && kept.shared.is_none()
    }
}

async fn sweep_until_dropped(pool: Weak<Pool>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep();
    }
}
