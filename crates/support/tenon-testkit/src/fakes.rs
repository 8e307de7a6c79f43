//! Stand-ins for the ports of execution and of the vault, kept in memory, that a test can make fail.
//!
//! They are honest: what a port promises, they do. Each can be told to go away, to refuse, or to
//! lose an answer, and notes what it was asked in a [`Journal`] that several of them share, so
//! that a test can speak about order. Queues, plans and messages between processes have no fake
//! here: the adapters of `tenon-local` are in memory already.

mod archive;
mod blobs;
mod clock;
mod egress;
mod journal;
pub mod oauth_provider;
mod queue;
mod routing;
mod runner;
mod store;
mod vault;

pub use archive::{Fate, MemoryArchive};
pub use blobs::MemoryBlobs;
pub use clock::{FakeClock, RuntimeClock};
pub use egress::ScriptedEgress;
pub use journal::{Entry, Journal};
pub use oauth_provider::OauthProvider;
pub use queue::WatchedQueue;
pub use routing::MemoryRouting;
pub use runner::ScriptedRunner;
pub use store::MemoryStore;
pub use vault::{Fault, MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a fake answers.
#[derive(Debug, Default)]
struct Presence(AtomicBool);

impl Presence {
    fn set_away(&self, is_away: bool) {
        self.0.store(is_away, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.0.load(Ordering::SeqCst) {
            Err("it is away, as the test asked".into())
        } else {
            Ok(())
        }
    }
}
