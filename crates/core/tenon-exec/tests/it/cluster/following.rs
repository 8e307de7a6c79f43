//! What a worker makes of views, and of none.

use std::time::Duration;

use tenon_domain::QueueName;
use tenon_exec::cluster::following::FollowingSettings;
use tenon_exec::cluster::leading::LeadingSettings;
use tenon_exec::cluster::view::{DedicatedQueue, View, ViewMember};
use tenon_exec::ports::membership::{MemberId, Membership};
use tenon_exec::ports::queue::Source;
use tenon_exec::ports::routing::{RouteChange, RouteMode, RoutingStore, Term};

use super::{SHARDS, World, seconds};

fn view(term: u64, members: &[MemberId], dedicated: &[&str]) -> View {
    View {
        term: Term(term),
        number: 1,
        members: members.iter().map(|id| ViewMember { id: *id, weight: 1 }).collect(),
        leaving: Vec::new(),
        dedicated: dedicated
            .iter()
            .map(|name| DedicatedQueue { queue: QueueName::new(*name), workers: 1 })
            .collect(),
        reserved_percent_max: 50,
        workers_min: 1,
        workers_desired: 1,
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_view_everything_is_served_also_what_is_dedicated() {
    let world = World::new().await;
    let dedicated = QueueName::new("a");
    let change = RouteChange { mode: Some(RouteMode::Dedicated), ..RouteChange::default() };
    world.routing.change_route(&dedicated, &change).await.expect("in memory");
    let worker = world.follow(FollowingSettings::default());
    seconds(3).await;
    let duty = worker.duty();
    assert_eq!((duty.own.len(), duty.spare.len()), (0, usize::from(SHARDS) + 1));
    assert!(duty.spare.contains(&Source::Dedicated(dedicated)));
}

#[tokio::test(start_paused = true)]
async fn a_view_of_an_older_term_is_ignored() {
    let world = World::new().await;
    let worker = world.follow(FollowingSettings::default());
    seconds(1).await;
    world.membership.publish_view(&view(5, &[worker.me], &[])).await.expect("in memory");
    seconds(2).await;
    assert_eq!(worker.duty().own.len(), usize::from(SHARDS));
    // A leader of an older term, whose view comes to be there because Redis was emptied.
    world.membership.forget();
    let older = View { number: 1_000, ..view(4, &[MemberId::draw()], &[]) };
    assert!(world.membership.publish_view(&older).await.expect("in memory"));
    seconds(3).await;
    assert_eq!(worker.duty().own.len(), usize::from(SHARDS));
    let newer = view(6, &[MemberId::draw()], &[]);
    world.membership.publish_view(&newer).await.expect("in memory");
    seconds(3).await;
    assert_eq!(worker.duty().own.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_a_leader_leaves_owners_as_they_are_and_nothing_to_nobody() {
    let world = World::new().await;
    let workers: Vec<_> = (0..4).map(|_| world.follow(FollowingSettings::default())).collect();
    let change = RouteChange { mode: Some(RouteMode::Dedicated), ..RouteChange::default() };
    world.routing.change_route(&QueueName::new("a"), &change).await.expect("in memory");
    let leader = world.stand(world.leading(LeadingSettings::default()));
    seconds(5).await;
    let source = Source::Dedicated(QueueName::new("a"));
    let owner = workers.iter().find(|worker| worker.duty().own.contains(&source));
    let owner = owner.expect("it has an owner");
    let before: Vec<_> = workers.iter().map(|worker| worker.duty().own.clone()).collect();
    leader.kill();
    seconds(60).await;
    let after: Vec<_> = workers.iter().map(|worker| worker.duty().own.clone()).collect();
    assert_eq!(before, after, "owners keep what they have");
    for worker in workers.iter().filter(|worker| worker.me != owner.me) {
        let duty = worker.duty();
        assert!(duty.never.is_empty() && duty.spare.contains(&source), "{duty:?}");
    }
    // A queue that an operator made dedicated meanwhile is found, too.
    world.routing.change_route(&QueueName::new("b"), &change).await.expect("in memory");
    seconds(3).await;
    let source = Source::Dedicated(QueueName::new("b"));
    assert!(workers.iter().all(|worker| worker.duty().spare.contains(&source)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_changes_nothing() {
    let world = World::new().await;
    let worker = world.follow(FollowingSettings::default());
    let _leader = world.stand(world.leading(LeadingSettings::default()));
    seconds(5).await;
    let before = worker.duty();
    worker.link.cut(true);
    world.routing.set_away(true);
    seconds(60).await;
    assert_eq!(worker.duty().own, before.own);
    worker.link.cut(false);
    world.routing.set_away(false);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(worker.duty(), before);
}
