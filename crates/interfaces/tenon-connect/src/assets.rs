//! The portal's built files: part of the program, or of a folder. They are read once, when the
//! process starts.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Where the icon is that stands for a connector without one.
pub(crate) const PLACEHOLDER_PATH: &str = "/images/icons/byo-placeholder.svg";

/// The most bytes of all files of a folder together.
const FOLDER_BYTES_MAX: u64 = 64 << 20;
/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 8;

/// A file that browsers get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What is in it.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// Another one for other bytes, in quotes.
    pub etag: String,
}

impl Asset {
    /// A file of this name.
    #[must_use]
    pub fn new(name: &str, bytes: Bytes) -> Self {
        let digest = Sha256::digest(&bytes);
        let short: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { media_type: media_type(name), etag: format!("\"{short}\""), bytes }
    }
}

/// Files by their path below the build's output, such as `ui.html` and `ui/assets/a-1f2e.js`.
pub trait Assets: Send + Sync + 'static {
    /// The file at a path; none where there is none.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// Files that are part of the program.
#[derive(Debug, Clone, Default)]
pub struct Embedded(HashMap<&'static str, Asset>);

impl Embedded {
    /// Files with their paths.
    #[must_use]
    pub fn new(files: &[(&'static str, &'static [u8])]) -> Self {
        let file = |&(path, bytes): &(&'static str, &'static [u8])| {
            (path, Asset::new(path, Bytes::from_static(bytes)))
        };
        Self(files.iter().map(file).collect())
    }
}

impl Assets for Embedded {
    fn get(&self, path: &str) -> Option<Asset> {
        self.0.get(path).cloned()
    }
}

/// Files of a folder, as they were when it was read.
#[derive(Debug, Clone, Default)]
pub struct Folder(HashMap<String, Asset>);

impl Folder {
    /// Reads a folder with all that lies in it. Links are not followed.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than 64 MB.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut read = Self::default();
        let mut bytes_left = FOLDER_BYTES_MAX;
        read.add(folder, "", DEPTH_MAX, &mut bytes_left)?;
        Ok(read)
    }

    fn add(
        &mut self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        bytes_left: &mut u64,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && depth > 0 {
                self.add(&entry.path(), &format!("{path}/"), depth - 1, bytes_left)?;
            } else if kind.is_file() {
                let length = entry.metadata()?.len();
                *bytes_left = bytes_left.checked_sub(length).ok_or_else(|| {
                    io::Error::new(io::ErrorKind::FileTooLarge, "the folder is larger than 64 MB")
                })?;
                let bytes = Bytes::from(std::fs::read(entry.path())?);
                let asset = Asset::new(&path, bytes);
                self.0.insert(path, asset);
            }
        }
        Ok(())
    }
}

impl Assets for Folder {
    fn get(&self, path: &str) -> Option<Asset> {
        self.0.get(path).cloned()
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
