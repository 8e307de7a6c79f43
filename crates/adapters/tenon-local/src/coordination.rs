//! Messages inside one process, where every role shares one address.
//!
//! Nothing is sent anywhere: an answer goes to the waiting caller, news to every receiver.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tenon_domain::RunId;
use tenon_exec::ports::coordination::{Coordination, Error, ReplyAddress};
use tokio::sync::{broadcast, oneshot};

/// News a slow receiver may fall behind by.
const ANNOUNCEMENTS_MAX: usize = 1024;

/// Waiting callers below which dropped ones are not looked for.
const PURGE_MIN: usize = 1024;

/// Coordination of the roles in this process.
pub struct LocalCoordination {
    address: ReplyAddress,
    waiting: Mutex<Waiting>,
    announcements: broadcast::Sender<String>,
}

struct Waiting {
    callers: HashMap<RunId, oneshot::Sender<Bytes>>,
    purge_at: usize,
}

impl LocalCoordination {
    /// Starts with nobody waiting.
    #[must_use]
    pub fn new() -> Self {
        Self {
            address: ReplyAddress(RunId::new().to_string()),
            waiting: Mutex::new(Waiting { callers: HashMap::new(), purge_at: PURGE_MIN }),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS_MAX),
        }
    }
}

impl Default for LocalCoordination {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Coordination for LocalCoordination {
    fn address(&self) -> ReplyAddress {
        self.address.clone()
    }

    fn expect_reply(&self, run: RunId) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.callers.len() >= waiting.purge_at {
            waiting.callers.retain(|_, caller| !caller.is_closed());
            waiting.purge_at = PURGE_MIN.max(waiting.callers.len() * 2);
        }
        waiting.callers.insert(run, sender);
        receiver
    }

    fn forget(&self, run: RunId) {
        self.waiting.lock().callers.remove(&run);
    }

    async fn reply(&self, to: &ReplyAddress, run: RunId, answer: Bytes) -> Result<(), Error> {
        // Another address is a process that is gone: nobody waits there.
        if *to != self.address {
            return Ok(());
        }
        let caller = self.waiting.lock().callers.remove(&run);
        if let Some(caller) = caller {
            // A caller that hung up has dropped its end.
            drop(caller.send(answer));
        }
        Ok(())
    }

    async fn announce(&self, topic: &str) -> Result<(), Error> {
        // An error says only that nobody listens.
        drop(self.announcements.send(topic.to_owned()));
        Ok(())
    }

    fn announcements(&self) -> broadcast::Receiver<String> {
        self.announcements.subscribe()
    }
}
