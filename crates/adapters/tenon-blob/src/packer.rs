//! Values of callers at the same moment share a segment.
//!
//! A write that is under way is waited for by those that come meanwhile, and the next one takes
//! them all, up to the size of a segment. So a store that is slow gets few large objects, and a
//! caller who is alone waits for nobody.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tenon_exec::ports::blobs::{BlobRef, Error};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::footer::Footer;
use crate::metrics;
use crate::objects::Objects;

/// What was asked for when nothing more is known.
const ACTION: &str = "write a segment";

type Outcome = Result<Vec<BlobRef>, Arc<Error>>;

/// Packs values into segments.
#[derive(Debug, Clone)]
pub struct Packer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    objects: Arc<dyn Objects>,
    waiting: std::sync::Mutex<VecDeque<Waiting>>,
    writes: Semaphore,
    segment_bytes_max: u64,
}

#[derive(Debug)]
struct Waiting {
    values: Vec<Bytes>,
    answer: oneshot::Sender<Outcome>,
}

/// One failed write is the failure of all whose values it held.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<Error>);

impl Packer {
    /// A packer that writes at most so many segments at once, and none above a size unless one
    /// value is larger.
    pub fn new(objects: Arc<dyn Objects>, writes_max: usize, segment_bytes_max: u64) -> Self {
        let writes = Semaphore::new(writes_max.max(1));
        let waiting = std::sync::Mutex::default();
        Self { inner: Arc::new(Inner { objects, waiting, writes, segment_bytes_max }) }
    }

    /// Writes the values and answers where each is.
    ///
    /// # Errors
    /// When one of the segments could not be written.
    pub async fn put(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error> {
        let mut answers = Vec::new();
        for group in groups(values, self.inner.segment_bytes_max) {
            let (answer, place) = oneshot::channel();
            self.inner.queue().push_back(Waiting { values: group.to_vec(), answer });
            answers.push(place);
            // Apart from the caller: others' values may be in its segment, and it may give up.
            let inner = self.inner.clone();
            tokio::spawn(async move { inner.write_one().await });
        }
        let mut places = Vec::with_capacity(values.len());
        for answer in answers {
            let outcome = answer.await.map_err(|source| Error::Unavailable {
                action: ACTION,
                source: Box::new(source),
            })?;
            places.extend(outcome.map_err(|error| Error::Unavailable {
                action: ACTION,
                source: Box::new(Shared(error)),
            })?);
        }
        Ok(places)
    }
}

impl Inner {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        // What is under the lock cannot be left half changed.
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes a segment of those who wait, if one of the other writers has not done so.
    async fn write_one(&self) {
        let Ok(_permit) = self.writes.acquire().await else { return };
        let taken = self.take();
        if taken.is_empty() {
            return;
        }
        let segment = Uuid::now_v7();
        let values: Vec<Bytes> =
            taken.iter().flat_map(|waiting| waiting.values.iter().cloned()).collect();
        let footer = Footer::of(segment, &values);
        metrics::packed(values.len());
        let mut parts = values;
        parts.push(footer.encode());
        let written = self.objects.create(segment.into(), &parts).await.map_err(Arc::new);
        let mut places = footer.entries.iter().map(|entry| BlobRef {
            segment,
            offset: entry.offset,
            len: entry.len,
            crc32: entry.crc32,
        });
        for waiting in taken {
            let own: Vec<BlobRef> = places.by_ref().take(waiting.values.len()).collect();
            // A caller who gave up leaves its values to the sweep.
            let _ = waiting.answer.send(written.clone().map(|()| own));
        }
    }

    /// The first who waits, and as many more as fit beside.
    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(next) = queue.front() {
            bytes += size_of_values(&next.values);
            if !taken.is_empty() && bytes > self.segment_bytes_max {
                break;
            }
            taken.extend(queue.pop_front());
        }
        taken
    }
}

fn size_of_values(values: &[Bytes]) -> u64 {
    values.iter().map(|value| value.len() as u64).sum()
}

/// Cuts values into runs that each fit a segment; a value that does not stands alone.
fn groups(values: &[Bytes], bytes_max: u64) -> Vec<&[Bytes]> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, value) in values.iter().enumerate() {
        let len = value.len() as u64;
        if at > start && bytes + len > bytes_max {
            groups.push(&values[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += len;
    }
    if start < values.len() {
        groups.push(&values[start..]);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_where_a_segment_is_full() {
        let values: Vec<Bytes> = [3, 4, 4, 20, 1, 1].map(|len| Bytes::from(vec![0; len])).into();
        let sizes: Vec<usize> = groups(&values, 8).iter().map(|group| group.len()).collect();
        assert_eq!(sizes, [2, 1, 1, 2]);
        assert!(groups(&[], 8).is_empty());
    }
}
