//! Which runs this process has in its hands, somewhere that outlives it.
//!
//! A queue that lives in this process forgets its leases when the process dies, so nobody sees a
//! lapsed lease. With this log the next process knows which runs were under way, and can count a
//! crash for each: a run that kills the process again and again is then parked like any other.

use tenon_domain::RunId;

/// Notes of runs under way. Best effort: a lost note means a crash that is not counted.
pub trait InFlightLog: Send + Sync + 'static {
    /// A run was taken in hand.
    fn note(&self, run: RunId);

    /// It has left.
    fn forget(&self, run: RunId);
}
