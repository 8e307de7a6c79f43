//! The in-flight log as a file of fixed slots, one run id each.
//!
//! Notes are plain writes without a sync: the page cache outlives a killed process, and after a
//! power loss an old note only counts a crash too many for a run that is still open.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use parking_lot::Mutex;
use tenon_domain::RunId;
use tenon_exec::ports::in_flight::InFlightLog;
use uuid::Uuid;

/// Bytes of a slot: one id. Zeros are a free slot.
const SLOT_BYTES: usize = 16;
/// The largest file that is read back, in slots.
const SLOTS_MAX: usize = 1 << 20;

/// An in-flight log on this machine's disk.
#[derive(Debug)]
pub struct InFlightFile {
    file: File,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    taken: HashMap<RunId, u64>,
    free: Vec<u64>,
    len: u64,
}

impl InFlightFile {
    /// Opens the log, answers the runs that the process before had in its hands, and starts
    /// empty. A missing file is an empty log.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<RunId>)> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.by_ref().take((SLOTS_MAX * SLOT_BYTES) as u64).read_to_end(&mut bytes)?;
        let leftovers = bytes
            .chunks_exact(SLOT_BYTES)
            .filter_map(|slot| Uuid::from_slice(slot).ok())
            .filter(|id| !id.is_nil())
            .map(RunId::from_uuid)
            .collect();
        file.set_len(0)?;
        Ok((Self { file, slots: Mutex::new(Slots::default()) }, leftovers))
    }

    fn write(&self, slot: u64, bytes: &[u8; SLOT_BYTES]) {
        if let Err(error) = self.file.write_all_at(bytes, slot * SLOT_BYTES as u64) {
            tracing::debug!(error = %error, "a run under way was not noted");
        }
    }
}

impl InFlightLog for InFlightFile {
    fn note(&self, run: RunId) {
        let mut slots = self.slots.lock();
        if slots.taken.contains_key(&run) {
            return;
        }
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.len += 1;
            slots.len - 1
        });
        slots.taken.insert(run, slot);
        self.write(slot, run.uuid().as_bytes());
    }

    fn forget(&self, run: RunId) {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.taken.remove(&run) {
            slots.free.push(slot);
            self.write(slot, &[0; SLOT_BYTES]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_learns_what_was_under_way_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("in-flight");
        let (log, leftovers) = InFlightFile::open(&path).expect("opened");
        assert!(leftovers.is_empty());
        let runs: Vec<RunId> = (0..4).map(|_| RunId::new()).collect();
        for run in &runs {
            log.note(*run);
            log.note(*run);
        }
        log.forget(runs[1]);
        log.forget(runs[1]);
        let late = RunId::new();
        log.note(late);
        drop(log);
        let (log, mut leftovers) = InFlightFile::open(&path).expect("opened again");
        let mut expected = vec![runs[0], runs[2], runs[3], late];
        expected.sort();
        leftovers.sort();
        assert_eq!(leftovers, expected);
        drop(log);
        let (_, leftovers) = InFlightFile::open(&path).expect("opened a third time");
        assert!(leftovers.is_empty(), "a start forgets what it handed over");
    }
}
