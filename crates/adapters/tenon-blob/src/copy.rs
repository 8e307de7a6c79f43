//! Moves segments and parts of archives from one store to another, each checked on both sides.

use bytes::{Bytes, BytesMut};
use tenon_exec::ports::archive::{self, ArchiveStore as _, Part};
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
    to.objects().create(id.into(), std::slice::from_ref(&bytes)).await?;
    // Without an index only a comparison can tell.
    if read_all(to, segment).await? != bytes {
        return Err(Error::Corrupt { segment: id, offset: 0 });
    }
    Ok(Copied::Written)
}

/// Copies one part of an archive, as [`copy_segment`] does.
///
/// # Errors
/// When one of the stores cannot be used, or does not answer what was written.
pub async fn copy_part(from: &Store, to: &Store, part: &Part) -> Result<Copied, archive::Error> {
    use archive::Error::{Damaged, Missing};
    match to.check_part(part).await {
        Ok(_) => return Ok(Copied::Already),
        Err(Missing { .. } | Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    let values = match read_values(from, part).await {
        Ok(values) => values,
        Err(Missing { .. }) => return Ok(Copied::Gone),
        Err(Damaged { .. }) => return Ok(Copied::Damaged),
        Err(error) => return Err(error),
    };
    to.put(part.name, &values).await?;
    to.check_part(part).await.map(|_| Copied::Written)
}

async fn read_values(store: &Store, part: &Part) -> Result<Vec<Bytes>, archive::Error> {
    let mut values = Vec::new();
    for place in store.places(part.name).await? {
        values.push(store.value(part.name, place).await?);
    }
    Ok(values)
}

async fn is_there(store: &Store, segment: &Segment) -> Result<bool, Error> {
    match store.objects().size(segment.id.into()).await {
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
        let bytes = store.objects().read(segment.id.into(), at..end).await?;
        if bytes.is_empty() {
            return Err(Error::Corrupt { segment: segment.id, offset: at });
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}
