//! The provider's limits of calls: asked before a call where they are known, told after an answer
//! that says there were too many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tenon_contract::quota::{Bucket, Quotas, Taken};

/// Buckets that this process remembers; beyond, those that hold nothing back are dropped, then
/// all.
const KNOWN_MAX: usize = 10_000;
/// How long the shared state of a bucket without a known limit is not asked again. Such a bucket
/// is only ever blocked, which is rare: asking before each call would cost more than it brings.
const ASKED_FOR: Duration = Duration::from_secs(1);

/// Limits of calls, with what this process knows of them.
pub(crate) struct Limits {
    shared: Option<Arc<dyn Quotas>>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a bucket.
#[derive(Clone, Copy)]
struct Known {
    blocked_until: Timestamp,
    asked_at: Timestamp,
}

impl Limits {
    pub(crate) fn new(shared: Option<Arc<dyn Quotas>>) -> Self {
        Self { shared, known: Mutex::default() }
    }

    /// Takes a call from its buckets; the wait where one is empty or blocked. Limits that cannot
    /// be asked do not hold calls up: the provider's own answer still does.
    pub(crate) async fn take(&self, buckets: &[Bucket], now: Timestamp) -> Result<(), Duration> {
        if buckets.is_empty() {
            return Ok(());
        }
        let (blocked_until, is_fresh) = self.look(buckets, now);
        if let Some(until) = blocked_until.filter(|until| *until > now) {
            return Err(wait(until, now));
        }
        let Some(shared) = &self.shared else { return Ok(()) };
        let has_limit = buckets.iter().any(|bucket| bucket.limit.is_some());
        if !has_limit {
            if is_fresh {
                return Ok(());
            }
            // Asked for in a moment.
            let unblocked = Timestamp::UNIX_EPOCH;
            buckets.iter().for_each(|bucket| self.remember(&bucket.key, unblocked, now));
        }
        match shared.take(buckets).await {
            Ok(Taken::Granted) => Ok(()),
            Ok(Taken::Wait { until }) => {
                if !has_limit {
                    buckets.iter().for_each(|bucket| self.remember(&bucket.key, until, now));
                }
                Err(wait(until, now))
            }
            Err(error) => {
                tracing::debug!(%error, "a call goes on without its quota");
                Ok(())
            }
        }
    }

    /// The provider wants no calls from this bucket for a while.
    pub(crate) async fn block(&self, bucket: &str, wait: Duration, now: Timestamp) {
        let until = now.checked_add(wait).unwrap_or(now);
        self.remember(bucket, until, now);
        if let Some(shared) = &self.shared
            && let Err(error) = shared.block(bucket, until).await
        {
            tracing::debug!(%error, "a provider's block is known to this process only");
        }
    }

    /// Until when the buckets are blocked, and whether all of them were asked for lately.
    fn look(&self, buckets: &[Bucket], now: Timestamp) -> (Option<Timestamp>, bool) {
        let (mut blocked_until, mut is_fresh) = (None, true);
        let known = self.known.lock();
        for bucket in buckets {
            let known = known.get(&bucket.key);
            blocked_until = blocked_until.max(known.map(|known| known.blocked_until));
            is_fresh &= known.is_some_and(|known| {
                let age = Duration::try_from(now.duration_since(known.asked_at));
                age.is_ok_and(|age| age < ASKED_FOR)
            });
        }
        (blocked_until, is_fresh)
    }

    fn remember(&self, bucket: &str, until: Timestamp, now: Timestamp) {
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX && !known.contains_key(bucket) {
            known.retain(|_, known| known.blocked_until > now);
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
        }
        let entry = Known { blocked_until: until, asked_at: now };
        match known.get_mut(bucket) {
            Some(known) => {
                known.blocked_until = known.blocked_until.max(until);
                known.asked_at = now;
            }
            None => drop(known.insert(bucket.to_owned(), entry)),
        }
    }
}

fn wait(until: Timestamp, now: Timestamp) -> Duration {
    until.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tenon_contract::quota::QuotaError;

    use super::*;

    /// Grants always; counts how often it was asked.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    #[async_trait]
    impl Quotas for Asked {
        async fn take(&self, _: &[Bucket]) -> Result<Taken, QuotaError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(Taken::Granted)
        }

        async fn block(&self, _: &str, _: Timestamp) -> Result<(), QuotaError> {
            Ok(())
        }
    }

    fn bucket(limit: Option<u32>) -> Bucket {
        Bucket { key: "k".to_owned(), limit, window: Duration::from_secs(60), cost: 1 }
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).expect("in range")
    }

    #[tokio::test]
    async fn a_bucket_without_a_limit_is_asked_once_a_second_and_one_with_a_limit_always() {
        let asked = Arc::new(Asked::default());
        let limits = Limits::new(Some(asked.clone()));
        for milliseconds in (0..2_000).step_by(100) {
            assert_eq!(limits.take(&[bucket(None)], at(milliseconds)).await, Ok(()));
        }
        assert_eq!(asked.0.swap(0, Ordering::SeqCst), 2);
        for milliseconds in 0..5 {
            assert_eq!(limits.take(&[bucket(Some(9))], at(milliseconds)).await, Ok(()));
        }
        assert_eq!(asked.0.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn a_block_holds_calls_back_until_it_is_over() {
        let limits = Limits::new(None);
        limits.block("k", Duration::from_secs(5), at(0)).await;
        limits.block("k", Duration::from_secs(2), at(0)).await;
        assert_eq!(limits.take(&[bucket(None)], at(1_000)).await, Err(Duration::from_secs(4)));
        assert_eq!(limits.take(&[bucket(None)], at(5_000)).await, Ok(()));
    }
}
