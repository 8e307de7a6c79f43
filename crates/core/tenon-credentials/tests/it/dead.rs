//! Credentials that have ended: everybody who wants one fails at once, with the reason and without
//! a request.

use std::time::Duration;

use serde_json::{Map, Value};
use tenon_connector::token::AccountSecrets;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue, SecretState};
use tenon_credentials::access::AccessError;
use tenon_domain::EndUserId;
use tenon_testkit::fakes::oauth_provider::Manners;

use crate::rig::{Rig, bearer, quick, secrets_of};

fn code_of(error: &AccessError) -> &str {
    match error {
        AccessError::Dead { code, .. } => code,
        other => panic!("it is not dead: {other:?}"),
    }
}

fn api_key(text: &str) -> AccountSecrets {
    let fields = Map::from_iter([("api_key".to_owned(), Value::from(text))]);
    AccountSecrets { fields, token: None }
}

fn short() -> Manners {
    Manners { life: Duration::from_secs(1), ..Manners::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_ends_with_its_reason_and_without_further_requests() {
    let rig = Rig::start(short()).await;
    let (plan, tokens) = rig.account().await;
    rig.provider.revoke(tokens.grant);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let process = rig.process(quick());
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it has ended");
    assert_eq!(code_of(&error), "revoked");
    assert!(error.to_string().contains("the grant has ended"), "{error}");
    let asked = rig.provider.counters().refreshes;
    assert_eq!(asked, 2, "one try, and one more");
    for process in [process, rig.process(quick())] {
        let again = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it has ended");
        assert_eq!(code_of(&again), "revoked");
    }
    assert_eq!(rig.provider.counters().refreshes, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_somebody_else_used_is_told_apart() {
    let rig = Rig::start(short()).await;
    let (plan, tokens) = rig.account().await;
    // A second installation that was given the same credential renews it first.
    let other = rig.account_with(secrets_of(&tokens)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let process = rig.process(quick());
    process.ready(rig.of(&other), &rig.step()).await.expect("it is first");
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is second");
    assert_eq!(code_of(&error), "rotated_elsewhere");
    assert_eq!(rig.provider.counters().family_revocations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_is_refused_twice_is_dead_until_a_person_brings_another() {
    let rig = Rig::start(Manners::default()).await;
    let plan = rig.account_with(api_key("canary-key-1")).await;
    let process = rig.process(quick());
    let first = process.ready(rig.of(&plan), &rig.step()).await.expect("it is kept");
    assert_eq!(bearer(&first), "canary-key-1");
    let second = process.renew(rig.of(&plan), &rig.step(), &first).await.expect("the same");
    assert_eq!(second.version(), first.version());
    process.report_dead(rig.of(&plan), &second, "401: canary-key-1 is unknown").await;
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is dead");
    assert_eq!(code_of(&error), "rejected");
    assert!(error.to_string().contains("401: *** is unknown"), "{error}");

    let json = serde_json::to_vec(&api_key("canary-key-2")).expect("JSON");
    let value = NewValue { value: SecretBytes::new(json), expires_at: None };
    rig.vault().replace(plan.secret, &rig.owner(&plan), value).await.expect("it is replaced");
    process.forget(plan.secret);
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("it works again");
    assert_eq!(bearer(&ready), "canary-key-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_report_does_not_kill_a_newer_version() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let process = rig.process(quick());
    let refused = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    process.renew(rig.of(&plan), &rig.step(), &refused).await.expect("a newer one");
    process.report_dead(rig.of(&plan), &refused, "401").await;
    assert_eq!(rig.head(&plan).await.state, SecretState::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_refresh_token_expires() {
    let rig = Rig::start(Manners { issues_refresh_tokens: false, ..short() }).await;
    let (plan, _) = rig.account().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let process = rig.process(quick());
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it has ended");
    assert_eq!(code_of(&error), "expired");
    assert_eq!(rig.head(&plan).await.state, SecretState::Expired);
    assert_eq!(rig.provider.counters().refreshes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_allowed_is_told_apart() {
    let mut rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let process = rig.process(quick());
    let step = rig.step();

    let gone = rig.plan("oauth");
    let error = process.ready(rig.of(&gone), &step).await.expect_err("nobody kept it");
    assert!(matches!(error, AccessError::Gone), "{error:?}");

    let error = process.ready(rig.of(&plan), &Access { grant: None, ..step.clone() }).await;
    assert!(matches!(error, Err(AccessError::Refused { .. })), "{error:?}");

    process.ready(rig.of(&plan), &step).await.expect("it is in the cache now");
    let stranger = EndUserId::new("user-2");
    let of_stranger = tenon_credentials::access::Account { user: &stranger, ..rig.of(&plan) };
    let error = process.ready(of_stranger, &step).await;
    assert!(matches!(error, Err(AccessError::Refused { .. })), "the cache is no way round");

    let unknown = rig.plan("carrier_pigeon");
    let error = process.ready(rig.of(&unknown), &step).await.expect_err("no such method");
    assert!(matches!(error, AccessError::UnknownMethod { .. }), "{error:?}");

    rig.integration.is_active = false;
    let error = process.ready(rig.of(&plan), &step).await.expect_err("it is switched off");
    assert!(matches!(error, AccessError::Inactive { .. }), "{error:?}");

    rig.integration.is_active = true;
    rig.integration.manifest = None;
    let error = process.ready(rig.of(&plan), &step).await.expect_err("no such connector");
    assert!(matches!(error, AccessError::UnknownConnector { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_when_it_is_announced() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let process = rig.process(quick());
    process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    rig.vault().delete(rig.project, plan.secret).await.expect("it is deleted");
    process.forget(plan.secret);
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is gone");
    assert!(matches!(error, AccessError::Gone), "{error:?}");
}

/// Some providers answer 401 where they mean that this is not allowed.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_always_answers_401_costs_one_renewal_and_no_account() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let mut settings = quick();
    settings.renewal.pause_min = Duration::from_secs(60);
    let process = rig.process(settings);
    for _ in 0..10 {
        let refused = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
        let again = process.renew(rig.of(&plan), &rig.step(), &refused).await.expect("a token");
        process.report_dead(rig.of(&plan), &again, "401").await;
    }
    assert_eq!(rig.provider.counters().refreshes, 1);
    assert_eq!(rig.head(&plan).await.state, SecretState::Valid);
}
