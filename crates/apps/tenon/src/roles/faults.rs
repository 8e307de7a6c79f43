//! Takes one guard out of the product, or kills the process at a point of its code, so that
//! `tenon chaos` and the kill test can be seen to fail, and crashes come where they hurt.
//!
//! Only in debug builds, and only where `TENON_REMOVE_GUARD` names a guard or `TENON_KILL_AT` a
//! point; a release build does not hold this code. Nothing here repairs or checks anything.

#[cfg(debug_assertions)]
mod queue;
#[cfg(debug_assertions)]
mod store;

use std::sync::Arc;

use tenon_domain::Clock;
use tenon_exec::ports::call_pools::CallPools;
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::store::JobStore;

#[cfg(debug_assertions)]
pub use debug::{Guard, KillPoint};

/// The store as all roles of a process see it.
///
/// # Errors
/// When `TENON_REMOVE_GUARD` names no guard or `TENON_KILL_AT` no point.
#[cfg(debug_assertions)]
pub fn guarded(store: tenon_pg_execution::Store, url: &str) -> anyhow::Result<Arc<dyn JobStore>> {
    let (removed, kill) = (Guard::removed()?, KillPoint::of_environment()?);
    if removed.is_none() && kill.is_none() {
        return Ok(Arc::new(store));
    }
    tracing::warn!(?removed, ?kill, "this process loses or repeats work, or ends by itself");
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    let options = options.options([("tenon.scope", "system")]);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
    Ok(Arc::new(store::Unguarded { store: Arc::new(store), removed, kill, pool }))
}

/// The store as all roles of a process see it.
///
/// # Errors
/// Never in a release build.
#[cfg(not(debug_assertions))]
pub fn guarded(store: tenon_pg_execution::Store, _url: &str) -> anyhow::Result<Arc<dyn JobStore>> {
    Ok(Arc::new(store))
}

/// The queue as all roles of a process see it.
///
/// # Errors
/// When `TENON_REMOVE_GUARD` names no guard.
#[cfg(debug_assertions)]
pub fn guarded_queue(queue: Arc<dyn JobQueue>) -> anyhow::Result<Arc<dyn JobQueue>> {
    Ok(match Guard::removed()? {
        Some(removed @ (Guard::Lease | Guard::Generation)) => {
            Arc::new(queue::Unguarded::new(queue, removed))
        }
        _ => queue,
    })
}

/// The queue as all roles of a process see it.
///
/// # Errors
/// Never in a release build.
#[cfg(not(debug_assertions))]
pub fn guarded_queue(queue: Arc<dyn JobQueue>) -> anyhow::Result<Arc<dyn JobQueue>> {
    Ok(queue)
}

/// The clock that all roles of a process go by.
///
/// # Errors
/// When `TENON_REMOVE_GUARD` names no guard.
#[cfg(debug_assertions)]
pub fn guarded_clock(clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Clock>> {
    Ok(match Guard::removed()? {
        Some(Guard::SharedClock) => Arc::new(tenon_domain::SystemClock),
        _ => clock,
    })
}

/// The clock that all roles of a process go by.
///
/// # Errors
/// Never in a release build.
#[cfg(not(debug_assertions))]
pub fn guarded_clock(clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Clock>> {
    Ok(clock)
}

/// The count of calls to providers, as all roles of a process see it.
///
/// # Errors
/// When `TENON_REMOVE_GUARD` names no guard.
#[cfg(debug_assertions)]
pub fn guarded_pools(pools: Arc<dyn CallPools>) -> anyhow::Result<Arc<dyn CallPools>> {
    Ok(match Guard::removed()? {
        Some(Guard::CallPools) => Arc::new(tenon_local::LocalCallPools::new()),
        _ => pools,
    })
}

/// The count of calls to providers, as all roles of a process see it.
///
/// # Errors
/// Never in a release build.
#[cfg(not(debug_assertions))]
pub fn guarded_pools(pools: Arc<dyn CallPools>) -> anyhow::Result<Arc<dyn CallPools>> {
    Ok(pools)
}

#[cfg(debug_assertions)]
mod debug {
    use std::str::FromStr;
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::Context;

    /// What may be removed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Guard {
        /// A run that is taken up reads what it did already.
        ReadProgress,
        /// Work is committed before it is called accepted.
        CommitBeforeAccept,
        /// Open jobs that their queue does not know are pushed again.
        Sweep,
        /// Results of steps are committed.
        Record,
        /// A request with a key that was seen is the same run.
        OnceKey,
        /// A worker whose lease another one holds gives up.
        Lease,
        /// A queue that forgot gets another generation.
        Generation,
        /// The queue is told after the results are committed.
        AckAfterCommit,
        /// A run that ended stays as it is.
        TerminalState,
        /// All processes go by one clock.
        SharedClock,
        /// Calls of a project to a connector are counted over all workers.
        CallPools,
    }

    impl Guard {
        /// The one that is removed from this process.
        ///
        /// # Errors
        /// When the environment names none that there is.
        pub fn removed() -> anyhow::Result<Option<Self>> {
            std::env::var("TENON_REMOVE_GUARD").ok().map(|name| name.parse()).transpose()
        }
    }

    impl FromStr for Guard {
        type Err = anyhow::Error;

        fn from_str(name: &str) -> Result<Self, Self::Err> {
            Ok(match name {
                "read-progress" => Self::ReadProgress,
                "commit-before-accept" => Self::CommitBeforeAccept,
                "sweep" => Self::Sweep,
                "record" => Self::Record,
                "once-key" => Self::OnceKey,
                "lease" => Self::Lease,
                "shared-clock" => Self::SharedClock,
                "generation" => Self::Generation,
                "ack-after-commit" => Self::AckAfterCommit,
                "terminal-state" => Self::TerminalState,
                "call-pools" => Self::CallPools,
                _ => anyhow::bail!("TENON_REMOVE_GUARD: there is no guard `{name}`"),
            })
        }
    }

    /// Where the process kills itself, and at which time of coming there.
    #[derive(Debug)]
    pub struct KillPoint {
        point: String,
        left: AtomicU32,
    }

    impl KillPoint {
        /// `TENON_KILL_AT=point:n`.
        ///
        /// # Errors
        /// When it has another form.
        pub fn of_environment() -> anyhow::Result<Option<Self>> {
            let Ok(text) = std::env::var("TENON_KILL_AT") else { return Ok(None) };
            let (point, times) = text.rsplit_once(':').context("TENON_KILL_AT is not point:n")?;
            let left = times.parse().context("TENON_KILL_AT is not point:n")?;
            Ok(Some(Self { point: point.to_owned(), left: AtomicU32::new(left) }))
        }

        /// Ends the process, as a crash does, if this is the place and the time.
        pub fn pass(&self, point: &str) {
            if self.point == point && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                let me = rustix::process::getpid();
                let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            }
        }
    }
}
