//! Threads for connections, with a runtime each.
//!
//! A call that is passed on to a provider and back touches two sockets and waits twice. On a runtime
//! that is shared between threads, each of these waits may end on another thread than it began on,
//! and wake a third one. Here a connection stays on one thread, and what its handlers open stays
//! there too, so that nobody else has to be woken.
//!
//! Handlers that compute for long make the other connections of their thread wait. Those that do so
//! hand the work to `spawn_blocking`, as they would have to anyway.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Some threads. Whatever runs on them ends when this is dropped.
pub struct ConnectionThreads {
    threads: Vec<Thread>,
    stop: CancellationToken,
}

struct Thread {
    runtime: Handle,
    /// Connections that are on it now.
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// One connection's place on a thread.
pub(super) struct Seat {
    pub(super) runtime: Handle,
    connections: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionThreads {
    /// Starts as many threads.
    ///
    /// # Errors
    /// When the system gives no more threads or file descriptors.
    pub fn start(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut threads = Self { threads: Vec::with_capacity(count), stop };
        for number in 0..count {
            let thread = Thread::start(number, threads.stop.clone())?;
            threads.threads.push(thread);
        }
        Ok(threads)
    }

    /// A place on the thread with the fewest connections; none without threads.
    pub(super) fn seat(&self) -> Option<Seat> {
        let thread =
            self.threads.iter().min_by_key(|thread| thread.connections.load(Ordering::Relaxed))?;
        thread.connections.fetch_add(1, Ordering::Relaxed);
        Some(Seat { runtime: thread.runtime.clone(), connections: thread.connections.clone() })
    }
}

impl Drop for ConnectionThreads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in &mut self.threads {
            if let Some(thread) = thread.thread.take() {
                // It has nothing left to say, and a panic of a task ends that task alone.
                let _ = thread.join();
            }
        }
    }
}

impl Thread {
    fn start(number: usize, stop: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread =
            std::thread::Builder::new().name(format!("connections-{number}")).spawn(move || {
                runtime.block_on(stop.cancelled_owned());
                runtime.shutdown_background();
            })?;
        Ok(Self { runtime: handle, connections: Arc::default(), thread: Some(thread) })
    }
}
