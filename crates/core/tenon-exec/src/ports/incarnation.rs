//! Which servers the queue service consists of, as far as a loss can be told from it.

use async_trait::async_trait;

/// It could not be found out now.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct IncarnationError {
    /// What was asked.
    pub action: &'static str,
    /// Why not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// How the servers that answer now compare with those that were noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// They are the same, and have not been restarted.
    Same,
    /// Some are others, or were restarted: what was written last may be gone.
    Other,
    /// There is no note: the service is new, or has lost everything.
    Nothing,
}

/// Tells servers that were restarted or replaced from those before.
///
/// The note is kept by the service itself: one that lost everything has lost the note, too, and
/// one that another server took over from carries the note of the other.
#[async_trait]
pub trait Incarnation: Send + Sync + 'static {
    /// Compares the servers that answer now with those that were noted.
    ///
    /// # Errors
    /// When the service cannot be reached.
    async fn look(&self) -> Result<Seen, IncarnationError>;

    /// Notes the servers that answer now. Repeating is harmless.
    ///
    /// # Errors
    /// When the service cannot be reached.
    async fn note(&self) -> Result<(), IncarnationError>;
}
