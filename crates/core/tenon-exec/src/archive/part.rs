//! A part of an archive: compressed blocks of lines, then an index of the runs in them.
//!
//! Every value of the object is a member of gzip, so that `gzip -dc` shows the lines of a part
//! without Tenon. The last value is the index, one JSON object in a line.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tenon_domain::{EndUserId, ProjectId, RunId, WorkflowId};
use uuid::Uuid;

use super::lines::{Head, Record};
use crate::ports::archive::{ArchiveStore, Error, Part, PartName, Place, Totals};
use crate::ports::history::RunStatus;

/// The only version of the format so far.
pub(super) const FORMAT: u32 = 1;
/// No block becomes larger than this when it is opened: a block is closed at a megabyte, and the
/// largest value of a line is far below.
const OPENED_BYTES_MAX: u64 = 1 << 30;

/// What is in a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartIndex {
    /// The version of the format.
    pub format: u32,
    /// Whose runs.
    pub project: ProjectId,
    /// The day that they were accepted on.
    pub day: Date,
    /// Who wrote it.
    pub attempt: Uuid,
    /// The part.
    pub number: u32,
    /// The runs, in the order of their ids.
    pub runs: Vec<IndexEntry>,
}

/// One run in a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The connected user it ran for.
    pub user: Option<EndUserId>,
    /// How it ended.
    pub status: RunStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The blocks that its lines are in: the first, and the last.
    pub blocks: (usize, usize),
    /// Whether it began in an earlier part.
    pub is_continued: bool,
}

/// The parts of an attempt, if none is missing: of the given one, or of the newest that is whole.
pub(super) fn whole_attempt(parts: &[Part], wanted: Option<Uuid>) -> &[Part] {
    let mut whole: &[Part] = &[];
    for attempt in parts.chunk_by(|a, b| a.name.attempt == b.name.attempt) {
        let is_gapless = (0..).zip(attempt).all(|(at, part)| part.name.number == at);
        let is_ended =
            attempt.iter().rposition(|part| part.name.is_last) == Some(attempt.len() - 1);
        let is_wanted = wanted.is_none_or(|wanted| attempt[0].name.attempt == wanted);
        if is_gapless && is_ended && is_wanted {
            whole = attempt;
        }
    }
    whole
}

/// The index of a part, and where its blocks are.
pub(super) async fn index(
    store: &dyn ArchiveStore,
    part: PartName,
) -> Result<(PartIndex, Vec<Place>), Error> {
    let mut places = store.places(part).await?;
    let place = places.pop().ok_or(Error::damaged(&part))?;
    let opened = open(part, store.value(part, place).await?).await?;
    let index: PartIndex = serde_json::from_slice(&opened).map_err(|_| Error::damaged(&part))?;
    let is_ours = (index.project, index.day) == (part.project, part.day)
        && (index.format, index.attempt, index.number) == (FORMAT, part.attempt, part.number)
        && index.runs.iter().all(|entry| entry.blocks.1 < places.len());
    if is_ours { Ok((index, places)) } else { Err(Error::damaged(&part)) }
}

/// Reads parts back, every line of them, and answers what they hold. A part that does not hold
/// what its name and its index say is [`Error::Damaged`].
pub(super) async fn verify(store: &dyn ArchiveStore, parts: &[Part]) -> Result<Totals, Error> {
    let mut all = Totals::default();
    for Part { name, .. } in parts {
        let (index, places) = index(store, *name).await?;
        let mut found = Totals::default();
        let mut begun = index.runs.iter().filter(|entry| !entry.is_continued);
        for place in places {
            let block = open(*name, store.value(*name, place).await?).await?;
            for line in block.split_inclusive(|byte| *byte == b'\n') {
                let head: Head = serde_json::from_slice(line).map_err(|_| Error::damaged(name))?;
                match head.record {
                    Record::Step => found.steps += 1,
                    Record::Run => {
                        found.runs += 1;
                        if begun.next().is_none_or(|entry| entry.run != head.run_id) {
                            return Err(Error::damaged(name));
                        }
                    }
                }
            }
        }
        if found != name.totals || begun.next().is_some() {
            return Err(Error::damaged(name));
        }
        all += found;
    }
    Ok(all)
}

/// Compresses bytes, away from the threads that others wait for.
pub(super) async fn pack(bytes: Vec<u8>) -> Bytes {
    let packed = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes)?;
        encoder.finish()
    });
    let packed = packed.await.expect("compressing does not panic");
    Bytes::from(packed.expect("writing to memory does not fail"))
}

/// Opens what [`pack`] made.
pub(super) async fn open(part: PartName, bytes: Bytes) -> Result<Vec<u8>, Error> {
    let opened = tokio::task::spawn_blocking(move || {
        let mut opened = Vec::new();
        let mut decoder = GzDecoder::new(&*bytes).take(OPENED_BYTES_MAX + 1);
        let read = decoder.read_to_end(&mut opened);
        read.is_ok_and(|len| len as u64 <= OPENED_BYTES_MAX).then_some(opened)
    });
    let opened = opened.await.expect("opening does not panic");
    opened.ok_or(Error::damaged(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(attempt: u128, number: u32, is_last: bool) -> Part {
        let name = PartName {
            project: ProjectId::from_uuid(Uuid::from_u128(7)),
            day: Date::new(2026, 3, 9).expect("a day"),
            attempt: Uuid::from_u128(attempt),
            number,
            totals: Totals::default(),
            is_last,
        };
        Part { name, bytes: 1 }
    }

    #[test]
    fn an_attempt_counts_when_no_part_is_missing_and_the_newest_of_them_wins() {
        let whole = [part(1, 0, false), part(1, 1, true)];
        assert_eq!(whole_attempt(&whole, None), whole);
        assert!(whole_attempt(&whole, Some(Uuid::from_u128(2))).is_empty());
        let begun = [whole.as_slice(), &[part(2, 0, false)]].concat();
        assert_eq!(whole_attempt(&begun, None), whole, "the later one has no end");
        let later = [whole.as_slice(), &[part(2, 0, true)]].concat();
        assert_eq!(whole_attempt(&later, None), [part(2, 0, true)]);
        assert!(whole_attempt(&[part(1, 1, true)], None).is_empty(), "the first is missing");
        assert!(whole_attempt(&[part(1, 0, false), part(1, 2, true)], None).is_empty());
        assert!(whole_attempt(&[], None).is_empty());
    }

    #[test]
    fn parts_have_ids_of_their_own() {
        let name = part(1, 0, false).name;
        let tomorrow = PartName { day: name.day.tomorrow().expect("a day"), ..name };
        let others = [
            part(1, 1, false).name,
            part(1, 0, true).name,
            part(2, 0, false).name,
            tomorrow,
            PartName { project: ProjectId::from_uuid(Uuid::from_u128(8)), ..name },
        ];
        for other in others {
            assert_ne!(other.id(), name.id(), "{other:?}");
        }
    }
}
