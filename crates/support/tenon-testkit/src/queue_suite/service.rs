//! Rules on the queue as a whole: what it knows, and whom it wakes.

use std::time::{Duration, Instant};

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{Beat, Depth, Lease, News, Push, Source};

use super::{Bench, Harness, LONG, assert_each_once, in_ms, leases, push_now, runs};

/// A cancelled run is gone wherever it was; unknown ones do not matter.
pub async fn removed_jobs_are_gone_from_everywhere(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let running = bench.push_new(1).await[0];
    let lease = bench.claim_one(LONG).await;
    let ready = bench.push_new(3).await;
    let repaired = Push { is_recovered: true, ..push_now(RunId::new()) };
    let delayed = Push { due: Some(in_ms(60_000)), is_recovered: true, ..push_now(RunId::new()) };
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
    let delayed = Push { due: Some(in_ms(60_000)), ..push_now(RunId::new()) };
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
    let delayed = Push { due: Some(in_ms(60_000)), ..push_now(RunId::new()) };
    bench.push(&[delayed]).await;
    bench.claim(2, LONG).await;
    assert_eq!(bench.depth().await, (3, 1, 2));
}

/// What is pushed to one queue is not in another, whatever their names are.
pub async fn queues_do_not_mix(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let run = bench.push_new(1).await[0];
    let handle = std::sync::Arc::clone(&bench.handle);
    let other = Bench { handle, name: QueueName::new("other}:r") };
    assert!(!other.knows(run).await);
    let theirs = other.push_new(2).await;
    assert_eq!((bench.depth().await, other.depth().await), ((1, 0, 0), (2, 0, 0)));
    bench.remove(theirs[0]).await;
    assert_eq!(other.depth().await, (2, 0, 0));
    let held = bench.handle.known(&other.name, &theirs).await.expect("asking works");
    assert_eq!(held, [true, true]);
    let claimed = other.claim(2, LONG).await;
    assert!(claimed.jobs.iter().any(|job| job.queue == other.name && job.run == theirs[0]));
}

/// Only queues that hold anything, with what they hold.
pub async fn an_overview_lists_what_queues_hold(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let (other, done) = (bench.neighbour(0), bench.neighbour(1));
    assert_eq!(bench.handle.overview(bench.shard(), 0).await.expect("looking works"), []);
    done.push_new(2).await;
    done.ack_all(&done.claim(2, LONG).await).await;
    let pushed = bench.push_new(3).await;
    bench.claim_one(LONG).await;
    other.push(&[Push { due: Some(in_ms(60_000)), ..push_now(RunId::new()) }]).await;
    let mut states = bench.handle.overview(bench.shard(), 0).await.expect("looking works");
    states.sort_by_key(|state| state.queue != bench.name);
    let depths: Vec<_> =
        states.iter().map(|state| (&state.queue, state.depth, state.next)).collect();
    let of = |ready, delayed, running| Depth { ready, delayed, held: 0, running };
    let expected = [(&bench.name, of(2, 0, 1), Some(pushed[1])), (&other.name, of(0, 1, 0), None)];
    assert_eq!(depths, expected);
    assert!(bench.handle.overview(bench.shard(), 1).await.expect("looking works").is_empty());
}

/// Pages follow each other until one is empty, and hold every queue.
pub async fn an_overview_goes_on_in_pages(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let names = (0..3_000).map(|at| QueueName::new(format!("many-{at}")));
    let names: Vec<_> =
        names.filter(|name| bench.handle.shard_of(name) == bench.shard()).take(1_100).collect();
    let jobs: Vec<_> = names.iter().map(|name| (name.clone(), push_now(RunId::new()))).collect();
    bench.handle.push(&jobs).await.expect("a push works");
    let mut seen = Vec::new();
    for page in 0.. {
        let states = bench.handle.overview(bench.shard(), page).await.expect("looking works");
        assert!(states.len() <= 500);
        if states.is_empty() {
            break;
        }
        seen.extend(states.into_iter().map(|state| state.queue));
    }
    let (mut names, mut seen) = (names, seen);
    names.sort();
    seen.sort();
    assert_eq!(seen, names);
}

/// Who waits for work hears of a push by another process, and where.
pub async fn a_push_by_another_handle_is_news(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    other.hear_all().await;
    let (waiting, source) = (std::sync::Arc::clone(&other.handle), bench.source());
    let started = Instant::now();
    let waiter = tokio::spawn(async move { waiting.news(Duration::from_secs(20)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiter.is_finished(), "nothing was pushed");
    bench.push_new(1).await;
    assert_eq!(waiter.await.expect("the waiter ends well"), News::Of(vec![source]));
    assert!(started.elapsed() < Duration::from_secs(10), "the wait ended by its timeout");
}

/// A push between two waits is not missed, also by the process itself.
pub async fn a_push_before_the_wait_is_news(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.hear_all().await;
    bench.push_new(1).await;
    let started = Instant::now();
    let news = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(news, News::Of(vec![bench.source()]));
    assert!(started.elapsed() < Duration::from_secs(10), "the wait ended by its timeout");
}

/// Without pushes a wait takes its time, so that idle workers do not spin.
pub async fn a_wait_without_pushes_ends_by_itself(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.hear_all().await;
    let started = Instant::now();
    assert_eq!(bench.handle.news(Duration::from_millis(300)).await, News::Nothing);
    assert!(started.elapsed() >= Duration::from_millis(290), "it returned early");
}

/// Only what becomes ready where nothing was is told: the rest is found by who claims there.
pub async fn a_source_that_has_work_already_is_no_news(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    other.hear_all().await;
    bench.push_new(1).await;
    let heard = other.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
    bench.push_new(1).await;
    bench.neighbour(0).push_new(1).await;
    assert_eq!(other.handle.news(Duration::from_millis(300)).await, News::Nothing);
    bench.claim(3, LONG).await;
    bench.neighbour(0).push_new(1).await;
    let heard = other.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
}

/// What comes back, given or taken, is news too.
pub async fn a_job_given_back_is_news(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(1).await;
    let lease = bench.claim_one(LONG).await;
    bench.hear_all().await;
    bench.nack(lease, None).await;
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
    bench.claim_one(super::SHORT).await;
    tokio::time::sleep(super::A_MOMENT).await;
    assert_eq!(bench.reap().await, 1);
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
}

/// A process that has more than it can take tells the others, and not itself.
pub async fn a_call_for_help_reaches_the_others(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.another(harness).await;
    bench.hear_all().await;
    other.hear_all().await;
    let source = Source::Dedicated(QueueName::new("flood"));
    bench.handle.call_for_help(&source).await;
    let heard = other.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![source]));
    assert_eq!(bench.handle.news(Duration::from_millis(100)).await, News::Nothing);
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
    let of = |lease: &Lease| Beat { queue: bench.name.clone(), lease: *lease, order: None };
    let named: Vec<_> = held.iter().map(of).collect();
    let lost = bench.handle.beat(bench.shard(), &named, LONG).await.expect("a beat works");
    assert_eq!(lost, []);
    bench.handle.ack(bench.shard(), &held).await.expect("an ack works");
    assert_eq!(bench.depth().await, (0, 0, 0));
}
