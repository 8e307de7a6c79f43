//! Places in the pool as values: whoever drops one gives it back.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tenon_exec::ports::script::FunctionError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::ledger::{Admission, Ledger, Next, Owner};
use super::process::{Process, StartError};
use super::unavailable;
use super::warden::Warden;
use crate::settings::Settings;

/// What a waiting call is sent.
enum Grant {
    Process(Lease),
    Start(Place),
}

type Ticket = oneshot::Sender<Grant>;

/// What the pool, its leases and its background starts share.
pub struct Shared {
    pub settings: Settings,
    warden: Warden,
    ledger: Mutex<Ledger<Process, Ticket>>,
    /// Processes at work, for whoever asks which there are.
    busy: Mutex<Vec<u32>>,
}

/// The right to have one process.
struct Place {
    shared: Arc<Shared>,
    owner: Owner,
    is_held: bool,
}

/// A process at work for one call. Dropped without [`Lease::give_back`], the process is killed:
/// nobody knows what it is doing.
pub struct Lease {
    // Dropped in this order: the process before its place.
    process: Option<Process>,
    place: Place,
}

impl Shared {
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            warden: Warden::new(settings.runner.clone()),
            ledger: Mutex::new(Ledger::new(&settings)),
            busy: Mutex::new(Vec::new()),
            settings,
        })
    }

    pub fn process_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.ledger.lock().idle().map(Process::id).collect();
        ids.extend(self.busy.lock().iter());
        ids
    }

    /// How many processes are at work, and how many are not.
    pub fn usage(&self) -> (usize, usize) {
        let idle = self.ledger.lock().idle().count();
        (self.busy.lock().len(), idle)
    }

    /// A process for this owner, started if need be.
    pub async fn acquire(self: &Arc<Self>, owner: Owner) -> Result<Lease, FunctionError> {
        loop {
            let mut granted = None;
            // Standing in line belongs to the same look at the books, or a process that comes
            // back between the two would be missed.
            let admission = {
                let mut books = self.ledger.lock();
                let admission = books.admit(owner);
                if matches!(admission, Admission::Wait) {
                    let (ticket, answer) = oneshot::channel();
                    books.wait(owner, Instant::now(), ticket);
                    granted = Some(answer);
                }
                admission
            };
            match admission {
                Admission::Process(process) => {
                    let lease = Lease::new(process, self.place(owner));
                    if lease.process.as_ref().is_some_and(Process::is_idle) {
                        self.keep_a_spare();
                        return Ok(lease);
                    }
                    // It died while it was idle; its place is free for the next round.
                }
                Admission::Start(replaced) => {
                    let place = self.place(owner);
                    drop(replaced);
                    return self.start(place).await;
                }
                Admission::Wait => {
                    let granted = granted.expect("whoever waits has stood in line");
                    return self.wait(owner, granted).await;
                }
                Admission::Full => {
                    let waiters = self.settings.waiters_max;
                    return Err(unavailable(format!("{waiters} function calls are waiting")));
                }
            }
        }
    }

    /// Starts a process that belongs to nobody yet.
    pub async fn start_spare(self: &Arc<Self>) -> Result<(), FunctionError> {
        if self.ledger.lock().take_spare_place() {
            self.start(self.place(Owner::Nobody)).await?.give_back();
        }
        Ok(())
    }

    fn keep_a_spare(self: &Arc<Self>) {
        if !self.ledger.lock().take_spare_place() {
            return;
        }
        let place = self.place(Owner::Nobody);
        tokio::spawn(async move {
            let shared = Arc::clone(&place.shared);
            match shared.start(place).await {
                Ok(lease) => lease.give_back(),
                Err(error) => tracing::warn!("failed to start a spare function runner: {error}"),
            }
        });
    }

    fn place(self: &Arc<Self>, owner: Owner) -> Place {
        Place { shared: Arc::clone(self), owner, is_held: true }
    }

    async fn start(self: &Arc<Self>, place: Place) -> Result<Lease, FunctionError> {
        let process = Process::start(&self.warden, &self.settings).await.map_err(refusal)?;
        if place.owner != Owner::Nobody {
            self.keep_a_spare();
        }
        Ok(Lease::new(process, place))
    }

    async fn wait(
        self: &Arc<Self>,
        owner: Owner,
        mut granted: oneshot::Receiver<Grant>,
    ) -> Result<Lease, FunctionError> {
        let line = Line { shared: self, owner };
        let grant = timeout(self.settings.wait_max, &mut granted).await;
        // Closed before the line is left, so that no grant comes after the last look.
        granted.close();
        let grant = grant.ok().and_then(Result::ok).or_else(|| granted.try_recv().ok());
        drop(granted);
        drop(line);
        match grant {
            Some(Grant::Process(lease)) => Ok(lease),
            Some(Grant::Start(place)) => self.start(place).await,
            None => {
                let waited = self.settings.wait_max.as_millis();
                Err(unavailable(format!("no function runner was free within {waited} ms")))
            }
        }
    }

    /// Hands an empty place to the next in line.
    fn free(self: &Arc<Self>, owner: Owner) {
        let next = self.ledger.lock().free(owner);
        if let Some((ticket, owner)) = next {
            // If the call has left meanwhile, the place comes back and is freed again.
            let _ = ticket.send(Grant::Start(self.place(owner)));
        }
    }

    fn put_back(self: &Arc<Self>, owner: Owner, process: Process) {
        let next = self.ledger.lock().put_back(owner, process, Instant::now());
        match next {
            Next::Idle => {}
            Next::Hand(process, ticket, owner) => {
                let lease = Lease::new(process, self.place(owner));
                if let Err(Grant::Process(lease)) = ticket.send(Grant::Process(lease)) {
                    lease.give_back();
                }
            }
            Next::Replace(process, ticket, owner) => {
                drop(process);
                let _ = ticket.send(Grant::Start(self.place(owner)));
            }
        }
    }
}

/// A call in line; leaves it when dropped, granted or not.
struct Line<'a> {
    shared: &'a Shared,
    owner: Owner,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.shared.ledger.lock().give_up(self.owner, Ticket::is_closed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_held {
            self.shared.free(self.owner);
        }
    }
}

impl Lease {
    fn new(process: Process, place: Place) -> Self {
        place.shared.busy.lock().push(process.id());
        Self { process: Some(process), place }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a lease has its process until it ends")
    }

    /// The process answered well and is ready for the next call.
    pub fn give_back(mut self) {
        let Some(process) = self.take() else { return };
        if process.is_worn(&self.place.shared.settings) {
            return;
        }
        self.place.is_held = false;
        self.place.shared.put_back(self.place.owner, process);
    }

    /// The process is of no more use. Says how it ended by itself if `may_die` allows it that.
    pub async fn end(mut self, may_die: bool) -> Option<ExitStatus> {
        let process = self.take()?;
        if may_die { process.death().await } else { None }
    }

    fn take(&mut self) -> Option<Process> {
        let process = self.process.take()?;
        let mut busy = self.place.shared.busy.lock();
        if let Some(at) = busy.iter().position(|id| *id == process.id()) {
            busy.swap_remove(at);
        }
        Some(process)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.take());
    }
}

fn refusal(error: StartError) -> FunctionError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    unavailable(format!("{error}{}", cause.unwrap_or_default()))
}
