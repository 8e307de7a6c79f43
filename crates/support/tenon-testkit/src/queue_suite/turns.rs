//! Rules on how queues of a shard share its workers.

use std::collections::HashMap;

use tenon_domain::QueueName;
use tenon_exec::ports::queue::{Ask, Claimed, Terms};

use super::{Bench, Harness, LONG, ask, runs};

fn ask_in_turns(max: usize, max_of_queue: usize) -> Ask {
    Ask { max_of_queue, ..ask(max, LONG) }
}

fn per_queue(claimed: &Claimed) -> HashMap<QueueName, usize> {
    let mut counts = HashMap::new();
    for job in &claimed.jobs {
        *counts.entry(job.queue.clone()).or_default() += 1;
    }
    counts
}

/// A claim is not filled from one queue where others wait.
pub async fn queues_that_wait_share_a_claim(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let (one, two) = (bench.neighbour(0), bench.neighbour(1));
    for queue in [&bench, &one, &two] {
        queue.push_new(10).await;
    }
    let claimed = bench.claim_as(&ask_in_turns(12, 4)).await;
    let counts = per_queue(&claimed);
    let expected = [&bench, &one, &two].map(|queue| (queue.name.clone(), 4));
    assert_eq!(counts, HashMap::from(expected));
}

/// `max_of_queue` bounds one turn; where nobody else waits, the turn comes again.
pub async fn turns_go_round_until_the_claim_is_full(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let one = bench.neighbour(0);
    let pushed = bench.push_new(20).await;
    one.push_new(3).await;
    let claimed = bench.claim_as(&ask_in_turns(15, 4)).await;
    let counts = per_queue(&claimed);
    assert_eq!((counts[&bench.name], counts[&one.name]), (12, 3));
    let of_bench = claimed.jobs.iter().filter(|job| job.queue == bench.name);
    let seen: Vec<_> = of_bench.map(|job| job.run).collect();
    assert_eq!(seen, pushed[..12], "each in its order");
}

/// A round of all that wait stays short: the more of them, the less each has in one turn.
pub async fn turns_are_short_where_many_wait(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let many: Vec<_> = (0..300).map(|at| bench.neighbour(at)).collect();
    for queue in &many {
        queue.push_new(8).await;
    }
    let claimed = bench.claim_as(&ask_in_turns(128, 32)).await;
    let counts = per_queue(&claimed);
    assert_eq!((claimed.jobs.len(), counts.len()), (128, 32), "four of each");
}

/// Over many claims each queue gets its share by weight.
pub async fn weights_share_the_claims(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let (light, heavy) = (bench.neighbour(0), bench.neighbour(1));
    light.set_terms(Terms { weight: 5, ..Terms::default() }).await;
    heavy.set_terms(Terms { weight: 30, ..Terms::default() }).await;
    for queue in [&bench, &light, &heavy] {
        queue.push_new(1_000).await;
    }
    let mut counts: HashMap<QueueName, usize> = HashMap::new();
    for _ in 0..30 {
        let claimed = bench.claim_as(&ask_in_turns(30, 4)).await;
        assert_eq!(claimed.jobs.len(), 30);
        for (queue, count) in per_queue(&claimed) {
            *counts.entry(queue).or_default() += count;
        }
        bench.ack_all(&claimed).await;
    }
    // 900 jobs by 10 : 5 : 30.
    for (queue, share) in [(&bench, 200), (&light, 100), (&heavy, 600)] {
        let count = counts[&queue.name];
        assert!(count.abs_diff(share) <= 8, "{} had {count} of {share}", queue.name);
    }
}

/// A queue that becomes ready behind a flood is served at the next claim.
pub async fn a_flood_does_not_keep_others_waiting(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(5_000).await;
    for _ in 0..20 {
        bench.ack_all(&bench.claim_as(&ask_in_turns(64, 32)).await).await;
    }
    let late = bench.neighbour(0);
    let pushed = late.push_new(2).await;
    let claimed = bench.claim_as(&ask_in_turns(64, 32)).await;
    let of_late: Vec<_> =
        claimed.jobs.iter().filter(|job| job.queue == late.name).map(|job| job.run).collect();
    assert_eq!(of_late, pushed);
}

/// A queue that is emptied at each claim and then filled again does not get more than its share.
pub async fn who_drains_now_and_then_gains_nothing(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let sly = bench.neighbour(0);
    bench.push_new(2_000).await;
    let mut of_sly = 0;
    for _ in 0..60 {
        sly.push_new(8).await;
        let claimed = bench.claim_as(&ask_in_turns(8, 8)).await;
        of_sly += per_queue(&claimed).get(&sly.name).copied().unwrap_or(0);
        bench.ack_all(&claimed).await;
    }
    assert!((220..=260).contains(&of_sly), "{of_sly} of 480 is not a half");
}

/// A worker that has enough of a queue is given others' jobs.
pub async fn queues_are_passed_over_where_asked(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let one = bench.neighbour(0);
    bench.push_new(5).await;
    let pushed = one.push_new(2).await;
    let ask = Ask { except: vec![bench.name.clone()], ..ask(10, LONG) };
    let claimed = bench.claim_as(&ask).await;
    assert_eq!(runs(&claimed), pushed);
    assert!(!claimed.has_more, "not for this worker");
    assert_eq!(bench.claim(10, LONG).await.jobs.len(), 5, "they wait for another");
}

/// So that the claimer comes again, or calls for help.
pub async fn a_claim_says_whether_more_is_ready(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let one = bench.neighbour(0);
    bench.push_new(3).await;
    assert!(bench.claim(0, LONG).await.has_more);
    assert!(bench.claim(2, LONG).await.has_more);
    one.push_new(1).await;
    assert!(bench.claim(1, LONG).await.has_more, "of the other queue");
    assert!(!bench.claim(1, LONG).await.has_more);
    assert!(!bench.claim(1, LONG).await.has_more);
}
