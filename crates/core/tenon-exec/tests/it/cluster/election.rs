//! Who leads.

use std::time::Duration;

use tenon_exec::cluster::leading::LeadingSettings;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::Membership;
use tenon_exec::ports::routing::Term;
use tokio::time::Instant;

use super::{Candidate, Idle, World, seconds};

/// One leads, and then the others stand.
async fn elected_with_a_rival(world: &World) -> (Candidate, Candidate, Term) {
    let mut leader = world.stand(Idle);
    let term = leader.elected().await;
    let rival = world.stand(Idle);
    seconds(30).await;
    assert_eq!((leader.leads(), rival.leads()), (Some(term), None));
    (leader, rival, term)
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_succeeded_within_five_seconds() {
    let world = World::new().await;
    let (leader, mut rival, term) = elected_with_a_rival(&world).await;
    leader.kill();
    let died = Instant::now();
    assert!(rival.elected().await > term);
    assert!(died.elapsed() <= Duration::from_secs(5), "{:?}", died.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_is_succeeded_at_once() {
    let world = World::new().await;
    let (leader, mut rival, term) = elected_with_a_rival(&world).await;
    leader.stop.cancel();
    let stopped = Instant::now();
    assert!(rival.elected().await > term);
    assert!(stopped.elapsed() <= Duration::from_millis(100), "{:?}", stopped.elapsed());
    leader.task.await.expect("it ends well");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_begins() {
    let world = World::new().await;
    let (mut leader, mut rival, term) = elected_with_a_rival(&world).await;
    leader.link.cut(true);
    let cut = Instant::now();
    let over = async {
        leader.term.wait_for(Option::is_none).await.expect("it runs");
        Instant::now()
    };
    let begun = async {
        rival.elected().await;
        Instant::now()
    };
    let (over, begun) = tokio::join!(over, begun);
    assert!(over < begun, "two led for {:?}", over - begun);
    assert!(begun - cut <= Duration::from_secs(5));
    // And it is a candidate like any other when it is back.
    leader.link.cut(false);
    seconds(20).await;
    assert_eq!(leader.leads(), None);
    rival.kill();
    assert!(leader.elected().await > term);
}

#[tokio::test(start_paused = true)]
async fn a_leader_of_an_older_term_stops() {
    let world = World::new().await;
    let (mut leader, _rival, term) = elected_with_a_rival(&world).await;
    // As when the lease was forgotten, and another was elected meanwhile.
    use tenon_exec::ports::routing::RoutingStore;
    world.routing.begin_term(Term(0)).await.expect("in memory");
    leader.term.wait_for(|now| *now != Some(term)).await.expect("it runs");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_does_not_end_a_term() {
    let world = World::new().await;
    let (leader, rival, term) = elected_with_a_rival(&world).await;
    world.routing.set_away(true);
    seconds(60).await;
    assert_eq!((leader.leads(), rival.leads()), (Some(term), None));
}

#[tokio::test(start_paused = true)]
async fn a_term_is_above_every_view_that_is_about() {
    let world = World::new().await;
    let view = View {
        term: Term(40),
        number: 9,
        members: Vec::new(),
        leaving: Vec::new(),
        dedicated: Vec::new(),
        reserved_percent_max: 50,
        workers_min: 1,
        workers_desired: 1,
    };
    world.membership.publish_view(&view).await.expect("in memory");
    // The database was restored from an old copy.
    let mut leader = world.stand(world.leading(LeadingSettings::default()));
    assert_eq!(leader.elected().await, Term(41));
    seconds(2).await;
    assert_eq!(world.view().await.term, Term(41));
}

#[tokio::test(start_paused = true)]
async fn when_the_lease_is_forgotten_one_leads_in_the_end_and_views_only_go_forward() {
    let world = World::new().await;
    let candidates: Vec<Candidate> =
        (0..3).map(|_| world.stand(world.leading(LeadingSettings::default()))).collect();
    seconds(5).await;
    let mut last = world.view().await.order();
    for _ in 0..10 {
        world.membership.forget();
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Some(view) = world.membership.view().await.expect("in memory") {
                assert!(view.order() >= last, "{:?} after {last:?}", view.order());
                last = view.order();
            }
        }
        let leaders = candidates.iter().filter(|one| one.leads().is_some()).count();
        assert_eq!(leaders, 1);
    }
}
