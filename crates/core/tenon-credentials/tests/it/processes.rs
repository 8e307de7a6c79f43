//! The same promise with four operating-system processes, one of which is killed in the middle.
//!
//! The test binary starts itself again: `child` below is what those processes run.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenon_contract::grant::Grant;
use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::Account;
use tenon_domain::{EndUserId, ProjectId, RunId};
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};
use tenon_vault::policy::Caller;

use crate::rig::{Rig, access_with, bearer, quick};
use crate::vault_wire::{WireVault, serve};

const PROCESSES: usize = 4;
const WAITERS: usize = 64;
const TASK: &str = "TENON_TEST_CREDENTIALS_TASK";

/// What a child process is told.
#[derive(Serialize, Deserialize)]
struct Task {
    vault: String,
    project: ProjectId,
    user: EndUserId,
    integration: IntegrationPlan,
    credential: CredentialPlan,
    run: Option<RunId>,
    grant: Option<Grant>,
}

/// A child: killed when dropped.
struct Process(Child);

impl Process {
    fn start(task: &Task) -> Self {
        let binary = std::env::current_exe().expect("the test's own binary");
        let child = Command::new(binary)
            .args(["--exact", "processes::child", "--ignored", "--nocapture"])
            .env(TASK, serde_json::to_string(task).expect("JSON"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test binary starts");
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it can be waited for");
    }

    /// Waits for its end. Answers what its waiters got.
    fn results(mut self) -> Vec<String> {
        let stdout = self.0.stdout.take().expect("it is piped");
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let got = lines.filter_map(|line| line.strip_prefix("GOT ").map(str::to_owned)).collect();
        assert!(self.0.wait().expect("it can be waited for").success());
        got
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "it is the other process of the tests below"]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Task = serde_json::from_str(&task).expect("a task");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for got in runtime.block_on(want(&task)) {
        println!("GOT {got}");
    }
}

async fn want(task: &Task) -> Vec<String> {
    let process = access_with(std::sync::Arc::new(WireVault::new(task.vault.clone())), quick());
    let account = Account {
        project: task.project,
        user: &task.user,
        integration: &task.integration,
        credential: &task.credential,
    };
    let access = Access {
        project: task.project,
        purpose: Purpose::Step,
        run: task.run,
        step: None,
        reference: None,
        grant: task.grant.clone(),
    };
    let waiters = (0..WAITERS).map(|_| async {
        match process.ready(account, &access).await {
            Ok(ready) => format!("{} {}", ready.version(), bearer(&ready)),
            Err(error) => format!("error: {error}"),
        }
    });
    futures::future::join_all(waiters).await
}

async fn task(rig: &Rig, credential: CredentialPlan) -> Task {
    let vault = serve(rig.service.for_caller(Caller::Worker)).await;
    let Access { project, run, grant, .. } = rig.step();
    let (user, integration) = (rig.user.clone(), rig.integration.clone());
    Task { vault, project, user, integration, credential, run, grant }
}

async fn all_results(processes: Vec<Process>) -> Vec<String> {
    let wait = move || processes.into_iter().flat_map(Process::results).collect();
    tokio::task::spawn_blocking(wait).await.expect("they end")
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_waiters_in_four_real_processes() {
    let life = Duration::from_secs(1);
    let answers_after = Duration::from_millis(400);
    let rig = Rig::start(Manners { life, answers_after, ..Manners::default() }).await;
    let (plan, _) = rig.account().await;
    let task = task(&rig, plan.clone()).await;
    tokio::time::sleep(life).await;
    rig.provider.change(|manners| manners.life = Duration::from_secs(600));
    let processes = (0..PROCESSES).map(|_| Process::start(&task)).collect();
    let mut got = all_results(processes).await;
    assert_eq!(got.len(), PROCESSES * WAITERS, "{got:?}");
    got.dedup();
    assert_eq!(got.len(), 1, "everybody has the same token: {got:?}");
    assert!(got[0].starts_with("2 "), "{got:?}");
    let counters = rig.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_refresher_is_taken_over_and_the_provider_renews_once() {
    let life = Duration::from_secs(1);
    // The provider thinks longer than the first process lives, and sees its connection end.
    let answers_after = Duration::from_millis(1_500);
    let rig = Rig::start(Manners { life, answers_after, ..Manners::default() }).await;
    let (plan, _) = rig.account().await;
    let task = task(&rig, plan.clone()).await;
    tokio::time::sleep(life).await;
    rig.provider.change(|manners| manners.life = Duration::from_secs(600));
    let mut first = Process::start(&task);
    claimed(&rig, &plan).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    first.kill();
    rig.provider.change(|manners| manners.answers_after = Duration::from_millis(100));
    let others = (1..PROCESSES).map(|_| Process::start(&task)).collect();
    let mut got = all_results(others).await;
    assert_eq!(got.len(), (PROCESSES - 1) * WAITERS, "{got:?}");
    got.dedup();
    assert_eq!(got.len(), 1, "{got:?}");
    assert!(got[0].starts_with("2 "), "{got:?}");
    let counters = rig.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
}

/// The one window that cannot be closed: the provider has rotated, and the only process that knows
/// the new token dies before it is recorded. Nobody uses a wrong token, and the reason is told.
#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_provider_rotated_it_is_a_lost_rotation() {
    let life = Duration::from_secs(1);
    let rig = Rig::start(Manners { life, ..Manners::default() }).await;
    let (plan, tokens) = rig.account().await;
    let task = task(&rig, plan.clone()).await;
    tokio::time::sleep(life).await;
    rig.provider.spoil([Fault::Hang]);
    let mut first = Process::start(&task);
    crate::rig::eventually("the provider rotated", async || {
        let refresh_token = tokens.refresh_token.as_deref().expect("it has one");
        rig.provider.grant_of(refresh_token).is_some_and(|grant| grant.rotations == 1)
    })
    .await;
    first.kill();
    // Nobody sees the claim run out: the vault remembers it.
    tokio::time::sleep(quick().renewal.claim_ttl).await;
    let others = (1..PROCESSES).map(|_| Process::start(&task)).collect();
    let got = all_results(others).await;
    assert_eq!(got.len(), (PROCESSES - 1) * WAITERS);
    assert!(got.iter().all(|got| got.contains("has to be connected again")), "{got:?}");
    assert_eq!(rig.code(&plan).await.as_deref(), Some("lost_rotation"));
}

/// Waits until somebody holds the claim: the fakes say `Busy` to whoever asks then.
async fn claimed(rig: &Rig, plan: &CredentialPlan) {
    crate::rig::eventually("the claim is held", async || rig.faults.calls().contains(&"claim"))
        .await;
    assert_eq!(rig.head(plan).await.version, 1);
}
