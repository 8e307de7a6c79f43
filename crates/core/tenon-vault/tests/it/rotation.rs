//! Rotations while everything is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::SignedDuration;
use tenon_contract::vault::{SecretHead, VaultError};
use tenon_domain::{Clock, ProjectId};
use tenon_testkit::fakes::MemoryRoot;
use tenon_vault::keyring::{self, Roots};
use tenon_vault::policy::Caller;
use tenon_vault::ports::RootKey;
use tenon_vault::rotation::RotationReport;
use tenon_vault::settings::Settings;

use crate::fixture::{Installation, Process, fast, value};

async fn secrets(install: &Installation, process: &Process, count: usize) -> Vec<SecretHead> {
    let owner = install.owner(ProjectId::new());
    let mut heads = Vec::new();
    for number in 0..count {
        heads.push(process.create(&owner, &number.to_string()).await);
    }
    heads
}

#[tokio::test]
async fn a_rotated_ring_has_one_new_key_that_wraps_everything() {
    let install = Installation::new();
    let process = install.process();
    let heads = secrets(&install, &process, 10).await;
    let project = heads[0].owner.project;
    let envelopes: Vec<_> = heads.iter().map(|head| install.values.raw(head.secret)).collect();
    let before = install.keys.raw_ring_keys();
    let mut reports = Vec::new();
    let report = process.rotation().rotate_ring(project, &mut |report| reports.push(report)).await;
    let report = report.expect("rotating works");
    assert_eq!(report, RotationReport { done: 10, left: 0, damaged: 0 });
    let steps: Vec<_> = reports.iter().map(|report| (report.done, report.left)).collect();
    assert_eq!(steps, [(3, 1), (6, 1), (9, 1), (10, 1), (10, 0)]);
    let after = install.keys.raw_ring_keys();
    assert_eq!((after.len(), after[0].number), (1, before[0].number + 1));
    assert_ne!(after[0].id, before[0].id);
    for key in install.keys.raw_data_keys() {
        assert_eq!(key.ring_key, after[0].id);
    }
    let now: Vec<_> = heads.iter().map(|head| install.values.raw(head.secret)).collect();
    assert_eq!(now, envelopes, "values were touched");
    for process in [process, install.process()] {
        for (number, head) in heads.iter().enumerate() {
            assert_eq!(process.open(head).await.expect("opening works"), number.to_string());
        }
    }
}

/// Rotations of rings and of the root, new versions and openings, all at once, from several
/// processes with caches of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_opening_fails_while_rings_and_roots_are_rotated() {
    let install = Arc::new(Installation::new());
    let other_root: Arc<dyn RootKey> = Arc::new(MemoryRoot::new("root-2", install.faults.clone()));
    let process_of = |number: usize| {
        // They do not agree which root is the current one, as during a rollout.
        let (current, other) = if number.is_multiple_of(2) {
            (install.root.clone(), other_root.clone())
        } else {
            (other_root.clone(), install.root.clone())
        };
        Arc::new(install.process_with(Roots::new(current, vec![other]), fast()))
    };
    let heads = Arc::new(secrets(&install, &process_of(0), 20).await);
    let project = heads[0].owner.project;
    let is_over = Arc::new(AtomicBool::new(false));
    let opened = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for number in 0..4 {
        let process = process_of(number);
        let (heads, is_over, opened) = (heads.clone(), is_over.clone(), opened.clone());
        tasks.push(tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                for head in &*heads {
                    process.open(head).await.expect("no opening fails");
                    opened.fetch_add(1, Ordering::SeqCst);
                }
            }
        }));
    }
    let written = Arc::new(AtomicU64::new(0));
    let writer = process_of(4);
    tasks.push({
        let (heads, is_over, written) = (heads.clone(), is_over.clone(), written.clone());
        tokio::spawn(async move {
            let api = writer.as_caller(Caller::Api);
            while !is_over.load(Ordering::SeqCst) {
                for head in heads.iter().take(5) {
                    let replaced = api.replace(head.secret, &head.owner, value("next")).await;
                    replaced.expect("no write fails");
                    written.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    let mut rounds = 0;
    let is_enough = || {
        let (opened, written) = (opened.load(Ordering::SeqCst), written.load(Ordering::SeqCst));
        (opened > 500 && written > 50) || tasks.iter().any(tokio::task::JoinHandle::is_finished)
    };
    while rounds < 20 || !is_enough() {
        let rotation = process_of(rounds).rotation();
        rotation.rotate_ring(project, &mut |_| {}).await.expect("rotating works");
        rotation.rotate_root(&mut |_| {}).await.expect("rotating works");
        rotation.sweep_orphans(&mut |_| {}).await.expect("sweeping works");
        rounds += 1;
    }
    is_over.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("no opening and no write fails");
    }
}

/// A process that still takes a removed ring key for the current one notices.
#[tokio::test]
async fn a_writer_with_an_outdated_ring_reads_it_anew() {
    let install = Installation::new();
    let (process, elsewhere) = (install.process(), install.process());
    let head = secrets(&install, &process, 1).await.remove(0);
    let project = head.owner.project;
    elsewhere.rotation().rotate_ring(project, &mut |_| {}).await.expect("rotating works");
    // A first version is written once: there is no later try that could read the ring.
    let first = process.create(&head.owner, "first").await;
    assert_eq!(elsewhere.open(&first).await.expect("opening works"), "first");
    elsewhere.rotation().rotate_ring(project, &mut |_| {}).await.expect("rotating works");
    let api = process.as_caller(Caller::Api);
    api.replace(head.secret, &head.owner, value("new")).await.expect("writing works");
    assert_eq!(elsewhere.open(&head).await.expect("opening works"), "new");
    assert_eq!(install.keys.raw_ring_keys().len(), 1);
}

#[tokio::test]
async fn rings_older_than_a_moment_are_rotated_and_no_others() {
    let install = Installation::new();
    let process = install.process();
    let old = secrets(&install, &process, 2).await;
    install.clock.advance(SignedDuration::from_hours(1));
    let since = install.clock.now();
    let young = secrets(&install, &process, 2).await;
    for round in 0..2 {
        install.clock.advance(SignedDuration::from_hours(1));
        let report = process.rotation().rotate_rings(since, &mut |_| {}).await;
        let report = report.expect("rotating works");
        // The second time there is nothing left to do.
        let done = if round == 0 { 2 } else { 0 };
        assert_eq!(report, RotationReport { done, left: 0, damaged: 0 });
    }
    let number_of = |head: &SecretHead| {
        let rings = install.keys.raw_ring_keys();
        let of_project = rings.into_iter().filter(|key| key.project == head.owner.project);
        of_project.map(|key| key.number).collect::<Vec<_>>()
    };
    assert_eq!((number_of(&old[0]), number_of(&young[0])), (vec![2], vec![1]));
    for head in old.iter().chain(&young) {
        process.open(head).await.expect("opening works");
    }
}

#[tokio::test]
async fn after_a_rotation_of_the_root_the_old_one_is_not_needed() {
    let install = Installation::new();
    let mut heads = Vec::new();
    for _ in 0..5 {
        heads.extend(secrets(&install, &install.process(), 1).await);
    }
    let new_root: Arc<dyn RootKey> = Arc::new(MemoryRoot::new("root-2", install.faults.clone()));
    let only_new = || install.process_with(Roots::new(new_root.clone(), Vec::new()), fast());
    let early = only_new().open(&heads[0]).await;
    assert!(matches!(early, Err(VaultError::Unavailable { .. })), "the new root opens the old");
    let roots = Roots::new(new_root.clone(), vec![install.root.clone()]);
    let both = install.process_with(roots, fast());
    both.open(&heads[0]).await.expect("an older root is for reading");
    let report = both.rotation().rotate_root(&mut |_| {}).await.expect("rotating works");
    assert_eq!(report, RotationReport { done: 5, left: 0, damaged: 0 });
    for head in &heads {
        only_new().open(head).await.expect("the new root opens everything");
    }
    let report = both.rotation().rotate_root(&mut |_| {}).await.expect("rotating works");
    assert_eq!(report.done, 0);
}

#[tokio::test]
async fn what_does_not_unwrap_is_reported_and_left_as_it_is() {
    let install = Installation::new();
    let process = install.process();
    let heads = secrets(&install, &process, 5).await;
    let project = heads[0].owner.project;
    let mut key = install.keys.raw_data_keys().remove(2);
    key.wrapped[40] ^= 1;
    install.keys.tamper(key.clone());
    let report = process.rotation().rotate_ring(project, &mut |_| {}).await;
    assert_eq!(report.expect("rotating works"), RotationReport { done: 4, left: 0, damaged: 1 });
    assert!(install.keys.raw_data_keys().contains(&key));
    assert_eq!(install.keys.raw_ring_keys().len(), 2, "the key that wraps it was removed");
    // Put right, it opens, and the next rotation takes it along.
    key.wrapped[40] ^= 1;
    install.keys.tamper(key);
    for head in &heads {
        process.open(head).await.expect("opening works");
    }
    let report = process.rotation().finish_rings(&mut |_| {}).await.expect("finishing works");
    assert_eq!(report, RotationReport { done: 1, left: 0, damaged: 0 });
    assert_eq!(install.keys.raw_ring_keys().len(), 1);

    // A ring key of a root that nobody configured.
    let mut ring = install.keys.raw_ring_keys().remove(0);
    let right = ring.clone();
    ring.root = "elsewhere".to_owned();
    install.keys.tamper_ring(ring);
    let report = process.rotation().rotate_root(&mut |_| {}).await.expect("rotating works");
    assert_eq!((report.done, report.damaged), (0, 1));
    install.keys.tamper_ring(right);
}

#[tokio::test]
async fn a_root_that_is_away_stops_the_rotation_of_the_root() {
    let install = Installation::new();
    let head = secrets(&install, &install.process(), 1).await.remove(0);
    let new_root: Arc<dyn RootKey> = Arc::new(MemoryRoot::new("root-2", install.faults.clone()));
    let roots = Roots::new(new_root, vec![install.root.clone()]);
    let process = install.process_with(roots, fast());
    install.faults.refuse("wrap");
    let report = process.rotation().rotate_root(&mut |_| {}).await;
    assert!(matches!(report, Err(keyring::Error::Root { .. })));
    install.faults.heal();
    process.open(&head).await.expect("it is still under the old root");
}

#[tokio::test]
async fn the_sweep_takes_old_orphans_and_nothing_else() {
    let install = Installation::new();
    let process = install.process();
    let heads = secrets(&install, &process, 5).await;
    let mut orphan = install.keys.raw_data_keys().remove(0);
    orphan.id = uuid::Uuid::now_v7();
    install.keys.tamper(orphan.clone());
    let young = process.rotation().sweep_orphans(&mut |_| {}).await.expect("sweeping works");
    assert_eq!(young.done, 0, "a write may be on its way");
    install.clock.advance(SignedDuration::from_hours(2));
    let old = process.rotation().sweep_orphans(&mut |_| {}).await.expect("sweeping works");
    assert_eq!(old.done, 1);
    assert!(!install.keys.raw_data_keys().contains(&orphan));
    for head in &heads {
        process.open(head).await.expect("opening works");
    }
}

/// Time and number bound what is unwrapped in memory.
#[tokio::test]
async fn few_ring_keys_in_memory_are_enough() {
    let install = Installation::new();
    let settings = Settings { ring_cache_max: 2, ..fast() };
    let roots = Roots::new(install.root.clone(), Vec::new());
    let process = install.process_with(roots, settings);
    let mut heads = Vec::new();
    for _ in 0..6 {
        heads.extend(secrets(&install, &process, 1).await);
    }
    for head in heads.iter().chain(&heads) {
        process.open(head).await.expect("opening works");
    }
}
