//! A blob store in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error, Segment, begun_ms};
use uuid::Uuid;

use super::{Entry, Journal, Presence};

/// Segments in memory. They carry no checksum, and were written when they were begun.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    segments: Mutex<BTreeMap<Uuid, Vec<u8>>>,
    journal: Journal,
    presence: Presence,
}

impl MemoryBlobs {
    /// An empty store that notes its writes.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { journal, ..Self::default() }
    }

    /// Puts a segment there under an id, as if it had been written when the id says.
    pub fn put(&self, segment: Uuid, value: Bytes) -> BlobRef {
        let len = value.len() as u64;
        self.segments.lock().insert(segment, value.into());
        BlobRef { segment, offset: 0, len, crc32: 0 }
    }

    /// The segments that are there.
    #[must_use]
    pub fn ids(&self) -> Vec<Uuid> {
        self.segments.lock().keys().copied().collect()
    }

    /// Whether every call fails from now on.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put_packed(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error> {
        self.check("write a segment")?;
        let segment = Uuid::now_v7();
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(values.len());
        for value in values {
            let (offset, len) = (bytes.len() as u64, value.len() as u64);
            places.push(BlobRef { segment, offset, len, crc32: 0 });
            bytes.extend_from_slice(value);
        }
        self.segments.lock().insert(segment, bytes);
        self.journal.note(Entry::Blobs(values.len()));
        Ok(places)
    }

    async fn get(&self, blob: BlobRef) -> Result<Bytes, Error> {
        self.check("read a value")?;
        let segments = self.segments.lock();
        let segment = blob.segment;
        let bytes = segments.get(&segment).ok_or(Error::Missing { segment })?;
        let corrupt = Error::Corrupt { segment, offset: blob.offset };
        let (Ok(from), Ok(len)) = (usize::try_from(blob.offset), usize::try_from(blob.len)) else {
            return Err(corrupt);
        };
        bytes.get(from..from + len).map(Bytes::copy_from_slice).ok_or(corrupt)
    }

    async fn segments(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        self.check("list segments")?;
        let segments = self.segments.lock();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = segments.range((after, Bound::Unbounded)).map(|(id, bytes)| Segment {
            id: *id,
            bytes: bytes.len() as u64,
            written_ms: begun_ms(*id),
        });
        Ok(found.filter(|segment| segment.written_ms < older_than_ms).take(limit).collect())
    }

    async fn delete(&self, segment: Uuid) -> Result<(), Error> {
        self.check("delete a segment")?;
        self.segments.lock().remove(&segment);
        Ok(())
    }
}
