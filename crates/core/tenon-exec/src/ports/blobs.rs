//! Large values outside the database, packed: many values in one segment object.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a packed value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// The segment object.
    pub segment: Uuid,
    /// First byte in the segment.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// CRC-32 of the bytes, checked when read.
    pub crc32: u32,
}

/// What went wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The segment is not there.
    #[error("blob segment `{segment}` is not in the store")]
    Missing {
        /// The segment.
        segment: Uuid,
    },
    /// The bytes are not those that were written.
    #[error("blob in segment `{segment}` at {offset} fails its checksum")]
    Corrupt {
        /// The segment.
        segment: Uuid,
        /// First byte.
        offset: u64,
    },
    /// The store cannot be reached, or refuses: try again later.
    #[error("the blob store failed while it should {action}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A store of segments.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Writes one segment holding the values one after another and answers where each is. When
    /// this returns, the segment survives a power loss; a failed write leaves nothing visible.
    async fn put_packed(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error>;

    /// Reads one value and checks it.
    async fn get(&self, blob: BlobRef) -> Result<Bytes, Error>;

    /// Segments written before `older_than_ms` (Unix ms), at most `limit`, for retention and the
    /// orphan sweep.
    async fn segments_before(&self, older_than_ms: i64, limit: usize) -> Result<Vec<Uuid>, Error>;

    /// Deletes a segment; one that is gone already is no error.
    async fn delete(&self, segment: Uuid) -> Result<(), Error>;
}
