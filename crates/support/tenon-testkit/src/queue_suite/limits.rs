//! Rules on terms: how many of a queue may run and start, and who may serve it.

use std::time::Duration;

use tenon_domain::RunId;
use tenon_exec::ports::queue::{News, Push, Source, Terms};

use super::{A_MOMENT, Bench, Harness, LONG, SHORT, in_ms, leases, push_now, runs};

/// Running jobs of a queue are at most `running_max`; the others wait, however they come and go.
pub async fn no_more_run_than_the_terms_allow(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.neighbour(0);
    bench.set_terms(Terms { running_max: Some(2), ..Terms::default() }).await;
    let pushed = bench.push_new(5).await;
    let claimed = bench.claim(10, LONG).await;
    assert_eq!(runs(&claimed), pushed[..2]);
    assert!(!claimed.has_more, "nothing more may run");
    assert_eq!(other.push_new(1).await, runs(&bench.claim(10, LONG).await), "others go on");
    bench.hear_all().await;
    bench.ack(leases(&claimed)[0]).await;
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]), "there is room again");
    assert_eq!(runs(&bench.claim(10, LONG).await), [pushed[2]]);
    bench.nack(leases(&claimed)[1], Some(in_ms(60_000))).await;
    let third = bench.claim(10, SHORT).await;
    assert_eq!(runs(&third), [pushed[3]], "a delayed job does not run");
    tokio::time::sleep(A_MOMENT).await;
    bench.reap().await;
    assert_eq!(runs(&bench.claim(10, LONG).await), [pushed[3]]);
    bench.remove(pushed[3]).await;
    assert_eq!(runs(&bench.claim(10, LONG).await), [pushed[4]]);
    bench.push_new(1).await;
    assert_eq!(bench.claim(10, LONG).await.jobs.len(), 0);
    bench.set_terms(Terms::default()).await;
    assert_eq!(bench.claim(10, LONG).await.jobs.len(), 1, "the limit is gone");
}

/// Starts in a second are at most those of the rate, with a second's worth saved up.
pub async fn no_more_start_than_the_rate_allows(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.set_terms(Terms { starts_per_second: Some(20.0), ..Terms::default() }).await;
    bench.push_new(100).await;
    let started = std::time::Instant::now();
    let first = bench.claim(50, LONG).await;
    assert_eq!(first.jobs.len(), 20, "a second's worth");
    let due = first.next_due.expect("the rate says when");
    assert!(due > in_ms(-1_000) && due <= in_ms(60), "{due:?}");
    bench.ack_all(&first).await;
    let mut count = 0;
    while started.elapsed() < Duration::from_millis(500) {
        count += bench.claim(50, LONG).await.jobs.len();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let allowed = started.elapsed().as_secs_f64() * 20.0 + 1.0;
    assert!(count as f64 <= allowed, "{count} started, {allowed} were allowed");
    assert!(count >= 2, "it goes on: {count}");
}

/// A rate below one a second gives one, then none until its time.
pub async fn a_slow_rate_gives_one_at_a_time(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.set_terms(Terms { starts_per_second: Some(0.01), ..Terms::default() }).await;
    bench.push_new(2).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!(claimed.jobs.len(), 1);
    let due = claimed.next_due.expect("the rate says when");
    assert!(due > in_ms(60_000) && due < in_ms(101_000), "{due:?}");
    bench.ack_all(&claimed).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0);
    bench.push_new(1).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 0, "a push does not change it");
    bench.set_terms(Terms::default()).await;
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 2);
}

/// A paused queue takes jobs in and hands none out; what runs may end.
pub async fn a_paused_queue_keeps_its_jobs(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.push_new(2).await;
    let held = bench.claim_one(LONG).await;
    bench.set_terms(Terms { is_paused: true, ..Terms::default() }).await;
    bench.push(&[Push { due: Some(in_ms(1)), ..push_now(RunId::new()) }]).await;
    bench.ack(held).await;
    tokio::time::sleep(A_MOMENT).await;
    let claimed = bench.claim(5, LONG).await;
    assert_eq!((claimed.jobs.len(), claimed.has_more), (0, false));
    let states = bench.handle.overview(bench.shard(), 0).await.expect("looking works");
    assert!(states[0].is_paused && states[0].depth.ready == 2);
    bench.hear_all().await;
    bench.set_terms(Terms::default()).await;
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 2);
}

/// Made dedicated, its jobs are handed out there only, and back; no job is lost or moved.
pub async fn a_dedicated_queue_is_a_source_of_its_own(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let other = bench.neighbour(0);
    let pushed = bench.push_new(6).await;
    other.push_new(1).await;
    assert_eq!(bench.claim_dedicated(5).await.jobs.len(), 0, "it is shared");
    bench.hear_all().await;
    bench.set_terms(Terms { is_dedicated: true, ..Terms::default() }).await;
    let dedicated = Source::Dedicated(bench.name.clone());
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![dedicated.clone()]));
    let shared = bench.claim(10, LONG).await;
    assert!(shared.jobs.iter().all(|job| job.queue == other.name) && shared.jobs.len() == 1);
    let claimed = bench.claim_dedicated(2).await;
    assert_eq!((runs(&claimed), claimed.has_more), (pushed[..2].to_vec(), true));
    bench.ack_all(&claimed).await;
    let claimed = bench.claim_dedicated(4).await;
    assert_eq!((runs(&claimed), claimed.has_more), (pushed[2..].to_vec(), false));
    bench.push_new(1).await;
    assert_eq!(bench.handle.news(Duration::from_secs(20)).await, News::Of(vec![dedicated]));
    bench.set_terms(Terms::default()).await;
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![bench.source()]));
    assert_eq!(bench.claim_dedicated(5).await.jobs.len(), 0);
    assert_eq!(bench.claim(5, LONG).await.jobs.len(), 1);
    assert_eq!(bench.depth().await, (0, 0, 5), "leases stay over the change");
}

/// Room in a dedicated queue is told to its workers.
pub async fn a_dedicated_queue_at_its_limit_is_news_again(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    let terms = Terms { is_dedicated: true, running_max: Some(1), ..Terms::default() };
    bench.set_terms(terms).await;
    bench.push_new(2).await;
    let claimed = bench.claim_dedicated(5).await;
    assert_eq!((claimed.jobs.len(), claimed.has_more), (1, false));
    bench.hear_all().await;
    bench.ack_all(&claimed).await;
    let heard = bench.handle.news(Duration::from_secs(20)).await;
    assert_eq!(heard, News::Of(vec![Source::Dedicated(bench.name.clone())]));
    assert_eq!(bench.claim_dedicated(5).await.jobs.len(), 1);
}

/// Terms hold over times in which the queue has no jobs.
pub async fn terms_are_kept_for_a_queue_that_is_empty(harness: &impl Harness) {
    let bench = Bench::new(harness).await;
    bench.set_terms(Terms { running_max: Some(1), ..Terms::default() }).await;
    for _ in 0..2 {
        bench.push_new(2).await;
        for _ in 0..2 {
            let claimed = bench.claim(5, LONG).await;
            assert_eq!(claimed.jobs.len(), 1);
            bench.ack_all(&claimed).await;
        }
        assert_eq!(bench.depth().await, (0, 0, 0));
    }
}
