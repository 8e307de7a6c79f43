//! Starts programs so that none outlives this process, in whatever way it ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use rustix::process::{Signal, set_parent_process_death_signal};

struct Order {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// Starts a program in a process group of its own. It is killed when this process ends (Linux).
///
/// # Errors
/// When it cannot be started.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    // The kernel sends the signal when the thread ends that started the child, so one thread that
    // stays starts them all.
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = channel::<Order>();
        std::thread::spawn(move || {
            for Order { mut command, answer } in receiver {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    command.process_group(0);
    die_with_parent(&mut command);
    let (answer, answered) = channel();
    let gone = || io::Error::other("the thread that starts programs is gone");
    orders.send(Order { command, answer }).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code between fork and exec can set the parent-death signal")]
fn die_with_parent(command: &mut Command) {
    let set = || set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
    // SAFETY: the closure makes one system call, allocates nothing and takes no lock, so it is
    // safe in the child of a process with many threads.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
