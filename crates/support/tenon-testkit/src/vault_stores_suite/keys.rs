//! Rules of the key store, but for its audit.

use std::time::Duration;

use tenon_domain::{ProjectId, SecretId};
use tenon_vault::ports::{RingKey, WrappedKey};
use uuid::Uuid;

use super::{Harness, data_key, put_ring_key, ring_key};

/// Every byte survives, and only its project sees it.
pub async fn a_data_key_is_read_as_it_was_written(harness: &impl Harness) {
    let keys = harness.keys().await;
    let ring = ring_key(ProjectId::new(), 1, "root");
    put_ring_key(&keys, &ring).await;
    let key = WrappedKey { version: 41, ..data_key(&ring, SecretId::new()) };
    keys.insert_data_key(&key).await.expect("inserting works");
    let read = keys.data_key(ring.project, key.id).await.expect("reading works");
    assert_eq!(read, Some(key.clone()));
    let foreign = keys.data_key(ProjectId::new(), key.id).await.expect("reading works");
    assert_eq!(foreign, None);
    keys.remove_data_key(ProjectId::new(), key.id).await.expect("removing works");
    assert!(keys.data_key(ring.project, key.id).await.expect("reading works").is_some());
    keys.remove_data_key(ring.project, key.id).await.expect("removing works");
    keys.remove_data_key(ring.project, key.id).await.expect("repeating it is no error");
    assert_eq!(keys.data_key(ring.project, key.id).await.expect("reading works"), None);
}

/// A process may still wrap under a ring key that rotation has removed: it has to hear of it.
pub async fn a_data_key_needs_its_ring_key(harness: &impl Harness) {
    let keys = harness.keys().await;
    let (ring, other) = (ring_key(ProjectId::new(), 1, "r"), ring_key(ProjectId::new(), 1, "r"));
    put_ring_key(&keys, &ring).await;
    put_ring_key(&keys, &other).await;
    let secret = SecretId::new();
    for wrong in [Uuid::now_v7(), other.id] {
        let key = WrappedKey { ring_key: wrong, ..data_key(&ring, secret) };
        assert!(keys.insert_data_key(&key).await.is_err(), "a key without its ring was kept");
    }
    let key = data_key(&ring, secret);
    keys.insert_data_key(&key).await.expect("inserting works");
    let lost = WrappedKey { ring_key: Uuid::now_v7(), ..key.clone() };
    let moved = keys.rewrap_data_keys(ring.project, &[ring.id], &[lost]).await;
    assert!(moved.is_err(), "a key was moved to a ring key that is not there");
    assert_eq!(keys.data_key(ring.project, key.id).await.expect("reading works"), Some(key));
}

/// Of that secret, and of no other.
pub async fn shredding_takes_all_keys_of_a_secret_but_one(harness: &impl Harness) {
    let keys = harness.keys().await;
    let ring = ring_key(ProjectId::new(), 1, "root");
    put_ring_key(&keys, &ring).await;
    let secret = SecretId::new();
    let made: Vec<WrappedKey> = (0..3).map(|_| data_key(&ring, secret)).collect();
    let other = data_key(&ring, SecretId::new());
    for key in made.iter().chain([&other]) {
        keys.insert_data_key(key).await.expect("inserting works");
    }
    let foreign = keys.shred_data_keys(ProjectId::new(), secret, None).await;
    assert_eq!(foreign.expect("shredding works"), 0);
    let kept = Some(made[1].id);
    let shredded = keys.shred_data_keys(ring.project, secret, kept).await;
    assert_eq!(shredded.expect("shredding works"), 2);
    for (key, is_there) in [(&made[0], false), (&made[1], true), (&made[2], false), (&other, true)]
    {
        let read = keys.data_key(ring.project, key.id).await.expect("reading works");
        assert_eq!(read.is_some(), is_there);
    }
    let shredded = keys.shred_data_keys(ring.project, secret, None).await;
    assert_eq!(shredded.expect("shredding works"), 1);
    let shredded = keys.shred_data_keys(ring.project, secret, None).await;
    assert_eq!(shredded.expect("shredding works"), 0);
}

/// By id, each once, none under the current key.
pub async fn keys_to_rewrap_come_in_pages(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    let rings: Vec<RingKey> = (1..=3).map(|number| ring_key(project, number, "root")).collect();
    let mut expected = Vec::new();
    for ring in &rings {
        put_ring_key(&keys, ring).await;
        for _ in 0..3 {
            let key = data_key(ring, SecretId::new());
            keys.insert_data_key(&key).await.expect("inserting works");
            if ring.number < 3 {
                expected.push(key);
            }
        }
    }
    expected.sort_by_key(|key| key.id);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = keys.data_keys_to_rewrap(project, rings[2].id, after, 4).await;
        let page = page.expect("paging works");
        assert!(page.len() <= 4, "a page of four has {}", page.len());
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        found.extend(page);
    }
    assert_eq!(found, expected);
}

/// Who was faster has the say; the others of the batch are not disturbed.
pub async fn a_key_is_rewrapped_where_it_still_is_under_the_old_one(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    let rings: Vec<RingKey> = (1..=3).map(|number| ring_key(project, number, "root")).collect();
    for ring in &rings {
        put_ring_key(&keys, ring).await;
    }
    let old: Vec<WrappedKey> = (0..3).map(|_| data_key(&rings[0], SecretId::new())).collect();
    for key in &old {
        keys.insert_data_key(key).await.expect("inserting works");
    }
    let under = |key: &WrappedKey, ring: &RingKey, wrapped: &[u8]| WrappedKey {
        ring_key: ring.id,
        wrapped: wrapped.to_vec(),
        ..key.clone()
    };
    let faster = under(&old[1], &rings[1], b"faster");
    let moved = keys.rewrap_data_keys(project, &[rings[0].id], std::slice::from_ref(&faster)).await;
    assert_eq!(moved.expect("rewrapping works"), 1);
    let batch: Vec<_> = old.iter().map(|key| under(key, &rings[2], b"batch")).collect();
    let from = [rings[0].id; 3];
    let foreign = keys.rewrap_data_keys(ProjectId::new(), &from, &batch).await;
    assert!(matches!(foreign, Err(_) | Ok(0)), "another project rewrapped: {foreign:?}");
    let moved = keys.rewrap_data_keys(project, &from, &batch).await.expect("rewrapping works");
    assert_eq!(moved, 2);
    for (key, expected) in old.iter().zip([&batch[0], &faster, &batch[2]]) {
        let read = keys.data_key(project, key.id).await.expect("reading works");
        assert_eq!(read.as_ref(), Some(expected));
    }
    // One that was shredded meanwhile does not come back.
    keys.remove_data_key(project, old[0].id).await.expect("removing works");
    let again = under(&old[0], &rings[1], b"again");
    let moved = keys.rewrap_data_keys(project, &[rings[2].id], &[again]).await;
    assert_eq!(moved.expect("rewrapping works"), 0);
    assert_eq!(keys.data_key(project, old[0].id).await.expect("reading works"), None);
}

/// Every field survives.
pub async fn a_ring_is_read_highest_number_first(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    assert_eq!(keys.ring(project).await.expect("reading works"), []);
    let rings = [2, 10, 9].map(|number| ring_key(project, number, "file:1 ü"));
    for ring in &rings {
        put_ring_key(&keys, ring).await;
    }
    let [two, ten, nine] = rings;
    assert_eq!(keys.ring(project).await.expect("reading works"), [ten, nine, two]);
    assert_eq!(keys.ring(ProjectId::new()).await.expect("reading works"), []);
}

/// In one ring, however many ask at once; other rings have numbers of their own.
pub async fn a_ring_number_is_taken_once(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    let made: Vec<_> = (0..8)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { keys.insert_ring_key(&ring_key(project, 1, "root")).await })
        })
        .collect();
    let mut won = 0;
    for made in made {
        let is_mine = made.await.expect("it does not panic").expect("inserting works");
        won += u32::from(is_mine);
    }
    assert_eq!(won, 1);
    assert_eq!(keys.ring(project).await.expect("reading works").len(), 1);
    put_ring_key(&keys, &ring_key(ProjectId::new(), 1, "root")).await;
}

/// Nothing becomes unreadable by tidying up.
pub async fn a_ring_key_in_use_is_not_removed(harness: &impl Harness) {
    let keys = harness.keys().await;
    let ring = ring_key(ProjectId::new(), 1, "root");
    put_ring_key(&keys, &ring).await;
    let key = data_key(&ring, SecretId::new());
    keys.insert_data_key(&key).await.expect("inserting works");
    assert!(!keys.remove_ring_key(ring.project, ring.id).await.expect("removing works"));
    assert_eq!(keys.ring(ring.project).await.expect("reading works"), std::slice::from_ref(&ring));
    keys.remove_data_key(ring.project, key.id).await.expect("removing works");
    let foreign = keys.remove_ring_key(ProjectId::new(), ring.id).await;
    foreign.expect("there is nothing to remove");
    assert_eq!(keys.ring(ring.project).await.expect("reading works").len(), 1);
    assert!(keys.remove_ring_key(ring.project, ring.id).await.expect("removing works"));
    assert_eq!(keys.ring(ring.project).await.expect("reading works"), []);
}

/// In pages by id, over all tenants.
pub async fn ring_keys_are_rewrapped_where_the_root_is_still_the_old_one(harness: &impl Harness) {
    let keys = harness.keys().await;
    // Rules run side by side: these roots are of this one only.
    let (old, new) = (format!("old:{}", Uuid::now_v7()), format!("new:{}", Uuid::now_v7()));
    let made: Vec<RingKey> = (0..3).map(|_| ring_key(ProjectId::new(), 1, &old)).collect();
    for ring in &made {
        put_ring_key(&keys, ring).await;
    }
    let renewed = RingKey { root: new.clone(), wrapped: b"renewed".to_vec(), ..made[0].clone() };
    let foreign = RingKey { project: ProjectId::new(), ..renewed.clone() };
    assert!(!keys.rewrap_ring_key(&old, &foreign).await.expect("rewrapping works"));
    assert!(!keys.rewrap_ring_key(&new, &renewed).await.expect("rewrapping works"));
    assert!(keys.rewrap_ring_key(&old, &renewed).await.expect("rewrapping works"));
    assert!(!keys.rewrap_ring_key(&old, &renewed).await.expect("rewrapping works"));
    assert_eq!(keys.ring(renewed.project).await.expect("reading works"), [renewed]);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = keys.ring_keys_to_rewrap(&new, after, 2).await.expect("paging works");
        assert!(page.len() <= 2, "a page of two has {}", page.len());
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        found.extend(page.into_iter().filter(|key| key.root == old));
    }
    let mut expected = made[1..].to_vec();
    expected.sort_by_key(|key| key.id);
    assert_eq!(found, expected);
}

/// However many keys their rings have.
pub async fn projects_with_a_ring_are_listed_once(harness: &impl Harness) {
    let keys = harness.keys().await;
    let (one, two) = (ProjectId::new(), ProjectId::new());
    for (project, number) in [(one, 1), (one, 2), (two, 1)] {
        put_ring_key(&keys, &ring_key(project, number, "root")).await;
    }
    let listed = keys.projects().await.expect("listing works");
    for project in [one, two] {
        assert_eq!(listed.iter().filter(|listed| **listed == project).count(), 1);
    }
}

/// By id; those that are younger are left alone.
pub async fn old_data_keys_come_in_pages(harness: &impl Harness) {
    let keys = harness.keys().await;
    let ring = ring_key(ProjectId::new(), 1, "root");
    put_ring_key(&keys, &ring).await;
    let mut made: Vec<WrappedKey> = (0..5).map(|_| data_key(&ring, SecretId::new())).collect();
    made.sort_by_key(|key| key.id);
    for key in &made {
        keys.insert_data_key(key).await.expect("inserting works");
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = keys.old_data_keys(Duration::ZERO, after, 2).await.expect("paging works");
        assert!(page.len() <= 2, "a page of two has {}", page.len());
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        found.extend(page.into_iter().filter(|key| key.project == ring.project));
    }
    assert_eq!(found, made);
    let age = Duration::from_secs(3600);
    let old = keys.old_data_keys(age, None, 1_000).await.expect("paging works");
    assert!(old.iter().all(|key| key.project != ring.project), "young keys count as old");
}
