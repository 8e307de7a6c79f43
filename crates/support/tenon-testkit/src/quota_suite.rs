//! The rules of [`Quotas`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::quota_suite!(harness)`. Time is real, since one of the
//! adapters keeps the time of its server; windows are short.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_contract::quota::{Bucket, Quotas, Taken, bucket_key};
use tenon_domain::ProjectId;

/// The window of most rules.
const WINDOW: Duration = Duration::from_millis(500);

/// A service whose handles a rule may use as it likes.
pub trait Harness: Send + Sync {
    /// A handle as another process would have.
    fn handle(&self) -> impl Future<Output = Arc<dyn Quotas>> + Send;

    /// Forgets everything, as a service that was emptied.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! quota_suite {
    ($make:path) => {
        $crate::quota_suite!(@rules $make:
            a_window_never_holds_more_than_the_limit,
            what_is_left_over_is_granted_after_the_wait,
            all_buckets_are_taken_or_none,
            a_block_holds_and_the_later_one_wins,
            a_bucket_without_a_limit_only_heeds_blocks,
            buckets_do_not_mix,
            a_cost_counts_as_so_many_calls,
            forgetting_allows_one_more_window,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::quota_suite::$rule(&harness).await;
            }
        )*
    };
}

fn bucket(scope: &str, owner: &str, limit: Option<u32>, window: Duration) -> Bucket {
    let project = ProjectId::from_uuid(uuid::Uuid::from_u128(7));
    Bucket { key: bucket_key(project, "slack", scope, owner), limit, window, cost: 1 }
}

async fn take(quotas: &dyn Quotas, buckets: &[Bucket]) -> Taken {
    quotas.take(buckets).await.expect("the service answers")
}

async fn granted(quotas: &dyn Quotas, buckets: &[Bucket], times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        count += usize::from(take(quotas, buckets).await == Taken::Granted);
    }
    count
}

/// Eight callers over two handles press for two and a half windows: at no moment have more calls
/// been granted in the window before it than the limit.
pub async fn a_window_never_holds_more_than_the_limit(harness: &impl Harness) {
    const LIMIT: u32 = 20;
    let mut callers = Vec::new();
    let grants: Arc<Mutex<Vec<(Instant, Instant)>>> = Arc::default();
    let end = Instant::now() + WINDOW * 5 / 2;
    for _ in 0..8 {
        let (quotas, grants) = (harness.handle().await, grants.clone());
        callers.push(tokio::spawn(async move {
            let bucket = [bucket("app", "a", Some(LIMIT), WINDOW)];
            while Instant::now() < end {
                let asked = Instant::now();
                if take(&*quotas, &bucket).await == Taken::Granted {
                    grants.lock().push((asked, Instant::now()));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }));
    }
    for caller in callers {
        caller.await.expect("no caller panics");
    }
    let mut grants = grants.lock().clone();
    grants.sort();
    assert!(grants.len() > LIMIT as usize, "the window moves on: {}", grants.len());
    // Each was granted somewhere between asking and hearing of it. A window that surely holds
    // them all from the first's asking to the last's answer holds at most the limit.
    for from in 0..grants.len() {
        let surely =
            grants[from..].iter().filter(|(_, heard)| *heard <= grants[from].0 + WINDOW).count();
        assert!(surely <= LIMIT as usize, "{surely} calls in one window");
    }
}

/// `until` is no earlier than needed and not far too late.
pub async fn what_is_left_over_is_granted_after_the_wait(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let bucket = [bucket("app", "a", Some(2), WINDOW)];
    let before = Timestamp::now();
    assert_eq!(granted(&*quotas, &bucket, 2).await, 2);
    let Taken::Wait { until } = take(&*quotas, &bucket).await else {
        panic!("the limit is used up");
    };
    let wait = until.duration_since(before);
    assert!(wait >= SignedDuration::from_millis(495), "{wait}");
    assert!(wait <= SignedDuration::from_millis(900), "{wait}");
    let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(left + Duration::from_millis(2)).await;
    assert_eq!(take(&*quotas, &bucket).await, Taken::Granted);
}

/// A full bucket keeps the others as they were.
pub async fn all_buckets_are_taken_or_none(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let long = Duration::from_secs(60);
    let full = bucket("credential", "c", Some(1), long);
    let wide = bucket("app", "a", Some(5), long);
    assert_eq!(take(&*quotas, &[full.clone(), wide.clone()]).await, Taken::Granted);
    for _ in 0..10 {
        let refused = take(&*quotas, &[wide.clone(), full.clone()]).await;
        assert!(matches!(refused, Taken::Wait { .. }));
    }
    assert_eq!(granted(&*quotas, &[wide], 10).await, 4, "only the first one counted");
}

/// Whatever room there is, nothing is granted before the block ends.
pub async fn a_block_holds_and_the_later_one_wins(harness: &impl Harness) {
    let (quotas, other) = (harness.handle().await, harness.handle().await);
    let bucket = [bucket("credential", "c", Some(100), WINDOW)];
    let now = Timestamp::now();
    let later = now + SignedDuration::from_millis(600);
    quotas.block(&bucket[0].key, later).await.expect("the service answers");
    let sooner = now + SignedDuration::from_millis(200);
    quotas.block(&bucket[0].key, sooner).await.expect("the service answers");
    quotas.block(&bucket[0].key, now - SignedDuration::from_secs(1)).await.expect("it answers");
    let Taken::Wait { until } = take(&*other, &bucket).await else {
        panic!("the bucket is blocked for everybody");
    };
    let difference = until.duration_since(later).abs();
    assert!(difference <= SignedDuration::from_millis(50), "{difference}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(take(&*quotas, &bucket).await, Taken::Wait { .. }), "the later one holds");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(take(&*quotas, &bucket).await, Taken::Granted);
}

/// Where no limit is known, only what the provider said counts.
pub async fn a_bucket_without_a_limit_only_heeds_blocks(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let bucket = [bucket("credential", "c", None, WINDOW)];
    assert_eq!(granted(&*quotas, &bucket, 50).await, 50);
    assert_eq!(take(&*quotas, &[]).await, Taken::Granted);
    let until = Timestamp::now() + SignedDuration::from_secs(30);
    quotas.block(&bucket[0].key, until).await.expect("the service answers");
    assert!(matches!(take(&*quotas, &bucket).await, Taken::Wait { .. }));
}

/// Another owner, another scope and another window have counters of their own.
pub async fn buckets_do_not_mix(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let minute = Duration::from_secs(60);
    let hour = Duration::from_secs(3_600);
    for one in [
        bucket("credential", "c", Some(1), minute),
        bucket("credential", "d", Some(1), minute),
        bucket("app", "c", Some(1), minute),
        bucket("credential", "c", Some(1), hour),
    ] {
        assert_eq!(granted(&*quotas, &[one], 3).await, 1);
    }
}

/// A cost beyond the limit is the whole limit: it is granted alone, not never.
pub async fn a_cost_counts_as_so_many_calls(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let mut one = bucket("app", "a", Some(10), Duration::from_secs(60));
    one.cost = 3;
    assert_eq!(granted(&*quotas, &[one.clone()], 5).await, 3);
    one.cost = 1;
    assert_eq!(granted(&*quotas, &[one], 5).await, 1);
    let mut dear = bucket("app", "b", Some(2), Duration::from_secs(60));
    dear.cost = 7;
    assert_eq!(granted(&*quotas, &[dear], 2).await, 1);
    let none = bucket("app", "none", Some(0), Duration::from_secs(60));
    assert_eq!(granted(&*quotas, &[none], 2).await, 0, "a limit of nothing gives nothing");
}

/// Counters are best effort: what was counted and blocked is gone, and counting goes on.
pub async fn forgetting_allows_one_more_window(harness: &impl Harness) {
    let quotas = harness.handle().await;
    let bucket = [bucket("app", "a", Some(3), Duration::from_secs(60))];
    assert_eq!(granted(&*quotas, &bucket, 5).await, 3);
    let until = Timestamp::now() + SignedDuration::from_secs(30);
    quotas.block(&bucket[0].key, until).await.expect("the service answers");
    harness.forget().await;
    assert_eq!(granted(&*quotas, &bucket, 5).await, 3);
}
