//! Terms of the leader, and routes of queues.

use tenon_domain::QueueName;
use tenon_exec::ports::routing::{Route, RouteChange, RouteMode, RoutingStore, Term};

use super::fixture::{Fixture, Outcome};

fn mode(mode: RouteMode) -> RouteChange {
    RouteChange { mode: Some(mode), ..RouteChange::default() }
}

#[tokio::test]
async fn terms_grow_also_where_many_begin_one_and_above_what_was_seen() -> Outcome {
    let fixture = Fixture::new().await?;
    assert_eq!(fixture.store.term().await?, Term(0));
    let begin = |_| {
        let store = fixture.store.clone();
        tokio::spawn(async move { store.begin_term(Term(0)).await })
    };
    let mut begun = Vec::new();
    for term in (0..8).map(begin).collect::<Vec<_>>() {
        begun.push(term.await??.0);
    }
    begun.sort_unstable();
    assert_eq!(begun, (1..=8).collect::<Vec<_>>());
    // As after a restore from an old copy, when views of later terms are about.
    assert_eq!(fixture.store.begin_term(Term(41)).await?, Term(42));
    assert_eq!(fixture.store.begin_term(Term(3)).await?, Term(43));
    assert_eq!(fixture.store.term().await?, Term(43));
    Ok(())
}

#[tokio::test]
async fn a_leader_decides_in_its_own_term_only() -> Outcome {
    let fixture = Fixture::new().await?;
    let queue = QueueName::new("a");
    let old = fixture.store.begin_term(Term(0)).await?;
    assert!(fixture.store.decide_route(old, &queue, true).await?);
    let new = fixture.store.begin_term(Term(0)).await?;
    assert!(!fixture.store.decide_route(old, &queue, false).await?);
    assert!(fixture.store.route(&queue).await?.is_dedicated);
    assert!(fixture.store.decide_route(new, &queue, false).await?);
    assert!(!fixture.store.route(&queue).await?.is_dedicated);
    assert_eq!(fixture.store.routes().await?, [], "what is usual is not listed");
    Ok(())
}

#[tokio::test]
async fn an_operators_word_stands_until_it_is_taken_back() -> Outcome {
    let fixture = Fixture::new().await?;
    let (store, queue) = (&fixture.store, QueueName::new("a"));
    let term = store.begin_term(Term(0)).await?;
    assert_eq!(store.route(&queue).await?, Route::usual(queue.clone()));
    let route = store.change_route(&queue, &mode(RouteMode::Shared)).await?;
    assert_eq!((route.mode, route.is_dedicated), (RouteMode::Shared, false));
    assert!(!store.decide_route(term, &queue, true).await?);
    let route = store.change_route(&queue, &mode(RouteMode::Dedicated)).await?;
    assert!(route.is_dedicated && route.since_ms > 0);
    assert!(!store.decide_route(term, &queue, false).await?);
    let route = store.change_route(&queue, &mode(RouteMode::Automatic)).await?;
    assert!(route.is_dedicated, "the leader takes it back when it is calm");
    assert!(store.decide_route(term, &queue, false).await?);
    Ok(())
}

#[tokio::test]
async fn what_is_not_changed_stays() -> Outcome {
    let fixture = Fixture::new().await?;
    let (store, queue) = (&fixture.store, QueueName::new("a"));
    let workers = RouteChange { workers: Some(Some(3)), ..mode(RouteMode::Dedicated) };
    store.change_route(&queue, &workers).await?;
    let pause = RouteChange { is_paused: Some(true), ..RouteChange::default() };
    let route = store.change_route(&queue, &pause).await?;
    assert_eq!(
        (route.mode, route.is_dedicated, route.is_paused, route.workers),
        (RouteMode::Dedicated, true, true, Some(3))
    );
    let usual = RouteChange { workers: Some(None), ..RouteChange::default() };
    let route = store.change_route(&queue, &usual).await?;
    assert_eq!((route.is_paused, route.workers), (true, None));
    assert_eq!(store.routes().await?, [route]);
    Ok(())
}
