//! Another server takes over: writes work again by themselves, and it is noticed that what was
//! written last may be gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::incarnation::{Incarnation, Seen};
use tenon_redis::{Endpoint, Redis, RedisCoordination, RedisIncarnation};
use tenon_testkit::redis_failover::{ReplicatedCluster, SentinelGroup};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_secs(30);

fn connect(url: &str) -> Redis {
    let endpoint: Endpoint = url.parse().expect("the address is valid");
    Redis::open(&endpoint).expect("the address is valid")
}

/// Writes until it works again; says how long that took.
async fn recovery(incarnation: &RedisIncarnation) -> Duration {
    let began = Instant::now();
    while let Err(error) = incarnation.note().await {
        assert!(began.elapsed() < PATIENCE, "writes do not come back: {error:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn writes_go_on_with_the_primary_that_sentinels_choose() {
    let mut group = SentinelGroup::start().expect("the servers start");
    // Several connections: each has to find the way for itself.
    let handles: Vec<RedisIncarnation> =
        (0..4).map(|_| RedisIncarnation::new(connect(&group.url()))).collect();
    for handle in &handles {
        handle.note().await.expect("the primary takes writes");
    }
    assert_eq!(handles[0].look().await.expect("it answers"), Seen::Same);
    // So that the note is on the replica when it takes over.
    tokio::time::sleep(Duration::from_millis(300)).await;
    group.kill_primary();
    let began = Instant::now();
    loop {
        match handles[0].look().await {
            Ok(seen) => {
                assert_eq!(seen, Seen::Other, "the note is of the primary before");
                break;
            }
            Err(error) => assert!(began.elapsed() < PATIENCE, "no answer comes back: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("sentinel: kill of the primary to the first answer {:?}", began.elapsed());
    for handle in &handles {
        let took = recovery(handle).await;
        println!("sentinel: then until this connection writes {took:?}");
    }
    assert!(group.has_taken_over().expect("the replica answers"));
}

#[tokio::test]
async fn a_fail_over_by_hand_leaves_no_connection_with_the_old_primary() {
    let group = SentinelGroup::start().expect("the servers start");
    let handle = RedisIncarnation::new(connect(&group.url()));
    handle.note().await.expect("the primary takes writes");
    let heard = announcements_of(&group.url());
    wait_until(|| group.fail_over().is_ok()).await;
    wait_until(|| group.has_taken_over().is_ok_and(|has| has)).await;
    println!("sentinel: after a fail-over by hand {:?}", recovery(&handle).await);
    // A subscription that was on the old primary hears what is said on the new one.
    let speaker = coordination(&group.url());
    let began = Instant::now();
    let mut heard = heard;
    loop {
        let _ = speaker.announce("plan:after").await;
        let got = tokio::time::timeout(Duration::from_millis(100), heard.1.recv()).await;
        if matches!(got, Ok(Ok(topic)) if topic == "plan:after") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "announcements do not come through");
    }
    println!("sentinel: announcements come through after {:?}", began.elapsed());
}

async fn wait_until(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it does not come to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn coordination(url: &str) -> Arc<RedisCoordination> {
    Arc::new(RedisCoordination::new(connect(url), &TaskTracker::new(), CancellationToken::new()))
}

type Heard = (Arc<RedisCoordination>, tokio::sync::broadcast::Receiver<String>);

fn announcements_of(url: &str) -> Heard {
    let coordination = coordination(url);
    let announcements = coordination.announcements();
    (coordination, announcements)
}

#[tokio::test]
async fn writes_go_on_when_a_primary_of_the_cluster_dies() {
    let mut cluster = ReplicatedCluster::start().expect("the cluster starts");
    let handles: Vec<RedisIncarnation> =
        (0..3).map(|_| RedisIncarnation::new(connect(&cluster.url()))).collect();
    for handle in &handles {
        handle.note().await.expect("the cluster takes writes");
        assert_eq!(handle.look().await.expect("it answers"), Seen::Same);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.kill_primary_of("{reg}:incarnation").expect("the nodes answer");
    let began = Instant::now();
    while handles[0].look().await.ok() != Some(Seen::Other) {
        assert!(began.elapsed() < PATIENCE, "the other primary is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("cluster: kill of a primary to the first answer {:?}", began.elapsed());
    for handle in &handles {
        let took = recovery(handle).await;
        println!("cluster: then until this connection writes {took:?}");
    }
    // Each connection learns by itself who the primaries are; then they say the same.
    let began = Instant::now();
    loop {
        recovery(&handles[0]).await;
        let looks = futures::future::join_all(handles.iter().map(RedisIncarnation::look)).await;
        if looks.iter().all(|seen| matches!(seen, Ok(Seen::Same))) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "they do not agree: {looks:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("cluster: then until all connections say the same {:?}", began.elapsed());
}
