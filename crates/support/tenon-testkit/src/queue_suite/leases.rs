//! Rules on who holds a job.

use tenon_exec::ports::queue::{Fence, Generation, Lease};

use super::{A_MOMENT, Bench, Harness, LONG, SHORT, in_ms, leases, runs};

/// Every claim that hands out jobs has a larger fence, of the installed generation.
pub async fn fences_grow_with_every_claim(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(3).await;
    let mut last = Fence::new(Generation(1), 0);
    for _ in 0..3 {
        let fence = bench.claim_one(LONG).await.fence;
        assert!(fence > last, "{fence:?} after {last:?}");
        assert!(fence < Fence::new(Generation(2), 0));
        last = fence;
    }
}

/// An ack under any other fence is passed over, for every job of the call.
pub async fn only_the_holder_finishes_a_job(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(2).await;
    let (first, second) = (bench.claim_one(LONG).await, bench.claim_one(LONG).await);
    let wrong = Lease { run: first.run, fence: second.fence };
    bench.handle.ack(bench.shard(), &[wrong, second]).await.expect("an ack works");
    assert!(bench.knows(first.run).await, "its fence is another");
    assert!(!bench.knows(second.run).await);
    bench.ack(first).await;
    assert_eq!(bench.depth().await, (0, 0, 0));
}

/// The job of a silent worker comes back before what waits, and the claimer is told.
pub async fn a_lapsed_job_comes_back_flagged_and_first(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(2).await;
    bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 1);
    assert_eq!(bench.reap().await, 0);
    assert_eq!(bench.depth().await, (2, 0, 0));
    let claimed = bench.claim(2, LONG).await;
    assert_eq!(runs(&claimed), pushed);
    let flags: Vec<_> = claimed.jobs.iter().map(|job| (job.is_recovered, job.is_reaped)).collect();
    assert_eq!(flags, [(true, true), (false, false)]);

    // The crash has been told once; what needs a look still does.
    bench.nack(leases(&claimed)[0], None).await;
    let again = &bench.claim(1, LONG).await.jobs[0];
    assert_eq!((again.run, again.is_recovered, again.is_reaped), (pushed[0], true, false));
}

/// A lease that is extended in time is not reaped, and its job stays with its holder.
pub async fn a_beat_keeps_a_lease_from_lapsing(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let lease = bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    // It has lapsed but nobody took it: the holder may still extend it.
    assert_eq!(bench.beat(lease, LONG).await, []);
    assert_eq!(bench.reap().await, 0);
    assert_eq!(bench.beat(lease, SHORT).await, []);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 1, "a beat counts from now, also downwards");
}

/// A worker that lost its job learns so, both while it waits and once another has it.
pub async fn a_beat_reports_a_lease_that_another_took(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let zombie = bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    bench.reap().await;
    assert_eq!(bench.beat(zombie, LONG).await, [zombie.run], "it is ready again");
    let holder = bench.claim_one(SHORT).await;
    assert_eq!(holder.run, zombie.run);
    assert_eq!(bench.beat(zombie, LONG).await, [zombie.run], "another holds it");
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 1, "the zombie's beat did not extend the holder's lease");
}

/// A beat that arrives after the ack does not bring the job back.
pub async fn a_beat_does_not_revive_a_finished_job(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let lease = bench.claim_one(LONG).await;
    bench.ack(lease).await;
    assert_eq!(bench.beat(lease, LONG).await, [lease.run]);
    assert_eq!(bench.depth().await, (0, 0, 0));
}

/// A worker that wakes up after its job was taken over cannot finish it for the other.
pub async fn a_zombie_cannot_finish_a_reclaimed_job(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    bench.push_new(1).await;
    let zombie = bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    other.reap().await;
    bench.ack(zombie).await;
    assert_eq!(bench.depth().await, (1, 0, 0), "nobody holds it");
    let holder = other.claim_one(LONG).await;
    bench.ack(zombie).await;
    assert_eq!(bench.depth().await, (0, 0, 1), "the other holds it");
    assert_eq!(other.beat(holder, LONG).await, []);
}

/// Nor give it back, to the front or delayed.
pub async fn a_zombie_cannot_give_back_a_reclaimed_job(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let zombie = bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    bench.reap().await;
    bench.nack(zombie, Some(in_ms(60_000))).await;
    assert_eq!(bench.depth().await, (1, 0, 0), "nobody holds it");
    bench.claim_one(LONG).await;
    bench.nack(zombie, None).await;
    bench.nack(zombie, Some(in_ms(60_000))).await;
    assert_eq!(bench.depth().await, (0, 0, 1), "the other holds it");
}

/// A caller whose reply was lost repeats, and does no harm.
pub async fn repeating_changes_nothing(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(3).await;
    let claimed = leases(&bench.claim(3, LONG).await);
    for _ in 0..2 {
        bench.ack(claimed[0]).await;
        bench.nack(claimed[1], None).await;
        bench.nack(claimed[2], Some(in_ms(60_000))).await;
        assert_eq!(bench.depth().await, (1, 1, 0));
    }
    for _ in 0..2 {
        bench.handle.remove(&bench.name, &pushed).await.expect("removing works");
        assert_eq!(bench.depth().await, (0, 0, 0));
    }
    for _ in 0..2 {
        bench.handle.install_generation(Generation(1)).await.expect("installing works");
        bench.push(&[super::push_now(pushed[0])]).await;
        assert_eq!(bench.depth().await, (1, 0, 0));
    }
}
