//! Rules on lanes: jobs of a queue of which only some may be out at a time.

use tenon_domain::RunId;
use tenon_exec::ports::queue::{Generation, Lane, LaneRule, Push};

use super::{A_MOMENT, Bench, Harness, LONG, SHORT, in_ms, leases, push_now, runs};

pub(super) fn in_lane(key: u8, rule: LaneRule, run: RunId) -> Push {
    Push { lane: Some(Lane { key: [key; 16], rule }), ..push_now(run) }
}

pub(super) fn in_order(run: RunId) -> Push {
    in_lane(1, LaneRule::InOrder, run)
}

/// New runs, in the order of their ids.
pub(super) fn new_runs<const COUNT: usize>() -> [RunId; COUNT] {
    let mut runs = [(); COUNT].map(|()| RunId::new());
    runs.sort();
    runs
}

/// The next waits until the one before is finished.
pub async fn a_lane_in_order_runs_one_at_a_time(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let new: [RunId; 4] = new_runs();
    bench.push(&new.map(in_order)).await;
    bench.push(&new.map(in_order)).await;
    let places = bench.places().await;
    assert_eq!((places.ready, places.held), (1, 3));
    let free = bench.push_new(1).await[0];
    for (at, run) in new.into_iter().enumerate() {
        let claimed = bench.claim(10, LONG).await;
        let expected = if at == 0 { vec![run, free] } else { vec![run] };
        assert_eq!(runs(&claimed), expected);
        assert!(bench.knows(new[3]).await);
        bench.ack_all(&claimed).await;
    }
    assert_eq!(bench.depth().await, (0, 0, 0));
}

/// Given back with a due time or without one, it is still its turn.
pub async fn a_lane_keeps_its_turn_while_a_job_is_delayed(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let [first, second]: [RunId; 2] = new_runs();
    bench.push(&[in_order(first), in_order(second)]).await;
    let lease = bench.claim_one(LONG).await;
    bench.nack(lease, Some(in_ms(200))).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0);
    let places = bench.places().await;
    assert_eq!((places.delayed, places.held), (1, 1));
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [first]);
    bench.nack(leases(&claimed)[0], None).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [first]);
    bench.ack_all(&claimed).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [second]);
}

/// A job whose worker died goes before those behind it.
pub async fn a_lane_keeps_its_turn_over_a_lapsed_lease(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let [first, second]: [RunId; 2] = new_runs();
    bench.push(&[in_order(first), in_order(second)]).await;
    bench.claim_one(SHORT).await;
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 1);
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [first]);
    assert!(claimed.jobs[0].is_reaped);
    bench.ack_all(&claimed).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [second]);
}

/// A rebuild may push in any order; ids decide, as far as nothing has started.
pub async fn a_lane_is_in_order_however_it_was_pushed(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let new: [RunId; 5] = new_runs();
    for at in [3, 1, 4, 0, 2] {
        bench.push(&[Push { is_recovered: true, ..in_order(new[at]) }]).await;
    }
    let mut seen = Vec::new();
    for _ in 0..5 {
        let claimed = bench.claim(5, LONG).await;
        assert!(claimed.jobs.iter().all(|job| job.is_recovered));
        seen.extend(runs(&claimed));
        bench.ack_all(&claimed).await;
    }
    assert_eq!(seen, new);
    assert_eq!(bench.depth().await, (0, 0, 0));
}

/// One that waits for a time holds up those behind it, not those before it; and both ways.
pub async fn a_lower_id_goes_before_one_that_is_delayed(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let [first, second, third]: [RunId; 3] = new_runs();
    let late = |run| Push { due: Some(in_ms(300)), ..in_order(run) };
    bench.push(&[late(second), in_order(third), in_order(first)]).await;
    let places = bench.places().await;
    assert_eq!((places.ready, places.delayed, places.held), (1, 0, 2));
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [first]);
    bench.ack_all(&claimed).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0, "the second waits for its time");
    assert_eq!(bench.places().await.delayed, 1);
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    for run in [second, third] {
        let claimed = bench.claim(5, LONG).await;
        assert_eq!(runs(&claimed), [run]);
        bench.ack_all(&claimed).await;
    }
    // A ready one gives its turn to a lower one that waits for a time.
    let [fourth, fifth]: [RunId; 2] = new_runs();
    bench.push(&[in_order(fifth), Push { due: Some(in_ms(300)), ..in_order(fourth) }]).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0);
    let places = bench.places().await;
    assert_eq!((places.delayed, places.held), (1, 1));
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [fourth]);
}

/// Whether it was held, ready, delayed or running.
pub async fn a_removed_job_leaves_its_lane(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let new: [RunId; 5] = new_runs();
    bench.push(&new.map(in_order)).await;
    bench.remove(new[0]).await;
    bench.remove(new[2]).await;
    let places = bench.places().await;
    assert_eq!((places.ready, places.held), (1, 2));
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [new[1]]);
    bench.remove(new[1]).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [new[3]]);
    bench.nack(leases(&claimed)[0], Some(in_ms(60_000))).await;
    bench.remove(new[3]).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [new[4]]);
    bench.ack_all(&claimed).await;
    assert_eq!(bench.depth().await, (0, 0, 0));
}

/// Another key, or the same key in another queue, is another lane.
pub async fn lanes_do_not_wait_for_each_other(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.neighbour(0);
    let new: [RunId; 4] = new_runs();
    bench.push(&[in_order(new[0]), in_order(new[1])]).await;
    bench.push(&[in_lane(2, LaneRule::InOrder, new[2])]).await;
    other.push(&[in_order(new[3])]).await;
    let mut seen = runs(&bench.claim(5, LONG).await);
    seen.sort();
    assert_eq!(seen, [new[0], new[2], new[3]]);
}

/// At most so many are out; each that ends lets the next one in.
pub async fn a_lane_of_two_has_room_for_two(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let new: [RunId; 5] = new_runs();
    bench.push(&new.map(|run| in_lane(7, LaneRule::AtMost(2), run))).await;
    let places = bench.places().await;
    assert_eq!((places.ready, places.held), (2, 3));
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), new[..2]);
    bench.ack(leases(&claimed)[1]).await;
    let next = bench.claim(5, LONG).await;
    assert_eq!(runs(&next), [new[2]]);
    // Given back to the front, it keeps its room.
    bench.nack(leases(&next)[0], None).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [new[2]]);
    bench.ack(leases(&claimed)[0]).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [new[3]]);
}

/// A job that waits for its time is not out, whether it came so or was given back.
pub async fn a_delayed_job_makes_room_in_its_lane(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let new: [RunId; 3] = new_runs();
    let of = |run| in_lane(7, LaneRule::AtMost(1), run);
    bench.push(&[Push { due: Some(in_ms(200)), ..of(new[0]) }, of(new[1]), of(new[2])]).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [new[1]]);
    bench.nack(leases(&claimed)[0], Some(in_ms(200))).await;
    let third = bench.claim(5, LONG).await;
    assert_eq!(runs(&third), [new[2]]);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0, "they are due, but the lane is full");
    let places = bench.places().await;
    assert_eq!((places.delayed, places.held, places.running), (0, 2, 1));
    bench.ack_all(&third).await;
    for run in &new[..2] {
        let claimed = bench.claim(5, LONG).await;
        assert_eq!(runs(&claimed), [*run]);
        bench.ack_all(&claimed).await;
    }
}

/// After a loss a live worker holds a job of which nobody knows the lane. So long as it does, no
/// job of a lane starts; and if it gives the job back, not before that was pushed again.
pub async fn a_lane_waits_for_leases_from_before_a_loss(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let [first, second, third]: [RunId; 3] = new_runs();
    bench.push(&[in_order(first), in_order(second)]).await;
    let lease = bench.claim_one(LONG).await;
    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(bench.beat(lease, LONG).await, []);
    let free = bench.push_new(1).await[0];
    let repair = |run| Push { is_recovered: true, ..in_order(run) };
    bench.push(&[repair(first), repair(second), repair(third)]).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [free], "others go on");
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0);
    bench.nack(lease, Some(in_ms(100))).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0, "the first still has its turn");
    bench.push(&[Push { due: Some(in_ms(100)), ..repair(first) }]).await;
    let mut seen = Vec::new();
    for _ in 0..300 {
        let claimed = bench.claim(5, LONG).await;
        seen.extend(runs(&claimed));
        bench.ack_all(&claimed).await;
        if seen.len() == 3 {
            break;
        }
        tokio::time::sleep(A_MOMENT).await;
    }
    assert_eq!(seen, [first, second, third]);
}
