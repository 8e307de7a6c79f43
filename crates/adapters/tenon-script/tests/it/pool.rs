//! Who shares a process with whom, and what happens when one dies.

use std::collections::HashSet;
use std::time::Instant;

use futures::future::join_all;
use serde_json::json;
use tenon_exec::ports::script::{FunctionErrorKind as Kind, FunctionRunner as _};

use super::*;

const ECHO: &str = "function run(p) { return p.n }";

#[tokio::test]
async fn two_hundred_calls_at_once_each_get_their_own_answer() {
    let pool = pool().await;
    let project = ProjectId::new();
    let calls = (0..200).map(|n| pool.run(call(project, ECHO, &json!({"n": n}))));
    for (n, outcome) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(outcome.expect("it returns").output, n.to_string());
    }
    assert!(pool.process_ids().len() <= settings().children_max);
}

#[tokio::test]
async fn many_projects_at_once_all_get_their_turn() {
    let pool = pool_with(Settings { children_max: 3, ..settings() }).await;
    let projects: Vec<_> = (0..8).map(|_| ProjectId::new()).collect();
    let calls = (0..80).map(|n| pool.run(call(projects[n % 8], ECHO, &json!({"n": n}))));
    for (n, outcome) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(outcome.expect("it returns").output, n.to_string());
    }
    assert!(pool.process_ids().len() <= 3);
}

#[tokio::test]
async fn two_projects_never_share_a_process() {
    let pool = pool_with(Settings { children_max: 2, ..settings() }).await;
    let mut seen = HashSet::new();
    for round in 0..6 {
        let project = ProjectId::new();
        pool.run(call(project, ECHO, &json!({"n": round}))).await.expect("it returns");
        // One call at a time: whatever is alive and was used before must be gone by now, but for
        // the process of the project before, which may be idle.
        let slow = "function run() { const end = Date.now() + 150; while (Date.now() < end) {} }";
        let running = pool.run(call(project, slow, &json!({})));
        let look = async {
            tokio::time::sleep(Duration::from_millis(75)).await;
            busiest(&pool.process_ids())
        };
        let (outcome, pid) = tokio::join!(running, look);
        outcome.expect("it returns");
        assert!(seen.insert(pid), "process {pid} served two projects");
    }
}

/// The process that used the most processor time within a short while.
fn busiest(pids: &[u32]) -> u32 {
    let ticks = |pid: &u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    };
    let before: Vec<u64> = pids.iter().map(ticks).collect();
    std::thread::sleep(Duration::from_millis(20));
    let used = pids.iter().zip(before).map(|(pid, before)| (ticks(pid) - before, *pid));
    used.max().map(|(_, pid)| pid).expect("there is a process")
}

#[tokio::test]
async fn a_process_killed_in_flight_costs_the_call_and_nothing_else() {
    let pool = pool().await;
    let project = ProjectId::new();
    let running = pool.run(call(project, "function run() { while (true) {} }", &json!({})));
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for pid in pool.process_ids() {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            let pid = pid.expect("a process id is a positive number");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        }
    };
    let (outcome, ()) = tokio::join!(running, kill);
    let error = outcome.expect_err("its process died");
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    let next = pool.run(call(project, ECHO, &json!({"n": 5}))).await;
    assert_eq!(&next.expect("the next call works").output[..], b"5");
}

#[tokio::test]
async fn an_idle_process_that_died_is_replaced_unseen() {
    let pool = pool().await;
    let project = ProjectId::new();
    pool.run(call(project, ECHO, &json!({"n": 1}))).await.expect("it returns");
    for pid in pool.process_ids() {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a process id is a positive number");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
    }
    // The runtime must see the closed connection.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let outcome = pool.run(call(project, ECHO, &json!({"n": 2}))).await;
    assert_eq!(&outcome.expect("a new process serves it").output[..], b"2");
}

#[tokio::test]
async fn a_dropped_call_gives_its_place_back() {
    let pool =
        pool_with(Settings { children_max: 2, children_per_project_max: 1, ..settings() }).await;
    let project = ProjectId::new();
    for _ in 0..3 {
        let endless = pool.run(call(project, "function run() { while (true) {} }", &json!({})));
        assert!(tokio::time::timeout(Duration::from_millis(100), endless).await.is_err());
    }
    let start = Instant::now();
    let outcome = pool.run(call(project, ECHO, &json!({"n": 3}))).await;
    assert_eq!(&outcome.expect("the place is free").output[..], b"3");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_slow_project_leaves_room_for_another() {
    let pool =
        pool_with(Settings { children_max: 4, children_per_project_max: 2, ..settings() }).await;
    let slow = ProjectId::new();
    let code = "function run() { const end = Date.now() + 1500; while (Date.now() < end) {} }";
    let blockers = join_all((0..4).map(|_| pool.run(call(slow, code, &json!({})))));
    let other = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        pool.run(call(ProjectId::new(), ECHO, &json!({"n": 1}))).await.expect("it returns");
        start.elapsed()
    };
    let (blocked, took) = tokio::join!(blockers, other);
    assert!(blocked.iter().all(Result::is_ok));
    assert!(took < Duration::from_millis(1_000), "{took:?}");
}

#[tokio::test]
async fn a_full_line_and_a_long_wait_are_unavailable() {
    let pool = pool_with(Settings {
        children_max: 2,
        children_per_project_max: 1,
        waiters_max: 1,
        wait_max: Duration::from_millis(200),
        ..settings()
    })
    .await;
    let project = ProjectId::new();
    let code = "function run() { const end = Date.now() + 1000; while (Date.now() < end) {} }";
    let calls = (0..3).map(|_| pool.run(call(project, code, &json!({}))));
    let outcomes = join_all(calls).await;
    let mut failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    failures.sort_by(|a, b| a.message.cmp(&b.message));
    let messages: Vec<_> = failures.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["1 function calls are waiting", "no function runner was free within 200 ms"]
    );
    assert!(failures.iter().all(|error| error.kind == Kind::Unavailable));
}

#[tokio::test]
async fn a_process_is_replaced_after_its_number_of_calls() {
    let pool = pool_with(Settings { calls_per_child_max: 5, ..settings() }).await;
    let project = ProjectId::new();
    let mut seen = HashSet::new();
    for n in 0..20 {
        let outcome = pool.run(call(project, ECHO, &json!({"n": n}))).await.expect("it returns");
        assert_eq!(outcome.output, n.to_string());
        seen.extend(pool.process_ids());
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[tokio::test]
async fn more_functions_than_a_process_keeps_still_run() {
    let pool = pool().await;
    let project = ProjectId::new();
    for n in 0..600 {
        let code = format!("function run() {{ return {} }}", n % 300);
        let outcome = pool.run(call(project, &code, &json!({}))).await.expect("it returns");
        assert_eq!(outcome.output, (n % 300).to_string());
    }
}

#[tokio::test]
async fn the_processes_end_with_the_pool() {
    let pool = pool().await;
    pool.run(call(ProjectId::new(), ECHO, &json!({"n": 1}))).await.expect("it returns");
    let pids = pool.process_ids();
    assert!(!pids.is_empty());
    drop(pool);
    let deadline = Instant::now() + Duration::from_secs(5);
    while pids.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()) {
        assert!(Instant::now() < deadline, "a process outlived its pool: {pids:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_runner_that_is_no_runner_is_unavailable() {
    for program in ["/nowhere/at/all", "/bin/true", "/bin/cat"] {
        let runner = RunnerCommand { program: program.into(), args: Vec::new() };
        let started = ScriptPool::start(Settings { runner, ..settings() }).await;
        let error = started.err().expect("it cannot start");
        assert_eq!(error.kind, Kind::Unavailable, "{program}: {error}");
    }
}
