//! What providers answer on bad days, and what then becomes of the token, the claim and the caller.

use std::time::Duration;

use tenon_contract::vault::SecretState;
use tenon_credentials::access::AccessError;
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};

use crate::rig::{Rig, bearer, quick};

/// An expired account whose provider behaves as `fault` says, once.
async fn expired(fault: Fault) -> (Rig, tenon_contract::plan::CredentialPlan) {
    let life = Duration::from_secs(1);
    let rig = Rig::start(Manners { life, ..Manners::default() }).await;
    let (plan, _) = rig.account().await;
    tokio::time::sleep(life).await;
    rig.provider.change(|manners| manners.life = Duration::from_secs(600));
    rig.provider.spoil([fault]);
    (rig, plan)
}

/// Faults before which nothing was issued: the next try brings the token.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_go_away_is_tried_again_later() {
    for fault in [Fault::ServerError, Fault::TooMany(1)] {
        let (rig, plan) = expired(fault).await;
        let process = rig.process(quick());
        let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is away");
        let AccessError::Temporary { retry_after, .. } = error else {
            panic!("{fault:?}: {error:?}");
        };
        assert!(retry_after <= Duration::from_secs(2), "{fault:?}: {retry_after:?}");
        let head = rig.head(&plan).await;
        assert_eq!((head.state, head.refresh_failures), (SecretState::Valid, 1), "{fault:?}");

        // Asked again too early, the provider is left alone.
        let again = process.ready(rig.of(&plan), &rig.step()).await;
        assert!(matches!(again, Err(AccessError::Temporary { .. })), "{fault:?}: {again:?}");
        assert_eq!(rig.provider.counters().refreshes, 0, "{fault:?}");

        tokio::time::sleep(retry_after + Duration::from_millis(50)).await;
        let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
        assert_eq!(ready.version(), 2, "{fault:?}");
        assert_eq!(rig.head(&plan).await.refresh_failures, 0, "{fault:?}");
    }
}

/// Faults behind which the provider has rotated: the new token is lost with the answer, and the
/// next try says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_ends_as_a_lost_rotation() {
    let faults = [
        Fault::ServerErrorAfterRotating,
        Fault::Hang,
        Fault::Drip,
        Fault::Html,
        Fault::Huge,
        Fault::MissingFields,
        Fault::Torn,
    ];
    let cases = faults.map(|fault| async move {
        let (rig, plan) = expired(fault).await;
        let process = rig.process(quick());
        let began = std::time::Instant::now();
        let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("no token");
        assert!(began.elapsed() < Duration::from_secs(4), "{fault:?} took {:?}", began.elapsed());
        let AccessError::Temporary { retry_after, reason } = error else {
            panic!("{fault:?}: {error:?}");
        };
        assert!(!reason.contains("canary") && !reason.contains('<'), "{fault:?}: {reason}");
        assert_eq!(rig.head(&plan).await.state, SecretState::Valid, "{fault:?}");
        tokio::time::sleep(retry_after + Duration::from_millis(50)).await;
        let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is lost");
        let AccessError::Dead { code, .. } = error else { panic!("{fault:?}: {error:?}") };
        assert_eq!(code, "lost_rotation", "{fault:?}");
        assert_eq!(rig.code(&plan).await.as_deref(), Some("lost_rotation"), "{fault:?}");
    });
    futures::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_is_the_builders_business_and_leaves_the_account_alone() {
    let (rig, plan) = expired(Fault::WrongClient).await;
    let process = rig.process(quick());
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("no token");
    assert!(matches!(error, AccessError::Misconfigured { .. }), "{error:?}");
    assert_eq!(rig.head(&plan).await.state, SecretState::Valid);
    tokio::time::sleep(Duration::from_millis(500)).await;
    process.ready(rig.of(&plan), &rig.step()).await.expect("the builder corrected it");
    assert_eq!(rig.provider.counters().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_invalid_grant_may_be_the_providers_own_mistake() {
    let (rig, plan) = expired(Fault::EchoesTheToken).await;
    let process = rig.process(quick());
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("the second try works");
    assert_eq!(ready.version(), 2);
    assert_eq!(rig.provider.counters().refreshes, 1, "the first was refused unread");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_new_refresh_token_the_old_one_is_kept() {
    let life = Duration::from_secs(1);
    let rig = Rig::start(Manners { life, rotates: false, ..Manners::default() }).await;
    let (plan, _) = rig.account().await;
    rig.provider.change(|manners| manners.issues_refresh_tokens = false);
    let process = rig.process(quick());
    for version in 2..=3 {
        tokio::time::sleep(life).await;
        let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
        assert_eq!(ready.version(), version);
    }
    assert_eq!(rig.provider.counters().refreshes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_known_end_is_renewed_on_401_only() {
    let life = Duration::from_millis(500);
    let manners = Manners { life, says_expires_in: false, ..Manners::default() };
    let rig = Rig::start(manners).await;
    let (plan, tokens) = rig.account().await;
    let process = rig.process(quick());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = process.ready(rig.of(&plan), &rig.step()).await.expect("nobody knows");
    assert_eq!(bearer(&refused), tokens.access_token);
    assert_eq!(rig.provider.counters().refreshes, 0);
    let renewed = process.renew(rig.of(&plan), &rig.step(), &refused).await.expect("a token");
    assert_ne!(bearer(&renewed), tokens.access_token);
    assert_eq!(rig.head(&plan).await.expires_at, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_without_refresh_tokens_asks_again() {
    let life = Duration::from_secs(1);
    let manners = Manners { life, issues_refresh_tokens: false, ..Manners::default() };
    let rig = Rig::start(manners).await;
    let plan = rig.plan("client");
    rig.keep(&plan, crate::rig::secrets_of(&rig.provider.grant())).await;
    let process = rig.process(quick());
    tokio::time::sleep(life).await;
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    assert_eq!(ready.version(), 2);
}
