//! The rules of [`Membership`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::membership_suite!(harness)`.

use std::sync::Arc;
use std::time::Duration;

use tenon_exec::cluster::view::{View, ViewMember};
use tenon_exec::ports::membership::{Member, MemberId, Membership, Wish};
use tenon_exec::ports::routing::Term;

/// Longer than any rule takes.
const LONG: Duration = Duration::from_secs(3_600);
/// What a rule waits out.
const SHORT: Duration = Duration::from_millis(150);

/// A service whose handles a rule may use as it likes.
pub trait Harness: Send + Sync {
    /// A handle as another process would have.
    fn handle(&self) -> impl Future<Output = Arc<dyn Membership>> + Send;

    /// Makes the service forget everything.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! membership_suite {
    ($make:path) => {
        $crate::membership_suite!(@rules $make:
            a_member_is_there_while_its_beat_holds,
            a_beat_says_what_is_so_now,
            a_member_that_leaves_is_gone_at_once,
            many_members_are_all_listed_in_the_order_of_their_ids,
            a_lease_has_one_holder,
            a_lease_that_lapsed_can_be_taken,
            a_lease_is_given_back_by_its_holder_only,
            leases_of_other_names_do_not_matter,
            the_view_of_the_later_term_stays,
            a_view_may_be_published_again,
            what_was_forgotten_can_be_said_again,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::membership_suite::$rule(&harness).await;
            }
        )*
    };
}

/// A member of which nothing is special.
#[must_use]
pub fn member() -> Member {
    Member {
        id: MemberId::draw(),
        address: "host:1".to_owned(),
        uptime_ms: 5,
        slots: 100,
        in_flight: 0,
        sources: vec!["shared:1".to_owned(), "dedicated:a".to_owned()],
        wish: Wish::Stay,
        follows: Some((3, 9)),
    }
}

fn view(term: u64, number: u64) -> View {
    View {
        term: Term(term),
        number,
        members: vec![ViewMember { id: MemberId::draw(), weight: 5 }],
        leaving: Vec::new(),
        dedicated: Vec::new(),
        reserved_percent_max: 50,
        workers_min: 1,
        workers_desired: 2,
    }
}

async fn members(service: &Arc<dyn Membership>) -> Vec<Member> {
    service.members().await.expect("the service answers")
}

async fn beat(service: &Arc<dyn Membership>, member: &Member, ttl: Duration) {
    service.beat(member, ttl).await.expect("the service answers");
}

/// Others see it, until it has been silent for the time it said.
pub async fn a_member_is_there_while_its_beat_holds(harness: &impl Harness) {
    let (worker, leader) = (harness.handle().await, harness.handle().await);
    let (short, long) = (member(), member());
    beat(&worker, &short, SHORT).await;
    beat(&worker, &long, LONG).await;
    let mut expected = vec![short.clone(), long.clone()];
    expected.sort_unstable_by_key(|member| member.id);
    assert_eq!(members(&leader).await, expected);
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(members(&leader).await, vec![long.clone()]);
    beat(&worker, &short, LONG).await;
    assert_eq!(members(&leader).await.len(), 2);
}

/// The last beat counts.
pub async fn a_beat_says_what_is_so_now(harness: &impl Harness) {
    let service = harness.handle().await;
    let mut member = member();
    beat(&service, &member, LONG).await;
    member.in_flight = 7;
    member.wish = Wish::Leave;
    beat(&service, &member, LONG).await;
    assert_eq!(members(&service).await, vec![member]);
}

/// And leaving twice does nothing.
pub async fn a_member_that_leaves_is_gone_at_once(harness: &impl Harness) {
    let service = harness.handle().await;
    let member = member();
    beat(&service, &member, LONG).await;
    for _ in 0..2 {
        service.leave(member.id).await.expect("the service answers");
        assert_eq!(members(&service).await, vec![]);
    }
}

/// More than one batch of anything.
pub async fn many_members_are_all_listed_in_the_order_of_their_ids(harness: &impl Harness) {
    let service = harness.handle().await;
    let mut ids = Vec::new();
    for _ in 0..1_203 {
        let member = member();
        ids.push(member.id);
        beat(&service, &member, LONG).await;
    }
    ids.sort_unstable();
    let listed: Vec<MemberId> = members(&service).await.iter().map(|member| member.id).collect();
    assert_eq!(listed, ids);
}

async fn hold(service: &Arc<dyn Membership>, name: &str, owner: MemberId, ttl: Duration) -> bool {
    service.hold_lease(name, owner, ttl).await.expect("the service answers")
}

/// Who asks again extends; who asks second does not get it.
pub async fn a_lease_has_one_holder(harness: &impl Harness) {
    let (one, other) = (harness.handle().await, harness.handle().await);
    let (first, second) = (MemberId::draw(), MemberId::draw());
    assert!(hold(&one, "leader", first, LONG).await);
    assert!(!hold(&other, "leader", second, LONG).await);
    assert!(hold(&one, "leader", first, LONG).await);
    assert!(!hold(&other, "leader", second, LONG).await);
}

/// An extension counts from when it was asked for.
pub async fn a_lease_that_lapsed_can_be_taken(harness: &impl Harness) {
    let service = harness.handle().await;
    let (first, second) = (MemberId::draw(), MemberId::draw());
    assert!(hold(&service, "leader", first, LONG).await);
    assert!(hold(&service, "leader", first, SHORT).await);
    tokio::time::sleep(SHORT * 2).await;
    assert!(hold(&service, "leader", second, LONG).await);
    assert!(!hold(&service, "leader", first, LONG).await);
}

/// Somebody whose lease has lapsed gives back nothing that is another's by now.
pub async fn a_lease_is_given_back_by_its_holder_only(harness: &impl Harness) {
    let service = harness.handle().await;
    let (first, second) = (MemberId::draw(), MemberId::draw());
    assert!(hold(&service, "leader", first, LONG).await);
    let release =
        async |owner| service.release_lease("leader", owner).await.expect("the service answers");
    assert!(!release(second).await);
    assert!(!hold(&service, "leader", second, LONG).await);
    assert!(release(first).await);
    assert!(!release(first).await);
    assert!(hold(&service, "leader", second, LONG).await);
}

/// One name, one lease.
pub async fn leases_of_other_names_do_not_matter(harness: &impl Harness) {
    let service = harness.handle().await;
    assert!(hold(&service, "leader", MemberId::draw(), LONG).await);
    assert!(hold(&service, "other", MemberId::draw(), LONG).await);
}

/// Of one term the later one does.
pub async fn the_view_of_the_later_term_stays(harness: &impl Harness) {
    let (old, new) = (harness.handle().await, harness.handle().await);
    assert_eq!(old.view().await.expect("the service answers"), None);
    let publish = async |service: &Arc<dyn Membership>, view: &View| {
        service.publish_view(view).await.expect("the service answers")
    };
    assert!(publish(&old, &view(4, 100)).await);
    let current = view(5, 2);
    assert!(publish(&new, &current).await);
    assert!(!publish(&old, &view(4, 101)).await);
    assert!(!publish(&new, &view(5, 1)).await);
    assert_eq!(old.view().await.expect("the service answers"), Some(current));
    // Numbers are compared as numbers.
    let current = view(10, 10);
    assert!(publish(&new, &current).await);
    assert!(!publish(&old, &view(9, 99)).await);
    assert_eq!(old.view().await.expect("the service answers"), Some(current));
}

/// A lost answer may be asked for again.
pub async fn a_view_may_be_published_again(harness: &impl Harness) {
    let service = harness.handle().await;
    let view = view(1, 1);
    for _ in 0..2 {
        assert!(service.publish_view(&view).await.expect("the service answers"));
    }
}

/// Nothing here is the only copy.
pub async fn what_was_forgotten_can_be_said_again(harness: &impl Harness) {
    let service = harness.handle().await;
    let (member, owner) = (member(), MemberId::draw());
    beat(&service, &member, LONG).await;
    hold(&service, "leader", owner, LONG).await;
    service.publish_view(&view(7, 7)).await.expect("the service answers");
    harness.forget().await;
    assert_eq!(members(&service).await, vec![]);
    assert_eq!(service.view().await.expect("the service answers"), None);
    beat(&service, &member, LONG).await;
    assert!(hold(&service, "leader", owner, LONG).await);
    assert!(service.publish_view(&view(7, 8)).await.expect("the service answers"));
    assert_eq!(members(&service).await, vec![member]);
}
