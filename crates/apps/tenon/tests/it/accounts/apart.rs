//! The vault in a process of its own: the same flows, and who may open what.

use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tenon_contract::vault::{Access, Purpose, Vault as _, VaultError};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault_rpc::{ClientSettings, Identity, VaultClient};

use super::installation::Installation;
use super::provider::{KEY_PREFIX, Provider};
use super::stage::Stage;
use crate::product::{ends_within, fresh_name};

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_runs_apart_and_everything_outlives_a_restart() {
    let mut installation = Installation::start("info").await;
    let provider = Provider::start().await;
    let stage = Stage::of(installation.product(), provider, &json!({})).await;
    let credential = stage.connect(&stage.user).await;
    let keyed = fresh_name();
    stage.connect_by_key(&keyed, &format!("{KEY_PREFIX}1")).await;
    let event = stage.deploy(stage.both_steps()).await;
    works(&stage, &keyed, &event).await;

    installation.restart();
    let Stage { provider, connector, user, .. } = stage;
    let stage = Stage { product: installation.product(), provider, connector, user };
    assert_eq!(stage.credential(&credential).await["status"], "valid");
    works(&stage, &keyed, &event).await;

    only_with_a_grant(&installation).await;
}

/// A run and a proxy call, by a token and by a key.
async fn works(stage: &Stage, keyed: &str, event: &str) {
    for user in [&stage.user, keyed] {
        let run = stage.run_for(user, event).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        let (status, answered) = stage.proxied(user, "/things/7").await;
        assert_eq!(status, StatusCode::OK, "{answered:#}");
    }
    assert!(stage.provider.last_token("/things/7").starts_with(KEY_PREFIX));
}

/// Whoever has stolen a role's certificate, and nothing else, opens nothing.
async fn only_with_a_grant(installation: &Installation) {
    let secret = a_secret(installation).await;
    let project: ProjectId = installation.project.parse().expect("an id");
    let cases = [
        ("worker", Purpose::Step, "a grant is needed"),
        ("worker", Purpose::Refresh, "a grant is needed"),
        ("worker", Purpose::Connect, "opens nothing for this purpose"),
        ("proxy", Purpose::Proxy, "a grant is needed"),
        ("gateway", Purpose::Step, "opens nothing for this purpose"),
    ];
    for (role, purpose, reason) in cases {
        let access =
            Access { project, purpose, run: None, step: None, reference: None, grant: None };
        let refused = vault_as(installation, role).open(secret, &access).await;
        let Err(VaultError::Refused { reason: said }) = refused else {
            panic!("the role {role} opened a credential for {purpose:?}");
        };
        assert!(said.contains(reason), "{role} {purpose:?}: {said}");
    }
    // The role `vault` itself is nobody's client.
    let access = Access {
        project,
        purpose: Purpose::Step,
        run: None,
        step: None,
        reference: None,
        grant: None,
    };
    let refused = vault_as(installation, "vault").open(secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Unavailable { .. })), "a vault opened a credential");
}

fn vault_as(installation: &Installation, role: &str) -> VaultClient {
    let file = |name: String| installation.file(&name);
    let identity = Identity::from_files(
        &file("tls/ca.pem".to_owned()),
        &file(format!("tls/{role}.pem")),
        &file(format!("tls/{role}.key")),
    );
    let settings = ClientSettings { deadline: Duration::from_secs(1), ..ClientSettings::default() };
    let identity = identity.expect("`tenon certificates` made it");
    VaultClient::new(installation.vault_url(), &identity, settings).expect("TLS can be set up")
}

/// The secret of one of the accounts.
async fn a_secret(installation: &Installation) -> SecretId {
    let project: ProjectId = installation.project.parse().expect("an id");
    let changes = vault_as(installation, "api").changes(0, 100).await.expect("the vault answers");
    let is_credential = |head: &tenon_contract::vault::SecretHead| {
        matches!(head.owner.subject, tenon_contract::vault::Subject::Credential { .. })
    };
    let ours = changes.into_iter().filter(|change| change.project == project);
    let mut heads = ours.filter_map(|change| change.head).filter(is_credential);
    heads.next().expect("there are accounts").secret
}

/// Starts the role `vault` without some of its settings; answers what it says before it ends.
fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["server", "--roles", "vault"])
        .envs(settings.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the product can be started");
    let has_ended = ends_within(&mut child, Duration::from_secs(20));
    if !has_ended {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("it can be waited for");
    assert!(has_ended && !output.status.success(), "it runs all the same");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn without_a_root_key_the_vault_does_not_start_and_says_what_to_do() {
    let values = tenon_testkit::postgres_server::fresh_database().await.expect("a database");
    let keys = tenon_testkit::postgres_server::fresh_database().await.expect("a database");
    let databases =
        [("TENON_VAULT__VALUES_URL", values.url.as_str()), ("TENON_VAULT__KEYS_URL", &keys.url)];
    let said = refusal(&databases);
    for part in ["has no root key", "TENON_VAULT__ROOT_KEY", "tenon vault new-root-key"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let mut missing = databases.to_vec();
    missing.push(("TENON_VAULT__ROOT_KEY", "file:/nowhere/root.key"));
    let said = refusal(&missing);
    assert!(said.contains("/nowhere/root.key"), "{said}");
    assert!(refusal(&[]).contains("vault.values_url"));
}

#[tokio::test]
async fn one_certificate_for_several_roles_is_refused_at_the_start() {
    let installation = Installation::start("info").await;
    let worker = installation.file("tls/worker.pem").display().to_string();
    let mut command = installation.command(&["server", "--listen", "127.0.0.1:0"]);
    command.args(["--roles", "api,worker"]);
    command.env("TENON_VAULT__URL", installation.vault_url().as_str());
    command.env("TENON_VAULT__CERTIFICATE_FILE", worker);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it can be started");
    let has_ended = ends_within(&mut child, Duration::from_secs(20));
    if !has_ended {
        let _ = child.kill();
    }
    let said = child.wait_with_output().expect("it can be waited for").stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(has_ended && said.contains("{role}.pem"), "{said}");
}
