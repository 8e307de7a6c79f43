//! Leases: work goes on only while it is sure to be ours.

use std::time::Duration;

use tenon_domain::RunId;
use tenon_exec::leases::Leases;
use tenon_exec::ports::queue::{Generation, JobQueue, Lane, LaneRule, Lease, Push, Whereabouts};
use tenon_exec::ports::store::JobOrder;
use tenon_exec::settings::Settings;

use crate::bench::{Stores, fence};

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lost_lease_abandons_its_run_and_no_other() {
    let stores = Stores::new(Settings { lease_ttl: TTL, ..Settings::default() });
    let name = stores.queue_name();
    let (lost, kept) = (stores.claim(RunId::new()).await, stores.claim(RunId::new()).await);
    let leases = Leases::default();
    let (lost_token, kept_token) = (leases.hold(&name, lost, TTL), leases.hold(&name, kept, TTL));
    stores.queue.ack(stores.queue.shard_of(&name), &[lost]).await.expect("in memory");
    leases.beat(&*stores.queue, TTL).await;
    assert!(lost_token.is_cancelled());
    assert!(!kept_token.is_cancelled());
    assert_eq!(leases.len(), 1);
}

#[tokio::test]
async fn a_lease_that_could_not_be_extended_in_time_is_abandoned() {
    let stores = Stores::new(Settings::default());
    let name = stores.queue_name();
    let (late, early) = (stores.claim(RunId::new()).await, stores.claim(RunId::new()).await);
    let leases = Leases::default();
    // The margin makes a lease of half a second overdue at once.
    let late_token = leases.hold(&name, late, Duration::from_millis(500));
    let early_token = leases.hold(&name, early, TTL);
    stores.queue.set_away(true);
    leases.beat(&*stores.queue, TTL).await;
    assert!(late_token.is_cancelled());
    assert!(!early_token.is_cancelled());
}

#[tokio::test]
async fn a_beat_that_arrives_moves_the_deadline() {
    let stores = Stores::new(Settings::default());
    let lease = stores.claim(RunId::new()).await;
    let leases = Leases::default();
    // Half a second of it is margin.
    let token = leases.hold(&stores.queue_name(), lease, Duration::from_millis(1_500));
    leases.beat(&*stores.queue, TTL).await;
    assert!(!token.is_cancelled());
    stores.queue.set_away(true);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    leases.beat(&*stores.queue, TTL).await;
    assert!(!token.is_cancelled(), "the deadline is a minute away");
}

#[tokio::test]
async fn a_lease_that_was_overdue_is_not_extended_any_more() {
    let stores = Stores::new(Settings::default());
    let lease = stores.claim(RunId::new()).await;
    let leases = Leases::default();
    let token = leases.hold(&stores.queue_name(), lease, Duration::ZERO);
    leases.beat(&*stores.queue, TTL).await;
    assert!(token.is_cancelled(), "somebody else may have begun meanwhile");
}

#[tokio::test]
async fn a_queue_that_forgot_learns_the_lane_of_a_run_that_goes_on() {
    let stores = Stores::new(Settings::default());
    let lane = Lane { key: [7; 16], rule: LaneRule::InOrder };
    let order = JobOrder { lane: Some(lane), ..JobOrder::default() };
    let (first, second) = (RunId::new(), RunId::new());
    let lease = stores.claim(first).await;
    let leases = Leases::default();
    leases.hold(&stores.queue_name(), lease, TTL);
    leases.learn(Lease { fence: fence(9), ..lease }, JobOrder::default());
    leases.learn(lease, order);
    stores.local.forget();
    stores.local.install_generation(Generation(2)).await.expect("in memory");
    leases.beat(&*stores.queue, TTL).await;
    let next = Push { lane: Some(lane), ..Push::now(second) };
    stores.local.push(&[(stores.queue_name(), next)]).await.expect("in memory");
    let found = stores.queue.locate(&stores.queue_name(), second).await.expect("in memory");
    let rule = LaneRule::InOrder;
    assert_eq!(found, Whereabouts::Held { rule, before: 0, ahead: vec![first] });
}

#[test]
fn a_newer_claim_abandons_the_older_and_is_not_let_go_by_it() {
    let stores = Stores::new(Settings::default());
    let (run, name) = (RunId::new(), stores.queue_name());
    let older = Lease { run, fence: fence(1) };
    let newer = Lease { run, fence: fence(2) };
    let leases = Leases::default();
    let older_token = leases.hold(&name, older, TTL);
    let newer_token = leases.hold(&name, newer, TTL);
    assert!(older_token.is_cancelled());
    leases.drop_lease(older);
    assert_eq!(leases.len(), 1, "the older claim's end must not free the newer one");
    assert!(!newer_token.is_cancelled());
    leases.abandon(run);
    assert!(newer_token.is_cancelled());
    leases.drop_lease(newer);
    assert!(leases.is_empty());
}
