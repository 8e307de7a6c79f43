//! The settings of large values and where they are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenon_blob::StoreUrl;
use tenon_exec::segment_sweep::Limits;

use super::Settings;
use super::rules::Broken;

/// `[blobs]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blobs {
    /// Where segments are kept: `file:///`, `s3://`, `gs://` or `az://`. It holds no secret.
    pub url: Option<String>,
    /// The folder of large values, where there is no `url`; `<server.data_dir>/blobs` when left
    /// out.
    pub dir: Option<PathBuf>,
    /// Who we are to the object store; from the environment when left out.
    pub credentials_file: Option<PathBuf>,
    /// Whether an object store of another machine may be reached without TLS.
    pub plain_http: bool,
    /// How long a connection to the object store may take.
    pub connect_timeout_ms: u64,
    /// How long one attempt may take, beside the time that its bytes need.
    pub attempt_timeout_ms: u64,
    /// How many bytes a second an attempt is given time for, at least.
    pub bytes_per_second_min: u64,
    /// How long a call may take with all its attempts, beside the time that its bytes need.
    pub timeout_ms: u64,
    /// Attempts of a call.
    pub attempts_max: u32,
    /// The pause after the first failed attempt; it doubles.
    pub backoff_ms: u64,
    /// The longest pause between attempts.
    pub backoff_max_ms: u64,
    /// Calls to the object store at once.
    pub connections_max: usize,
    /// Segments that a process writes at once; values that come meanwhile share the next.
    pub writes_max: usize,
    /// The largest segment in bytes, unless one value is larger.
    pub segment_bytes_max: u64,
    /// Larger segments are sent in parts, in bytes.
    pub multipart_bytes_min: u64,
    /// How old a segment is before it is removed if no row names it.
    pub orphan_age_ms: u64,
    /// Time between two looks for segments that no row names.
    pub sweep_interval_ms: u64,
    /// Segments that wait to be removed at once; more wait for the next look.
    pub sweep_waiting_max: usize,
}

impl Default for Blobs {
    fn default() -> Self {
        Self {
            url: None,
            dir: None,
            credentials_file: None,
            plain_http: false,
            connect_timeout_ms: 1_000,
            attempt_timeout_ms: 2_000,
            bytes_per_second_min: 1_048_576,
            timeout_ms: 10_000,
            attempts_max: 4,
            backoff_ms: 100,
            backoff_max_ms: 2_000,
            connections_max: 32,
            writes_max: 4,
            segment_bytes_max: 33_554_432,
            multipart_bytes_min: 16_777_216,
            orphan_age_ms: 86_400_000,
            sweep_interval_ms: 3_600_000,
            sweep_waiting_max: 100_000,
        }
    }
}

impl Blobs {
    /// Where segments are kept.
    ///
    /// # Errors
    /// When `url` is no place; the rules have refused that when settings are loaded.
    pub fn place(&self, data_dir: &Path) -> Result<StoreUrl, tenon_blob::StoreUrlError> {
        match &self.url {
            Some(url) => url.parse(),
            None => {
                let dir = self.dir.clone().unwrap_or_else(|| data_dir.join("blobs"));
                Ok(StoreUrl::Disk(dir))
            }
        }
    }

    /// For the store.
    #[must_use]
    pub fn store(&self) -> tenon_blob::Settings {
        tenon_blob::Settings {
            credentials_file: self.credentials_file.clone(),
            is_plain_http_allowed: self.plain_http,
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            attempt_timeout: Duration::from_millis(self.attempt_timeout_ms),
            bytes_per_second_min: self.bytes_per_second_min,
            timeout: Duration::from_millis(self.timeout_ms),
            attempts_max: self.attempts_max,
            backoff: Duration::from_millis(self.backoff_ms),
            backoff_max: Duration::from_millis(self.backoff_max_ms),
            connections_max: self.connections_max,
            writes_max: self.writes_max,
            segment_bytes_max: self.segment_bytes_max,
            multipart_bytes_min: self.multipart_bytes_min,
        }
    }
}

impl Settings {
    /// For the sweep of segments that no row names.
    #[must_use]
    pub fn segment_sweep(&self) -> Limits {
        // A day more: a day is dropped as a whole when its last run is old enough.
        let days = u64::from(self.retention.runs_days) + 1;
        Limits {
            orphan_age: Duration::from_millis(self.blobs.orphan_age_ms),
            retention: Duration::from_secs(days * 86_400),
            interval: Duration::from_millis(self.blobs.sweep_interval_ms),
            condemned_max: self.blobs.sweep_waiting_max,
        }
    }
}

/// The rules that the section breaks.
pub(super) fn broken(blobs: &Blobs, found: &mut Vec<Broken>) {
    if let Some(Err(error)) = blobs.url.as_deref().map(str::parse::<StoreUrl>) {
        found.push(("blobs.url", error.to_string()));
    }
    if blobs.url.is_some() && blobs.dir.is_some() {
        found.push(("blobs.dir", "must be left out where `blobs.url` is set".to_owned()));
    }
    if blobs.orphan_age_ms < 3_600_000 {
        let message = "must be at least 3600000: rows are committed after their segments";
        found.push(("blobs.orphan_age_ms", message.to_owned()));
    }
    if blobs.timeout_ms < blobs.attempt_timeout_ms {
        found.push(("blobs.timeout_ms", "must not be less than `blobs.attempt_timeout_ms`".into()));
    }
    if blobs.multipart_bytes_min < 8_388_608 {
        let message = "must be at least 8388608, which is one part";
        found.push(("blobs.multipart_bytes_min", message.to_owned()));
    }
}
