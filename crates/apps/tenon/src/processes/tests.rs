use super::redis::{RedisOptions, RedisSet, Topology};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A shell that says that it is ready and then does something.
fn shell(folder: &Path, script: &str) -> Spec {
    let ready = folder.join("ready");
    Spec {
        name: "shell".to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), format!("echo here > ready; {script}").into()],
        environment: Vec::new(),
        without: Vec::new(),
        folder: folder.to_owned(),
        log: folder.join("shell.log"),
        pid_file: folder.join("shell.pid"),
        ready: Ready::File(ready),
        restart: Restart::OnFailure,
        stop_grace: Duration::from_millis(300),
    }
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it does not come to be");
        std::thread::sleep(child::LOOK_INTERVAL);
    }
}

fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_child_that_is_killed_is_started_again_until_it_is_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let child = Process::start(shell(folder.path(), "sleep 600"));
    assert_eq!(child.wait_until_ready(PATIENCE).expect("it is ready"), "here");
    let first = child.pid().expect("it runs");
    child.signal(Signal::KILL);
    wait_until(|| child.pid().is_some_and(|pid| pid != first) && child.said().is_some());
    let second = child.pid().expect("it runs");
    child.stop();
    assert!(!is_alive(first) && !is_alive(second));
    assert!(!folder.path().join("shell.pid").exists());
}

#[test]
fn what_a_child_started_ends_with_it_also_when_it_takes_no_notice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "trap '' TERM; sleep 600 & echo $! > grandchild; wait";
    let child = Process::start(shell(folder.path(), script));
    child.wait_until_ready(PATIENCE).expect("it is ready");
    let file = folder.path().join("grandchild");
    wait_until(|| std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')));
    let pid = std::fs::read_to_string(&file).expect("it is written");
    let pid = pid.trim().parse().expect("a number");
    assert!(is_alive(pid));
    child.stop();
    wait_until(|| !is_alive(pid));
}

#[test]
fn one_that_ends_in_order_is_left_alone_and_one_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let child = Process::start(shell(folder.path(), "exit 0"));
    wait_until(|| child.state() == State::Ended(Ending::Exited(0)));

    let mut spec = shell(folder.path(), "true");
    spec.arguments = vec!["-c".into(), "echo no such thing >&2; exit 3".into()];
    let child = Process::start(spec);
    let said = child.wait_until_ready(PATIENCE).expect_err("it ended").to_string();
    assert!(said.contains("code 3") && said.contains("no such thing"), "{said}");
}

fn set_and_get(url: &str) -> String {
    let mut connection = ::redis::Client::open(url)
        .and_then(|client| client.get_connection())
        .expect("it takes connections");
    ::redis::cmd("SET").arg("a").arg("b").exec(&mut connection).expect("it takes writes");
    ::redis::cmd("GET").arg("a").query(&mut connection).expect("it answers")
}

#[test]
fn a_redis_server_serves_and_keeps_what_it_wrote() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = RedisOptions::new(folder.path().join("redis"), Topology::Standalone);
    options.lines.push("appendfsync always".to_owned());
    let redis = RedisSet::start(&options).expect("it starts");
    assert_eq!(set_and_get(redis.url()), "b");
    redis.stop();
    let redis = RedisSet::start(&options).expect("it starts again");
    let mut connection = ::redis::Client::open(redis.url())
        .and_then(|client| client.get_connection())
        .expect("it takes connections");
    let kept: Option<String> =
        ::redis::cmd("GET").arg("a").query(&mut connection).expect("it answers");
    assert_eq!(kept.as_deref(), Some("b"));
}

#[test]
fn a_redis_cluster_of_six_serves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = RedisOptions::new(folder.path().join("redis"), Topology::Cluster);
    let redis = RedisSet::start(&options).expect("it starts");
    assert_eq!(redis.servers().len(), 6);
    let client =
        ::redis::cluster::ClusterClient::new(redis.url().split(',')).expect("the URLs are good");
    let mut connection = client.get_connection().expect("it takes connections");
    for key in ["a", "b", "c", "d"] {
        ::redis::cmd("SET").arg(key).arg(key).exec(&mut connection).expect("it takes writes");
    }
}

#[test]
fn sentinels_know_the_primary() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = RedisOptions::new(folder.path().join("redis"), Topology::Sentinel);
    let redis = RedisSet::start(&options).expect("it starts");
    assert_eq!(redis.servers().len(), 2);
    let pid_file = |at: u32| folder.path().join(format!("redis/sentinel-{at}.pid"));
    assert!((1..=3).all(|at| pid_file(at).exists()));
    assert_eq!(set_and_get(&redis.servers()[0].url), "b");
    assert!(redis.url().starts_with("redis+sentinel://:") && redis.url().ends_with("/tenon"));
}
