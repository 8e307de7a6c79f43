//! One process over a service of its own, which can be told to be away.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use tenon_domain::{IntegrationId, ProjectId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::ports::call_pools;

const LONG: Duration = Duration::from_secs(30);

fn pool() -> Pool {
    Pool { project: ProjectId::new(), integration: IntegrationId::new() }
}

/// Gives everybody what is left beside what others hold.
#[derive(Default)]
struct Service {
    /// Slots that others hold of any pool.
    others: AtomicU32,
    others_wait: AtomicBool,
    is_away: AtomicBool,
    bids: Mutex<Vec<Bid>>,
}

impl Service {
    fn asked(&self) -> usize {
        self.bids.lock().len()
    }

    fn last(&self) -> Bid {
        *self.bids.lock().last().expect("it was asked")
    }
}

#[async_trait]
impl CallPools for Service {
    async fn bid(&self, _: &Pool, bid: &Bid) -> Result<Share, call_pools::Error> {
        self.bids.lock().push(*bid);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(call_pools::Error("away".into()));
        }
        let others = self.others.load(Ordering::SeqCst);
        let free = bid.max.saturating_sub(others).saturating_sub(bid.used);
        let others_wait = self.others_wait.load(Ordering::SeqCst);
        let given = free.min(bid.wanted + if others_wait { 0 } else { bid.spare });
        let held = bid.used + given;
        let is_scarce = others + held > bid.max / 2;
        Ok(Share { held, others_wait, is_scarce, members: 4 })
    }
}

struct Bench {
    slots: CallSlots,
    service: Arc<Service>,
    _keeper: AbortOnDropHandle<()>,
}

fn bench() -> Bench {
    let service = Arc::new(Service::default());
    let slots = CallSlots::new(service.clone(), MemberId::draw(), SlotSettings::default());
    let keeper = tokio::spawn(slots.clone().keep(CancellationToken::new()));
    Bench { slots, service, _keeper: AbortOnDropHandle::new(keeper) }
}

/// Lets the keeper say what it has to say.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn calls_are_bounded_for_each_connector_of_each_project() {
    let bench = bench();
    let (one, other) = (pool(), pool());
    let first = bench.slots.enter(one, 2, Duration::ZERO).await.expect("free");
    let _second = bench.slots.enter(one, 2, Duration::ZERO).await.expect("free");
    assert!(bench.slots.enter(one, 2, Duration::ZERO).await.is_none());
    assert!(bench.slots.enter(other, 2, Duration::ZERO).await.is_some());
    drop(first);
    assert!(bench.slots.enter(one, 2, Duration::ZERO).await.is_some());
    assert!(bench.slots.enter(one, 3, Duration::ZERO).await.is_some(), "another limit counts");
}

#[tokio::test(start_paused = true)]
async fn most_calls_cost_no_question() {
    let bench = bench();
    let pool = pool();
    for _ in 0..100 {
        drop(bench.slots.enter(pool, 100, LONG).await.expect("free"));
    }
    let asked = bench.service.asked();
    assert!(asked <= 2, "{asked} questions: one, and the first look at everything");
    tokio::time::sleep(LONG).await;
    assert_eq!(bench.service.last().spare, 0, "what nobody used for long goes back");
    let asked = bench.service.asked();
    tokio::time::sleep(LONG).await;
    assert_eq!(bench.service.asked(), asked, "and is forgotten then");
}

#[tokio::test(start_paused = true)]
async fn many_that_wait_ask_once() {
    let bench = bench();
    let pool = pool();
    let calls = (0..50).map(|_| bench.slots.enter(pool, 100, LONG));
    let calls = futures::future::join_all(calls).await;
    assert!(calls.iter().all(Option::is_some));
    assert!(bench.service.asked() <= 2, "asked {} times", bench.service.asked());
}

#[tokio::test(start_paused = true)]
async fn a_slot_goes_back_at_once_where_others_wait() {
    let bench = bench();
    let pool = pool();
    bench.service.others_wait.store(true, Ordering::SeqCst);
    let slot = bench.slots.enter(pool, 10, LONG).await.expect("free");
    // The first regular look may have been among them.
    let taken = bench.service.asked();
    drop(slot);
    settled().await;
    let given_back = bench.service.asked();
    assert!(given_back > taken);
    let Bid { used, wanted, .. } = bench.service.last();
    assert_eq!((used, wanted), (0, 0));
    assert!(bench.slots.enter(pool, 10, LONG).await.is_some());
    assert!(bench.service.asked() > given_back, "it has to ask again");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_given_what_others_give_back() {
    let bench = bench();
    let pool = pool();
    bench.service.others.store(10, Ordering::SeqCst);
    assert!(bench.slots.enter(pool, 10, Duration::from_secs(2)).await.is_none());
    let asked = bench.service.asked();
    assert!((8..=25).contains(&asked), "asked {asked} times in two seconds");
    let waiting = tokio::spawn({
        let slots = bench.slots.clone();
        async move { slots.enter(pool, 10, LONG).await.is_some() }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished());
    bench.service.others.store(9, Ordering::SeqCst);
    assert!(waiting.await.expect("it ends"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gave_up_leaves_its_slot_to_the_next() {
    let bench = bench();
    let pool = pool();
    let held = bench.slots.enter(pool, 1, LONG).await.expect("free");
    let gave_up = bench.slots.enter(pool, 1, Duration::from_secs(1)).await;
    assert!(gave_up.is_none());
    let waiting = tokio::spawn({
        let slots = bench.slots.clone();
        async move { slots.enter(pool, 1, LONG).await.is_some() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(held);
    assert!(waiting.await.expect("it ends"));
    assert!(bench.slots.enter(pool, 1, LONG).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_the_service_this_process_goes_on_with_its_share() {
    let bench = bench();
    let pool = pool();
    let mut calls = Vec::new();
    for _ in 0..7 {
        calls.push(bench.slots.enter(pool, 10, LONG).await.expect("free"));
    }
    bench.service.is_away.store(true, Ordering::SeqCst);
    // Four have a part: each may have two of ten calls under way.
    tokio::time::sleep(LONG).await;
    assert!(bench.slots.enter(pool, 10, Duration::ZERO).await.is_none());
    calls.truncate(1);
    let second = bench.slots.enter(pool, 10, Duration::ZERO).await;
    assert!(second.is_some());
    assert!(bench.slots.enter(pool, 10, Duration::ZERO).await.is_none());
    let tiny = super::tests::pool();
    assert!(bench.slots.enter(tiny, 1, Duration::ZERO).await.is_some(), "one at least");
    bench.service.is_away.store(false, Ordering::SeqCst);
    tokio::time::sleep(LONG).await;
    assert!(bench.slots.enter(pool, 10, Duration::ZERO).await.is_some(), "it is back");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_told_before_the_lease_ends_and_given_back_at_the_end() {
    let service = Arc::new(Service::default());
    let settings = SlotSettings::default();
    let slots = CallSlots::new(service.clone(), MemberId::draw(), settings);
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(slots.clone().keep(stop.clone()));
    let call = slots.enter(pool(), 10, LONG).await.expect("free");
    let asked = service.asked();
    tokio::time::sleep(settings.lease_ttl).await;
    assert!(service.asked() - asked >= 2, "told while it is used");
    assert_eq!(service.last().used, 1);
    drop(call);
    stop.cancel();
    keeper.await.expect("it ends");
    assert_eq!((service.last().used, service.last().spare), (0, 0));
}
