//! What processes leave for each other: what it saves, what it costs, and what it does not show.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::json;
use tenon_connector::token::AccountSecrets;
use tenon_contract::plan::CredentialPlan;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SharedValues};
use tenon_credentials::Settings;
use tenon_credentials::access::{AccessError, CredentialAccess};
use tenon_domain::SecretId;
use tenon_testkit::fakes::oauth_provider::Manners;
use tenon_vault::policy::Caller;

use crate::rig::{Rig, parts_with, quick};

/// A cache that anybody may look into and change.
#[derive(Default)]
struct Outside(Mutex<HashMap<SecretId, (u32, Vec<u8>)>>);

#[async_trait]
impl SharedValues for Outside {
    async fn get(&self, secret: SecretId) -> Option<Vec<u8>> {
        self.0.lock().get(&secret).map(|(_, entry)| entry.clone())
    }

    async fn put(&self, secret: SecretId, version: u32, entry: &[u8], ttl: Duration) {
        assert!(ttl <= Duration::from_secs(300), "{ttl:?}");
        let mut kept = self.0.lock();
        if kept.get(&secret).is_none_or(|(held, _)| *held <= version) {
            kept.insert(secret, (version, entry.to_vec()));
        }
    }

    async fn remove(&self, secret: SecretId) {
        self.0.lock().remove(&secret);
    }
}

struct Stage {
    rig: Rig,
    outside: Arc<Outside>,
    plan: CredentialPlan,
}

const CANARY: &str = "canary-5b1f0c";

impl Stage {
    /// An account whose key is a canary.
    async fn new() -> Self {
        let rig = Rig::start(Manners::default()).await;
        let plan = rig.account_with(secrets(CANARY)).await;
        Self { rig, outside: Arc::default(), plan }
    }

    fn process(&self) -> CredentialAccess {
        self.process_with(quick())
    }

    fn process_with(&self, settings: Settings) -> CredentialAccess {
        let vault = self.rig.service.for_caller(Caller::Worker);
        CredentialAccess::sharing(parts_with(vault, settings), self.outside.clone())
    }

    /// What a process would put into a call.
    async fn use_in(&self, process: &CredentialAccess) -> Result<String, AccessError> {
        let ready = process.ready(self.rig.of(&self.plan), &self.rig.step()).await?;
        Ok(crate::rig::bearer(&ready))
    }

    fn calls(&self, method: &str) -> usize {
        self.rig.faults.calls().iter().filter(|call| **call == method).count()
    }
}

fn secrets(key: &str) -> AccountSecrets {
    let fields = json!({"api_key": key});
    AccountSecrets { fields: fields.as_object().expect("an object").clone(), token: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_reads_no_value_in_the_vault_but_leaves_its_record() {
    let stage = Stage::new().await;
    assert_eq!(stage.use_in(&stage.process()).await.expect("opened"), CANARY);
    stage.rig.faults.heal();
    assert_eq!(stage.use_in(&stage.process()).await.expect("found"), CANARY);
    assert_eq!((stage.calls("value"), stage.calls("data_key")), (0, 0));
    // One for the account, one for the app's secret; they may have shared an append.
    assert!((1..=2).contains(&stage.calls("append_audit")), "{:?}", stage.rig.faults.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_audit_nothing_that_was_left_is_opened() {
    let stage = Stage::new().await;
    stage.use_in(&stage.process()).await.expect("opened");
    stage.rig.faults.refuse("append_audit");
    let error = stage.use_in(&stage.process()).await.expect_err("no record, no plaintext");
    assert!(matches!(error, AccessError::VaultAway { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_there_is_no_plaintext() {
    let stage = Stage::new().await;
    stage.use_in(&stage.process()).await.expect("opened");
    let kept = stage.outside.0.lock();
    assert_eq!(kept.len(), 2, "the account and the app");
    for (_, entry) in kept.values() {
        assert!(!entry.windows(6).any(|window| CANARY.as_bytes().windows(6).any(|w| w == window)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_or_swapped_outside_is_a_miss() {
    let stage = Stage::new().await;
    stage.use_in(&stage.process()).await.expect("opened");
    let secrets: Vec<SecretId> = stage.outside.0.lock().keys().copied().collect();
    {
        let mut kept = stage.outside.0.lock();
        let (first, second) = (kept[&secrets[0]].clone(), kept[&secrets[1]].clone());
        kept.insert(secrets[0], second);
        kept.insert(secrets[1], first);
    }
    stage.rig.faults.heal();
    assert_eq!(stage.use_in(&stage.process()).await.expect("opened anew"), CANARY);
    assert_eq!(stage.calls("value"), 2, "swapped");

    for (_, entry) in stage.outside.0.lock().values_mut() {
        *entry.last_mut().expect("it is not empty") ^= 1;
    }
    stage.rig.faults.heal();
    assert_eq!(stage.use_in(&stage.process()).await.expect("opened anew"), CANARY);
    assert_eq!(stage.calls("value"), 2, "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_in_the_vault_is_not_found_outside_any_more() {
    let stage = Stage::new().await;
    stage.use_in(&stage.process()).await.expect("opened");
    let json = serde_json::to_vec(&self::secrets("another-key")).expect("JSON");
    let value = NewValue { value: SecretBytes::new(json), expires_at: None };
    let owner = stage.rig.owner(&stage.plan);
    stage.rig.vault().replace(stage.plan.secret, &owner, value).await.expect("replaced");
    assert!(
        stage.outside.0.lock().contains_key(&stage.plan.secret),
        "the old one still lies there"
    );
    assert_eq!(stage.use_in(&stage.process()).await.expect("opened"), "another-key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_heard_of_a_change_asks_the_vault() {
    let stage = Stage::new().await;
    let process = stage.process();
    stage.use_in(&process).await.expect("opened");
    process.forget(stage.plan.secret);
    stage.rig.faults.heal();
    stage.use_in(&process).await.expect("opened anew");
    assert_eq!(stage.calls("value"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_nobody_has_seen_for_long_is_looked_at() {
    let stage = Stage::new().await;
    let mut settings = quick();
    settings.cache.ttl = Duration::from_millis(100);
    stage.use_in(&stage.process()).await.expect("opened");
    tokio::time::sleep(Duration::from_millis(150)).await;
    stage.rig.faults.heal();
    stage.use_in(&stage.process_with(settings)).await.expect("found");
    assert_eq!((stage.calls("value"), stage.calls("head")), (0, 2));
}

/// Never answers.
struct Stuck;

#[async_trait]
impl SharedValues for Stuck {
    async fn get(&self, _: SecretId) -> Option<Vec<u8>> {
        std::future::pending().await
    }

    async fn put(&self, _: SecretId, _: u32, _: &[u8], _: Duration) {
        std::future::pending().await
    }

    async fn remove(&self, _: SecretId) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_hangs_is_not_waited_for() {
    let stage = Stage::new().await;
    let vault = stage.rig.service.for_caller(Caller::Worker);
    let process = CredentialAccess::sharing(parts_with(vault, quick()), Arc::new(Stuck));
    let using = tokio::time::timeout(Duration::from_secs(5), stage.use_in(&process)).await;
    assert_eq!(using.expect("it goes on").expect("opened"), CANARY);
}
