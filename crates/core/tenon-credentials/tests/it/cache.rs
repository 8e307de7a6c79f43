//! What the cache saves the vault, and what it does not keep from it.

use std::time::Duration;

use tenon_testkit::fakes::oauth_provider::Manners;

use crate::rig::{Rig, quick};

fn opens(rig: &Rig) -> usize {
    rig.faults.calls().iter().filter(|call| **call == "value").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_open_the_account_and_the_app_once() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let process = rig.process(quick());
    rig.faults.heal();
    let calls = (0..1_000).map(|_| async {
        process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    });
    futures::future::join_all(calls).await;
    assert_eq!(opens(&rig), 2, "{:?}", rig.faults.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_the_head_is_looked_at_and_nothing_is_opened() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let mut settings = quick();
    settings.cache.ttl = Duration::from_millis(200);
    let process = rig.process(settings);
    process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    tokio::time::sleep(Duration::from_millis(250)).await;
    rig.faults.heal();
    process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    assert_eq!(opens(&rig), 0, "{:?}", rig.faults.calls());
    assert!(rig.faults.calls().contains(&"head"), "{:?}", rig.faults.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_outlives_neither_its_key_nor_the_vaults_silence() {
    let rig = Rig::start(Manners::default()).await;
    let (plan, _) = rig.account().await;
    let mut settings = quick();
    settings.cache.ttl = Duration::from_secs(60);
    settings.cache.key_life = Duration::from_millis(150);
    let process = rig.process(settings.clone());
    process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    tokio::time::sleep(Duration::from_millis(350)).await;
    rig.faults.refuse("value");
    process.ready(rig.of(&plan), &rig.step()).await.expect_err("its key is gone");

    rig.faults.heal();
    settings.cache.key_life = Duration::from_secs(300);
    settings.cache.ttl = Duration::from_millis(150);
    let process = rig.process(settings);
    process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.faults.refuse("head");
    process.ready(rig.of(&plan), &rig.step()).await.expect_err("nobody confirms it");
}
