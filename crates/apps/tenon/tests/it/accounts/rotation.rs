//! Keys are changed while calls go on, and the audit holds.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::installation::Installation;
use super::provider::{KEY_PREFIX, Provider};
use super::stage::Stage;
use crate::product::{fresh_name, until};

/// Accounts that are called meanwhile.
const ACCOUNTS: usize = 100;
/// Opened values that are kept: so few that most calls open theirs anew.
const CACHE_ENTRIES_MAX: usize = 4;
/// Callers at once.
const CALLERS: usize = 4;

/// Callers who go through all accounts again and again.
struct Load {
    calls: Arc<AtomicU32>,
    end: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(stage: &Arc<Stage>, users: &[String]) -> Self {
        let (calls, end) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let callers = (0..CALLERS).map(|caller| {
            let (stage, users) = (stage.clone(), users.to_vec());
            let (calls, end) = (calls.clone(), end.clone());
            tokio::spawn(async move {
                for user in users.iter().cycle().skip(caller * ACCOUNTS / CALLERS) {
                    if end.load(Ordering::Relaxed) {
                        return;
                    }
                    let (status, answered) = stage.proxied(user, "/things/7").await;
                    assert_eq!(status, StatusCode::OK, "a call failed meanwhile: {answered:#}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let callers = callers.collect();
        Self { calls, end, callers }
    }

    /// Lets every account be called once more.
    async fn once_around(&self) {
        let goal = self.calls.load(Ordering::Relaxed) + ACCOUNTS as u32;
        let has_failed = || self.callers.iter().any(JoinHandle::is_finished);
        until("calls go on", || self.calls.load(Ordering::Relaxed) >= goal || has_failed()).await;
    }

    /// Ends it; answers how many calls there were, none of which failed.
    async fn end(self) -> u32 {
        self.end.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.expect("no call fails");
        }
        self.calls.load(Ordering::Relaxed)
    }
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_calls_go_on_and_the_audit_is_whole() {
    let mut installation = Installation::start("info").await;
    installation.set_cache_entries_max(CACHE_ENTRIES_MAX);
    installation.restart();
    let stage = Stage::of(installation.product(), Provider::start().await, &json!({})).await;
    let mut users = Vec::new();
    for number in 0..ACCOUNTS {
        let user = fresh_name();
        stage.connect_by_key(&user, &format!("{KEY_PREFIX}{number}")).await;
        users.push(user);
    }
    let stage = Arc::new(stage);
    let load = Load::start(&stage, &users);
    load.once_around().await;

    let rotated = json_of(&installation.tenon(&["vault", "rotate", "--json"]));
    assert_eq!(rotated["damaged"], 0, "{rotated:#}");
    assert!(rotated["done"].as_u64() >= Some(ACCOUNTS as u64), "{rotated:#}");

    load.once_around().await;

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
    load.once_around().await;
    let calls = load.end().await;
    println!("{calls} calls while keys were rotated, 0 failed");

    let project = installation.project.clone();
    let audit = json_of(&installation.tenon(&["vault", "audit", &project, "--verify", "--json"]));
    assert_eq!(audit["intact"], true, "{audit:#}");
    let records = audit["records"].as_i64().expect("a number");
    println!("{records} audit records");
    assert!(records >= i64::from(calls) / 4, "too few calls opened anything: {audit:#}");
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
