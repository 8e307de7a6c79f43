//! Something that is good for a while, such as a token: fetched once for all who wait, kept, and
//! fetched again before it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_vault::ports::RootKeyError;
use tokio::sync::Mutex;

/// A value and how long it is good; `None`: until it is refused.
pub(crate) struct Leased<T> {
    pub(crate) value: T,
    pub(crate) ttl: Option<Duration>,
}

struct Held<T> {
    value: Arc<T>,
    until: Option<Instant>,
}

/// A place for one such value.
pub(crate) struct Lease<T> {
    held: Mutex<Option<Held<T>>>,
}

impl<T> Lease<T> {
    pub(crate) fn new() -> Self {
        Self { held: Mutex::new(None) }
    }

    /// The value, fetched if there is none or if it ends soon. The lock is held while fetching, so
    /// that those who wait share the answer.
    pub(crate) async fn get<F>(&self, fetch: F) -> Result<Arc<T>, RootKeyError>
    where
        F: Future<Output = Result<Leased<T>, RootKeyError>>,
    {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref()
            && held.until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(Arc::clone(&held.value));
        }
        let Leased { value, ttl } = fetch.await?;
        let value = Arc::new(value);
        // A fifth of its life is left when it is fetched again.
        let until = ttl.map(|ttl| Instant::now() + ttl * 4 / 5);
        *held = Some(Held { value: Arc::clone(&value), until });
        Ok(value)
    }

    /// Drops a value that was refused, unless another one has taken its place.
    pub(crate) async fn drop_refused(&self, refused: &Arc<T>) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.value, refused)) {
            *held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn fetch(count: &AtomicU32, ttl: Duration) -> Result<Leased<u32>, RootKeyError> {
        let value = count.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok(Leased { value, ttl: Some(ttl) })
    }

    #[tokio::test]
    async fn those_who_wait_share_one_answer() {
        let (lease, count) = (Lease::new(), AtomicU32::new(0));
        let hour = Duration::from_secs(3600);
        let (one, two) =
            tokio::join!(lease.get(fetch(&count, hour)), lease.get(fetch(&count, hour)));
        assert_eq!((*one.expect("it came"), *two.expect("it came")), (0, 0));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_has_ended_or_was_refused_is_fetched_again() {
        let (lease, count) = (Lease::new(), AtomicU32::new(0));
        lease.get(fetch(&count, Duration::ZERO)).await.expect("it came");
        let second = lease.get(fetch(&count, Duration::from_secs(3600))).await.expect("it came");
        assert_eq!(*second, 1);
        lease.drop_refused(&second).await;
        let third = lease.get(fetch(&count, Duration::from_secs(3600))).await.expect("it came");
        lease.drop_refused(&second).await;
        let same = lease.get(fetch(&count, Duration::ZERO)).await.expect("it came");
        assert_eq!((*third, *same), (2, 2));
    }
}
