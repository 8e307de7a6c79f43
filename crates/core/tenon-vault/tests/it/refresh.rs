//! Who renews a token, and whose token stays.

use std::time::Duration;

use jiff::SignedDuration;
use tenon_contract::vault::{
    RefreshClaim, RefreshFinish, RefreshOutcome, SecretHead, SecretState, Vault, VaultError,
};
use tenon_domain::ProjectId;
use tenon_testkit::fakes::Fault;
use tenon_vault::policy::Caller;

use crate::fixture::{Installation, value};

const TTL: Duration = Duration::from_secs(30);

async fn claim(vault: &dyn Vault, head: &SecretHead, version: u32) -> u64 {
    let claim = vault.claim_refresh(head.owner.project, head.secret, version, TTL).await;
    let claim = claim.expect("claiming works");
    let RefreshClaim::Claimed { fence } = claim else { panic!("it was {claim:?}") };
    fence
}

async fn finish(
    vault: &dyn Vault,
    head: &SecretHead,
    fence: u64,
    outcome: RefreshOutcome,
) -> RefreshFinish {
    let finish = vault.finish_refresh(head.owner.project, head.secret, fence, outcome).await;
    finish.expect("finishing works")
}

fn revoked() -> SecretState {
    SecretState::Invalid { code: "revoked".to_owned(), reason: "invalid_grant".to_owned() }
}

#[tokio::test]
async fn a_renewed_token_is_the_next_version() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "old").await;
    let worker = process.as_caller(Caller::Worker);
    let fence = claim(&*worker, &head, 1).await;
    let busy = worker.claim_refresh(head.owner.project, head.secret, 1, TTL).await;
    assert!(matches!(busy.expect("it answers"), RefreshClaim::Busy { .. }));
    let renewed = RefreshOutcome::Renewed(value("new"));
    let RefreshFinish::Recorded { head: now } = finish(&*worker, &head, fence, renewed).await
    else {
        panic!("nothing was newer")
    };
    assert_eq!((now.version, &now.state), (2, &SecretState::Valid));
    assert_eq!(process.open(&head).await.expect("opening works"), "new");
    assert_eq!(install.keys.raw_data_keys().len(), 1);
    let late = worker.claim_refresh(head.owner.project, head.secret, 1, TTL).await;
    assert_eq!(late.expect("it answers"), RefreshClaim::Changed);
}

#[tokio::test]
async fn the_token_of_the_later_refresh_stays() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "old").await;
    let worker = process.as_caller(Caller::Worker);
    let slow = claim(&*worker, &head, 1).await;
    install.clock.advance(SignedDuration::from_secs(31));
    let fast = claim(&*worker, &head, 1).await;
    finish(&*worker, &head, fast, RefreshOutcome::Renewed(value("newer"))).await;
    let late = RefreshOutcome::Renewed(value("older"));
    assert_eq!(finish(&*worker, &head, slow, late).await, RefreshFinish::Superseded);
    let late = RefreshOutcome::Ended(revoked());
    assert_eq!(finish(&*worker, &head, slow, late).await, RefreshFinish::Superseded);
    let late = RefreshOutcome::Failed { reason: "timeout".to_owned() };
    assert_eq!(finish(&*worker, &head, slow, late).await, RefreshFinish::Superseded);
    assert_eq!(process.open(&head).await.expect("opening works"), "newer");
    assert_eq!(install.keys.raw_data_keys().len(), 1, "the dropped token's key was left");
}

/// The provider rotated for the slow one; the fast one was refused because of that.
#[tokio::test]
async fn a_late_token_is_not_dropped_for_a_refusal() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "old").await;
    let worker = process.as_caller(Caller::Worker);
    let slow = claim(&*worker, &head, 1).await;
    install.clock.advance(SignedDuration::from_secs(31));
    let fast = claim(&*worker, &head, 1).await;
    finish(&*worker, &head, fast, RefreshOutcome::Ended(revoked())).await;
    let renewed = RefreshOutcome::Renewed(value("rotated"));
    let finished = finish(&*worker, &head, slow, renewed).await;
    let RefreshFinish::Recorded { head: now } = finished else { panic!("it was {finished:?}") };
    assert_eq!((now.version, &now.state), (2, &SecretState::Valid));
    assert_eq!(process.open(&head).await.expect("opening works"), "rotated");
}

#[tokio::test]
async fn a_person_who_connects_again_beats_a_refresh_in_flight() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "old account").await;
    let worker = process.as_caller(Caller::Worker);
    let fence = claim(&*worker, &head, 1).await;
    let api = process.as_caller(Caller::Api);
    api.replace(head.secret, &owner, value("new account")).await.expect("replacing works");
    let late = RefreshOutcome::Renewed(value("old account's token"));
    assert_eq!(finish(&*worker, &head, fence, late).await, RefreshFinish::Superseded);
    assert_eq!(process.open(&head).await.expect("opening works"), "new account");
}

#[tokio::test]
async fn failures_are_counted_and_the_claim_is_given_back() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "old").await;
    let worker = process.as_caller(Caller::Worker);
    for failures in 1..=3 {
        let fence = claim(&*worker, &head, 1).await;
        let failed = RefreshOutcome::Failed { reason: "HTTP 503".to_owned() };
        let finished = finish(&*worker, &head, fence, failed).await;
        let RefreshFinish::Recorded { head } = finished else { panic!("it was {finished:?}") };
        assert_eq!((head.refresh_failures, head.version), (failures, 1));
    }
    assert_eq!(process.open(&head).await.expect("it still opens"), "old");
}

#[tokio::test]
async fn a_refresh_that_ended_marks_the_value() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "old").await;
    let worker = process.as_caller(Caller::Worker);
    let fence = claim(&*worker, &head, 1).await;
    let valid = RefreshOutcome::Ended(SecretState::Valid);
    let wrong = worker.finish_refresh(owner.project, head.secret, fence, valid).await;
    assert!(matches!(wrong, Err(VaultError::Invalid { .. })));
    let ended = RefreshOutcome::Ended(revoked());
    let finished = finish(&*worker, &head, fence, ended).await;
    let RefreshFinish::Recorded { head: now } = finished else { panic!("it was {finished:?}") };
    assert_eq!((&now.state, now.version), (&revoked(), 1));
    let claim = worker.claim_refresh(owner.project, head.secret, 1, TTL).await;
    assert_eq!(claim.expect("it answers"), RefreshClaim::Changed);
}

#[tokio::test]
async fn a_refresh_of_a_deleted_secret_finds_nothing() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "old").await;
    let worker = process.as_caller(Caller::Worker);
    let fence = claim(&*worker, &head, 1).await;
    let api = process.as_caller(Caller::Api);
    api.delete(owner.project, head.secret).await.expect("deleting works");
    for outcome in [
        RefreshOutcome::Renewed(value("new")),
        RefreshOutcome::Failed { reason: "timeout".to_owned() },
        RefreshOutcome::Ended(revoked()),
    ] {
        let finished = worker.finish_refresh(owner.project, head.secret, fence, outcome).await;
        assert!(matches!(finished, Err(VaultError::NotFound)));
    }
    assert!(install.keys.raw_data_keys().is_empty());
}

#[tokio::test]
async fn no_claim_is_longer_than_the_longest() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "old").await;
    let worker = process.as_caller(Caller::Worker);
    let year = Duration::from_secs(365 * 86_400);
    let claimed = worker.claim_refresh(head.owner.project, head.secret, 1, year).await;
    assert!(matches!(claimed.expect("it answers"), RefreshClaim::Claimed { .. }));
    install.clock.advance(SignedDuration::from_secs(301));
    claim(&*worker, &head, 1).await;
}

/// A store that fails for a moment, on either side of any call, loses no renewed token.
#[tokio::test]
async fn a_store_that_fails_once_loses_no_renewed_token() {
    for fault in [Fault::Before, Fault::After] {
        for number in 1..=5 {
            let install = Installation::new();
            let process = install.process();
            let head = process.create(&install.owner(ProjectId::new()), "old").await;
            let worker = process.as_caller(Caller::Worker);
            let fence = claim(&*worker, &head, 1).await;
            install.faults.fail_once_at(number, fault);
            let renewed = RefreshOutcome::Renewed(value("new"));
            let finished = finish(&*worker, &head, fence, renewed).await;
            let RefreshFinish::Recorded { head: now } = finished else {
                panic!("call {number} failed {fault:?}: {finished:?}")
            };
            install.faults.heal();
            assert_eq!(process.open(&head).await.expect("opening works"), "new");
            assert_eq!(now.version, 2, "call {number} failed {fault:?}");
        }
    }
}
