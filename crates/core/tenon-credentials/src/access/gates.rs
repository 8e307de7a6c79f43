//! One question to the vault at a time for each secret: the others wait for what it brings.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tenon_domain::SecretId;
use tokio::sync::OwnedMutexGuard;

type Gate = Arc<tokio::sync::Mutex<()>>;

/// The secrets that somebody asks the vault for.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<SecretId, Gate>>);

/// The right to ask.
pub(super) struct Pass<'a> {
    gates: &'a Gates,
    secret: SecretId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Gates {
    /// Waits until nobody asks for the secret.
    pub(super) async fn enter(&self, secret: SecretId) -> Pass<'_> {
        let gate = Arc::clone(self.0.lock().entry(secret).or_default());
        // Made before the wait, so that a caller who gives up leaves no gate behind.
        let mut pass = Pass { gates: self, secret, guard: None };
        pass.guard = Some(gate.lock_owned().await);
        pass
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut gates = self.gates.0.lock();
        self.guard = None;
        let is_last = gates.get(&self.secret).is_some_and(|gate| Arc::strong_count(gate) == 1);
        if is_last {
            gates.remove(&self.secret);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let gates = Arc::new(Gates::default());
        let inside = Arc::new(AtomicU32::new(0));
        let secret = SecretId::new();
        let visits: Vec<_> = (0..20)
            .map(|_| {
                let (gates, inside) = (Arc::clone(&gates), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _pass = gates.enter(secret).await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        visits[7].abort();
        for visit in visits {
            drop(visit.await);
        }
        assert!(gates.0.lock().is_empty());
    }
}
