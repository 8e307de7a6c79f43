//! Keys are changed while calls go on, and the audit holds.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::installation::Installation;
use super::provider::{KEY_PREFIX, Provider};
use super::stage::Stage;
use crate::product::fresh_name;

/// Accounts that are called meanwhile.
const ACCOUNTS: usize = 20;
/// Callers at once.
const CALLERS: usize = 4;

/// Calls all accounts again and again until it is told to end; answers how many calls there were.
async fn call_meanwhile(stage: Arc<Stage>, users: Vec<String>, end: Arc<AtomicBool>) -> u32 {
    let calls = Arc::new(AtomicU32::new(0));
    let callers = (0..CALLERS).map(|caller| {
        let (stage, users, end) = (stage.clone(), users.clone(), end.clone());
        let calls = calls.clone();
        tokio::spawn(async move {
            for user in users.iter().cycle().skip(caller * 5) {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (status, answered) = stage.proxied(user, "/things/7").await;
                assert_eq!(status, StatusCode::OK, "a call failed meanwhile: {answered:#}");
                calls.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no call fails");
    }
    calls.load(Ordering::Relaxed)
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_calls_go_on_and_the_audit_is_whole() {
    let mut installation = Installation::start("info").await;
    installation.set_cache_ttl_ms(50);
    installation.restart();
    let stage = Stage::of(installation.product(), Provider::start().await, &json!({})).await;
    let mut users = Vec::new();
    for number in 0..ACCOUNTS {
        let user = fresh_name();
        stage.connect_by_key(&user, &format!("{KEY_PREFIX}{number}")).await;
        users.push(user);
    }
    let stage = Arc::new(stage);
    let end = Arc::new(AtomicBool::new(false));
    let calling = tokio::spawn(call_meanwhile(stage.clone(), users.clone(), end.clone()));

    let rotated = json_of(&installation.tenon(&["vault", "rotate", "--json"]));
    assert_eq!(rotated["damaged"], 0, "{rotated:#}");
    assert!(rotated["done"].as_u64() >= Some(ACCOUNTS as u64), "{rotated:#}");

    installation.tenon(&["vault", "new-root-key", "second.key"]);
    let second = format!("file:{}", installation.file("second.key").display());
    let first = std::mem::replace(&mut installation.root, second);
    installation.old_roots = first;
    installation.restart_vault();
    let moved = json_of(&installation.tenon(&["vault", "rotate-root", "--json"]));
    assert_eq!(moved["damaged"], 0, "{moved:#}");
    assert!(moved["done"].as_u64() >= Some(1), "{moved:#}");

    // The first root has done its work: nothing may need it any more.
    installation.old_roots.clear();
    std::fs::remove_file(installation.file("root.key")).expect("the file is there");
    installation.restart_vault();
    tokio::time::sleep(Duration::from_millis(500)).await;
    end.store(true, Ordering::Relaxed);
    let calls = calling.await.expect("no call fails");
    println!("{calls} calls while keys were rotated, 0 failed");
    assert!(calls > 100, "too few to show anything: {calls}");

    let project = installation.project.clone();
    let audit = json_of(&installation.tenon(&["vault", "audit", &project, "--verify", "--json"]));
    assert_eq!(audit["intact"], true, "{audit:#}");
    let records = audit["records"].as_i64().expect("a number");
    println!("{records} audit records");
    assert!(records >= ACCOUNTS as i64, "{audit:#}");
    a_changed_record_is_found(&installation, records / 2).await;
}

/// Somebody with the database at hand turns a refusal into a permission, or the reverse.
async fn a_changed_record_is_found(installation: &Installation, number: i64) {
    use sqlx::Connection as _;

    let url = &installation.databases[3].superuser_url;
    let mut connection = sqlx::PgConnection::connect(url).await.expect("a connection");
    // The trigger that refuses it stops honest code only.
    let disarmed = sqlx::query("SET session_replication_role = replica").execute(&mut connection);
    disarmed.await.expect("the superuser may");
    let changed = sqlx::query("UPDATE audit SET caller = 'nobody' WHERE number = $1")
        .bind(number)
        .execute(&mut connection)
        .await;
    assert!(changed.expect("it can be changed").rows_affected() >= 1);
    let project = installation.project.clone();
    let mut command = installation.command(&["vault", "audit", &project, "--verify"]);
    let output = command.output().expect("the binary can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("tampered"), "{said}");
    assert!(said.contains(&format!("audit record {number} was changed")), "{said}");
}
