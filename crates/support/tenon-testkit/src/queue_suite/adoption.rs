//! Rules on leases that are taken up again after a loss, where the worker knows the job's order.

use tenon_domain::RunId;
use tenon_exec::ports::queue::{Generation, Lane, LaneRule, Lease, Priority, Push, Whereabouts};
use tenon_exec::ports::store::JobOrder;

use super::lanes::{in_lane, in_order, new_runs};
use super::{A_MOMENT, Bench, Harness, LONG, SHORT, in_ms, leases, push_now, runs};

/// The order of a job in the lane of [`in_order`].
fn of_lane() -> Option<JobOrder> {
    order_of(&in_order(RunId::new()))
}

fn order_of(push: &Push) -> Option<JobOrder> {
    Some(JobOrder { priority: push.priority, lane: push.lane })
}

fn repair(push: Push) -> Push {
    Push { is_recovered: true, ..push }
}

/// A bench whose service forgot everything but that a worker holds `run`.
async fn after_a_loss(harness: &impl Harness, push: Push) -> (Bench, Lease) {
    let bench = Bench::new(harness).await;
    bench.push(&[push]).await;
    let lease = bench.claim_one(LONG).await;
    harness.forget().await;
    bench.handle.install_generation(Generation(2)).await.expect("installing works");
    (bench, lease)
}

/// Its own lane waits for it; other lanes of the queue go on at once.
pub async fn a_lease_taken_up_again_with_its_lane_shuts_no_other(harness: &impl Harness) {
    let [first, second, third, other]: [RunId; 4] = new_runs();
    let (bench, lease) = after_a_loss(harness, in_order(first)).await;
    assert_eq!(bench.beat_as(lease, of_lane(), LONG).await, []);
    let elsewhere = in_lane(2, LaneRule::InOrder, other);
    bench.push(&[first, second, third].map(|run| repair(in_order(run)))).await;
    bench.push(&[repair(elsewhere)]).await;
    let places = bench.places().await;
    assert_eq!((places.ready, places.held, places.running), (1, 2, 1));
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [other], "nothing keeps another lane");
    bench.ack(lease).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [second], "the end of the first lets the next one go");
    bench.ack_all(&claimed).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [third]);
}

/// Jobs of the lane that were pushed between the loss and the beat wait: the first still runs.
pub async fn a_lease_taken_up_again_goes_before_who_became_ready_meanwhile(harness: &impl Harness) {
    let [first, second, third, fourth]: [RunId; 4] = new_runs();
    for due in [None, Some(in_ms(60_000))] {
        let (bench, lease) = after_a_loss(harness, in_order(first)).await;
        bench.push(&[Push { due, ..repair(in_order(second)) }, repair(in_order(third))]).await;
        assert_eq!(bench.beat_as(lease, of_lane(), LONG).await, []);
        bench.push(&[repair(in_order(fourth))]).await;
        assert_eq!(runs(&bench.claim(5, LONG).await), []);
        let places = bench.places().await;
        assert_eq!((places.ready, places.delayed, places.held, places.running), (0, 0, 3, 1));
        bench.ack(lease).await;
        if due.is_some() {
            assert_eq!(bench.places().await.delayed, 1, "it waits for its time again");
            bench.remove(second).await;
        }
        let rest = if due.is_some() { &[third, fourth][..] } else { &[second, third, fourth] };
        for run in rest {
            let claimed = bench.claim(5, LONG).await;
            assert_eq!(runs(&claimed), [*run]);
            bench.ack_all(&claimed).await;
        }
        assert_eq!(bench.depth().await, (0, 0, 0));
        harness.forget().await;
    }
}

/// A job that began between the loss and the beat shares the turn. Given back, it steps behind.
pub async fn two_of_a_lane_that_run_end_one_after_the_other(harness: &impl Harness) {
    let [first, second, third]: [RunId; 3] = new_runs();
    let (bench, lease) = after_a_loss(harness, in_order(first)).await;
    bench.push(&[repair(in_order(second)), repair(in_order(third))]).await;
    let early = bench.claim_one(LONG).await;
    assert_eq!(early.run, second);
    assert_eq!(bench.beat_as(lease, of_lane(), LONG).await, []);
    bench.nack(early, Some(in_ms(-1))).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [], "the first is still out");
    let places = bench.places().await;
    assert_eq!((places.ready, places.delayed, places.held), (0, 0, 2));
    bench.ack(lease).await;
    for run in [second, third] {
        let claimed = bench.claim(5, LONG).await;
        assert_eq!(runs(&claimed), [run]);
        bench.ack_all(&claimed).await;
    }
}

/// A worker that beats before it has read the job keeps the lanes shut, but only until it has.
pub async fn a_lease_that_tells_its_lane_later_opens_the_others(harness: &impl Harness) {
    let [first, second, other]: [RunId; 3] = new_runs();
    let (bench, lease) = after_a_loss(harness, in_order(first)).await;
    assert_eq!(bench.beat(lease, LONG).await, []);
    let elsewhere = in_lane(2, LaneRule::InOrder, other);
    bench.push(&[repair(in_order(second)), repair(elsewhere)]).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [], "the lane might be either");
    bench.hear_all().await;
    assert_eq!(bench.beat_as(lease, of_lane(), LONG).await, []);
    let news = bench.handle.news(std::time::Duration::from_secs(5)).await;
    assert_eq!(news, tenon_exec::ports::queue::News::Of(vec![bench.source()]));
    assert_eq!(runs(&bench.claim(5, LONG).await), [other]);
    bench.ack(lease).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [second]);
}

/// It is as any other lease: given back or lapsed, the job keeps its priority and its turn.
pub async fn what_was_taken_up_again_with_its_order_goes_back_where_it_belongs(
    harness: &impl Harness,
) {
    let [first, second]: [RunId; 2] = new_runs();
    let urgent = Push { priority: Priority::High, ..in_order(first) };
    let (bench, lease) = after_a_loss(harness, urgent).await;
    assert_eq!(bench.beat_as(lease, order_of(&urgent), LONG).await, []);
    let free = bench.push_new(1).await[0];
    bench.push(&[repair(in_order(second))]).await;
    bench.nack(lease, None).await;
    let claimed = bench.claim(5, SHORT).await;
    assert_eq!(runs(&claimed), [first, free], "it is urgent, and the next one waits for it");
    assert!(claimed.jobs[0].is_recovered && claimed.fence > lease.fence);
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(bench.reap().await, 2);
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [first, free]);
    bench.ack_all(&claimed).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [second]);
}

/// No more of a lane of two are out than two, as far as they do not run already.
pub async fn a_lane_of_two_counts_leases_taken_up_again(harness: &impl Harness) {
    let new: [RunId; 4] = new_runs();
    let of = |run| in_lane(7, LaneRule::AtMost(2), run);
    let (bench, lease) = after_a_loss(harness, of(new[0])).await;
    bench.push(&[of(new[1]), of(new[2]), of(new[3])]).await;
    assert_eq!(bench.beat_as(lease, order_of(&of(new[0])), LONG).await, []);
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(runs(&claimed), [new[1]], "one runs already");
    let Whereabouts::Held { rule, before, ahead } = bench.locate(new[3]).await else {
        panic!("it is held");
    };
    assert_eq!((rule, before), (LaneRule::AtMost(2), 1));
    assert_eq!(ahead, [new[0], new[1]]);
    bench.ack(lease).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [new[2]]);
    bench.ack(leases(&claimed)[0]).await;
    assert_eq!(runs(&bench.claim(5, LONG).await), [new[3]]);
    // A lane of its own is told by its key alone.
    let lane = Lane { key: [8; 16], rule: LaneRule::AtMost(1) };
    bench.push(&[Push { lane: Some(lane), ..push_now(RunId::new()) }]).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 1);
}
