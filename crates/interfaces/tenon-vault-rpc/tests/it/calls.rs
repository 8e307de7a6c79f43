//! What goes over the wire comes out the same on the other side.

use std::time::Duration;

use tenon_contract::vault::{
    Generation, RefreshClaim, RefreshFinish, RefreshOutcome, SecretState, SharedValue, Vault as _,
    VaultError,
};
use tenon_domain::{ProjectId, RunId, SecretId};

use crate::installation::{Installation, value};

#[tokio::test]
async fn a_worker_opens_what_the_api_kept_against_a_grant_of_its_run() {
    let vault = Installation::start().await;
    let (secret, owner, run) = (SecretId::new(), vault.owner(), RunId::new());
    let head =
        vault.client("api").create(secret, &owner, value("t0ken")).await.expect("it is kept");
    assert_eq!((head.version, &head.owner), (1, &owner));
    let access = vault.access(run, Some(vault.grant(run)));
    let opened = vault.client("worker").open(secret, &access).await.expect("the grant holds");
    assert_eq!(opened.value.expose(), b"t0ken");
    assert_eq!(opened.head, head);
}

#[tokio::test]
async fn the_key_of_a_shared_value_comes_again_against_a_grant_only() {
    let vault = Installation::start().await;
    let (secret, owner, run) = (SecretId::new(), vault.owner(), RunId::new());
    let created = vault.client("api").create(secret, &owner, value("hush")).await;
    created.expect("the api may keep values");
    let access = vault.access(run, Some(vault.grant(run)));
    let worker = vault.client("worker");
    let shared = worker.open_to_share(secret, &access).await.expect("it has the grant");
    assert_eq!(shared.opened.value.expose(), b"hush");
    let key = shared.key.expect("it is shared");
    let found = SharedValue { secret, version: 1, owner, generation: key.generation };
    let again = worker.sharing_key(&found, &access).await.expect("it has the grant");
    assert_eq!(again.expect("the vault knows it").key.expose(), key.key.expose());
    let without = worker.sharing_key(&found, &vault.access(run, None)).await;
    assert!(matches!(without, Err(VaultError::Refused { .. })));
    let unknown = SharedValue { generation: Generation([7; 16]), ..found };
    let none = worker.sharing_key(&unknown, &access).await.expect("it may ask");
    assert!(none.is_none());
}

#[tokio::test]
async fn a_refresh_goes_through_claim_and_finish() {
    let vault = Installation::start().await;
    let (secret, owner, run) = (SecretId::new(), vault.owner(), RunId::new());
    let (api, worker) = (vault.client("api"), vault.client("worker"));
    api.create(secret, &owner, value("old")).await.expect("it is kept");
    let ttl = Duration::from_secs(30);
    let claim = worker.claim_refresh(vault.project, secret, 1, ttl).await.expect("an answer");
    let RefreshClaim::Claimed { fence } = claim else { panic!("nobody else claims: {claim:?}") };
    let second = worker.claim_refresh(vault.project, secret, 1, ttl).await.expect("an answer");
    assert!(matches!(second, RefreshClaim::Busy { .. }), "{second:?}");
    let outcome = RefreshOutcome::Renewed(value("new"));
    let finish = worker.finish_refresh(vault.project, secret, fence, outcome).await;
    let finish = finish.expect("an answer");
    assert!(matches!(&finish, RefreshFinish::Recorded { head } if head.version == 2), "{finish:?}");
    let access = vault.access(run, Some(vault.grant(run)));
    let opened = worker.open(secret, &access).await.expect("the grant holds");
    assert_eq!(opened.value.expose(), b"new");
}

#[tokio::test]
async fn states_changes_and_deletion_are_seen_by_the_api() {
    let vault = Installation::start().await;
    let (secret, owner) = (SecretId::new(), vault.owner());
    let (api, worker) = (vault.client("api"), vault.client("worker"));
    api.create(secret, &owner, value("x")).await.expect("it is kept");
    let state = SecretState::Invalid { code: "revoked".into(), reason: "they said so".into() };
    worker.set_state(vault.project, secret, 1, state.clone()).await.expect("an answer");
    let head = api.head(vault.project, secret).await.expect("an answer").expect("it is there");
    assert_eq!(head.state, state);
    api.delete(vault.project, secret).await.expect("an answer");
    assert_eq!(api.head(vault.project, secret).await.expect("an answer"), None);
    let changes = api.changes(0, 100).await.expect("an answer");
    assert_eq!(
        changes.last().map(|change| (change.secret, change.head.is_none())),
        Some((secret, true))
    );
}

#[tokio::test]
async fn errors_keep_their_kind() {
    let vault = Installation::start().await;
    let (secret, run) = (SecretId::new(), RunId::new());
    let worker = vault.client("worker");
    let access = vault.access(run, Some(vault.grant(run)));
    let missing = worker.open(secret, &access).await.map(drop);
    assert!(matches!(missing, Err(VaultError::NotFound)), "{missing:?}");
    let empty = vault.client("api").create(secret, &vault.owner(), value("")).await;
    assert!(matches!(empty, Err(VaultError::Invalid { .. })), "{empty:?}");
    let elsewhere = worker.head(ProjectId::new(), secret).await.expect("an answer");
    assert_eq!(elsewhere, None);
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() {
    let vault = Installation::start().await;
    let api = vault.client("api");
    let secret = SecretId::new();
    api.create(secret, &vault.owner(), value("x")).await.expect("it is kept");
    vault.faults.refuse("head");
    let (faults, project) = (vault.faults.clone(), vault.project);
    let healing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        faults.heal();
    });
    let head = api.head(project, secret).await.expect("a later try is answered");
    assert!(head.is_some());
    healing.await.expect("it ends");
}
