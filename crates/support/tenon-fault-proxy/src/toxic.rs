//! What may be done to a link.

use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// One fault of a link, for one direction. Shares are in per mille of the chunks that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toxic {
    /// Each chunk comes later, by `base` and up to `jitter` more.
    Latency {
        /// At least so much.
        base: Duration,
        /// At most so much more.
        jitter: Duration,
    },
    /// No more than so many bytes a second, at least 1.
    Bandwidth {
        /// Bytes a second.
        bytes_per_second: u64,
    },
    /// Chunks of at most `bytes`, with a pause between them.
    Slice {
        /// The size of a piece, at least 1.
        bytes: usize,
        /// Between two pieces.
        pause: Duration,
    },
    /// The end of the stream is passed on late.
    SlowClose(Duration),
    /// Nothing passes, and nobody is told; what waits passes when the fault is over, as what TCP
    /// sends again does. In one direction only, this is a one-way partition.
    BlackHole,
    /// As [`Toxic::BlackHole`], but the connection is closed after so long.
    Timeout(Duration),
    /// The connection is reset instead of passing a chunk.
    Reset {
        /// How often, in per mille.
        per_mille: u32,
    },
    /// The connection is closed after so many bytes of it.
    LimitData {
        /// Bytes.
        bytes: u64,
    },
    /// A chunk is passed on twice.
    Duplicate {
        /// How often, in per mille.
        per_mille: u32,
    },
    /// A chunk is lost and its connection reset. Towards the client: the request was served, and
    /// its answer never comes.
    Lose {
        /// How often, in per mille.
        per_mille: u32,
    },
}
