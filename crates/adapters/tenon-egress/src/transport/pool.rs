//! Connections that wait for their next call, by origin.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::settings::EgressSettings;

type One = http1::SendRequest<Full<Bytes>>;
type Shared = http2::SendRequest<Full<Bytes>>;
type Waiting = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>;

/// A connection that was kept.
pub(super) enum Kept {
    /// HTTP/1: for one call at a time.
    One(One),
    /// HTTP/2: for many.
    Shared(Shared),
}

/// The connections of one process.
pub(super) struct Pool {
    origins: Mutex<HashMap<String, Origin>>,
    idle_per_host_max: usize,
    connects_per_host_max: usize,
    idle_timeout: Duration,
    is_swept: AtomicBool,
}

struct Origin {
    /// The last one in is the first one out, so that those that are not needed grow old.
    idle: Vec<(One, Instant)>,
    shared: Option<(Shared, Instant)>,
    connects: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(settings: &EgressSettings) -> Self {
        Self {
            origins: Mutex::default(),
            idle_per_host_max: settings.idle_per_host_max,
            connects_per_host_max: settings.connects_per_host_max.max(1),
            idle_timeout: settings.idle_timeout,
            is_swept: AtomicBool::new(false),
        }
    }

    /// Takes a connection that is open as far as is known.
    pub(super) fn take(&self, origin: &str) -> Option<Kept> {
        let now = Instant::now();
        let mut origins = self.origins.lock();
        let origin = origins.get_mut(origin)?;
        if let Some((shared, last_used)) = &mut origin.shared {
            if !shared.is_closed() {
                *last_used = now;
                return Some(Kept::Shared(shared.clone()));
            }
            origin.shared = None;
        }
        while let Some((one, since)) = origin.idle.pop() {
            if !one.is_closed() && now.duration_since(since) < self.idle_timeout {
                return Some(Kept::One(one));
            }
        }
        None
    }

    /// Gives a connection back whose answer was read whole.
    pub(super) fn put(self: &Arc<Self>, origin: &str, one: One) {
        if one.is_closed() || self.idle_timeout.is_zero() {
            return;
        }
        let mut origins = self.origins.lock();
        let idle = &mut self.entry(&mut origins, origin).idle;
        if idle.len() < self.idle_per_host_max {
            idle.push((one, Instant::now()));
        }
        drop(origins);
        self.sweep_from_now_on();
    }

    /// Lets others use an HTTP/2 connection too.
    pub(super) fn share(self: &Arc<Self>, origin: &str, shared: &Shared) {
        let mut origins = self.origins.lock();
        self.entry(&mut origins, origin).shared = Some((shared.clone(), Instant::now()));
        drop(origins);
        self.sweep_from_now_on();
    }

    /// The right to open a connection to an origin: at once, or after waiting.
    pub(super) fn permit(&self, origin: &str) -> Result<OwnedSemaphorePermit, Waiting> {
        let connects = self.entry(&mut self.origins.lock(), origin).connects.clone();
        connects.clone().try_acquire_owned().map_err(|_| -> Waiting {
            Box::pin(async move {
                connects.acquire_owned().await.expect("the semaphore is never closed")
            })
        })
    }

    fn entry<'a>(&self, origins: &'a mut HashMap<String, Origin>, origin: &str) -> &'a mut Origin {
        if !origins.contains_key(origin) {
            let entry = Origin {
                idle: Vec::new(),
                shared: None,
                connects: Arc::new(Semaphore::new(self.connects_per_host_max)),
            };
            origins.insert(origin.to_owned(), entry);
        }
        origins.get_mut(origin).expect("it was inserted above")
    }

    /// Starts the task that closes what was idle too long. It ends with the pool.
    fn sweep_from_now_on(self: &Arc<Self>) {
        if self.is_swept.load(Ordering::Relaxed) || self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let (pool, pause) = (Arc::downgrade(self), self.idle_timeout / 2);
        tokio::spawn(sweep_until_dropped(pool, pause.max(Duration::from_millis(100))));
    }

    fn sweep(&self) {
        let now = Instant::now();
        let is_old = |since: Instant| now.duration_since(since) >= self.idle_timeout;
        self.origins.lock().retain(|_, origin| {
            origin.idle.retain(|(one, since)| !one.is_closed() && !is_old(*since));
            // Calls that are under way hold their own handle.
            origin.shared.take_if(|(shared, last_used)| shared.is_closed() || is_old(*last_used));
            let is_opening = Arc::strong_count(&origin.connects) > 1
                || origin.connects.available_permits() < self.connects_per_host_max;
            !origin.idle.is_empty() || origin.shared.is_some() || is_opening
        });
    }
}

async fn sweep_until_dropped(pool: Weak<Pool>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep();
    }
}
