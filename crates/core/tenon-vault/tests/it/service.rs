//! The rules of the service that hold while nothing fails.

use std::sync::Arc;
use std::time::Duration;

use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, NewValue, Purpose, SecretOwner, SecretState, Subject, VALUE_BYTES_MAX, VaultError,
};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::envelope::data_key_of;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::Caller;
use tenon_vault::settings::Settings;

use crate::fixture::{Installation, step, value};

#[tokio::test]
async fn a_value_opens_as_it_was_kept_in_any_process() {
    let install = Installation::new();
    let owner = install.owner(ProjectId::new());
    let head = install.process().create(&owner, "token 1").await;
    assert_eq!((head.version, &head.owner, &head.state), (1, &owner, &SecretState::Valid));
    let process = install.process();
    assert_eq!(process.open(&head).await.expect("opening works"), "token 1");
    let worker = process.as_caller(Caller::Worker);
    assert_eq!(worker.head(owner.project, head.secret).await.expect("it answers"), Some(head));
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one_and_its_key_is_shredded() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "old").await;
    let old = install.values.raw(head.secret).expect("it is there");
    let api = process.as_caller(Caller::Api);
    let head = api.replace(head.secret, &owner, value("new")).await.expect("replacing works");
    assert_eq!(head.version, 2);
    assert_eq!(process.open(&head).await.expect("opening works"), "new");
    let stored = install.values.raw(head.secret).expect("it is there");
    let keys = install.keys.raw_data_keys();
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    assert_eq!(ids, [data_key_of(&stored.envelope).expect("it is an envelope")]);
    assert_ne!(data_key_of(&old.envelope), data_key_of(&stored.envelope));
}

/// The value was read, and then another version took its place and its key was shredded.
#[tokio::test]
async fn a_reader_that_was_overtaken_by_a_writer_reads_again() {
    let install = Installation::new();
    let owner = install.owner(ProjectId::new());
    let roots = Roots::new(install.root.clone(), Vec::new());
    let settings = Settings { reread_pause: Duration::from_millis(5), ..Settings::default() };
    let process = Arc::new(install.process_with(roots, settings));
    let head = process.create(&owner, "old").await;
    let old = install.values.raw(head.secret).expect("it is there");
    let api = process.as_caller(Caller::Api);
    api.replace(head.secret, &owner, value("new")).await.expect("replacing works");
    let new = install.values.raw(head.secret).expect("it is there");
    // What the reader sees at first.
    install.values.tamper(head.secret, old);
    install.faults.heal();
    let reading = tokio::spawn({
        let (process, head) = (process.clone(), head.clone());
        async move { process.open(&head).await }
    });
    while !install.faults.calls().contains(&"data_key") {
        tokio::task::yield_now().await;
    }
    install.values.tamper(head.secret, new);
    let read = reading.await.expect("it does not panic").expect("it reads again");
    assert_eq!(read, "new");
    let audit = install.audit(owner.project).await;
    let versions: Vec<_> = audit.iter().map(|(record, _)| record.version).collect();
    assert_eq!(versions, [1, 2], "each version that might be opened is recorded");
}

#[tokio::test]
async fn an_id_is_created_once() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "first").await;
    let api = process.as_caller(Caller::Api);
    let again = api.create(head.secret, &owner, value("second")).await;
    assert!(matches!(again, Err(VaultError::Refused { .. })));
    assert_eq!(process.open(&head).await.expect("opening works"), "first");
    assert_eq!(install.keys.raw_data_keys().len(), 1, "the second try left its key behind");
}

#[tokio::test]
async fn a_value_is_replaced_only_by_its_owner() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "mine").await;
    let api = process.as_caller(Caller::Api);
    let other = install.owner(owner.project);
    let replaced = api.replace(head.secret, &other, value("theirs")).await;
    assert!(matches!(replaced, Err(VaultError::Refused { .. })));
    let foreign = install.owner(ProjectId::new());
    let replaced = api.replace(head.secret, &foreign, value("theirs")).await;
    assert!(matches!(replaced, Err(VaultError::NotFound)));
    assert_eq!(process.open(&head).await.expect("opening works"), "mine");
    assert_eq!(install.keys.raw_data_keys().len(), 1);
}

#[tokio::test]
async fn values_have_a_size() {
    let install = Installation::new();
    let api = install.process().as_caller(Caller::Api);
    let owner = install.owner(ProjectId::new());
    for length in [0, VALUE_BYTES_MAX + 1] {
        let value = NewValue { value: SecretBytes::new(vec![1; length]), expires_at: None };
        let created = api.create(SecretId::new(), &owner, value).await;
        assert!(matches!(created, Err(VaultError::Invalid { .. })), "{length} bytes were kept");
    }
    assert!(install.keys.raw_data_keys().is_empty());
    let largest = NewValue { value: SecretBytes::new(vec![1; VALUE_BYTES_MAX]), expires_at: None };
    api.create(SecretId::new(), &owner, largest).await.expect("the largest is kept");
}

#[tokio::test]
async fn another_project_finds_nothing() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    let foreign = ProjectId::new();
    // Even with a grant of its own for a user of the same name.
    let access = step(foreign, &install.user);
    let opened = process.as_caller(Caller::Worker).open(head.secret, &access).await;
    assert!(matches!(opened, Err(VaultError::NotFound)));
    let api = process.as_caller(Caller::Api);
    assert_eq!(api.head(foreign, head.secret).await.expect("it answers"), None);
    api.delete(foreign, head.secret).await.expect("there is nothing to delete");
    assert_eq!(process.open(&head).await.expect("opening works"), "token");
}

#[tokio::test]
async fn a_deleted_secret_is_shredded() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "token").await;
    let kept = process.create(&owner, "other").await;
    let backup = install.values.raw(head.secret).expect("it is there");
    let api = process.as_caller(Caller::Api);
    api.delete(owner.project, head.secret).await.expect("deleting works");
    assert!(matches!(process.open(&head).await, Err(VaultError::NotFound)));
    assert!(install.keys.raw_data_keys().iter().all(|key| key.secret == kept.secret));
    // Whoever puts the value back from a backup cannot open it.
    install.values.tamper(head.secret, backup);
    assert!(matches!(process.open(&head).await, Err(VaultError::Damaged)));
    api.delete(owner.project, head.secret).await.expect("repeating it is no error");
    assert_eq!(process.open(&kept).await.expect("opening works"), "other");
    let created = api.create(head.secret, &owner, value("again")).await;
    assert!(matches!(created, Err(VaultError::Refused { .. })), "a deleted id was used again");
}

#[tokio::test]
async fn roles_do_only_what_is_theirs() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "token").await;
    for caller in [Caller::Gateway, Caller::Proxy, Caller::Worker, Caller::Controller] {
        let vault = process.as_caller(caller);
        let created = vault.create(SecretId::new(), &owner, value("x")).await;
        assert!(matches!(created, Err(VaultError::Refused { .. })), "{caller:?} creates");
        let replaced = vault.replace(head.secret, &owner, value("x")).await;
        assert!(matches!(replaced, Err(VaultError::Refused { .. })), "{caller:?} replaces");
    }
    let gateway = process.as_caller(Caller::Gateway);
    let ttl = Duration::from_secs(30);
    let claimed = gateway.claim_refresh(owner.project, head.secret, 1, ttl).await;
    assert!(matches!(claimed, Err(VaultError::Refused { .. })));
    let set = gateway.set_state(owner.project, head.secret, 1, SecretState::Expired).await;
    assert!(matches!(set, Err(VaultError::Refused { .. })));
    let deleted = process.as_caller(Caller::Worker).delete(owner.project, head.secret).await;
    assert!(matches!(deleted, Err(VaultError::Refused { .. })));
    assert_eq!(process.open(&head).await.expect("opening works"), "token");
}

#[tokio::test]
async fn a_secret_of_an_app_opens_by_role() {
    let install = Installation::new();
    let process = install.process();
    let project = ProjectId::new();
    let head = process.create(&SecretOwner { project, subject: Subject::App }, "client").await;
    let access = Access { grant: None, run: None, ..step(project, &install.user) };
    let opened = process.as_caller(Caller::Worker).open(head.secret, &access).await;
    assert_eq!(opened.expect("opening works").value.expose(), b"client");
    let refused = process.as_caller(Caller::Api).open(head.secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
}

#[tokio::test]
async fn the_gateway_opens_what_webhooks_are_signed_with_and_no_secret_of_an_app() {
    let install = Installation::new();
    let process = install.process();
    let project = ProjectId::new();
    let access = Access { grant: None, run: None, ..step(project, &install.user) };
    let access = Access { purpose: Purpose::Webhook, ..access };
    let app = process.create(&SecretOwner { project, subject: Subject::App }, "client").await;
    let refused = process.as_caller(Caller::Gateway).open(app.secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
    let webhook = SecretOwner { project, subject: Subject::Webhook };
    let webhook = process.create(&webhook, "signing").await;
    let opened = process.as_caller(Caller::Gateway).open(webhook.secret, &access).await;
    assert_eq!(opened.expect("opening works").value.expose(), b"signing");
    let refused = process.as_caller(Caller::Worker).open(webhook.secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
}

#[tokio::test]
async fn writers_at_once_all_write_and_the_last_one_stays_readable() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "0").await;
    let writers = (1..=8).map(|number| {
        let (api, owner) = (process.as_caller(Caller::Api), owner.clone());
        tokio::spawn(
            async move { api.replace(head.secret, &owner, value(&number.to_string())).await },
        )
    });
    let mut versions = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let head = writer.await.expect("a writer does not panic").expect("replacing works");
        versions.push(head.version);
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>());
    process.open(&head).await.expect("the last version opens");
    assert_eq!(install.keys.raw_data_keys().len(), 1, "keys of other versions were left");
}

#[tokio::test]
async fn the_root_is_asked_once_however_many_open() {
    let install = Installation::new();
    let head = install.process().create(&install.owner(ProjectId::new()), "token").await;
    let process = Arc::new(install.process());
    install.faults.heal();
    let opens = (0..64).map(|_| {
        let (process, head) = (process.clone(), head.clone());
        tokio::spawn(async move { process.open(&head).await })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.expect("it does not panic").expect("opening works");
    }
    let unwraps = install.faults.calls().into_iter().filter(|call| *call == "unwrap").count();
    assert_eq!(unwraps, 1);
}

#[tokio::test]
async fn ring_keys_that_are_made_at_once_end_in_one_ring() {
    let install = Installation::new();
    let owner = install.owner(ProjectId::new());
    let creates = (0..6).map(|_| {
        let (process, owner) = (install.process(), owner.clone());
        tokio::spawn(async move { process.create(&owner, "token").await })
    });
    let mut heads = Vec::new();
    for create in creates.collect::<Vec<_>>() {
        heads.push(create.await.expect("it does not panic"));
    }
    assert_eq!(install.keys.raw_ring_keys().len(), 1);
    for head in heads {
        assert_eq!(install.process().open(&head).await.expect("opening works"), "token");
    }
}

#[tokio::test]
async fn a_root_that_is_away_or_unknown_is_no_damage() {
    let install = Installation::new();
    let head = install.process().create(&install.owner(ProjectId::new()), "token").await;
    install.faults.refuse("unwrap");
    let process = install.process();
    assert!(matches!(process.open(&head).await, Err(VaultError::Unavailable { .. })));
    install.faults.heal();
    assert_eq!(process.open(&head).await.expect("it is back"), "token");
}
