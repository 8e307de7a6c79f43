//! What a place for segments must be able to do.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use tenon_exec::ports::blobs::{Error, Segment};
use uuid::Uuid;

/// Segments as whole objects, written once. It knows nothing of what is in them.
#[async_trait]
pub trait Objects: Debug + Send + Sync + 'static {
    /// Writes a segment of these parts, one after another. When it returns, the segment survives
    /// a power loss. Nobody ever sees half of it. Writing the same again is no error; another
    /// segment under the same id is.
    async fn create(&self, segment: Uuid, parts: &[Bytes]) -> Result<(), Error>;

    /// Reads a range; fewer bytes where the segment ends before it does.
    async fn read(&self, segment: Uuid, range: Range<u64>) -> Result<Bytes, Error>;

    /// The length in bytes.
    async fn size(&self, segment: Uuid) -> Result<u64, Error>;

    /// As [`BlobStore::segments`](tenon_exec::ports::blobs::BlobStore::segments).
    async fn list(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error>;

    /// Deletes a segment; one that is gone already is no error.
    async fn delete(&self, segment: Uuid) -> Result<(), Error>;
}
