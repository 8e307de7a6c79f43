//! Rules on the queue as a whole: what it knows, and whom it wakes.

use std::time::{Duration, Instant};

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::Push;

use super::{Bench, Harness, LONG, assert_each_once, in_ms, leases, push_now, runs};

/// A cancelled run is gone wherever it was; unknown ones do not matter.
pub async fn removed_jobs_are_gone_from_everywhere(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let running = bench.push_new(1).await[0];
    let lease = bench.claim_one(LONG).await;
    let ready = bench.push_new(3).await;
    let repaired = Push { run: RunId::new(), due: None, is_recovered: true };
    let delayed = Push { run: RunId::new(), due: Some(in_ms(60_000)), is_recovered: true };
    bench.push(&[repaired, delayed]).await;
    assert_eq!(bench.depth().await, (4, 1, 1));
    let gone = [running, ready[1], repaired.run, delayed.run, RunId::new()];
    bench.handle.remove(&bench.name, &gone).await.expect("removing works");
    assert_eq!(bench.depth().await, (2, 0, 0));
    assert_eq!(bench.beat(lease, LONG).await, [running], "its worker learns so");
    let claimed = bench.claim(10, LONG).await;
    assert_eq!((runs(&claimed), claimed.next_due), (vec![ready[0], ready[2]], None));
    bench.push(&[push_now(ready[1])]).await;
    assert_eq!(runs(&bench.claim(10, LONG).await), [ready[1]], "it may come again");
}

/// Ready, delayed and leased jobs are known; finished and foreign ones are not.
pub async fn the_queue_knows_what_it_holds(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(3).await;
    let delayed = Push { run: RunId::new(), due: Some(in_ms(60_000)), is_recovered: false };
    bench.push(&[delayed]).await;
    let finished = bench.claim_one(LONG).await;
    bench.claim_one(LONG).await;
    bench.ack(finished).await;
    let asked = [pushed[0], pushed[1], pushed[2], delayed.run, RunId::new()];
    let known = bench.handle.known(&bench.name, &asked).await.expect("asking works");
    assert_eq!(known, [false, true, true, true, false]);
    assert!(bench.handle.known(&bench.name, &[]).await.expect("asking works").is_empty());
}

/// Each job is counted where it is.
pub async fn depth_counts_each_place(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    assert_eq!(bench.depth().await, (0, 0, 0));
    bench.push_new(5).await;
    let delayed = Push { run: RunId::new(), due: Some(in_ms(60_000)), is_recovered: false };
    bench.push(&[delayed]).await;
    bench.claim(2, LONG).await;
    assert_eq!(bench.depth().await, (3, 1, 2));
}

/// The same run in two queues is two jobs.
pub async fn queues_do_not_mix(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let run = bench.push_new(1).await[0];
    let other = QueueName::new("other}:r");
    assert_eq!(bench.handle.known(&other, &[run]).await.expect("asking works"), [false]);
    bench.handle.push(&other, &[push_now(run)]).await.expect("a push works");
    let lease = bench.claim_one(LONG).await;
    bench.ack(lease).await;
    let claimed = bench.handle.claim(&other, 1, LONG).await.expect("a claim works");
    assert_eq!(runs(&claimed), [run]);
}

/// A queue with work is listed, to every process.
pub async fn a_push_is_listed_as_active(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    assert_eq!(bench.handle.active().await.expect("listing works"), []);
    bench.push_new(1).await;
    let delayed = Push { run: RunId::new(), due: Some(in_ms(60_000)), is_recovered: false };
    let later = QueueName::new("later");
    bench.handle.push(&later, &[delayed]).await.expect("a push works");
    let other = bench.another(harness).await;
    let mut active = other.handle.active().await.expect("listing works");
    active.sort();
    assert_eq!(active, [later, bench.name.clone()]);
    // Leased is not finished: the queue may hold work again when the lease lapses.
    bench.claim(1, LONG).await;
    assert_eq!(other.handle.active().await.expect("listing works").len(), 2);
}

/// A worker that waits hears of a push by another process long before its timeout.
pub async fn a_push_by_another_handle_ends_a_wait(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    // The first waits may end early for having just begun to listen.
    for _ in 0..3 {
        other.handle.wait(Duration::from_millis(200)).await;
    }
    let waiting = std::sync::Arc::clone(&other.handle);
    let started = Instant::now();
    let waiter = tokio::spawn(async move { waiting.wait(Duration::from_secs(20)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiter.is_finished(), "nothing was pushed");
    bench.push_new(1).await;
    waiter.await.expect("the waiter ends well");
    assert!(started.elapsed() < Duration::from_secs(10), "the wait ended by its timeout");
}

/// A push between two waits is not missed.
pub async fn a_push_before_the_wait_ends_it(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    for _ in 0..3 {
        bench.handle.wait(Duration::from_millis(100)).await;
    }
    bench.push_new(1).await;
    let started = Instant::now();
    bench.handle.wait(Duration::from_secs(20)).await;
    assert!(started.elapsed() < Duration::from_secs(10), "the wait ended by its timeout");
}

/// Without pushes a wait takes its time, so that idle workers do not spin.
pub async fn a_wait_without_pushes_ends_by_itself(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    for _ in 0..3 {
        bench.handle.wait(Duration::from_millis(200)).await;
    }
    let started = Instant::now();
    bench.handle.wait(Duration::from_millis(300)).await;
    assert!(started.elapsed() >= Duration::from_millis(290), "it returned early");
}

/// Calls with more jobs than one batch of an adapter keep the order and lose nothing.
pub async fn large_batches_are_taken_whole(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let pushed = bench.push_new(2_345).await;
    let known = bench.handle.known(&bench.name, &pushed).await.expect("asking works");
    assert!(known.len() == pushed.len() && known.iter().all(|is_known| *is_known));
    let mut held = Vec::new();
    loop {
        let claimed = bench.claim(1_000, LONG).await;
        if claimed.jobs.is_empty() {
            break;
        }
        held.extend(leases(&claimed));
    }
    let seen: Vec<_> = held.iter().map(|lease| lease.run).collect();
    assert_each_once(&seen, &pushed);
    assert_eq!(seen, pushed);
    let lost = bench.handle.beat(&bench.name, &held, LONG).await.expect("a beat works");
    assert_eq!(lost, []);
    bench.handle.ack(&bench.name, &held).await.expect("an ack works");
    assert_eq!(bench.depth().await, (0, 0, 0));
}
