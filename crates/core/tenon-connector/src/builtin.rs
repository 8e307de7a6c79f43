//! The connectors that come with Tenon, as they were written: `build.rs` puts the folders of
//! `/connectors` into the program.

use std::sync::OnceLock;

use serde_json::Value;
use tenon_domain::document::{Document, ReadLimits};

use crate::load::{Bases, ManifestLimits};

/// One folder of `/connectors`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub name: &'static str,
    pub manifest: &'static str,
    pub icon: Option<&'static str>,
}

/// All of them, by name.
pub(crate) static ENTRIES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Finds one.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    let index = ENTRIES.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
    Some(&ENTRIES[index])
}

/// What `extends` may name.
pub(crate) struct Manifests;

impl Bases for Manifests {
    fn manifest(&self, name: &str) -> Option<Value> {
        static READ: OnceLock<Vec<OnceLock<Option<Value>>>> = OnceLock::new();
        let index = ENTRIES.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
        let read = READ.get_or_init(|| ENTRIES.iter().map(|_| OnceLock::new()).collect());
        read[index].get_or_init(|| read_one(&ENTRIES[index])).clone()
    }
}

fn read_one(entry: &Entry) -> Option<Value> {
    let limits = ManifestLimits::default();
    let limits = ReadLimits {
        bytes_max: limits.manifest_bytes_max,
        depth_max: limits.depth_max,
        diagnostics_max: 1,
    };
    Some(Document::read("connector.yaml", entry.manifest, limits).ok()?.value())
}
