//! Whether a segment is what was written, by its own index.

use bytes::Bytes;
use tenon_exec::ports::blobs::Error;
use uuid::Uuid;

use crate::footer::{Entry, Footer, FooterError, TRAILER_LEN, Trailer};
use crate::objects::{Name, Objects};

/// Bytes that are read at once.
const WINDOW: u64 = 8 << 20;

/// What a look at a whole segment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The segment.
    pub segment: Uuid,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its values; 0 where there is no index.
    pub values: usize,
    /// What is to be said of it.
    pub finding: Finding,
}

/// What is to be said of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Every byte is as it was written.
    Sound,
    /// It has no index, as those of earlier versions: only the rows that name its values can tell.
    Unindexed,
    /// The index is damaged, of another segment, or of a later version.
    BadIndex,
    /// A value fails its checksum.
    BadValue {
        /// First byte of the value.
        offset: u64,
    },
}

/// Reads a whole segment and checks it.
///
/// # Errors
/// When it is missing or the store cannot be read.
pub async fn inspect(objects: &dyn Objects, segment: Uuid) -> Result<Inspection, Error> {
    let bytes = objects.size(segment.into()).await?;
    let footer = match read_footer(objects, segment.into(), bytes).await? {
        Ok(footer) => footer,
        Err(error) => {
            let finding = match error {
                FooterError::Absent => Finding::Unindexed,
                FooterError::Damaged | FooterError::Version(_) => Finding::BadIndex,
            };
            return Ok(Inspection { segment, bytes, values: 0, finding });
        }
    };
    let finding = check_values(objects, segment, &footer).await?;
    Ok(Inspection { segment, bytes, values: footer.entries.len(), finding })
}

/// The footer of an object of so many bytes.
pub async fn read_footer(
    objects: &dyn Objects,
    name: Name,
    size: u64,
) -> Result<Result<Footer, FooterError>, Error> {
    let trailer = objects.read(name, size.saturating_sub(TRAILER_LEN)..size).await?;
    let footer_at = match Trailer::decode(&trailer, size) {
        Ok(trailer) => trailer.footer_at,
        Err(error) => return Ok(Err(error)),
    };
    let footer = Footer::decode(&objects.read(name, footer_at..size).await?);
    Ok(footer.and_then(|footer| match footer.segment == name.id() {
        true => Ok(footer),
        false => Err(FooterError::Damaged),
    }))
}

async fn check_values(
    objects: &dyn Objects,
    segment: Uuid,
    footer: &Footer,
) -> Result<Finding, Error> {
    let mut walk = Walk::new(footer);
    let mut at = 0;
    while at < footer.values_len {
        let end = (at + WINDOW).min(footer.values_len);
        let bytes = objects.read(segment.into(), at..end).await?;
        if let Some(offset) = walk.feed(&bytes) {
            return Ok(Finding::BadValue { offset });
        }
        if bytes.len() as u64 != end - at {
            return Ok(Finding::BadValue { offset: at + bytes.len() as u64 });
        }
        at = end;
    }
    Ok(walk.end())
}

/// Whether bytes in memory are the segment that their index says.
pub fn check_bytes(segment: Uuid, bytes: &Bytes) -> Finding {
    let size = bytes.len() as u64;
    let found = Trailer::decode(bytes, size).and_then(|trailer| {
        let footer_at = usize::try_from(trailer.footer_at).map_err(|_| FooterError::Damaged)?;
        Footer::decode(&bytes[footer_at..]).map(|footer| (footer, footer_at))
    });
    match found {
        Ok((footer, footer_at)) if footer.segment == segment => {
            let mut walk = Walk::new(&footer);
            match walk.feed(&bytes[..footer_at]) {
                Some(offset) => Finding::BadValue { offset },
                None => walk.end(),
            }
        }
        Err(FooterError::Absent) => Finding::Unindexed,
        _ => Finding::BadIndex,
    }
}

/// Goes through the values as their bytes come in.
struct Walk<'f> {
    footer: &'f Footer,
    entries: std::slice::Iter<'f, Entry>,
    current: Option<(Entry, u64, crc32fast::Hasher)>,
    whole: crc32fast::Hasher,
}

impl<'f> Walk<'f> {
    fn new(footer: &'f Footer) -> Self {
        let mut walk = Self {
            footer,
            entries: footer.entries.iter(),
            current: None,
            whole: crc32fast::Hasher::new(),
        };
        walk.advance();
        walk
    }

    fn advance(&mut self) {
        let next = self.entries.next();
        self.current = next.map(|entry| (*entry, entry.len, crc32fast::Hasher::new()));
    }

    /// Takes more bytes; answers the first byte of a value that is not what it was.
    fn feed(&mut self, mut bytes: &[u8]) -> Option<u64> {
        self.whole.update(bytes);
        while let Some((entry, left, hasher)) = &mut self.current {
            let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            hasher.update(&bytes[..take]);
            *left -= take as u64;
            bytes = &bytes[take..];
            if *left > 0 {
                return None;
            }
            if hasher.clone().finalize() != entry.crc32 {
                return Some(entry.offset);
            }
            self.advance();
        }
        None
    }

    fn end(self) -> Finding {
        match self.whole.finalize() == self.footer.values_crc32 {
            true => Finding::Sound,
            false => Finding::BadIndex,
        }
    }
}
