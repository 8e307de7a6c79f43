//! Renewals before anybody has to wait for one.

use std::time::Duration;

use tenon_credentials::access::AccessError;
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};
use tenon_vault::policy::Caller;

use crate::rig::{Rig, bearer, eventually, quick};

/// Three seconds, of which the last one is the time to renew (give or take its spread).
fn three_seconds() -> Manners {
    Manners { life: Duration::from_secs(3), ..Manners::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_about_to_end_is_used_while_it_is_renewed() {
    let rig = Rig::start(Manners { answers_after: Duration::from_millis(300), ..three_seconds() });
    let rig = rig.await;
    let (plan, tokens) = rig.account().await;
    let process = rig.process(quick());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let began = std::time::Instant::now();
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("the old token");
    assert!(began.elapsed() < Duration::from_millis(250), "nobody waits");
    assert_eq!(bearer(&ready), tokens.access_token);
    process.drain().await;
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("the new token");
    assert_eq!(ready.version(), 2);
    assert_eq!(rig.provider.counters().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_early_renewal_hurts_nobody_while_the_token_lasts() {
    let rig = Rig::start(three_seconds()).await;
    let (plan, tokens) = rig.account().await;
    rig.provider.spoil([Fault::ServerError]);
    let process = rig.process(quick());
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    for _ in 0..20 {
        let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("the old token");
        assert_eq!(bearer(&ready), tokens.access_token);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.head(&plan).await.refresh_failures, 1, "twenty calls, one try");
    tokio::time::sleep(Duration::from_millis(700)).await;
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("a new token");
    assert_eq!(ready.version(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_duty_renews_what_is_due_and_nothing_else() {
    let rig = Rig::start(three_seconds()).await;
    let (plan, _) = rig.account().await;
    let controller = rig.process_as(Caller::Controller, quick());
    let mut ahead = rig.connect();
    ahead.purpose = tenon_contract::vault::Purpose::Refresh;
    let was_due = controller.renew_ahead(rig.of(&plan), &ahead).await.expect("the vault answers");
    assert!(!was_due, "it has just begun");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    rig.provider.change(|manners| manners.life = Duration::from_secs(600));
    let was_due = controller.renew_ahead(rig.of(&plan), &ahead).await.expect("the vault answers");
    assert!(was_due);
    assert_eq!(rig.head(&plan).await.version, 2);

    let lasting =
        Manners { life: Duration::from_secs(3), issues_refresh_tokens: false, ..three_seconds() };
    rig.provider.change(|manners| *manners = lasting);
    let (without, _) = rig.account().await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let was_due = controller.renew_ahead(rig.of(&without), &ahead).await.expect("it answers");
    assert!(!was_due, "there is nothing to renew it with");
    assert_eq!(rig.provider.counters().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_with_a_duty_renew_once() {
    let rig = Rig::start(Manners { answers_after: Duration::from_millis(100), ..three_seconds() });
    let rig = rig.await;
    let (plan, _) = rig.account().await;
    let mut ahead = rig.connect();
    ahead.purpose = tenon_contract::vault::Purpose::Refresh;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    rig.provider.change(|manners| manners.life = Duration::from_secs(600));
    let processes: Vec<_> = (0..8).map(|_| rig.process_as(Caller::Controller, quick())).collect();
    let (rig, plan, ahead) = (&rig, &plan, &ahead);
    let duties = processes.iter().map(|process| async move {
        process.renew_ahead(rig.of(plan), ahead).await.expect("the vault answers")
    });
    futures::future::join_all(duties).await;
    assert_eq!(rig.provider.counters().refreshes, 1);
    assert_eq!(rig.head(plan).await.version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_hear_of_a_new_token_when_they_look_at_the_head() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, tokens) = rig.account().await;
    let mut short_memory = quick();
    short_memory.cache.ttl = Duration::from_millis(300);
    let (one, two) = (rig.process(short_memory.clone()), rig.process(short_memory));
    let refused = one.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    two.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    let renewed = one.renew(rig.of(&plan), &rig.step(), &refused).await.expect("a token");
    eventually("the other process has the new token", async || {
        let ready = two.ready(rig.of(&plan), &rig.step()).await.expect("a token");
        bearer(&ready) == bearer(&renewed)
    })
    .await;
    assert_ne!(bearer(&renewed), tokens.access_token);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_being_away_is_told_and_costs_no_token() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let process = rig.process(quick());
    rig.faults.refuse("value");
    let error = process.ready(rig.of(&plan), &rig.step()).await.expect_err("it is away");
    assert!(matches!(error, AccessError::VaultAway { .. }), "{error:?}");
    rig.faults.heal();
    process.ready(rig.of(&plan), &rig.step()).await.expect("it is back");
}
