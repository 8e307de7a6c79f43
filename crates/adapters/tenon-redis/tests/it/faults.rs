//! What the adapters do while the server is away, silent, or back and empty.

use std::time::{Duration, Instant};

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::coordination::{Coordination, MISSED_TOPIC};
use tenon_exec::ports::queue::{Error, Generation, JobQueue, Push};

use super::Bench;

const LEASE: Duration = Duration::from_secs(60);

fn push_now(run: RunId) -> Push {
    Push { run, due: None, is_recovered: false }
}

fn is_unavailable<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Unavailable { .. }))
}

#[tokio::test]
async fn a_handle_outlives_a_crash_of_the_server() {
    let mut bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    let job = push_now(RunId::new());
    queue.push(&name, &[job]).await.expect("a push works");

    bench.server.kill().expect("redis can be killed");
    let started = Instant::now();
    assert!(is_unavailable(queue.claim(&name, 1, LEASE).await));
    assert!(started.elapsed() < Duration::from_secs(3), "the deadline is two seconds");

    bench.server.start_empty().expect("redis starts");
    let started = Instant::now();
    let generation = loop {
        match queue.generation().await {
            Ok(generation) => break generation,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert!(started.elapsed() < Duration::from_secs(3), "it connects again by itself");
    assert_eq!(generation, None);
    assert!(matches!(
        queue.claim(&name, 1, LEASE).await,
        Err(Error::StaleGeneration { expected: Generation(1), .. })
    ));
    // The server has forgotten the scripts as well.
    queue.install_generation(Generation(2)).await.expect("installing works");
    queue.push(&name, &[job]).await.expect("a push works");
    assert_eq!(queue.claim(&name, 1, LEASE).await.expect("a claim works").jobs.len(), 1);
}

#[tokio::test]
async fn a_silent_server_does_not_hold_a_caller() {
    let bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    bench.server.command(&["CLIENT", "PAUSE", "4000", "ALL"]).expect("redis answers");
    let started = Instant::now();
    assert!(is_unavailable(queue.push(&name, &[push_now(RunId::new())]).await));
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(3), "it waited {waited:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    queue.push(&name, &[push_now(RunId::new())]).await.expect("it works again");
}

#[tokio::test]
async fn a_full_server_refuses_pushes_and_recovers() {
    let bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    let job = push_now(RunId::new());
    bench.server.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("redis answers");
    assert!(is_unavailable(queue.push(&name, &[job]).await));
    bench.server.command(&["CONFIG", "SET", "maxmemory", "0"]).expect("redis answers");
    queue.push(&name, &[job]).await.expect("a push works");
    assert_eq!(queue.depth(&name).await.expect("counting works").ready, 1);
}

#[tokio::test]
async fn a_subscriber_listens_again_and_says_that_news_may_be_missing() {
    let mut bench = Bench::start().await;
    let (one, two) = (bench.coordination().await, bench.coordination().await);
    let mut heard = two.announcements();
    bench.server.kill().expect("redis can be killed");
    bench.server.start_empty().expect("redis starts");
    let missed = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await;
    assert_eq!(missed.expect("it listens again").expect("the sender lives"), MISSED_TOPIC);

    while one.announce("plan:a").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let topic = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await;
    assert_eq!(topic.expect("it comes").expect("the sender lives"), "plan:a");
}

#[tokio::test]
async fn a_caller_in_this_process_is_answered_without_the_server() {
    let mut bench = Bench::start().await;
    let handle = bench.coordination().await;
    bench.server.kill().expect("redis can be killed");
    let run = RunId::new();
    let waiting = handle.expect_reply(run);
    handle.reply(&handle.address(), run, "answer".into()).await.expect("it needs no server");
    assert_eq!(waiting.await.expect("the answer came"), "answer");
    let other = tenon_exec::ports::coordination::ReplyAddress("other".to_owned());
    assert!(handle.reply(&other, run, "answer".into()).await.is_err());
}

#[tokio::test]
async fn messages_beyond_the_limit_are_refused() {
    let bench = Bench::start().await;
    let handle = bench.coordination().await;
    let answer = vec![0; tenon_redis::REPLY_BYTES_MAX + 1].into();
    assert!(handle.reply(&handle.address(), RunId::new(), answer).await.is_err());
    assert!(handle.announce(&"x".repeat(513)).await.is_err());
    handle.announce(&"x".repeat(512)).await.expect("512 bytes are allowed");
}

#[tokio::test]
async fn the_tasks_end_with_their_token() {
    let bench = Bench::start().await;
    let queue = bench.queue();
    let coordination = bench.coordination().await;
    assert_eq!(bench.tasks.len(), 2);
    bench.stop.cancel();
    bench.tasks.close();
    let ended = tokio::time::timeout(Duration::from_secs(5), bench.tasks.wait()).await;
    ended.expect("the tasks end");
    drop((queue, coordination));
}
