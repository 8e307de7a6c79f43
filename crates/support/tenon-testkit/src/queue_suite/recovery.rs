//! Rules on what happens when the service forgets, or belongs to another generation.

use tenon_exec::ports::queue::{Beat, Error, Fence, Generation, Lease, Push, Source, Terms};

use super::{A_MOMENT, Bench, Harness, LONG, SHORT, ask, push_now};

fn is_stale<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::StaleGeneration { .. }))
}

/// Nothing works before a generation is installed, and nothing is left behind by trying.
pub async fn a_queue_without_a_generation_asks_for_recovery(harness: &impl Harness) {
    let handle = harness.handle().await;
    let name = tenon_domain::QueueName::new("orders");
    assert_eq!(handle.generation().await.expect("asking works"), None);
    let job = push_now(tenon_domain::RunId::new());
    let source = Source::Shared(handle.shard_of(&name));
    assert!(is_stale(handle.push(&[(name.clone(), job)]).await));
    assert!(is_stale(handle.claim(&source, &ask(1, LONG)).await));
    handle.install_generation(Generation(1)).await.expect("installing works");
    assert_eq!(handle.generation().await.expect("asking works"), Some(Generation(1)));
    assert_eq!(handle.known(&name, &[job.run]).await.expect("asking works"), [false]);
}

/// After the service forgot, every operation on a queue says so until the next generation.
pub async fn a_queue_that_forgot_asks_for_recovery(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(2).await;
    let lease = bench.claim_one(LONG).await;
    harness.forget().await;
    let Bench { handle, name } = &bench;
    assert_eq!(handle.generation().await.expect("asking works"), None);
    let shard = bench.shard();
    assert!(is_stale(handle.push(&[(name.clone(), push_now(lease.run))]).await));
    assert!(is_stale(handle.claim(&bench.source(), &ask(1, LONG)).await));
    let beat = Beat { queue: name.clone(), lease, order: None };
    assert!(is_stale(handle.beat(shard, &[beat], LONG).await));
    assert!(is_stale(handle.ack(shard, &[lease]).await));
    assert!(is_stale(handle.nack(shard, &[(lease, None)]).await));
    assert!(is_stale(handle.reap(shard).await));
    assert!(is_stale(handle.remove(name, &[lease.run]).await));
    assert!(is_stale(handle.known(name, &[lease.run]).await));
    assert!(is_stale(handle.locate(name, lease.run).await));
    assert!(is_stale(handle.depth(name).await));
    assert!(is_stale(handle.set_terms(&[(name.clone(), Terms::default())]).await));
    assert!(is_stale(handle.overview(shard, 0).await));
    handle.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(bench.depth().await, (0, 0, 0));
    assert_eq!(handle.generation().await.expect("asking works"), Some(Generation(2)));
}

/// A live worker keeps its job across a loss, and new fences are larger than its own.
pub async fn a_beat_takes_up_what_the_service_forgot(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let lease = bench.claim_one(LONG).await;
    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(bench.beat(lease, LONG).await, []);
    assert_eq!(bench.depth().await, (0, 0, 1));
    bench.push(&[Push { is_recovered: true, ..push_now(lease.run) }]).await;
    assert_eq!(bench.depth().await, (0, 0, 1), "the sweep finds it known");
    assert_eq!(bench.beat(lease, LONG).await, [], "a second beat extends it");

    // Given back, it is forgotten: only the sweep knows its priority and lane.
    bench.nack(lease, None).await;
    assert_eq!(bench.depth().await, (0, 0, 0));
    bench.push(&[Push { is_recovered: true, ..push_now(lease.run) }]).await;
    let claimed = bench.claim(1, LONG).await;
    assert!(claimed.jobs[0].is_recovered);
    assert!(claimed.fence > lease.fence && claimed.fence > Fence::new(Generation(2), 0));
    bench.ack(lease).await;
    assert_eq!(bench.depth().await, (0, 0, 1), "the old fence holds no longer");
}

/// A worker that took its job up again and then died has it taken from it, once the sweep comes.
pub async fn what_was_taken_up_again_and_lapsed_is_forgotten(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let lease = bench.claim_one(LONG).await;
    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(bench.beat(lease, SHORT).await, []);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 1);
    assert!(!bench.knows(lease.run).await);
    assert_eq!(bench.beat(lease, LONG).await, [], "it may yet come back before the sweep");
}

/// A worker that comes too late, after the sweep pushed its job again, has lost it.
pub async fn a_beat_does_not_take_what_was_pushed_again(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let late = bench.claim_one(LONG).await;
    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    bench.push(&[Push { is_recovered: true, ..push_now(late.run) }]).await;
    assert_eq!(bench.beat(late, LONG).await, [late.run]);
    bench.ack(late).await;
    assert_eq!(bench.depth().await, (1, 0, 0));
    let claimed = bench.claim(1, LONG).await;
    assert!(claimed.jobs[0].is_recovered && !claimed.jobs[0].is_reaped);
}

/// A process that has not heard of the new generation cannot touch a queue of it, and cannot
/// bring the old one back.
pub async fn an_older_generation_is_turned_away(harness: &impl Harness) {
    let old = Bench::new(harness).await;
    old.push_new(1).await;
    let lease = old.claim_one(LONG).await;
    let new = harness.handle().await;
    new.install_generation(Generation(2)).await.expect("installing works");
    let job = push_now(lease.run);
    new.push(&[(old.name.clone(), job)]).await.expect("a push works");
    assert!(is_stale(old.handle.ack(old.shard(), &[lease]).await));
    assert!(is_stale(old.handle.claim(&old.source(), &ask(1, LONG)).await));
    assert!(is_stale(old.handle.push(&[(old.name.clone(), job)]).await));
    let fresh = tenon_domain::QueueName::new("new");
    assert!(is_stale(old.handle.push(&[(fresh, job)]).await));
    old.handle.install_generation(Generation(1)).await.expect("it is ignored");
    assert_eq!(new.generation().await.expect("asking works"), Some(Generation(2)));
    assert!(is_stale(old.handle.claim(&old.source(), &ask(1, LONG)).await));
    assert_eq!(new.depth(&old.name).await.expect("counting works").ready, 1);
}

/// Whoever follows the generation that others see does not bring it back where it was forgotten
/// since: nobody would find out that the queues are empty, and old fences would hold again.
pub async fn using_a_generation_writes_nothing(harness: &impl Harness) {
    let installer = Bench::new(harness).await;
    let follower = harness.handle().await;
    let seen = follower.generation().await.expect("asking works").expect("it is carried");
    harness.forget().await;
    follower.use_generation(seen);
    assert_eq!(follower.generation().await.expect("asking works"), None);
    let job = push_now(tenon_domain::RunId::new());
    assert!(is_stale(follower.push(&[(installer.name.clone(), job)]).await));
    installer.handle.install_generation(Generation(2)).await.expect("installing works");
    follower.use_generation(Generation(2));
    follower.push(&[(installer.name.clone(), job)]).await.expect("a push works");
    assert!(installer.knows(job.run).await);
}

/// Queues of an older generation count as forgotten, though the service still has them.
pub async fn a_new_generation_empties_the_queues(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(3).await;
    let lease = bench.claim_one(LONG).await;
    bench.handle.install_generation(Generation(5)).await.expect("installing works");
    assert_eq!(bench.depth().await, (0, 0, 0));
    assert!(!bench.knows(pushed[1]).await);
    assert_eq!(bench.beat(lease, LONG).await, [], "its worker takes it up again");
    let forged = Lease { run: pushed[1], fence: Fence::new(Generation(5), 0) };
    assert_eq!(bench.beat(forged, LONG).await, [pushed[1]], "that claim never was");
    assert_eq!(bench.depth().await, (0, 0, 1));
}
