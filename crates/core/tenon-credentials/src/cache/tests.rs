use std::time::Duration;

use jiff::SignedDuration;
use tenon_contract::vault::{SecretOwner, Subject};

use super::*;
use crate::Settings;

fn start() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().expect("a time")
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn head(project: ProjectId, secret: SecretId, version: u32) -> SecretHead {
    SecretHead {
        secret,
        owner: SecretOwner { project, subject: Subject::App },
        version,
        state: SecretState::Valid,
        state_at: start(),
        expires_at: None,
        written_at: start(),
        refresh_failures: 0,
    }
}

struct Kept {
    cache: SecretCache,
    project: ProjectId,
    secret: SecretId,
}

impl Kept {
    fn new() -> Self {
        let cache = SecretCache::new(&Settings::default().cache, start());
        Self { cache, project: ProjectId::new(), secret: SecretId::new() }
    }

    fn put(&self, version: u32, value: &[u8], now: Timestamp) {
        let head = Arc::new(head(self.project, self.secret, version));
        self.cache.put(head, value, self.cache.moment(), now);
    }

    fn value(&self, now: Timestamp) -> Option<Vec<u8>> {
        match self.cache.get(self.project, self.secret, now) {
            Lookup::Fresh(_, value) => Some(value.to_vec()),
            _ => None,
        }
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        matches!(self.cache.get(self.project, self.secret, now), Lookup::Stale)
    }
}

#[test]
fn a_value_comes_back_until_its_head_has_not_been_seen_for_a_minute() {
    let kept = Kept::new();
    kept.put(3, b"hush", start());
    assert_eq!(kept.value(after(59)).as_deref(), Some(&b"hush"[..]));
    assert!(kept.is_stale(after(60)));
    let same = head(kept.project, kept.secret, 3);
    assert!(kept.cache.confirm(same, kept.cache.moment(), after(61)));
    assert_eq!(kept.value(after(120)).as_deref(), Some(&b"hush"[..]));
}

#[test]
fn a_head_of_another_version_or_state_drops_the_value() {
    let kept = Kept::new();
    for change in [
        |head: &mut SecretHead| head.version = 4,
        |head: &mut SecretHead| head.state = SecretState::Expired,
        |head: &mut SecretHead| head.owner.project = ProjectId::new(),
    ] {
        kept.put(3, b"hush", start());
        let mut head = head(kept.project, kept.secret, 3);
        change(&mut head);
        assert!(!kept.cache.confirm(head, kept.cache.moment(), start()));
        assert!(kept.cache.is_empty());
    }
}

#[test]
fn another_project_finds_nothing() {
    let kept = Kept::new();
    kept.put(1, b"hush", start());
    let found = kept.cache.get(ProjectId::new(), kept.secret, start());
    assert!(matches!(found, Lookup::Missing));
}

#[test]
fn after_two_keys_a_value_cannot_be_opened_any_more() {
    let settings = CacheSettings { ttl: Duration::from_secs(100_000), ..Settings::default().cache };
    let life = i64::try_from(settings.key_life.as_secs()).expect("short");
    let cache = SecretCache::new(&settings, start());
    let kept = Kept { cache, project: ProjectId::new(), secret: SecretId::new() };
    kept.put(1, b"hush", start());
    assert!(kept.value(after(life)).is_some(), "under the previous key");
    assert!(kept.value(after(2 * life)).is_none(), "its key was replaced twice");
    kept.put(1, b"hush", after(2 * life));
    assert!(kept.value(after(4 * life)).is_none(), "nobody came for two lives");
}

#[test]
fn what_was_asked_before_an_announcement_is_not_kept() {
    let kept = Kept::new();
    let asked = kept.cache.moment();
    kept.cache.forget(kept.secret);
    let head = Arc::new(head(kept.project, kept.secret, 1));
    kept.cache.put(Arc::clone(&head), b"old", asked, start());
    assert!(kept.value(start()).is_none());
    kept.put(1, b"new", start());
    assert!(!kept.cache.confirm((*head).clone(), asked, start()));
    assert!(kept.value(start()).is_none());
}

#[test]
fn an_older_version_does_not_take_the_place_of_a_newer_one() {
    let kept = Kept::new();
    kept.put(2, b"new", start());
    kept.put(1, b"old", start());
    assert_eq!(kept.value(start()).as_deref(), Some(&b"new"[..]));
}

#[test]
fn a_dead_credential_is_remembered_for_two_seconds_without_its_value() {
    let kept = Kept::new();
    let mut head = head(kept.project, kept.secret, 1);
    head.state = SecretState::Expired;
    kept.cache.put(Arc::new(head), b"hush", kept.cache.moment(), start());
    let at = |now| kept.cache.get(kept.project, kept.secret, now);
    assert!(matches!(at(after(1)), Lookup::Dead(_)));
    assert!(matches!(at(after(2)), Lookup::Missing));
}

#[test]
fn the_number_of_values_is_bounded_and_the_longest_unseen_goes_first() {
    let settings = CacheSettings { entries_max: SHARDS * 2, ..Settings::default().cache };
    let cache = SecretCache::new(&settings, start());
    let project = ProjectId::new();
    for number in 0..500 {
        let head = Arc::new(head(project, SecretId::new(), 1));
        cache.put(head, b"hush", cache.moment(), after(number / 100));
    }
    assert!(cache.len() <= SHARDS * 2, "{} values", cache.len());
    let last = SecretId::new();
    cache.put(Arc::new(head(project, last, 1)), b"hush", cache.moment(), after(6));
    assert!(matches!(cache.get(project, last, after(6)), Lookup::Fresh(..)));
}

#[test]
fn tidying_drops_what_nobody_confirmed() {
    let kept = Kept::new();
    kept.put(1, b"hush", start());
    kept.cache.tidy(after(90));
    assert!(kept.is_stale(after(90)));
    kept.cache.tidy(after(120));
    assert!(kept.cache.is_empty());
}
