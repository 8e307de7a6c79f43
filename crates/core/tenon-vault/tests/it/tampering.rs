//! Somebody writes into the databases: everything that was moved or changed stays shut.

use tenon_contract::vault::{SecretHead, SecretOwner, Subject, VaultError};
use tenon_domain::{EndUserId, ProjectId};
use tenon_vault::envelope::data_key_of;
use tenon_vault::policy::Caller;
use tenon_vault::ports::{StoredValue, WrappedKey};

use crate::fixture::{Installation, Process, value};

fn key_of(install: &Installation, stored: &StoredValue) -> WrappedKey {
    let id = data_key_of(&stored.envelope).expect("it is an envelope");
    let keys = install.keys.raw_data_keys();
    keys.into_iter().find(|key| key.id == id).expect("its key is there")
}

fn raw(install: &Installation, head: &SecretHead) -> StoredValue {
    install.values.raw(head.secret).expect("it is there")
}

async fn is_shut(process: &Process, head: &SecretHead) -> bool {
    matches!(process.open(head).await, Err(VaultError::Damaged))
}

/// Between secrets of one user, between users, between tenants; also with the keys moved along.
#[tokio::test]
async fn values_that_change_places_stay_shut() {
    let install = Installation::new();
    let process = install.process();
    let (project, other) = (ProjectId::new(), ProjectId::new());
    let owner = install.owner(project);
    let victim = process.create(&owner, "victim").await;
    let elsewhere = [
        process.create(&owner, "same owner").await,
        process.create(&install.owner(project), "same project").await,
        process.create(&install.owner(other), "other project").await,
        process.create(&SecretOwner { project, subject: Subject::App }, "app").await,
    ];
    let taken = raw(&install, &victim);
    let key = key_of(&install, &taken);
    for place in &elsewhere {
        let before = raw(&install, place);
        // The envelope alone; then its key's row made to fit as well as may be.
        let moved = StoredValue { head: before.head.clone(), envelope: taken.envelope.clone() };
        install.values.tamper(place.secret, moved);
        assert!(is_open_to_nobody(&process, &install, place).await, "{place:?}");
        let fitted = WrappedKey {
            project: place.owner.project,
            secret: place.secret,
            version: place.version,
            ..key.clone()
        };
        install.keys.tamper(fitted);
        assert!(is_open_to_nobody(&process, &install, place).await, "{place:?}");
        // The other's ring key, too.
        let ring_key = key_of(&install, &before).ring_key;
        let project = place.owner.project;
        let fitted = WrappedKey { project, ring_key, ..key.clone() };
        install.keys.tamper(fitted);
        assert!(is_open_to_nobody(&process, &install, place).await, "{place:?}");
        install.keys.tamper(key.clone());
        install.values.tamper(place.secret, before);
    }
    assert_eq!(process.open(&victim).await.expect("all is back in place"), "victim");
}

/// Whoever may open this kind of thing gets nothing.
async fn is_open_to_nobody(process: &Process, install: &Installation, head: &SecretHead) -> bool {
    let access = crate::fixture::step(head.owner.project, &install.user);
    for _ in 0..2 {
        let opened = process.as_caller(Caller::Worker).open(head.secret, &access).await;
        if !matches!(opened, Err(VaultError::Damaged)) {
            return false;
        }
    }
    true
}

/// The row says that it belongs to the user who asks.
#[tokio::test]
async fn a_credential_that_is_given_to_another_user_stays_shut() {
    let install = Installation::new();
    let process = install.process();
    let mut owner = install.owner(ProjectId::new());
    let Subject::Credential { user, .. } = &mut owner.subject else { panic!("it is one") };
    *user = EndUserId::new("victim");
    let head = process.create(&owner, "token").await;
    assert!(matches!(process.open(&head).await, Err(VaultError::Refused { .. })));
    let mut stored = raw(&install, &head);
    let Subject::Credential { user, .. } = &mut stored.head.owner.subject else {
        panic!("it is one")
    };
    *user = install.user.clone();
    install.values.tamper(head.secret, stored);
    assert!(is_shut(&process, &head).await);
}

#[tokio::test]
async fn an_old_row_that_is_put_back_stays_shut() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let head = process.create(&owner, "old").await;
    let old = raw(&install, &head);
    let old_key = key_of(&install, &old);
    let api = process.as_caller(Caller::Api);
    let now = api.replace(head.secret, &owner, value("new")).await.expect("replacing works");
    let current = raw(&install, &head);
    install.values.tamper(head.secret, old.clone());
    assert!(is_shut(&process, &head).await, "its key was shredded, and yet");
    // Under the head of the current version, with the old key from a backup.
    install.keys.tamper(old_key);
    let dressed = StoredValue { head: now, envelope: old.envelope };
    install.values.tamper(head.secret, dressed);
    assert!(is_shut(&process, &head).await);
    install.values.tamper(head.secret, current);
    assert_eq!(process.open(&head).await.expect("opening works"), "new");
}

#[tokio::test]
async fn every_changed_byte_in_either_database_keeps_it_shut() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    let stored = raw(&install, &head);
    let key = key_of(&install, &stored);
    for at in 0..stored.envelope.len() {
        let mut changed = stored.clone();
        changed.envelope[at] ^= 0x40;
        install.values.tamper(head.secret, changed);
        assert!(is_shut(&process, &head).await, "byte {at} of the envelope");
    }
    install.values.tamper(head.secret, stored);
    for at in 0..key.wrapped.len() {
        let mut changed = key.clone();
        changed.wrapped[at] ^= 0x40;
        install.keys.tamper(changed);
        assert!(is_shut(&process, &head).await, "byte {at} of the wrapped key");
    }
    install.keys.tamper(key);
    assert_eq!(process.open(&head).await.expect("all is as it was"), "token");
}

#[tokio::test]
async fn a_ring_key_that_was_moved_or_renumbered_does_not_unwrap() {
    let install = Installation::new();
    let head = install.process().create(&install.owner(ProjectId::new()), "token").await;
    let ring = install.keys.raw_ring_keys().remove(0);
    let other = install.process().create(&install.owner(ProjectId::new()), "other").await;
    let rings = install.keys.raw_ring_keys();
    let foreign = rings.iter().find(|key| key.id != ring.id).expect("there are two").clone();
    let mut changes = vec![ring.clone(), ring.clone(), ring.clone()];
    changes[0].number += 1;
    changes[1].wrapped.clone_from(&foreign.wrapped);
    changes[2].wrapped[20] ^= 1;
    for changed in changes {
        install.keys.tamper_ring(changed);
        // A process with an empty cache.
        let opened = install.process().open(&head).await;
        assert!(matches!(opened, Err(VaultError::Unavailable { .. })));
    }
    install.keys.tamper_ring(ring);
    assert_eq!(install.process().open(&head).await.expect("opening works"), "token");
    assert_eq!(install.process().open(&other).await.expect("opening works"), "other");
}

/// The dump of one installation is of no use in another, even with its root.
#[tokio::test]
async fn another_installation_opens_nothing() {
    let install = Installation::new();
    let head = install.process().create(&install.owner(ProjectId::new()), "token").await;
    let copy = Installation {
        id: tenon_vault::envelope::InstallId::from_uuid(uuid::Uuid::new_v4()),
        values: install.values.clone(),
        keys: install.keys.clone(),
        clock: install.clock.clone(),
        faults: install.faults.clone(),
        root: install.root.clone(),
        user: install.user.clone(),
    };
    assert!(copy.process().open(&head).await.is_err());
    assert!(install.process().open(&head).await.is_ok());
}

#[tokio::test]
async fn neither_dump_holds_anything_of_a_value() {
    let install = Installation::new();
    let process = install.process();
    let owner = install.owner(ProjectId::new());
    let mut canaries = Vec::new();
    for number in 0..200 {
        let canary = format!("canary-{number}-{}", uuid::Uuid::new_v4());
        canaries.push((process.create(&owner, &canary).await, canary));
    }
    let mut dump = Vec::new();
    for (head, _) in &canaries {
        dump.extend_from_slice(&raw(&install, head).envelope);
    }
    for key in install.keys.raw_data_keys() {
        dump.extend_from_slice(&key.wrapped);
    }
    for key in install.keys.raw_ring_keys() {
        dump.extend_from_slice(&key.wrapped);
    }
    assert!(!dump.windows(7).any(|part| part == b"canary-"));
    for (head, canary) in canaries {
        assert_eq!(process.open(&head).await.expect("opening works"), canary);
    }
}
