//! What the fakes were asked, in order.

use std::sync::Arc;

use parking_lot::Mutex;
use tenon_domain::RunId;
use tenon_exec::ports::store::Iteration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Values were written to the blob store: how many.
    Blobs(usize),
    /// A batch of results was committed: how many rows of any kind.
    Committed(usize),
    /// The results of one iteration of a fan-out were read back.
    IterationRead(Iteration),
    /// Jobs were accepted: how many.
    Accepted(usize),
    /// Jobs were pushed: the runs and whether each is flagged as recovered.
    Pushed(Vec<(RunId, bool)>),
    /// Jobs were acknowledged.
    Acked(Vec<RunId>),
    /// A job was given back.
    Nacked(RunId),
    /// The generation was installed in the queues.
    Installed(u32),
}

/// A list of entries that several fakes write to. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// Everything so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().clone()
    }

    /// The runs pushed so far, with their flags.
    #[must_use]
    pub fn pushed(&self) -> Vec<(RunId, bool)> {
        let entries = self.entries();
        let pushed = entries.into_iter().filter_map(|entry| match entry {
            Entry::Pushed(runs) => Some(runs),
            _ => None,
        });
        pushed.flatten().collect()
    }

    pub(super) fn note(&self, entry: Entry) {
        self.0.lock().push(entry);
    }
}
