//! Rules of the value store, but for refreshes.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tenon_contract::vault::{RefreshClaim, SecretHead, SecretOwner, SecretState, Subject};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::envelope::data_key_of;
use tenon_vault::ports::{NewVersion, StateGuard, ValueStore, Written};
use uuid::Uuid;

use super::{Harness, envelope_naming, now, owner, refreshed, version};

pub(super) const LONG: Duration = Duration::from_secs(3600);

/// Every field of the head and every byte of the envelope survives, for each kind of owner.
pub async fn a_value_is_read_as_it_was_written(harness: &impl Harness) {
    let values = harness.values().await;
    let credential = owner();
    for subject in
        [credential.subject, Subject::App, Subject::Session, Subject::Project, Subject::Webhook]
    {
        let owner = SecretOwner { project: credential.project, subject };
        let secret = SecretId::new();
        let expires_at = Some(now() + SignedDuration::from_hours(1));
        let new = NewVersion { expires_at, ..version(1) };
        let written = values.insert(secret, &owner, &new).await.expect("inserting works");
        let Written::Committed(head) = written else { panic!("it was {written:?}") };
        let expected = SecretHead {
            secret,
            owner: owner.clone(),
            version: 1,
            state: SecretState::Valid,
            state_at: new.written_at,
            expires_at,
            written_at: new.written_at,
            refresh_failures: 0,
        };
        assert_eq!(head, expected);
        let stored = values.value(owner.project, secret).await.expect("reading works");
        let stored = stored.expect("it is there");
        assert_eq!((&stored.head, &stored.envelope), (&expected, &new.envelope));
        assert_eq!(head_of(&values, &owner, secret).await, Some(expected));
    }
}

/// Also by another project, which learns nothing of the first.
pub async fn an_id_is_taken_once(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner, other) = (SecretId::new(), owner(), owner());
    let head = put(&values, secret, &owner).await;
    let again = values.insert(secret, &owner, &version(1)).await.expect("inserting works");
    assert_eq!(again, Written::Stale(head.clone()));
    let foreign = values.insert(secret, &other, &version(1)).await;
    assert!(
        !matches!(foreign, Ok(Written::Committed(_))),
        "another project took the id: {foreign:?}"
    );
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
}

/// Neither reads nor writes reach over.
pub async fn another_project_sees_nothing(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner, foreign) = (SecretId::new(), owner(), ProjectId::new());
    let head = put(&values, secret, &owner).await;
    assert_eq!(values.value(foreign, secret).await.expect("reading works"), None);
    assert_eq!(values.head(foreign, secret).await.expect("reading works"), None);
    let updated = values.update(foreign, secret, &version(2)).await.expect("updating works");
    assert_eq!(updated, Written::Missing);
    let claim = values.claim(foreign, secret, 1, LONG).await.expect("claiming works");
    assert_eq!(claim, RefreshClaim::Changed);
    let guard = StateGuard::Version(1);
    let state = SecretState::Expired;
    let set = values.set_state(foreign, secret, guard, &state, now()).await;
    assert_eq!(set.expect("setting works"), None);
    assert!(!values.delete(foreign, secret).await.expect("deleting works"));
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
}

/// A writer that sealed for another version hears which one is current.
pub async fn only_the_next_version_is_written(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    let missing = values.update(owner.project, secret, &version(2)).await;
    assert_eq!(missing.expect("updating works"), Written::Missing);
    let head = put(&values, secret, &owner).await;
    for wrong in [1, 3] {
        let stale = values.update(owner.project, secret, &version(wrong)).await;
        assert_eq!(stale.expect("updating works"), Written::Stale(head.clone()));
    }
    let new = version(2);
    let head = committed(&values, &owner, secret, &new).await;
    assert_eq!((head.version, head.written_at), (2, new.written_at));
    let stored = values.value(owner.project, secret).await.expect("reading works");
    assert_eq!(stored.map(|stored| stored.envelope), Some(new.envelope));
}

/// Whatever it was before; failures are forgotten, and the end of the value is the new one's.
pub async fn a_new_version_makes_the_state_valid(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    values.release(owner.project, secret, fence).await.expect("releasing works");
    let reason = "it was revoked \"there\"".to_owned();
    let state = SecretState::Invalid { code: "revoked".to_owned(), reason };
    let at = now();
    let guard = StateGuard::Version(1);
    let head = values.set_state(owner.project, secret, guard, &state, at).await;
    let head = head.expect("setting works").expect("version 1 is current");
    assert_eq!((&head.state, head.state_at, head.refresh_failures), (&state, at, 1));
    let expires_at = Some(now() + SignedDuration::from_hours(2));
    let new = NewVersion { expires_at, ..version(2) };
    let head = committed(&values, &owner, secret, &new).await;
    assert_eq!((head.state, head.refresh_failures), (SecretState::Valid, 0));
    assert_eq!(head.expires_at, expires_at);
}

/// The others hear that they are stale.
pub async fn one_of_many_writers_wins(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let writers = (0..8).map(|_| {
        let (values, project) = (values.clone(), owner.project);
        tokio::spawn(async move { values.update(project, secret, &version(2)).await })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.expect("a writer does not panic").expect("updating works") {
            Written::Committed(head) => {
                assert_eq!(head.version, 2);
                won += 1;
            }
            Written::Stale(head) => assert_eq!(head.version, 2),
            other => panic!("a writer was told {other:?}"),
        }
    }
    assert_eq!(won, 1);
}

/// Who speaks of an older version changes nothing.
pub async fn a_state_is_set_where_the_version_is_current(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let head = committed(&values, &owner, secret, &version(2)).await;
    for wrong in [1, 3] {
        let guard = StateGuard::Version(wrong);
        let state = SecretState::Expired;
        let set = values.set_state(owner.project, secret, guard, &state, now()).await;
        assert_eq!(set.expect("setting works"), None);
    }
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
    let at = now();
    let guard = StateGuard::Version(2);
    let set = values.set_state(owner.project, secret, guard, &SecretState::Expired, at).await;
    let head = set.expect("setting works").expect("version 2 is current");
    assert_eq!((&head.state, head.state_at, head.version), (&SecretState::Expired, at, 2));
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
}

/// Its id cannot be used again.
pub async fn a_deleted_secret_is_gone_for_good(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    assert!(values.delete(owner.project, secret).await.expect("deleting works"));
    assert!(!values.delete(owner.project, secret).await.expect("deleting works"));
    assert_eq!(values.value(owner.project, secret).await.expect("reading works"), None);
    assert_eq!(head_of(&values, &owner, secret).await, None);
    for new in [version(2), refreshed(2, fence)] {
        let updated = values.update(owner.project, secret, &new).await.expect("updating works");
        assert_eq!(updated, Written::Missing);
    }
    let inserted = values.insert(secret, &owner, &version(1)).await.expect("inserting works");
    assert_eq!(inserted, Written::Missing);
    let claim = values.claim(owner.project, secret, 1, LONG).await.expect("claiming works");
    assert_eq!(claim, RefreshClaim::Changed);
}

/// A follower that reads on from the last number ends with the heads as they are.
pub async fn changes_are_told_in_order(harness: &impl Harness) {
    let values = harness.values().await;
    let start = end_of_feed(&values).await;
    let owner = owner();
    let (kept, deleted, failing) = (SecretId::new(), SecretId::new(), SecretId::new());
    for secret in [kept, deleted, failing] {
        put(&values, secret, &owner).await;
    }
    let head = committed(&values, &owner, kept, &version(2)).await;
    let fence = claim(&values, &owner, failing, 1, LONG).await;
    let failed = values.release(owner.project, failing, fence).await.expect("releasing works");
    values.delete(owner.project, deleted).await.expect("deleting works");
    let mut last = std::collections::HashMap::new();
    let mut after = start;
    loop {
        let page = values.changes(after, 2).await.expect("following works");
        assert!(page.len() <= 2, "a page of two has {}", page.len());
        let Some(end) = page.last() else { break };
        for pair in page.windows(2) {
            assert!(pair[0].sequence < pair[1].sequence, "the feed is out of order");
        }
        assert!(page[0].sequence > after, "the feed repeats itself");
        after = end.sequence;
        for change in page.into_iter().filter(|change| change.project == owner.project) {
            last.insert(change.secret, change.head);
        }
    }
    assert_eq!(last.remove(&kept), Some(Some(head)));
    assert_eq!(last.remove(&failing), Some(failed));
    assert_eq!(last.remove(&deleted), Some(None));
    assert!(last.is_empty(), "the feed told of {last:?}");
}

/// Also not when changes are committed while it reads.
pub async fn a_follower_misses_no_change(harness: &impl Harness) {
    const WRITERS: usize = 8;
    const SECRETS: usize = 20;
    let values = harness.values().await;
    let mut after = end_of_feed(&values).await;
    let owner = owner();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (values, owner) = (values.clone(), owner.clone());
            tokio::spawn(async move {
                let mut written = Vec::new();
                for _ in 0..SECRETS {
                    let secret = SecretId::new();
                    put(&values, secret, &owner).await;
                    written.push(secret);
                }
                written
            })
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    loop {
        let are_done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = values.changes(after, 7).await.expect("following works");
        if let Some(end) = page.last() {
            after = end.sequence;
            seen.extend(page.into_iter().map(|change| change.secret));
        } else if are_done {
            break;
        } else {
            tokio::task::yield_now().await;
        }
    }
    for writer in writers {
        for secret in writer.await.expect("a writer does not panic") {
            assert!(seen.contains(&secret), "the follower never heard of {secret}");
        }
    }
}

/// So that the sweep of orphans takes no key that is needed.
pub async fn a_data_key_is_in_use_while_its_version_is_current(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let new = NewVersion { envelope: envelope_naming(first, b"1"), ..version(1) };
    assert_eq!(data_key_of(&new.envelope), Some(first));
    assert!(!values.is_in_use(first, secret).await.expect("asking works"));
    values.insert(secret, &owner, &new).await.expect("inserting works");
    assert!(values.is_in_use(first, secret).await.expect("asking works"));
    assert!(!values.is_in_use(first, SecretId::new()).await.expect("asking works"));
    let new = NewVersion { envelope: envelope_naming(second, b"2"), ..version(2) };
    committed(&values, &owner, secret, &new).await;
    assert!(!values.is_in_use(first, secret).await.expect("asking works"));
    assert!(values.is_in_use(second, secret).await.expect("asking works"));
    values.delete(owner.project, secret).await.expect("deleting works");
    assert!(!values.is_in_use(second, secret).await.expect("asking works"));
}

pub(super) async fn put(
    values: &Arc<dyn ValueStore>,
    secret: SecretId,
    owner: &SecretOwner,
) -> SecretHead {
    let written = values.insert(secret, owner, &version(1)).await.expect("inserting works");
    let Written::Committed(head) = written else { panic!("a new id was {written:?}") };
    head
}

pub(super) async fn committed(
    values: &Arc<dyn ValueStore>,
    owner: &SecretOwner,
    secret: SecretId,
    new: &NewVersion,
) -> SecretHead {
    let written = values.update(owner.project, secret, new).await.expect("updating works");
    let Written::Committed(head) = written else { panic!("the next version was {written:?}") };
    head
}

pub(super) async fn head_of(
    values: &Arc<dyn ValueStore>,
    owner: &SecretOwner,
    secret: SecretId,
) -> Option<SecretHead> {
    values.head(owner.project, secret).await.expect("reading works")
}

/// Claims; waits for a claim before it that ends in a moment.
pub(super) async fn claim(
    values: &Arc<dyn ValueStore>,
    owner: &SecretOwner,
    secret: SecretId,
    version: u32,
    ttl: Duration,
) -> u64 {
    for _ in 0..1_000 {
        match values.claim(owner.project, secret, version, ttl).await.expect("claiming works") {
            RefreshClaim::Claimed { fence } => return fence,
            RefreshClaim::Busy { .. } => tokio::time::sleep(Duration::from_millis(2)).await,
            RefreshClaim::Changed => panic!("version {version} is not there to be claimed"),
        }
    }
    panic!("a claim of a millisecond has not ended");
}

async fn end_of_feed(values: &Arc<dyn ValueStore>) -> i64 {
    let mut after = 0;
    while let Some(last) = values.changes(after, 1_000).await.expect("following works").last() {
        after = last.sequence;
    }
    after
}
