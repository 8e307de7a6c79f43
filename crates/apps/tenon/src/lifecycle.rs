//! How a process ends: asked to, it drains; asked again, or too late, it stops at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Two tokens: the soft one asks for a drain, the hard one ends it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGINT and SIGTERM. The first fires the soft token; a second one, or `grace`
    /// after the first, fires the hard one. Call inside a Tokio runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals(grace: Duration) -> std::io::Result<Self> {
        let interrupts = signal(SignalKind::interrupt())?;
        let terminations = signal(SignalKind::terminate())?;
        let shutdown = Self { soft: CancellationToken::new(), hard: CancellationToken::new() };
        tokio::spawn(shutdown.clone().watch(interrupts, terminations, grace));
        Ok(shutdown)
    }

    /// Fires when the process is to drain.
    #[must_use]
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Fires when the drain is to be cut short.
    #[must_use]
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    async fn watch(self, mut interrupts: Signal, mut terminations: Signal, grace: Duration) {
        next(&mut interrupts, &mut terminations).await;
        self.soft.cancel();
        tokio::select! {
            () = next(&mut interrupts, &mut terminations) => {}
            () = tokio::time::sleep(grace) => {}
        }
        self.hard.cancel();
    }
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
