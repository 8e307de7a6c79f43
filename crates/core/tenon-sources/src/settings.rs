//! Bounds, each with its default and unit.

use std::time::Duration;

/// Bounds of data sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// From the first byte out to the last byte in, of one call. Default 20 seconds.
    pub timeout: Duration,
    /// The largest answer, after decompression, in bytes. Default 8 MB.
    pub response_bytes_max: usize,
    /// The longest wait for a provider's rate limit. Default 2 seconds.
    pub wait_max: Duration,
    /// Options in one page of ours; of more, the first are shown. Default 2,000.
    pub options_max: usize,
    /// Pages of the provider that are looked through for what was typed, in one request. Default 10.
    pub find_pages_max: u32,
    /// Options with which a search is content, before the provider's list is at its end. Default 20.
    pub find_enough: usize,
    /// What is kept.
    pub cache: CacheSettings,
}

/// Bounds of the pages that are kept in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// The longest time, whatever connectors say. Default 5 minutes.
    pub ttl_max: Duration,
    /// Pages. Default 10,000.
    pub entries_max: usize,
    /// About how much memory they take, in bytes. Default 64 MB.
    pub bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            response_bytes_max: 8 << 20,
            wait_max: Duration::from_secs(2),
            options_max: 2_000,
            find_pages_max: 10,
            find_enough: 20,
            cache: CacheSettings::default(),
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { ttl_max: Duration::from_secs(300), entries_max: 10_000, bytes_max: 64 << 20 }
    }
}
