//! The kill test: the product is broken again and again under load, and nothing that it promised
//! may be lost, doubled or done twice. A pure checker judges the record
//! (`tenon_testkit::history_checker`); builds with one guard removed show that it can fail.
//!
//! `TENON_KILL_SECONDS` sets how long faults go on, `TENON_KILL_SEED` which come when,
//! `TENON_KILL_PROGRAM` another build of the product.
//! It does not test loss of power: PostgreSQL runs with `fsync` off here.

mod effects;
mod installation;
mod load;
mod observer;
mod process;

use std::time::{Duration, Instant};

use installation::{Fault, Installation, RUNS_IN_FLIGHT_MAX};
use load::Load;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tenon_testkit::history_checker::{Limits, Report, Violation, check};

/// Iterations of the fan-out at once.
const PARALLELISM: usize = 3;
/// How long runs may take to end after the last fault: longer than a lease, a sweep and a delay.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where a guard is removed, so that not all runs can end: three times what is usual.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);
/// The same where the violation does not lie in runs that do not end.
const NO_PATIENCE: Duration = Duration::from_secs(1);

/// What is done to an installation.
struct Scenario {
    has_redis: bool,
    /// In turn.
    faults: &'static [Fault],
    /// How long faults go on when the environment does not say.
    seconds: u64,
    /// The guard that is removed.
    without: Option<&'static str>,
    /// How long runs may take to end.
    patience: Duration,
}

impl Scenario {
    const fn sound(has_redis: bool, faults: &'static [Fault], seconds: u64) -> Self {
        Self { has_redis, faults, seconds, without: None, patience: PATIENCE }
    }

    /// Each fault once, and two at least; one is enough to miss a guard.
    fn faults_min(&self) -> usize {
        if self.without.is_some() { 1 } else { self.faults.len().max(2) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_whole_process_is_killed() -> anyhow::Result<()> {
    holds(Scenario::sound(false, &[Fault::KillAll], 8)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_workers_die_and_redis_forgets() -> anyhow::Result<()> {
    let faults = &[Fault::KillWorker, Fault::KillAll, Fault::FlushRedis, Fault::KillRedis];
    holds(Scenario::sound(true, faults, 10)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_postgresql_crashes() -> anyhow::Result<()> {
    holds(Scenario::sound(false, &[Fault::CrashPostgres], 3)).await
}

#[cfg(debug_assertions)]
mod without_a_guard {
    //! The checker is worth what it catches.

    use super::*;

    async fn fails(
        guard: &'static str,
        patience: Duration,
        is_expected: impl Fn(&Violation) -> bool,
    ) -> anyhow::Result<()> {
        let faults = &[Fault::KillAll];
        let without = Some(guard);
        let scenario = Scenario { has_redis: false, faults, seconds: 2, without, patience };
        let (report, _) = run(&scenario).await?;
        println!("without {guard}:\n{report}");
        assert!(report.count(is_expected) > 0, "without {guard} nothing was noticed:\n{report}");
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn progress_that_is_not_read_makes_steps_run_again() -> anyhow::Result<()> {
        fails("read-progress", NO_PATIENCE, |v| matches!(v, Violation::RanAgain(_))).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_before_the_commit_loses_runs() -> anyhow::Result<()> {
        fails("commit-before-accept", NO_PATIENCE, |v| matches!(v, Violation::Lost(_))).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_the_sweep_runs_never_end() -> anyhow::Result<()> {
        fails("sweep", SHORT_PATIENCE, |v| matches!(v, Violation::Unfinished(_))).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn results_that_are_not_recorded_are_missed() -> anyhow::Result<()> {
        fails("record", NO_PATIENCE, |v| matches!(v, Violation::Unrecorded(_))).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_forgotten_key_doubles_runs() -> anyhow::Result<()> {
        fails("once-key", NO_PATIENCE, |v| matches!(v, Violation::Doubled { .. })).await
    }
}

/// Runs a scenario that must find no violation.
async fn holds(scenario: Scenario) -> anyhow::Result<()> {
    let (report, installation) = run(&scenario).await?;
    println!("{report}");
    if !report.violations.is_empty() {
        let kept = installation.keep()?;
        panic!("the record and the logs are in {}:\n{report}", kept.display());
    }
    Ok(())
}

async fn run(scenario: &Scenario) -> anyhow::Result<(Report, Installation)> {
    let seconds = match scenario.without {
        None => from_environment("TENON_KILL_SECONDS").unwrap_or(scenario.seconds),
        Some(_) => scenario.seconds,
    };
    let seed = from_environment("TENON_KILL_SEED").unwrap_or(1);
    println!("seed {seed}, {seconds} s of faults");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut installation = Installation::start(scenario.has_redis, scenario.without).await?;
    let load = Load::start(&installation.access, &installation.history);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut faults = 0;
    for fault in scenario.faults.iter().cycle() {
        tokio::time::sleep(Duration::from_millis(rng.random_range(1_200..2_400))).await;
        installation.suffer(*fault).await?;
        faults += 1;
        if Instant::now() >= until && faults >= scenario.faults_min() {
            break;
        }
    }
    // The load goes on a little, so that work meets the restored product too.
    tokio::time::sleep(Duration::from_secs(1)).await;
    load.stop().await;
    installation.come_to_rest(scenario.patience).await?;
    let report = check(&installation.history.events(), &limits(scenario, seconds));
    Ok((report, installation))
}

fn limits(scenario: &Scenario, seconds: u64) -> Limits {
    let mut steps: Vec<(String, Vec<u32>)> =
        ["first", "flaky", "last"].map(|step| (step.to_owned(), Vec::new())).into();
    steps.extend((0..3).map(|index| ("item".to_owned(), vec![index])));
    let workers = if scenario.has_redis { 2 } else { 1 };
    Limits {
        steps,
        accepted_min: usize::try_from(seconds).unwrap_or(usize::MAX).saturating_mul(3),
        faults_min: scenario.faults_min(),
        commit_lag_ms: 1_500,
        repeats_max: workers * RUNS_IN_FLIGHT_MAX * PARALLELISM,
        progress_percent_min: 80,
        disturbed_ms: 1_000,
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, not a number")))
}
