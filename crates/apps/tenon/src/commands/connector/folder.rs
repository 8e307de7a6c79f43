//! Reads a connector's folder, or a manifest alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;
use tenon_connector::fixture::{File, Folder};
use tenon_connector::load::{Bases, ManifestLimits, Rules};
use tenon_domain::document::{Document, ReadLimits};

const MANIFEST: &str = "connector.yaml";
/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Fixtures of one connector.
const FIXTURES_MAX: usize = 1_000;

/// A folder's files, and what its manifest may extend.
#[derive(Debug)]
pub struct Read {
    pub files: Folder,
    pub bases: Neighbours,
}

/// Connectors beside this one, then those that come with Tenon.
#[derive(Debug)]
pub struct Neighbours(Option<PathBuf>);

impl Bases for Neighbours {
    fn manifest(&self, name: &str) -> Option<Value> {
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let beside = self.0.as_ref().filter(|_| is_name).and_then(|parent| {
            let text = std::fs::read_to_string(parent.join(name).join(MANIFEST)).ok()?;
            let limits = ManifestLimits::default();
            let limits = ReadLimits {
                bytes_max: limits.manifest_bytes_max,
                depth_max: limits.depth_max,
                diagnostics_max: 1,
            };
            Some(Document::read(MANIFEST, &text, limits).ok()?.value())
        });
        beside.or_else(|| Rules::built_in().bases.manifest(name))
    }
}

/// Reads a folder; a file is a manifest without fixtures.
pub fn read(path: &Path) -> anyhow::Result<Read> {
    let is_file = path.is_file();
    let manifest = if is_file { path.to_owned() } else { path.join(MANIFEST) };
    if !manifest.is_file() {
        bail!("{} is not a connector's folder: it has no {MANIFEST}", path.display());
    }
    let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
    let whole = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let whole = whole.canonicalize().with_context(|| format!("cannot open {}", path.display()))?;
    let icon = folder.join("icon.svg");
    let fixtures = if is_file { Vec::new() } else { fixtures(&folder.join("fixtures"))? };
    Ok(Read {
        files: Folder {
            name: whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            manifest: file(&manifest)?,
            icon: icon.is_file().then(|| file(&icon)).transpose()?,
            fixtures: fixtures.iter().map(|path| file(path)).collect::<Result<_, _>>()?,
        },
        bases: Neighbours(whole.parent().map(Path::to_owned)),
    })
}

fn fixtures(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    let cannot = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "yml" | "json")) {
            paths.push(path);
        }
    }
    if paths.len() > FIXTURES_MAX {
        bail!("{} holds more than {FIXTURES_MAX} fixtures", folder.display());
    }
    paths.sort();
    Ok(paths)
}

/// Reads a text file of a bearable size.
pub fn file(path: &Path) -> anyhow::Result<File> {
    let cannot = || format!("cannot read {}", path.display());
    let bytes = std::fs::metadata(path).with_context(cannot)?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{} has {bytes} bytes, at most {FILE_BYTES_MAX} are read", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(cannot)?;
    Ok(File { name: path.display().to_string(), text })
}
