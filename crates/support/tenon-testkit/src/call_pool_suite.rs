//! The rules of [`CallPools`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::call_pool_suite!(harness)`. Time is real, since one of the
//! adapters keeps the time of its server.

use std::sync::Arc;
use std::time::Duration;

use tenon_domain::{IntegrationId, ProjectId};
use tenon_exec::ports::call_pools::{Bid, CallPools, Pool, Share, WISH_TTL};
use tenon_exec::ports::membership::MemberId;

/// A lease that does not end during a rule.
const LONG: Duration = Duration::from_secs(3600);

/// A lease that ends at once.
const SHORT: Duration = Duration::from_millis(1);

/// Time for a short lease to end.
const A_MOMENT: Duration = Duration::from_millis(20);

/// A service whose handles a rule may use as it likes.
pub trait Harness: Send + Sync {
    /// A handle as another process would have.
    fn handle(&self) -> impl Future<Output = Arc<dyn CallPools>> + Send;

    /// Forgets everything, as a service that was emptied.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! call_pool_suite {
    ($make:path) => {
        $crate::call_pool_suite!(@rules $make:
            a_worker_alone_has_what_it_wants,
            together_they_hold_no_more_than_the_pool,
            repeating_a_bid_changes_nothing,
            what_is_not_named_goes_back,
            what_a_dead_worker_held_comes_back,
            what_a_worker_uses_stays_its_own,
            who_waited_longer_comes_first,
            a_worker_that_waits_no_more_is_not_waited_for,
            spare_slots_are_given_only_where_there_are_plenty,
            another_size_holds_for_what_is_given_from_then_on,
            pools_do_not_mix,
            forgetting_costs_what_was_held,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::call_pool_suite::$rule(&harness).await;
            }
        )*
    };
}

/// One process, of a pool of ten.
struct Worker {
    handle: Arc<dyn CallPools>,
    pool: Pool,
    bid: Bid,
}

impl Worker {
    async fn bid(&self, used: u32, wanted: u32) -> Share {
        self.bid_as(Bid { used, wanted, ..self.bid }).await
    }

    async fn bid_as(&self, bid: Bid) -> Share {
        self.handle.bid(&self.pool, &bid).await.expect("the service answers")
    }

    /// Says that it uses and wants nothing.
    async fn leave(&self) {
        assert_eq!(self.bid(0, 0).await.held, 0);
    }
}

async fn workers<const COUNT: usize>(harness: &impl Harness) -> [Worker; COUNT] {
    let pool = Pool { project: ProjectId::new(), integration: IntegrationId::new() };
    let mut workers = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let member = MemberId::draw();
        let bid = Bid { member, max: 10, used: 0, wanted: 0, spare: 0, ttl: LONG };
        workers.push(Worker { handle: harness.handle().await, pool, bid });
    }
    workers.try_into().unwrap_or_else(|_| unreachable!("so many were made"))
}

/// Up to the size of the pool.
pub async fn a_worker_alone_has_what_it_wants(harness: &impl Harness) {
    let [one]: [Worker; 1] = workers(harness).await;
    let some = Share { held: 3, others_wait: false, is_scarce: false, members: 1 };
    assert_eq!(one.bid(0, 3).await, some);
    assert_eq!(one.bid(3, 4).await, Share { held: 7, is_scarce: true, ..some });
    assert_eq!(one.bid(7, 9).await, Share { held: 10, is_scarce: true, ..some });
}

/// However many press at once.
pub async fn together_they_hold_no_more_than_the_pool(harness: &impl Harness) {
    let workers: [Worker; 8] = workers(harness).await;
    let rounds = workers.into_iter().map(|worker| async move {
        let mut held = 0;
        for _ in 0..20 {
            held = worker.bid(held, 1).await.held;
        }
        (worker, held)
    });
    let rounds: Vec<_> = rounds.map(tokio::spawn).collect();
    let mut sum = 0;
    for round in rounds {
        let (worker, held) = round.await.expect("no worker panics");
        assert_eq!(worker.bid(held, 0).await.held, held);
        sum += held;
    }
    assert_eq!(sum, 10, "all of it and no more");
}

/// The answer may have been lost.
pub async fn repeating_a_bid_changes_nothing(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    for _ in 0..3 {
        assert_eq!(one.bid(0, 6).await.held, 6);
    }
    for _ in 0..3 {
        assert_eq!(other.bid(0, 6).await.held, 4);
    }
    assert_eq!(other.bid(0, 6).await.members, 2);
}

/// Free slots are given back by saying less.
pub async fn what_is_not_named_goes_back(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    assert_eq!(one.bid(0, 10).await.held, 10);
    assert_eq!(other.bid(0, 1).await.held, 0);
    let share = one.bid(8, 0).await;
    assert_eq!((share.held, share.others_wait), (8, true), "it is told that others wait");
    assert_eq!(other.bid(0, 5).await.held, 2);
    one.leave().await;
    assert_eq!(
        other.bid(2, 5).await,
        Share { held: 7, others_wait: false, is_scarce: true, members: 1 }
    );
}

/// When its lease has ended.
pub async fn what_a_dead_worker_held_comes_back(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    let short = Bid { wanted: 9, ttl: SHORT, ..one.bid };
    assert_eq!(one.bid_as(short).await.held, 9);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(
        other.bid(0, 10).await,
        Share { held: 10, others_wait: false, is_scarce: true, members: 1 }
    );
}

/// Calls under way are not taken back, also where they were given to others meanwhile.
pub async fn what_a_worker_uses_stays_its_own(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    assert_eq!(one.bid_as(Bid { wanted: 6, ttl: SHORT, ..one.bid }).await.held, 6);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(other.bid(0, 8).await.held, 8);
    assert_eq!(one.bid(6, 3).await.held, 6, "no more than it uses");
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(other.bid(3, 5).await.held, 3, "it counts again, and it waited before");
    assert_eq!(one.bid(6, 3).await.held, 7);
}

/// Who asks often gains nothing; who was given a part waits anew for the rest.
pub async fn who_waited_longer_comes_first(harness: &impl Harness) {
    let [one, first, second]: [Worker; 3] = workers(harness).await;
    assert_eq!(one.bid(0, 10).await.held, 10);
    assert_eq!(first.bid(0, 3).await.held, 0);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(second.bid(0, 1).await.held, 0);
    tokio::time::sleep(A_MOMENT).await;
    one.bid(9, 0).await;
    for _ in 0..3 {
        assert_eq!(second.bid(0, 1).await.held, 0, "the slot is for the first");
    }
    assert_eq!(first.bid(0, 3).await.held, 1);
    tokio::time::sleep(A_MOMENT).await;
    one.bid(8, 0).await;
    assert_eq!(first.bid(1, 2).await.held, 1, "now the second was there before");
    assert_eq!(second.bid(0, 1).await.held, 1);
    one.bid(7, 0).await;
    assert_eq!(first.bid(1, 2).await.held, 2);
}

/// A worker that died while it waited keeps nobody for long.
pub async fn a_worker_that_waits_no_more_is_not_waited_for(harness: &impl Harness) {
    let [one, dead, other]: [Worker; 3] = workers(harness).await;
    assert_eq!(one.bid(0, 10).await.held, 10);
    let waiting = Bid { wanted: 5, ttl: SHORT, ..dead.bid };
    assert_eq!(dead.bid_as(waiting).await.held, 0);
    tokio::time::sleep(A_MOMENT).await;
    one.bid(9, 0).await;
    assert_eq!(other.bid(0, 1).await.held, 0);
    tokio::time::sleep(WISH_TTL).await;
    assert_eq!(other.bid(0, 1).await.held, 1);
    // One that says so itself is not waited for at all.
    assert_eq!(dead.bid_as(waiting).await.held, 0);
    assert!(one.bid(9, 0).await.others_wait);
    dead.leave().await;
    assert!(!one.bid(9, 0).await.others_wait);
}

/// At most half of the pool is used with them, and nobody waits.
pub async fn spare_slots_are_given_only_where_there_are_plenty(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    let with_spare = |bid: &Bid, used, wanted| Bid { used, wanted, spare: 4, ..*bid };
    assert_eq!(one.bid_as(with_spare(&one.bid, 0, 1)).await.held, 5);
    assert_eq!(other.bid_as(with_spare(&other.bid, 0, 1)).await.held, 1);
    assert_eq!(one.bid_as(with_spare(&one.bid, 1, 0)).await.held, 4, "half of it is used then");
    assert_eq!(one.bid_as(with_spare(&one.bid, 9, 0)).await.held, 9);
    assert_eq!(other.bid(1, 1).await.held, 1);
    assert_eq!(one.bid_as(with_spare(&one.bid, 1, 0)).await.held, 1, "somebody waits");
}

/// A smaller one takes nothing back.
pub async fn another_size_holds_for_what_is_given_from_then_on(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    assert_eq!(one.bid(0, 8).await.held, 8);
    let smaller = Bid { max: 4, ..other.bid };
    assert_eq!(other.bid_as(Bid { wanted: 1, ..smaller }).await.held, 0);
    assert_eq!(one.bid_as(Bid { max: 4, used: 8, wanted: 1, ..one.bid }).await.held, 8);
    assert_eq!(one.bid_as(Bid { max: 4, used: 3, ..one.bid }).await.held, 3);
    assert_eq!(other.bid_as(Bid { wanted: 2, ..smaller }).await.held, 1);
    assert_eq!(other.bid(1, 9).await.held, 7, "a larger one gives more");
}

/// Another connector, or another project, is another pool.
pub async fn pools_do_not_mix(harness: &impl Harness) {
    let [one, mut other]: [Worker; 2] = workers(harness).await;
    assert_eq!(one.bid(0, 10).await.held, 10);
    other.pool = Pool { integration: IntegrationId::new(), ..one.pool };
    assert_eq!(other.bid(0, 10).await.held, 10);
    other.pool = Pool { project: ProjectId::new(), ..one.pool };
    assert_eq!(other.bid(0, 10).await.held, 10);
}

/// After a loss others may be given what is in use, until its worker says so again.
pub async fn forgetting_costs_what_was_held(harness: &impl Harness) {
    let [one, other]: [Worker; 2] = workers(harness).await;
    assert_eq!(one.bid(0, 10).await.held, 10);
    harness.forget().await;
    assert_eq!(other.bid(0, 2).await.held, 2);
    assert_eq!(one.bid(10, 1).await.held, 10);
    assert_eq!(other.bid(2, 1).await.held, 2, "from here on both are counted");
    assert_eq!(one.bid(8, 1).await.held, 8);
    one.leave().await;
    assert_eq!(other.bid(2, 1).await.held, 3);
}
