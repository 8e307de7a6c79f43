//! What the adapters do while the server is away, silent, or back and empty.

use std::time::{Duration, Instant};

use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::coordination::{Coordination, MISSED_TOPIC};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Ask, DueMs, Error, Generation, JobQueue, Lane, LaneRule, Lease, News, Priority, Push, Shard,
    Source,
};
use tenon_redis::RedisQueue;

use super::Bench;

const LEASE: Duration = Duration::from_secs(60);

/// A new job of a queue.
fn job(name: &QueueName) -> (QueueName, Push) {
    (name.clone(), Push::now(RunId::new()))
}

fn source(queue: &RedisQueue, name: &QueueName) -> Source {
    Source::Shared(queue.shard_of(name))
}

fn one() -> Ask {
    Ask { max: 1, max_of_queue: 1, ttl: LEASE, except: Vec::new() }
}

fn is_unavailable<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Unavailable { .. }))
}

#[tokio::test]
async fn a_handle_outlives_a_crash_of_the_server() {
    let mut bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    let job = job(&name);
    queue.push(std::slice::from_ref(&job)).await.expect("a push works");

    bench.server.kill().expect("redis can be killed");
    let started = Instant::now();
    assert!(is_unavailable(queue.claim(&source(&queue, &name), &one()).await));
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
        queue.claim(&source(&queue, &name), &one()).await,
        Err(Error::StaleGeneration { expected: Generation(1), .. })
    ));
    // The server has forgotten the scripts as well.
    queue.install_generation(Generation(2)).await.expect("installing works");
    queue.push(std::slice::from_ref(&job)).await.expect("a push works");
    assert_eq!(
        queue.claim(&source(&queue, &name), &one()).await.expect("a claim works").jobs.len(),
        1
    );
}

#[tokio::test]
async fn a_silent_server_does_not_hold_a_caller() {
    let bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    bench.server.command(&["CLIENT", "PAUSE", "4000", "ALL"]).expect("redis answers");
    let started = Instant::now();
    assert!(is_unavailable(queue.push(&[job(&name)]).await));
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(3), "it waited {waited:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    queue.push(&[job(&name)]).await.expect("it works again");
}

#[tokio::test]
async fn a_full_server_refuses_pushes_and_recovers() {
    let bench = Bench::start().await;
    let (queue, name) = (bench.queue(), QueueName::new("orders"));
    queue.install_generation(Generation(1)).await.expect("installing works");
    let job = job(&name);
    bench.server.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("redis answers");
    assert!(is_unavailable(queue.push(std::slice::from_ref(&job)).await));
    bench.server.command(&["CONFIG", "SET", "maxmemory", "0"]).expect("redis answers");
    queue.push(std::slice::from_ref(&job)).await.expect("a push works");
    assert_eq!(queue.depth(&name).await.expect("counting works").ready, 1);
}

#[tokio::test]
async fn a_broken_subscription_says_that_any_source_may_have_work() {
    let mut bench = Bench::start().await;
    let queue = bench.queue();
    while queue.news(Duration::from_millis(100)).await != News::Nothing {}
    bench.server.kill().expect("redis can be killed");
    bench.server.start_empty().expect("redis starts");
    assert_eq!(queue.news(Duration::from_secs(10)).await, News::Any);
}

#[tokio::test]
async fn another_number_of_shards_is_as_if_the_service_forgot() {
    let bench = Bench::start().await;
    let three = bench.queue();
    three.install_generation(Generation(1)).await.expect("installing works");
    let names: Vec<_> = (0..50).map(|at| QueueName::new(format!("queue-{at}"))).collect();
    let jobs: Vec<_> = names.iter().map(job).collect();
    three.push(&jobs).await.expect("a push works");
    let two =
        RedisQueue::new(bench.connect(), 2, MemberId::draw(), &bench.tasks, bench.stop.clone());
    assert_eq!(two.generation().await.expect("asking works"), None);
    two.install_generation(Generation(2)).await.expect("installing works");
    assert_eq!(three.generation().await.expect("asking works"), None);
    for name in &names {
        assert_eq!(two.depth(name).await.expect("counting works").ready, 0);
        let asked = three.depth(name).await;
        assert!(matches!(asked, Err(Error::StaleGeneration { .. })) || three.shard_of(name).0 < 2);
    }
    assert!(matches!(three.reap(Shard(0)).await, Err(Error::StaleGeneration { .. })));
    // What the third shard held is gone, too.
    let left = bench.server.command(&["EVAL", "return #redis.call('KEYS', '{q2}:k:*')", "0"]);
    assert_eq!(left.expect("redis answers"), "0");
}

#[tokio::test]
async fn many_queues_are_dropped_in_parts_when_the_generation_is_raised() {
    let bench = Bench::start().await;
    let queue = bench.queue();
    queue.install_generation(Generation(1)).await.expect("installing works");
    let names: Vec<_> = (0..4_000).map(|at| QueueName::new(format!("queue-{at}"))).collect();
    let jobs: Vec<_> = names.iter().map(job).collect();
    queue.push(&jobs).await.expect("a push works");
    queue.install_generation(Generation(2)).await.expect("installing works");
    for name in [&names[0], &names[2_000], &names[3_999]] {
        assert_eq!(queue.depth(name).await.expect("counting works").ready, 0);
    }
    let count = "return #redis.call('KEYS', '{q*}:k:*')";
    let shards = (0..3).map(Shard);
    for shard in shards {
        queue.reap(shard).await.expect("a reap works");
    }
    assert_eq!(bench.server.command(&["EVAL", count, "0"]).expect("redis answers"), "0");
}

#[tokio::test]
async fn an_idle_queue_leaves_nothing_in_redis() {
    let bench = Bench::start().await;
    let queue = bench.queue();
    queue.install_generation(Generation(1)).await.expect("installing works");
    let keys = || bench.server.command(&["EVAL", "return #redis.call('KEYS', '{q*')", "0"]);
    let fields = || bench.server.command(&["EVAL", FIELDS, "0"]);
    for shard in (0..3).map(Shard) {
        queue.reap(shard).await.expect("a reap works");
    }
    let before = (keys().expect("redis answers"), fields().expect("redis answers"));
    let names: Vec<_> = (0..300).map(|at| QueueName::new(format!("queue-{at}"))).collect();
    let lane = Lane { key: [1; 16], rule: LaneRule::InOrder };
    for with in [
        Push { lane: Some(lane), ..Push::now(RunId::new()) },
        Push { due: Some(DueMs(1)), ..Push::now(RunId::new()) },
        Push { priority: Priority::High, ..Push::now(RunId::new()) },
    ] {
        let jobs: Vec<_> =
            names.iter().map(|name| (name.clone(), Push { run: RunId::new(), ..with })).collect();
        queue.push(&jobs).await.expect("a push works");
    }
    for shard in (0..3).map(Shard) {
        loop {
            let ask = Ask { max: 500, max_of_queue: 2, ttl: LEASE, except: Vec::new() };
            let claimed = queue.claim(&Source::Shared(shard), &ask).await.expect("a claim works");
            if claimed.jobs.is_empty() {
                break;
            }
            let leases: Vec<_> = claimed
                .jobs
                .iter()
                .map(|job| Lease { run: job.run, fence: claimed.fence })
                .collect();
            queue.ack(shard, &leases).await.expect("an ack works");
        }
    }
    let after = (keys().expect("redis answers"), fields().expect("redis answers"));
    // A shard that handed out something knows its virtual time.
    assert_eq!((after.0, after.1.parse::<usize>().expect("a number") - 3), {
        (before.0, before.1.parse().expect("a number"))
    });
}

/// How many fields and members the keys of all shards have together.
const FIELDS: &str = "local total = 0 \
    for _, key in ipairs(redis.call('KEYS', '{q*')) do \
      local kind = redis.call('TYPE', key).ok \
      local count = kind == 'hash' and 'HLEN' or kind == 'zset' and 'ZCARD' or 'LLEN' \
      total = total + redis.call(count, key) \
    end return total";

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
