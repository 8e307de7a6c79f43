//! Rules on where one job is.

use tenon_domain::RunId;
use tenon_exec::ports::queue::{
    Generation, Holdup, LOOK_MAX, LaneRule, Priority, Push, Terms, Whereabouts,
};

use super::lanes::{in_order, new_runs};
use super::{Bench, Harness, LONG, in_ms, push_now};

fn ready(before: u64) -> Whereabouts {
    Whereabouts::Ready { before: Some(before), holdup: None }
}

/// Ready, delayed, held, running, and gone.
pub async fn a_job_is_found_in_every_place(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    let [first, second, third]: [RunId; 3] = new_runs();
    assert_eq!(bench.locate(first).await, Whereabouts::Unknown);
    bench.push(&[first, second, third].map(in_order)).await;
    let plain = bench.push_new(2).await;
    let [urgent, idle, late]: [RunId; 3] = new_runs();
    let due = in_ms(60_000);
    bench.push(&[Push { priority: Priority::High, ..push_now(urgent) }]).await;
    bench.push(&[Push { priority: Priority::Low, is_recovered: true, ..push_now(idle) }]).await;
    bench.push(&[Push { due: Some(due), ..push_now(late) }]).await;

    // Urgent, then the first of the lane, the plain ones, and the idle one.
    assert_eq!(bench.locate(urgent).await, ready(0));
    assert_eq!(bench.locate(first).await, ready(1));
    assert_eq!(bench.locate(plain[1]).await, ready(3));
    assert_eq!(bench.locate(idle).await, ready(4));
    assert_eq!(bench.locate(late).await, Whereabouts::Delayed { due });
    let held = Whereabouts::Held { rule: LaneRule::InOrder, before: 1, ahead: vec![first] };
    assert_eq!(bench.locate(third).await, held);

    let before = in_ms(0);
    let lease = other.claim_one(LONG).await;
    assert_eq!(lease.run, urgent);
    let Whereabouts::Running { member, until } = bench.locate(urgent).await else {
        panic!("it was claimed");
    };
    assert_eq!(member, Some(other.handle.member()), "who claimed it is known");
    assert!(until.0 - before.0 >= 3_590_000 && until.0 <= in_ms(3_600_000).0, "{until:?}");
    assert_eq!(bench.locate(idle).await, ready(3));
    bench.ack(lease).await;
    assert_eq!(bench.locate(urgent).await, Whereabouts::Unknown);

    // Who takes a lease up again is known, too.
    let lease = other.claim_one(LONG).await;
    harness.forget().await;
    for bench in [&bench, &other] {
        bench.handle.install_generation(Generation(2)).await.expect("installing works");
    }
    assert_eq!(bench.beat(lease, LONG).await, []);
    let Whereabouts::Running { member, .. } = other.locate(lease.run).await else {
        panic!("it was taken up again");
    };
    assert_eq!(member, Some(bench.handle.member()));
}

/// The look is bounded: beyond, only the place is known.
pub async fn a_job_far_behind_is_found_without_its_number(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(LOOK_MAX + 5).await;
    assert_eq!(bench.locate(pushed[LOOK_MAX - 1]).await, ready(LOOK_MAX as u64 - 1));
    let unnumbered = Whereabouts::Ready { before: None, holdup: None };
    assert_eq!(bench.locate(pushed[LOOK_MAX + 4]).await, unnumbered);
}

/// A pause, a limit of those that run, a rate, and lanes that nobody knows.
pub async fn a_job_says_what_holds_its_queue_up(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let run = bench.push_new(2).await[1];
    let held_up = |holdup| Whereabouts::Ready { before: Some(0), holdup: Some(holdup) };
    let lease = bench.claim_one(LONG).await;
    bench.set_terms(Terms { running_max: Some(1), ..Terms::default() }).await;
    assert_eq!(bench.locate(run).await, held_up(Holdup::RunningMax(1)));
    bench.set_terms(Terms { is_paused: true, running_max: Some(1), ..Terms::default() }).await;
    assert_eq!(bench.locate(run).await, held_up(Holdup::Paused));
    bench.set_terms(Terms { starts_per_second: Some(0.01), ..Terms::default() }).await;
    assert_eq!(bench.locate(run).await, ready(0), "one start is saved up");
    let [behind]: [RunId; 1] = new_runs();
    bench.claim_one(LONG).await;
    bench.push(&[push_now(behind)]).await;
    bench.claim(1, LONG).await;
    let Whereabouts::Ready { before: Some(0), holdup: Some(Holdup::Rate(until)) } =
        bench.locate(behind).await
    else {
        panic!("it waits for the rate: {:?}", bench.locate(behind).await);
    };
    assert!(until > in_ms(0) && until <= in_ms(100_000), "{until:?}");

    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(bench.beat(lease, LONG).await, []);
    let [laned]: [RunId; 1] = new_runs();
    bench.push(&[in_order(laned)]).await;
    assert_eq!(bench.locate(laned).await, held_up(Holdup::UnknownLanes));
    bench.ack(lease).await;
    assert_eq!(bench.locate(laned).await, ready(0));
}
