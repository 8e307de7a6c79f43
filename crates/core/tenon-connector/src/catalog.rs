//! All connectors: those that come with Tenon, and projects' own.
//!
//! A built-in one is read when it is first asked for and kept. A project's own is kept by the
//! hash of its manifest, so that a changed one is another entry; of those only so many are kept.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_domain::ProjectId;
use tenon_domain::workflow::Diagnostic;

use crate::builtin;
use crate::connector::Connector;
use crate::load::{self, ManifestLimits, Origin, Rules};

/// The names of projects' own connectors begin so.
pub const CUSTOM_PREFIX: &str = "custom.";

/// Bounds of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Projects' own connectors that are kept ready.
    pub custom_max: usize,
    /// Whether projects' own connectors may name hosts of private networks. For installations
    /// inside one, and for tests; what may be reached is still decided when a call is sent.
    pub allow_private_hosts: bool,
    /// Bounds of each of them.
    pub manifest: ManifestLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self { custom_max: 1_000, allow_private_hosts: false, manifest: ManifestLimits::default() }
    }
}

/// Why a project's own connector cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CustomError {
    /// The manifest breaks rules.
    #[error("the connector's manifest is not valid: {}", first(.0))]
    Invalid(Arc<Vec<Diagnostic>>),
}

fn first(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map(ToString::to_string).unwrap_or_default()
}

/// All connectors. Shared by everything that runs in a process.
#[derive(Debug)]
pub struct Catalog {
    built_in: Vec<OnceLock<Option<Arc<Connector>>>>,
    custom: Mutex<Custom>,
    settings: Settings,
}

type Loaded = Result<Arc<Connector>, CustomError>;

#[derive(Debug, Default)]
struct Custom {
    kept: HashMap<(ProjectId, String, [u8; 32]), (u64, Loaded)>,
    /// The hash of a manifest that is in memory, by where it is: hashing it anew for each call
    /// would cost more than the call. The `Arc` keeps the address from being used again.
    hashes: HashMap<usize, (Arc<Value>, [u8; 32])>,
    clock: u64,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Catalog {
    /// A catalog with nothing read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let built_in = builtin::ENTRIES.iter().map(|_| OnceLock::new()).collect();
        Self { built_in, custom: Mutex::default(), settings }
    }

    /// The names of the connectors that come with Tenon, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        builtin::ENTRIES.iter().map(|entry| entry.name)
    }

    /// A connector that comes with Tenon.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Connector>> {
        let entry = builtin::find(name)?;
        let index = builtin::ENTRIES.partition_point(|other| other.name < name);
        self.built_in[index].get_or_init(|| read(entry)).clone()
    }

    /// A project's own connector, from the manifest that its plan holds. `name` is the
    /// integration's, such as `custom.billing`.
    ///
    /// # Errors
    /// When the manifest breaks rules, which it may since a newer version has more of them.
    pub fn custom(&self, project: ProjectId, name: &str, manifest: &Arc<Value>) -> Loaded {
        let hash = self.hash(manifest);
        let key = (project, name.to_owned(), hash);
        {
            let mut custom = self.custom.lock();
            custom.clock += 1;
            let now = custom.clock;
            if let Some((used, loaded)) = custom.kept.get_mut(&key) {
                *used = now;
                return loaded.clone();
            }
        }
        // Not under the lock: two callers may both read it, which does no harm.
        let rules = Rules {
            origin: match self.settings.allow_private_hosts {
                true => Origin::BuiltIn,
                false => Origin::Custom,
            },
            limits: self.settings.manifest.clone(),
            ..Rules::built_in()
        };
        let loaded = load::load_value(manifest, &rules)
            .map(Arc::new)
            .map_err(|diagnostics| CustomError::Invalid(Arc::new(diagnostics)));
        let mut custom = self.custom.lock();
        custom.make_room(self.settings.custom_max);
        let now = custom.clock;
        custom.kept.insert(key, (now, loaded.clone()));
        loaded
    }

    /// The connector of an integration: built-in, or the project's own with its `manifest`.
    #[must_use]
    pub fn find(
        &self,
        project: ProjectId,
        name: &str,
        manifest: Option<&Arc<Value>>,
    ) -> Option<Arc<Connector>> {
        match manifest {
            Some(manifest) => self.custom(project, name, manifest).ok(),
            None => self.get(name),
        }
    }

    fn hash(&self, manifest: &Arc<Value>) -> [u8; 32] {
        let address = Arc::as_ptr(manifest) as usize;
        if let Some((_, hash)) = self.custom.lock().hashes.get(&address) {
            return *hash;
        }
        let hash: [u8; 32] = Sha256::digest(manifest.to_string()).into();
        let mut custom = self.custom.lock();
        if custom.hashes.len() >= self.settings.custom_max {
            custom.hashes.clear();
        }
        custom.hashes.insert(address, (Arc::clone(manifest), hash));
        hash
    }
}

impl Custom {
    /// Drops those that were not used for longest.
    fn make_room(&mut self, kept_max: usize) {
        while self.kept.len() >= kept_max.max(1) {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
            self.kept.remove(&key);
        }
    }
}

/// Built-in manifests are proven valid by the tests of this crate, so a broken one is absent.
fn read(entry: &'static builtin::Entry) -> Option<Arc<Connector>> {
    let connector = Connector::load("connector.yaml", entry.manifest).ok()?;
    Some(Arc::new(match entry.icon {
        Some(icon) => connector.with_icon(icon),
        None => connector,
    }))
}
