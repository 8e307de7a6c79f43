//! Rules on what a claim answers, and in which order.

use std::sync::Arc;

use tenon_domain::RunId;
use tenon_exec::ports::queue::{Priority, Push};

use super::{A_MOMENT, Bench, Harness, LONG, assert_each_once, in_ms, leases, push_now, runs};

/// A job that is known keeps its place, however often and however it is pushed.
pub async fn pushing_twice_keeps_one(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(2).await;
    bench.push(&[push_now(pushed[0])]).await;
    bench
        .push(&[Push { due: Some(in_ms(60_000)), is_recovered: true, ..push_now(pushed[0]) }])
        .await;
    assert_eq!(bench.depth().await, (2, 0, 0));
    let claimed = bench.claim(10, LONG).await;
    assert_eq!(runs(&claimed), pushed);
    assert!(!claimed.jobs[0].is_recovered, "the first push stands");
    bench.push(&[push_now(pushed[0])]).await;
    assert_eq!(bench.depth().await, (0, 0, 2), "a leased job is known too");
}

/// First in, first out; across pushes and claims.
pub async fn jobs_come_in_the_order_they_were_pushed(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let mut pushed = bench.push_new(3).await;
    pushed.extend(bench.push_new(2).await);
    let mut seen = runs(&bench.claim(2, LONG).await);
    seen.extend(runs(&bench.claim(10, LONG).await));
    assert_eq!(seen, pushed);
}

/// `max` is kept, also when it is 0 and when it is more than there is.
pub async fn a_claim_takes_no_more_than_asked(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(3).await;
    assert_eq!(bench.claim(0, LONG).await.jobs.len(), 0);
    assert_eq!(bench.claim(2, LONG).await.jobs.len(), 2);
    assert_eq!(bench.claim(2, LONG).await.jobs.len(), 1);
    assert_eq!(bench.claim(2, LONG).await.jobs.len(), 0);
    assert_eq!(bench.depth().await, (0, 0, 3));
}

/// A delayed job is not handed out early, and `next_due` says when to come back.
pub async fn a_delayed_job_waits_for_its_time(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let (far, near) = (in_ms(3_600_000), in_ms(300));
    let run = RunId::new();
    bench.push(&[Push { due: Some(far), ..push_now(RunId::new()) }]).await;
    bench.push(&[Push { due: Some(near), ..push_now(run) }]).await;
    let early = bench.claim(10, LONG).await;
    assert_eq!((early.jobs.len(), early.next_due), (0, Some(near)));
    assert_eq!(bench.depth().await, (0, 2, 0));
    while in_ms(0) <= near {
        tokio::time::sleep(A_MOMENT).await;
    }
    let late = bench.claim(10, LONG).await;
    assert_eq!((runs(&late), late.next_due), (vec![run], Some(far)));
}

/// By due time, not by the order of pushing; and a past due time is now.
pub async fn delayed_jobs_fall_due_in_order(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let start = in_ms(0).0;
    let delayed = |ms: i64| Push {
        due: Some(tenon_exec::ports::queue::DueMs(start + ms)),
        ..push_now(RunId::new())
    };
    let (third, first, second, past) = (delayed(303), delayed(301), delayed(302), delayed(-5));
    bench.push(&[third, first, second, past]).await;
    assert_eq!(runs(&bench.claim(10, LONG).await), [past.run]);
    while in_ms(0).0 <= start + 303 {
        tokio::time::sleep(A_MOMENT).await;
    }
    assert_eq!(runs(&bench.claim(10, LONG).await), [first.run, second.run, third.run]);
}

/// A job given back without a due time stands before all others.
pub async fn a_job_given_back_stands_first(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(3).await;
    let lease = bench.claim_one(LONG).await;
    bench.nack(lease, None).await;
    assert_eq!(bench.depth().await, (3, 0, 0));
    let claimed = bench.claim(3, LONG).await;
    assert_eq!(runs(&claimed), pushed);
    // Of several the first comes first.
    let all: Vec<_> = leases(&claimed).into_iter().map(|lease| (lease, None)).collect();
    bench.nack_all(&all).await;
    assert_eq!(runs(&bench.claim(3, LONG).await), pushed);
}

/// A job given back with a due time waits for it.
pub async fn a_job_given_back_with_a_due_time_is_delayed(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(1).await;
    let lease = bench.claim_one(LONG).await;
    let due = in_ms(300);
    bench.nack(lease, Some(due)).await;
    assert_eq!(bench.depth().await, (0, 1, 0));
    assert_eq!(bench.claim(1, LONG).await.next_due, Some(due));
    while in_ms(0) <= due {
        tokio::time::sleep(A_MOMENT).await;
    }
    assert_eq!(runs(&bench.claim(1, LONG).await), pushed);
}

/// The flag of a repair is there at every claim until the job is finished: whoever holds it
/// last may not have had the time to look.
pub async fn a_repair_stays_flagged(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let run = RunId::new();
    bench.push(&[Push { due: Some(in_ms(1)), is_recovered: true, ..push_now(run) }]).await;
    tokio::time::sleep(A_MOMENT).await;
    for due in [None, Some(in_ms(0)), None] {
        let claimed = bench.claim(1, LONG).await;
        assert!(claimed.jobs[0].is_recovered && !claimed.jobs[0].is_reaped);
        bench.nack(leases(&claimed)[0], due).await;
    }
}

/// High before normal before low; within one, first in, first out; also when given back.
pub async fn priorities_go_before_age(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let of = |priority| Push { priority, ..push_now(RunId::new()) };
    let (low, normal) = (of(Priority::Low), of(Priority::Normal));
    let (high, second_high) = (of(Priority::High), of(Priority::High));
    let late = Push { due: Some(in_ms(200)), ..of(Priority::High) };
    bench.push(&[low, normal, high, second_high, late]).await;
    assert_eq!(bench.depth().await, (4, 1, 0));
    assert_eq!(bench.next().await, Some(high.run));
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let claimed = bench.claim(5, LONG).await;
    let expected = [high.run, second_high.run, late.run, normal.run, low.run];
    assert_eq!(runs(&claimed), expected);
    let held = leases(&claimed);
    bench.nack_all(&[(held[4], None), (held[3], None), (held[1], None)]).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [second_high.run, normal.run, low.run]);
}

/// Eight claimers, 10,000 jobs: each job is handed out exactly once.
pub async fn concurrent_claimers_never_share_a_job(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(10_000).await;
    let mut claimers = Vec::new();
    for _ in 0..8 {
        let claimer = Arc::new(bench.another(harness).await);
        claimers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            loop {
                let claimed = claimer.claim(16, LONG).await;
                if claimed.jobs.is_empty() {
                    return seen;
                }
                seen.extend(runs(&claimed));
                let held = leases(&claimed);
                claimer.handle.ack(claimer.shard(), &held).await.expect("an ack works");
            }
        }));
    }
    let mut seen = Vec::new();
    for claimer in claimers {
        seen.extend(claimer.await.expect("the claimer ends well"));
    }
    assert_each_once(&seen, &pushed);
    assert_eq!(bench.depth().await, (0, 0, 0));
}
