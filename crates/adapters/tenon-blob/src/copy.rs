//! Moves segments from one store to another, each checked on both sides.

use bytes::{Bytes, BytesMut};
use tenon_exec::ports::blobs::{Error, Segment};

use crate::check::{Finding, check_bytes, inspect};
use crate::store::Store;

/// Bytes that are read at once.
const WINDOW: u64 = 8 << 20;

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// It was written and read back.
    Written,
    /// It was there, whole, from an earlier copy.
    Already,
    /// It is damaged where it comes from, and was left there.
    Damaged,
    /// It went out of the source meanwhile, as segments do when retention ends.
    Gone,
}

/// Copies one segment. Doing it again is no error and costs little: a segment of the same length
/// that its index says is whole is left as it is.
///
/// # Errors
/// When one of the stores cannot be used, or does not answer what was written.
pub async fn copy_segment(from: &Store, to: &Store, segment: &Segment) -> Result<Copied, Error> {
    let id = segment.id;
    if is_there(to, segment).await? {
        return Ok(Copied::Already);
    }
    let bytes = match read_all(from, segment).await {
        Ok(bytes) => bytes,
        Err(Error::Missing { .. }) => return Ok(Copied::Gone),
        Err(error) => return Err(error),
    };
    let finding = check_bytes(id, &bytes);
    if !matches!(finding, Finding::Sound | Finding::Unindexed) {
        return Ok(Copied::Damaged);
    }
    to.objects().create(id, std::slice::from_ref(&bytes)).await?;
    // Without an index only a comparison can tell.
    if read_all(to, segment).await? != bytes {
        return Err(Error::Corrupt { segment: id, offset: 0 });
    }
    Ok(Copied::Written)
}

async fn is_there(store: &Store, segment: &Segment) -> Result<bool, Error> {
    match store.objects().size(segment.id).await {
        Ok(size) if size == segment.bytes => {
            Ok(inspect(store.objects(), segment.id).await?.finding == Finding::Sound)
        }
        Ok(_) | Err(Error::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn read_all(store: &Store, segment: &Segment) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    while (whole.len() as u64) < segment.bytes {
        let at = whole.len() as u64;
        let end = (at + WINDOW).min(segment.bytes);
        let bytes = store.objects().read(segment.id, at..end).await?;
        if bytes.is_empty() {
            return Err(Error::Corrupt { segment: segment.id, offset: at });
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}
