//! What of this process's memory may leave it: nothing, unless an operator allows it.
//!
//! Keys and opened values are in memory while they are used. A core dump would write them to a
//! disk, and a debugger of the same user could read them. Swapping is the machine's affair; see
//! `docs/ops/vault.md`.

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps the memory of this process in it: the kernel writes no core dump, whatever
/// `core_pattern` says, and only root attaches a debugger or reads `/proc/<pid>/mem`. Processes
/// that it starts inherit that they write no core file.
///
/// With `allow_memory_dumps` everything stays as the process was started.
///
/// # Errors
/// When the kernel refuses; then nothing secret should be loaded.
pub fn keep_in(allow_memory_dumps: bool) -> anyhow::Result<()> {
    if allow_memory_dumps {
        tracing::warn!(
            "server.allow_memory_dumps is set: a core dump or a debugger can read keys and secrets"
        );
        return Ok(());
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot forbid core dumps (RLIMIT_CORE)")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot forbid reading this process's memory (PR_SET_DUMPABLE)")
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn memory_stays_in_unless_it_may_leave() {
        keep_in(true).expect("nothing is asked for");
        assert_eq!(dumpable_behavior().expect("it is known"), DumpableBehavior::Dumpable);
        keep_in(false).expect("the kernel does not refuse");
        assert_eq!(dumpable_behavior().expect("it is known"), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
