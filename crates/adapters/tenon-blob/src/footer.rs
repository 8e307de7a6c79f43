//! The index at the end of a segment, by which it can be listed and checked without a database.
//!
//! After the values come an entry for each, `offset: u64, len: u64, crc32: u32`, and a trailer of
//! 48 bytes: `count: u32, version: u16, reserved: u16, values_len: u64, segment: 16 bytes,
//! values_crc32: u32, footer_crc32: u32, magic: 8 bytes`. All numbers are big-endian. The CRC of
//! the footer is over the entries and the trailer up to it, so with the CRC of the values every
//! byte of a segment is under a checksum. The id tells a segment that was put under another's
//! name.

use bytes::Bytes;
use uuid::Uuid;

/// The last bytes of a segment.
const MAGIC: &[u8; 8] = b"TENONSEG";
/// The only version so far.
const VERSION: u16 = 1;
/// Bytes of an entry.
const ENTRY_LEN: u64 = 20;
/// Bytes of the trailer.
pub(crate) const TRAILER_LEN: u64 = 48;
/// The trailer's bytes that the footer's CRC covers.
const TRAILER_CHECKED: usize = 36;

/// One value in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// CRC-32 of the value.
    pub crc32: u32,
}

/// The index of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// The segment that it was written for.
    pub segment: Uuid,
    /// The values, one after another from the first byte on.
    pub entries: Vec<Entry>,
    /// Bytes of all values.
    pub values_len: u64,
    /// CRC-32 of all values as one.
    pub values_crc32: u32,
}

/// Why bytes are no footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FooterError {
    /// The segment has none: it was written before there were any.
    #[error("the segment has no index")]
    Absent,
    /// A later version wrote it.
    #[error("the index is of version {0}, which this version does not read")]
    Version(u16),
    /// Its checksum or its numbers are wrong.
    #[error("the index is damaged")]
    Damaged,
}

/// What a trailer says before its entries are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// First byte of the footer in the segment.
    pub footer_at: u64,
}

impl Footer {
    /// The index of these values.
    #[must_use]
    pub fn of(segment: Uuid, values: &[Bytes]) -> Self {
        let mut whole = crc32fast::Hasher::new();
        let mut offset = 0;
        let entries = values.iter().map(|value| {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(value);
            whole.combine(&hasher);
            let entry = Entry { offset, len: value.len() as u64, crc32: hasher.finalize() };
            offset += entry.len;
            entry
        });
        let entries = entries.collect();
        Self { segment, entries, values_len: offset, values_crc32: whole.finalize() }
    }

    /// Bytes of a footer of so many values.
    #[must_use]
    pub const fn len_of(values: u64) -> u64 {
        values * ENTRY_LEN + TRAILER_LEN
    }

    /// The bytes that follow the values.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let count = self.entries.len() as u64;
        let mut bytes = Vec::with_capacity(usize::try_from(Self::len_of(count)).unwrap_or(0));
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.offset.to_be_bytes());
            bytes.extend_from_slice(&entry.len.to_be_bytes());
            bytes.extend_from_slice(&entry.crc32.to_be_bytes());
        }
        bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.values_len.to_be_bytes());
        bytes.extend_from_slice(self.segment.as_bytes());
        bytes.extend_from_slice(&self.values_crc32.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(MAGIC);
        Bytes::from(bytes)
    }

    /// Reads a footer from exactly its bytes.
    ///
    /// # Errors
    /// When they are none, or not as they were written.
    pub fn decode(bytes: &[u8]) -> Result<Self, FooterError> {
        let (entries, trailer) = split_trailer(bytes)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(entries);
        hasher.update(&trailer[..TRAILER_CHECKED]);
        if hasher.finalize() != number32(&trailer[TRAILER_CHECKED..]) {
            return Err(FooterError::Damaged);
        }
        let footer = Self {
            segment: Uuid::from_slice(&trailer[16..32]).map_err(|_| FooterError::Damaged)?,
            entries: entries.chunks_exact(20).map(entry_of).collect(),
            values_len: number64(&trailer[8..16]),
            values_crc32: number32(&trailer[32..36]),
        };
        let is_whole = entries.len() % 20 == 0
            && footer.entries.len() == number32(&trailer[..4]) as usize
            && footer.is_seamless();
        if is_whole { Ok(footer) } else { Err(FooterError::Damaged) }
    }

    /// Whether the values lie one after another and add up.
    fn is_seamless(&self) -> bool {
        let mut next = 0_u64;
        for entry in &self.entries {
            if entry.offset != next {
                return false;
            }
            let Some(end) = next.checked_add(entry.len) else { return false };
            next = end;
        }
        next == self.values_len
    }
}

impl Trailer {
    /// Reads the last bytes of a segment of `size` bytes.
    pub(crate) fn decode(bytes: &[u8], size: u64) -> Result<Self, FooterError> {
        let (_, trailer) = split_trailer(bytes)?;
        let count = u64::from(number32(&trailer[..4]));
        let footer_at = number64(&trailer[8..16]);
        let is_whole = footer_at.checked_add(Footer::len_of(count)) == Some(size);
        if is_whole { Ok(Self { footer_at }) } else { Err(FooterError::Damaged) }
    }
}

fn split_trailer(bytes: &[u8]) -> Result<(&[u8], &[u8; 48]), FooterError> {
    let (rest, trailer) = bytes.split_last_chunk::<48>().ok_or(FooterError::Absent)?;
    if trailer[40..] != *MAGIC {
        return Err(FooterError::Absent);
    }
    match u16::from_be_bytes([trailer[4], trailer[5]]) {
        VERSION => Ok((rest, trailer)),
        other => Err(FooterError::Version(other)),
    }
}

fn entry_of(bytes: &[u8]) -> Entry {
    Entry {
        offset: number64(&bytes[..8]),
        len: number64(&bytes[8..16]),
        crc32: number32(&bytes[16..20]),
    }
}

/// The first eight bytes as a number; there are eight wherever it is asked.
fn number64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn number32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn footer(values: &[Vec<u8>]) -> Footer {
        let values: Vec<Bytes> = values.iter().cloned().map(Bytes::from).collect();
        Footer::of(Uuid::now_v7(), &values)
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(values in vec(vec(any::<u8>(), 0..40), 0..20)) {
            let footer = footer(&values);
            let bytes = footer.encode();
            prop_assert_eq!(bytes.len() as u64, Footer::len_of(values.len() as u64));
            prop_assert_eq!(Footer::decode(&bytes), Ok(footer.clone()));
            let all = values.concat();
            prop_assert_eq!(footer.values_crc32, crc32fast::hash(&all));
            prop_assert_eq!(footer.values_len, all.len() as u64);
        }

        #[test]
        fn any_flipped_bit_is_found(
            values in vec(vec(any::<u8>(), 0..40), 0..8), at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut bytes = footer(&values).encode().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Footer::decode(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_seamless(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(Footer::decode(&bytes).is_err());
        }

        #[test]
        fn a_cut_footer_is_refused(values in vec(vec(any::<u8>(), 0..40), 1..8), cut in 1..60_usize) {
            let bytes = footer(&values).encode();
            let cut = cut.min(bytes.len());
            prop_assert!(Footer::decode(&bytes[cut..]).is_err());
            prop_assert!(Footer::decode(&bytes[..bytes.len() - cut]).is_err());
        }
    }
}
