//! Locks the process in, for good, before any foreign code runs.
//!
//! Layers, from the outside in: own namespaces (no network devices), an unprivileged user, no
//! new privileges, Landlock (no files, no connections), resource limits, and a system call
//! filter. The filter is what everything hangs on: without it the process refuses to work. The
//! others are taken where the system grants them, and the parent is told which those were.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Gid, Resource, Rlimit, Signal, Uid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use super::syscalls;
use crate::wire::Setup;

/// The user and group that owns nothing.
const NOBODY: u32 = 65_534;
/// Address space besides the JavaScript heap, the frames and what is mapped at the start: the
/// allocator's reserve, thread stacks of nobody, the libraries' bytecode.
const ADDRESS_SPACE_SPARE: u64 = 192 << 20;
/// What the main thread's stack may grow to.
const STACK_BYTES: u64 = 8 << 20;

/// Why the process cannot be locked in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the runner has more than one thread, so it cannot be locked in")]
    Threads,
    #[error("failed to {step}: {errno}")]
    Call { step: &'static str, errno: Errno },
    #[error("failed to install the system call filter: {0}")]
    Filter(String),
}

fn failed(step: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Call { step, errno }
}

/// Locks the process in and says with what, for example `seccomp landlock namespaces user`.
pub fn lock_in(setup: &Setup) -> Result<String, Error> {
    if thread_count() > 1 {
        return Err(Error::Threads);
    }
    let parent = rustix::process::getppid();
    rustix::process::chdir("/").map_err(failed("leave the working directory"))?;
    let mapped = mapped_bytes();
    let mut layers = vec!["seccomp"];
    if unshare_namespaces() {
        layers.push("namespaces");
    }
    if rustix::process::geteuid().is_root() {
        become_nobody()?;
        layers.push("user");
    }
    // An own user namespace brings every capability within it.
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).map_err(failed("give up capabilities"))?;
    // After the change of user, which would clear both.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(failed("tie the runner to its parent"))?;
    if rustix::process::getppid() != parent {
        return Err(failed("start before the parent ended")(Errno::SRCH));
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("hide the runner's memory"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("give up new privileges"))?;
    if deny_files() {
        layers.push("landlock");
    }
    limit_resources(setup, mapped)?;
    syscalls::install().map_err(Error::Filter)?;
    Ok(layers.join(" "))
}

fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Closes whatever the parent did not mean to hand down: all but the three standard streams.
/// Comes first, while nothing in this process has opened anything.
pub fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        #[expect(unsafe_code, reason = "inherited descriptors have no owner in this process")]
        // SAFETY: nothing in this process owns a descriptor yet; a number that is no longer
        // open, as that of the listing itself, is refused by the system.
        unsafe {
            libc::close(fd);
        }
    }
}

/// Own namespaces for what seccomp denies anyway; refused in many containers.
fn unshare_namespaces() -> bool {
    let shared = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    let unshare = |flags| {
        #[expect(unsafe_code, reason = "the binding marks the call unsafe for descriptor tables")]
        // SAFETY: the flags leave the descriptor table alone, and there is one thread.
        unsafe {
            rustix::thread::unshare_unsafe(flags)
        }
    };
    unshare(shared).or_else(|_| unshare(shared | UnshareFlags::NEWUSER)).is_ok()
}

fn become_nobody() -> Result<(), Error> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let no_groups = rustix::thread::set_thread_groups(&[]);
    no_groups.map_err(failed("give up the groups"))?;
    rustix::thread::set_thread_res_gid(group, group, group).map_err(failed("change the group"))?;
    rustix::thread::set_thread_res_uid(user, user, user).map_err(failed("change the user"))
}

/// Denies every file, every connection and signals to others, as far as this kernel can.
fn deny_files() -> bool {
    let deny = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    deny().is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

fn limit_resources(setup: &Setup, mapped: u64) -> Result<(), Error> {
    let frames = u64::from(setup.request_bytes_max) * 2 + u64::from(setup.output_bytes_max) * 3;
    // A result is written in full before its size is known to be too large, at worst as one text
    // that fills the heap and doubles in the buffer.
    let heap = u64::from(setup.memory_bytes_max) * 4;
    let address_space = mapped + heap + frames + ADDRESS_SPACE_SPARE;
    let stack = getrlimit(Resource::Stack);
    let stack_max = stack.maximum.unwrap_or(STACK_BYTES).min(STACK_BYTES);
    let limits = [
        (Resource::Stack, stack_max, "limit the stack"),
        (Resource::As, address_space, "limit the address space"),
        (Resource::Core, 0, "forbid core dumps"),
        (Resource::Fsize, 0, "forbid writing files"),
        (Resource::Nofile, 0, "forbid opening files"),
        (Resource::Nproc, 0, "forbid processes"),
        (Resource::Memlock, 0, "forbid locking memory"),
        (Resource::Msgqueue, 0, "forbid message queues"),
    ];
    for (resource, value, step) in limits {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(failed(step))?;
    }
    Ok(())
}

/// Address space in use now: the executable, its libraries and what was reserved for them.
fn mapped_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    // Where /proc is hidden, more than any executable maps.
    pages.map_or(4 << 30, |pages| pages * rustix::param::page_size() as u64)
}
