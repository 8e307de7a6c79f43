//! Pages that were read a moment ago.
//!
//! An entry belongs to one version of one account's credential, and to the connector as it was:
//! who connects again, or brings another manifest, sees nothing of before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_connector::connector::Connector;
use tenon_connector::data_source::Page;
use tenon_connector::pages::Position;
use tenon_domain::CredentialId;

use crate::settings::CacheSettings;

/// What an entry costs beside its options, in bytes.
const ENTRY_BYTES: usize = 512;

/// What a page is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) credential: CredentialId,
    /// Of the credential.
    pub(crate) version: u32,
    pub(crate) source: String,
    /// What was chosen, as JSON.
    pub(crate) chosen: String,
    /// What the provider searched for.
    pub(crate) search: Option<String>,
    pub(crate) position: Option<Position>,
}

impl Key {
    /// What its texts take, in bytes.
    fn bytes(&self) -> usize {
        let search = self.search.as_ref().map_or(0, String::len);
        let position = self.position.as_ref().map_or(0, |it| it.to_text().len());
        self.source.len() + self.chosen.len() + search + position
    }
}

/// The pages.
pub(crate) struct Cache {
    settings: CacheSettings,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts looks, to know what was not looked at for longest.
    looks: u64,
}

struct Entry {
    connector: Arc<Connector>,
    page: Arc<Page>,
    until: Timestamp,
    bytes: usize,
    looked_at: u64,
}

impl Cache {
    pub(crate) fn new(settings: CacheSettings) -> Self {
        Self { settings, held: Mutex::default() }
    }

    /// A page that is still good.
    pub(crate) fn get(
        &self,
        key: &Key,
        connector: &Arc<Connector>,
        now: Timestamp,
    ) -> Option<Arc<Page>> {
        let mut held = self.held.lock();
        held.looks += 1;
        let look = held.looks;
        let entry = held.entries.get_mut(key)?;
        if entry.until <= now || !Arc::ptr_eq(&entry.connector, connector) {
            return None;
        }
        entry.looked_at = look;
        Some(entry.page.clone())
    }

    /// Keeps a page from now on for so many seconds, where there is room for it.
    pub(crate) fn keep(
        &self,
        key: Key,
        connector: &Arc<Connector>,
        page: &Arc<Page>,
        (now, seconds): (Timestamp, u32),
    ) {
        let ttl = Duration::from_secs(seconds.into()).min(self.settings.ttl_max);
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        let bytes = page.options.bytes() + key.bytes() + ENTRY_BYTES;
        let is_too_large = bytes > self.settings.bytes_max / 4;
        if ttl.is_zero() || is_too_large || self.settings.entries_max == 0 {
            return;
        }
        let mut held = self.held.lock();
        held.remove(&key);
        if held.entries.len() >= self.settings.entries_max
            || held.bytes + bytes > self.settings.bytes_max
        {
            held.make_room(&self.settings, bytes, now);
        }
        held.looks += 1;
        let looked_at = held.looks;
        let until = now.checked_add(ttl).unwrap_or(Timestamp::MAX);
        let entry =
            Entry { connector: connector.clone(), page: page.clone(), until, bytes, looked_at };
        held.bytes += bytes;
        held.entries.insert(key, entry);
    }
}

impl Held {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Drops what has ended; where that is not enough, what was not looked at for longest, until a
    /// quarter is free: so that not every page has to look for room.
    fn make_room(&mut self, settings: &CacheSettings, bytes: usize, now: Timestamp) {
        self.entries.retain(|_, entry| entry.until > now);
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        let fits = |count: usize, held: usize| {
            count < settings.entries_max && held + bytes <= settings.bytes_max
        };
        if fits(self.entries.len(), self.bytes) {
            return;
        }
        let mut oldest: Vec<(u64, Key)> =
            self.entries.iter().map(|(key, entry)| (entry.looked_at, key.clone())).collect();
        oldest.sort_unstable_by_key(|(looked_at, _)| *looked_at);
        let (count_max, bytes_max) = (settings.entries_max * 3 / 4, settings.bytes_max / 4 * 3);
        for (_, key) in oldest {
            let is_roomy = self.entries.len() <= count_max && self.bytes + bytes <= bytes_max;
            if is_roomy && fits(self.entries.len(), self.bytes) {
                return;
            }
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_connector::data_source::Options;
    use tenon_connector::manifest::fields::FieldOption;
    use uuid::Uuid;

    use super::*;

    fn connector() -> Arc<Connector> {
        let manifest: Value = json!({
            "format": 1, "name": "sample", "version": "1.0.0", "title": "Sample",
            "description": "A sample.", "categories": ["crm"], "docs": "https://docs.example.com/",
            "auth": [{"id": "none", "type": "none"}],
            "proxy": {"base_url": [{"url": "https://api.example.com"}]},
        });
        Arc::new(Connector::from_value(&manifest).expect("it is valid"))
    }

    fn page(text: &str) -> Arc<Page> {
        let option = FieldOption { label: text.to_owned(), value: text.to_owned() };
        Arc::new(Page { options: Options::fixed(&[option]), next: None })
    }

    fn key(source: &str) -> Key {
        Key {
            credential: CredentialId::from_uuid(Uuid::nil()),
            version: 1,
            source: source.to_owned(),
            chosen: "{}".to_owned(),
            search: None,
            position: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).expect("a moment")
    }

    #[test]
    fn a_page_is_given_again_until_its_time_is_over() {
        let (cache, connector) = (Cache::new(CacheSettings::default()), connector());
        cache.keep(key("a"), &connector, &page("x"), (at(0), 60));
        assert_eq!(cache.get(&key("a"), &connector, at(59)), Some(page("x")));
        assert_eq!(cache.get(&key("a"), &connector, at(60)), None);
        // No list is kept longer than the setting allows, and some are not kept at all.
        cache.keep(key("b"), &connector, &page("x"), (at(0), 86_400));
        assert_eq!(cache.get(&key("b"), &connector, at(300)), None);
        cache.keep(key("c"), &connector, &page("x"), (at(0), 0));
        assert_eq!(cache.get(&key("c"), &connector, at(0)), None);
    }

    #[test]
    fn another_version_choice_text_or_manifest_is_another_page() {
        let (cache, connector) = (Cache::new(CacheSettings::default()), connector());
        cache.keep(key("a"), &connector, &page("x"), (at(0), 60));
        let others = [
            Key { version: 2, ..key("a") },
            Key { chosen: r#"{"b":"1"}"#.to_owned(), ..key("a") },
            Key { search: Some("x".to_owned()), ..key("a") },
            Key { credential: CredentialId::from_uuid(Uuid::max()), ..key("a") },
        ];
        for other in others {
            assert_eq!(cache.get(&other, &connector, at(1)), None, "{other:?}");
        }
        assert_eq!(cache.get(&key("a"), &self::connector(), at(1)), None);
    }

    #[test]
    fn there_are_never_more_than_allowed_and_what_is_used_stays() {
        let settings = CacheSettings { entries_max: 8, ..CacheSettings::default() };
        let (cache, connector) = (Cache::new(settings), connector());
        for count in 0..100 {
            cache.keep(key(&count.to_string()), &connector, &page("x"), (at(0), 60));
            cache.keep(key("used"), &connector, &page("x"), (at(0), 60));
            assert!(cache.get(&key("used"), &connector, at(1)).is_some());
            assert!(cache.held.lock().entries.len() <= 8);
        }
    }

    #[test]
    fn their_bytes_are_bounded_and_counted() {
        let settings = CacheSettings { bytes_max: 40_000, ..CacheSettings::default() };
        let (cache, connector) = (Cache::new(settings), connector());
        for count in 0..100 {
            let page = page(&"x".repeat(2_000));
            cache.keep(key(&count.to_string()), &connector, &page, (at(0), 60));
            let held = cache.held.lock();
            let counted: usize = held.entries.values().map(|entry| entry.bytes).sum();
            assert_eq!(held.bytes, counted);
            assert!(held.bytes <= 40_000 && !held.entries.is_empty());
        }
        // One that would take most of it is not kept.
        cache.keep(key("large"), &connector, &page(&"x".repeat(20_000)), (at(0), 60));
        assert!(cache.get(&key("large"), &connector, at(0)).is_none());
    }
}
