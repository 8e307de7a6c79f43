//! Small messages between processes: the answer of a Response step to the gateway that holds
//! the caller, and the news that configuration changed. Best effort: nothing durable is here.

use async_trait::async_trait;
use bytes::Bytes;
use tenon_domain::RunId;
use tokio::sync::{broadcast, oneshot};

/// An announcement that the adapter itself makes in its process after it could not listen for a
/// while: any announcement may have been missed, as for a lagging receiver.
pub const MISSED_TOPIC: &str = "missed";

/// The gateway process that holds a waiting caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyAddress(pub String);

/// A message could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("the coordination service cannot be reached")]
pub struct Error(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Messages between processes.
#[async_trait]
pub trait Coordination: Send + Sync + 'static {
    /// The address of this process.
    fn address(&self) -> ReplyAddress;

    /// Waits for the answer of a run. Register before the run can start. Dropping the receiver
    /// forgets it (the entry is removed at the next [`Coordination::reply`] or by
    /// [`Coordination::forget`]).
    fn expect_reply(&self, run: RunId) -> oneshot::Receiver<Bytes>;

    /// Stops waiting.
    fn forget(&self, run: RunId);

    /// Sends the answer to the process that waits for it. An answer nobody waits for is dropped.
    async fn reply(&self, to: &ReplyAddress, run: RunId, answer: Bytes) -> Result<(), Error>;

    /// Tells every process, this one too, about a change; `topic` such as `plan:<project>`,
    /// `cancel:<run>`. At most 512 bytes.
    async fn announce(&self, topic: &str) -> Result<(), Error>;

    /// The announcements from now on. A lagging receiver must assume it missed any.
    fn announcements(&self) -> broadcast::Receiver<String>;
}
