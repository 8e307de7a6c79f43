//! Large values outside the database, packed: many values in one segment object.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store;

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

/// A segment that the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its id, a UUID v7 of the moment it was begun.
    pub id: Uuid,
    /// Its length in bytes, index included.
    pub bytes: u64,
    /// When the store wrote it, in Unix ms by the store's clock.
    pub written_ms: i64,
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
    /// Writes the values and answers where each is, in their order. They may share a segment with
    /// values of other callers, and many of them may take several segments. When this returns,
    /// all survive a power loss; a failed write leaves no value half visible, though it may leave
    /// segments that nobody names.
    async fn put_packed(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error>;

    /// Reads one value and checks it: what is not the value that was written is
    /// [`Error::Corrupt`], never an answer.
    async fn get(&self, blob: BlobRef) -> Result<Bytes, Error>;

    /// Segments after `after` that were begun and written before `older_than_ms` (Unix ms), in
    /// the order of their ids, at most `limit`. Fewer than `limit` are the last.
    async fn segments(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error>;

    /// Deletes a segment; one that is gone already is no error.
    async fn delete(&self, segment: Uuid) -> Result<(), Error>;
}

/// Who knows which segments are in use.
#[async_trait]
pub trait SegmentNames: Send + Sync + 'static {
    /// Those of `segments` that a job, a run or a result names, in any order. It must know every
    /// place where a [`BlobRef`] is kept: what it leaves out is deleted.
    async fn named_among(&self, segments: &[Uuid]) -> Result<Vec<Uuid>, store::Error>;
}

/// When a segment was begun, in Unix ms, by its id; 0 for an id that tells no time.
#[must_use]
pub fn begun_ms(segment: Uuid) -> i64 {
    let Some(made) = segment.get_timestamp() else { return 0 };
    let (seconds, nanos) = made.to_unix();
    i64::try_from(seconds * 1_000 + u64::from(nanos) / 1_000_000).unwrap_or(0)
}

/// The smallest id of a segment begun at `ms` (RFC 9562, 5.7: 48 bits of milliseconds).
#[must_use]
pub fn first_segment_at(ms: i64) -> Uuid {
    let millis = u128::try_from(ms).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(millis << 80)
}
