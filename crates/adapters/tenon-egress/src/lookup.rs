//! Names to checked addresses.
//!
//! Every answer is checked before a socket is opened, and the socket goes to an address of that
//! very answer: a name that answers differently the next time gains nothing. Literal addresses
//! do not come through here; `client` checks them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower_service::Service;

use crate::address::{AddressPolicy, ForbiddenAddress};
use crate::settings::EgressSettings;

/// Finds the addresses of a name.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `name`.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name has no address to call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error(transparent)]
    Forbidden(#[from] ForbiddenAddress),
    #[error("the name cannot be resolved")]
    Failed(#[source] io::Error),
    #[error("the name has no address")]
    Empty,
}

/// Looks names up, checks all their addresses, and remembers them for a short while.
#[derive(Clone)]
pub(crate) struct CheckedLookup(Arc<Shared>);

struct Shared {
    lookup: Box<dyn Lookup>,
    policy: AddressPolicy,
    permits: Semaphore,
    remembered: Mutex<HashMap<String, Remembered>>,
    names_max: usize,
    ttl: Duration,
}

struct Remembered {
    until: Instant,
    addresses: Arc<[IpAddr]>,
}

impl CheckedLookup {
    pub(crate) fn new(
        lookup: Box<dyn Lookup>,
        policy: AddressPolicy,
        settings: &EgressSettings,
    ) -> Self {
        Self(Arc::new(Shared {
            lookup,
            policy,
            permits: Semaphore::new(settings.lookups_max.max(1)),
            remembered: Mutex::default(),
            names_max: settings.lookup_names_max,
            ttl: settings.lookup_ttl,
        }))
    }
}

impl Shared {
    async fn resolve(&self, name: &str) -> Result<Arc<[IpAddr]>, LookupError> {
        if let Some(addresses) = self.recall(name) {
            return Ok(addresses);
        }
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        // Whoever held the permit before may have asked for the same name.
        if let Some(addresses) = self.recall(name) {
            return Ok(addresses);
        }
        let found = self.lookup.lookup(name.to_owned()).await.map_err(LookupError::Failed)?;
        if found.is_empty() {
            return Err(LookupError::Empty);
        }
        self.policy.check_all(found.iter().copied())?;
        let addresses: Arc<[IpAddr]> = found.into();
        self.remember(name, &addresses);
        Ok(addresses)
    }

    fn recall(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        let remembered = self.remembered.lock();
        let entry = remembered.get(name)?;
        (entry.until > Instant::now()).then(|| entry.addresses.clone())
    }

    fn remember(&self, name: &str, addresses: &Arc<[IpAddr]>) {
        if self.ttl.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= self.names_max {
            remembered.retain(|_, entry| entry.until > now);
        }
        if remembered.len() < self.names_max {
            let entry = Remembered { until: now + self.ttl, addresses: addresses.clone() };
            remembered.insert(name.to_owned(), entry);
        }
    }
}

impl Service<Name> for CheckedLookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let addresses = shared.resolve(name.as_str()).await?;
            let sockets: Vec<_> =
                addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
            Ok(sockets.into_iter())
        })
    }
}
