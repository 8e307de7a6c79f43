//! One call for all who want the same at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// Calls that are under way, by what they are for.
pub(crate) struct Flights<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Takes a flight off the list when its last passenger leaves.
struct Seat<'f, K: Hash + Eq, V> {
    flights: &'f Flights<K, V>,
    key: K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    /// What `call` gives, or what the call that is under way for the key gives. When its caller
    /// goes away the call is dropped, and the next who waits makes its own.
    pub(crate) async fn join(&self, key: K, call: impl Future<Output = V>) -> V {
        let cell = self.0.lock().entry(key.clone()).or_default().clone();
        let seat = Seat { flights: self, key, cell };
        seat.cell.get_or_init(|| call).await.clone()
    }
}

impl<K: Hash + Eq, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock();
        let is_same = |known: &Arc<OnceCell<V>>| Arc::ptr_eq(known, &self.cell);
        // Those who come after it has landed look into the cache, or start anew. One that was
        // dropped under way is kept for those who wait.
        let is_over = self.cell.initialized() || Arc::strong_count(&self.cell) <= 2;
        if is_over && flights.get(&self.key).is_some_and(is_same) {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn callers_at_the_same_time_share_one_call() {
        let flights: Flights<&str, u32> = Flights::default();
        let (calls, go) = (AtomicU32::new(0), Notify::new());
        let call = || async {
            go.notified().await;
            calls.fetch_add(1, Ordering::Relaxed) + 1
        };
        let land = async { go.notify_one() };
        let (one, two, other, ()) = tokio::join!(
            flights.join("a", call()),
            flights.join("a", call()),
            flights.join("b", async { 7 }),
            land
        );
        assert_eq!((one, two, other), (1, 1, 7));
        assert!(flights.0.lock().is_empty(), "nothing stays behind");
        go.notify_one();
        assert_eq!(flights.join("a", call()).await, 2, "a later caller makes its own");
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_call_to_the_next() {
        let flights: Flights<&str, u32> = Flights::default();
        {
            let first = flights.join("a", std::future::pending());
            tokio::pin!(first);
            let second = flights.join("a", async { 2 });
            tokio::pin!(second);
            tokio::select! {
                biased;
                _ = &mut first => panic!("it never ends"),
                _ = &mut second => panic!("it waits for the first"),
                () = std::future::ready(()) => {}
            }
            assert_eq!(flights.0.lock().len(), 1);
        }
        assert!(flights.0.lock().is_empty(), "both went away");
        let (one, two) = {
            let flights = &flights;
            let first = async {
                let never = flights.join("a", std::future::pending());
                tokio::time::timeout(std::time::Duration::from_millis(5), never).await
            };
            tokio::join!(first, flights.join("a", async { 2 }))
        };
        assert!(one.is_err());
        assert_eq!(two, 2);
    }
}
