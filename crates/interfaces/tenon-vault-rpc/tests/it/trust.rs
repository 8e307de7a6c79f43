//! Who is let in, and what a role may do.

use tenon_contract::vault::{Vault as _, VaultError};
use tenon_domain::{EndUserId, RunId, SecretId};

use crate::certificates::Authority;
use crate::installation::{Installation, grant_key, value};

#[tokio::test]
async fn a_worker_without_the_grant_of_the_run_gets_nothing() {
    let vault = Installation::start().await;
    let (secret, run) = (SecretId::new(), RunId::new());
    vault.client("api").create(secret, &vault.owner(), value("x")).await.expect("it is kept");
    let other_user = EndUserId::new("user-2");
    let of_other =
        grant_key().sign(vault.project, &other_user, &tenon_contract::grant::Work::Run(run));
    let of_other_run = vault.grant(RunId::new());
    for grant in [None, Some(of_other), Some(of_other_run)] {
        let outcome =
            vault.client("worker").open(secret, &vault.access(run, grant)).await.map(drop);
        assert!(matches!(outcome, Err(VaultError::Refused { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_role_does_only_what_is_its_own() {
    let vault = Installation::start().await;
    let (secret, owner) = (SecretId::new(), vault.owner());
    for role in ["worker", "proxy", "gateway", "controller"] {
        let outcome = vault.client(role).create(secret, &owner, value("x")).await;
        assert!(matches!(outcome, Err(VaultError::Refused { .. })), "{role}: {outcome:?}");
    }
    let run = RunId::new();
    vault.client("api").create(secret, &owner, value("x")).await.expect("it is kept");
    let access = vault.access(run, Some(vault.grant(run)));
    let outcome = vault.client("gateway").open(secret, &access).await.map(drop);
    assert!(matches!(outcome, Err(VaultError::Refused { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_certificate_of_nobody_or_of_another_authority_is_not_let_in() {
    let vault = Installation::start().await;
    let stranger = Authority::new();
    let role = "api.role.tenon.internal";
    let identities = [
        ("no role", vault.authority.identity(&["api.example.com"])),
        ("an unknown role", vault.authority.identity(&["cook.role.tenon.internal"])),
        ("two roles", vault.authority.identity(&[role, "worker.role.tenon.internal"])),
        ("another authority", stranger.identity_that_trusts(&vault.authority, &[role])),
    ];
    for (what, identity) in identities {
        let outcome = vault.client_as(&identity).head(vault.project, SecretId::new()).await;
        assert!(matches!(outcome, Err(VaultError::Unavailable { .. })), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_client_does_not_talk_to_a_vault_that_its_authority_did_not_sign() {
    let vault = Installation::start().await;
    let own = Authority::new();
    // The vault would know this client; the client does not know the vault.
    let identity = vault.authority.identity_that_trusts(&own, &["api.role.tenon.internal"]);
    let outcome = vault.client_as(&identity).head(vault.project, SecretId::new()).await;
    assert!(matches!(outcome, Err(VaultError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn plain_http_and_tls_without_a_certificate_get_no_answer() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let vault = Installation::start().await;
    let mut plain = tokio::net::TcpStream::connect(vault.address).await.expect("it listens");
    let request = b"POST /vault/v1/changes HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    plain.write_all(request).await.expect("it is sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "plain HTTP was answered");
    let client =
        reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().expect("a client");
    let url = format!("https://{}/vault/v1/changes", vault.address);
    assert!(client.post(url).body("{}").send().await.is_err(), "no certificate, yet an answer");
}
