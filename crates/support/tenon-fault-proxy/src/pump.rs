//! One direction of one connection.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::link::Faults;
use crate::{Direction, Toxic};

/// The most that is read at once.
const CHUNK: usize = 16 * 1024;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In order: the end of the stream was passed on.
    Closed,
    /// Without a word.
    Reset,
}

/// What becomes of a chunk.
enum Fate {
    Pass { pieces: usize, pause: Duration, times: u32 },
    Reset,
}

pub(crate) struct Pump {
    direction: Direction,
    faults: watch::Receiver<Arc<Faults>>,
    rng: StdRng,
    passed: u64,
}

impl Pump {
    pub(crate) fn new(
        direction: Direction,
        faults: watch::Receiver<Arc<Faults>>,
        rng: StdRng,
    ) -> Self {
        Self { direction, faults, rng, passed: 0 }
    }

    /// Passes bytes until the stream ends or a fault ends it.
    pub(crate) async fn run<R, W>(&mut self, reader: &mut R, writer: &mut W) -> Ending
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match reader.read(&mut chunk).await {
                Ok(0) => return self.close(writer).await,
                Ok(count) => count,
                Err(_) => return Ending::Reset,
            };
            match self.fate(count).await {
                Fate::Reset => return Ending::Reset,
                Fate::Pass { pieces, pause, times } => {
                    for _ in 0..times {
                        if write(writer, &chunk[..count], pieces, pause).await.is_err() {
                            return Ending::Reset;
                        }
                    }
                }
            }
            self.passed += count as u64;
        }
    }

    async fn close<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> Ending {
        for toxic in self.toxics() {
            match toxic {
                Toxic::SlowClose(delay) => tokio::time::sleep(delay).await,
                Toxic::BlackHole => self.until_changed().await,
                _ => {}
            }
        }
        match writer.shutdown().await {
            Ok(()) => Ending::Closed,
            Err(_) => Ending::Reset,
        }
    }

    /// Suffers the faults of the moment, in their order.
    async fn fate(&mut self, count: usize) -> Fate {
        let (mut pieces, mut pause, mut times) = (usize::MAX, Duration::ZERO, 1);
        // A black hole that is taken away leaves the faults that hold by then.
        'again: loop {
            for toxic in self.toxics() {
                match toxic {
                    Toxic::Latency { base, jitter } => {
                        let more = jitter.mul_f64(self.rng.random_range(0.0..=1.0));
                        tokio::time::sleep(base + more).await;
                    }
                    Toxic::Bandwidth { bytes_per_second } => {
                        let seconds = count as f64 / bytes_per_second.max(1) as f64;
                        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                    }
                    Toxic::Slice { bytes, pause: between } => {
                        (pieces, pause) = (bytes.max(1), between);
                    }
                    Toxic::BlackHole => {
                        self.until_changed().await;
                        continue 'again;
                    }
                    Toxic::Timeout(limit) => {
                        if tokio::time::timeout(limit, self.until_changed()).await.is_err() {
                            return Fate::Reset;
                        }
                        continue 'again;
                    }
                    Toxic::Reset { per_mille } | Toxic::Lose { per_mille } => {
                        if self.hits(per_mille) {
                            return Fate::Reset;
                        }
                    }
                    Toxic::LimitData { bytes } => {
                        if self.passed + count as u64 > bytes {
                            return Fate::Reset;
                        }
                    }
                    Toxic::Duplicate { per_mille } => {
                        if self.hits(per_mille) {
                            times = 2;
                        }
                    }
                    Toxic::SlowClose(_) => {}
                }
            }
            return Fate::Pass { pieces, pause, times };
        }
    }

    fn toxics(&mut self) -> Vec<Toxic> {
        self.faults.borrow_and_update().of(self.direction).to_vec()
    }

    fn hits(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1_000) < per_mille
    }

    async fn until_changed(&mut self) {
        if self.faults.changed().await.is_err() {
            // The proxy is gone, and its connections with it.
            std::future::pending::<()>().await;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    chunk: &[u8],
    pieces: usize,
    pause: Duration,
) -> std::io::Result<()> {
    for (place, piece) in chunk.chunks(pieces.min(CHUNK)).enumerate() {
        if place > 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        writer.write_all(piece).await?;
        writer.flush().await?;
    }
    Ok(())
}
