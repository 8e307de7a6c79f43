//! One thread that starts processes and collects dead ones.
//!
//! A child asks the kernel to kill it when the *thread* that started it ends, so that thread must
//! live as long as the pool: no thread of an async runtime promises that. Waiting for the dead
//! would block a runtime's thread besides.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::settings::RunnerCommand;

/// How often a process that is about to end is looked at.
const POLL: Duration = Duration::from_millis(2);
/// How long a process whose connection ended may take to end by itself.
const OWN_DEATH_MAX: Duration = Duration::from_millis(200);

/// A process and the parent's end of its socket.
pub struct Started {
    pub child: Child,
    pub socket: UnixStream,
}

enum Order {
    Start(oneshot::Sender<io::Result<Started>>),
    Collect(Dying),
}

struct Dying {
    child: Child,
    since: Instant,
    report: Option<oneshot::Sender<Option<ExitStatus>>>,
    is_killed: bool,
}

/// Hands orders to the thread, which ends with the last handle.
#[derive(Clone)]
pub struct Warden {
    orders: Sender<Order>,
}

impl Warden {
    /// Starts the thread.
    pub fn new(command: RunnerCommand) -> Self {
        let (orders, inbox) = channel();
        let work = move || serve(&command, &inbox);
        let name = "function-warden".to_owned();
        if let Err(error) = thread::Builder::new().name(name).spawn(work) {
            // Every start will be refused, which callers see as unavailable.
            tracing::error!(%error, "failed to start the thread that starts function runners");
        }
        Self { orders }
    }

    /// Starts a process.
    pub async fn start(&self) -> io::Result<Started> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts function runners is gone");
        self.orders.send(Order::Start(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Kills a process and collects it some time soon.
    pub fn kill(&self, mut child: Child) {
        // The process may be dead already, which is as good.
        let _ = child.kill();
        self.collect(child, None, true);
    }

    /// How a process ended whose connection is gone; `None` if it had to be killed.
    pub async fn death(&self, child: Child) -> Option<ExitStatus> {
        let (report, answer) = oneshot::channel();
        self.collect(child, Some(report), false);
        answer.await.ok().flatten()
    }

    fn collect(
        &self,
        child: Child,
        report: Option<oneshot::Sender<Option<ExitStatus>>>,
        is_killed: bool,
    ) {
        let dying = Dying { child, since: Instant::now(), report, is_killed };
        if let Err(order) = self.orders.send(Order::Collect(dying))
            && let Order::Collect(mut dying) = order.0
        {
            // No thread: the process is killed all the same and the kernel keeps its remains.
            let _ = dying.child.kill();
        }
    }
}

fn serve(command: &RunnerCommand, inbox: &Receiver<Order>) {
    let mut dying: Vec<Dying> = Vec::new();
    loop {
        let order = if dying.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(POLL)
        };
        match order {
            Ok(Order::Start(reply)) => {
                if let Err(Ok(mut unwanted)) = reply.send(start(command)) {
                    let _ = unwanted.child.kill();
                    dying.push(Dying {
                        child: unwanted.child,
                        since: Instant::now(),
                        report: None,
                        is_killed: true,
                    });
                }
            }
            Ok(Order::Collect(next)) => dying.push(next),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        dying.retain_mut(|dying| !dying.is_collected());
    }
    for mut dying in dying {
        let _ = dying.child.kill();
        let _ = dying.child.wait();
    }
}

impl Dying {
    fn is_collected(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(None) => {
                if !self.is_killed && self.since.elapsed() > OWN_DEATH_MAX {
                    let _ = self.child.kill();
                    self.is_killed = true;
                }
                return false;
            }
            Ok(Some(status)) => self.tell((!self.is_killed).then_some(status)),
            Err(_) => self.tell(None),
        }
        true
    }

    fn tell(&mut self, status: Option<ExitStatus>) {
        if let Some(report) = self.report.take() {
            // Whoever asked may have gone.
            let _ = report.send(status);
        }
    }
}

fn start(command: &RunnerCommand) -> io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let child = Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Started { child, socket: ours })
}
