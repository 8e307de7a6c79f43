//! A trial from its start to its verdict: load, faults as a seed says, rest, judgement.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::check::{Limits, Verdict, check, is_alive};
use crate::faults::{Fault, Scale};
use crate::load::Load;
use crate::stage::{Parts, RUNS_IN_FLIGHT_MAX, Stage};

/// How long the load goes on after the last fault.
const AFTERMATH: Duration = Duration::from_secs(3);
/// How much longer it goes on until every client is served again; on a busy machine that takes time.
const ALIVE_MAX: Duration = Duration::from_secs(60);
/// What a takeover is given before the next fault: a lease, a look for lapsed ones, a start.
const TAKEOVER: Duration = Duration::from_secs(4);
/// How long the load goes on before the first fault.
const PRELUDE: Duration = Duration::from_millis(1_500);

/// What is done to an installation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The installation.
    pub parts: Parts,
    /// Faults to draw from.
    pub faults: Vec<Fault>,
    /// Whether they come in their order, again and again, instead of by their weights.
    pub in_order: bool,
    /// How long faults go on.
    pub duration: Duration,
    /// How many there are at most.
    pub faults_max: usize,
    /// Requests a second.
    pub rate: f64,
    /// How long and how much each fault is.
    pub scale: Scale,
    /// Between two faults, at most.
    pub gap: Duration,
    /// How long runs may take to end after the last fault.
    pub patience: Duration,
    /// Whether the record and the logs are kept when nothing is found.
    pub keeps: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The judgement.
    pub verdict: Verdict,
    /// Faults that could not be done here, and why.
    pub unavailable: Vec<(Fault, String)>,
    /// Where the record and the logs are, if they were kept.
    pub kept: Option<PathBuf>,
}

/// Runs a trial. `tell` hears of each step of it.
///
/// # Errors
/// When the installation does not start, or does not start again.
pub async fn run(plan: Plan, mut tell: impl FnMut(&str)) -> anyhow::Result<Outcome> {
    let mut stage = Stage::build(plan.parts.clone()).await?;
    match suffer(&mut stage, &plan, &mut tell).await {
        Ok(unavailable) => {
            let verdict = check(&stage.history.ops(), &limits(&plan));
            let keeps = plan.keeps || !verdict.violations.is_empty();
            let kept = if keeps { Some(stage.keep()?) } else { None };
            Ok(Outcome { verdict, unavailable, kept })
        }
        Err(error) => {
            let kept = stage.keep()?;
            Err(error.context(format!("the record and the logs are in {}", kept.display())))
        }
    }
}

async fn suffer(
    stage: &mut Stage,
    plan: &Plan,
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<Vec<(Fault, String)>> {
    let mut rng = StdRng::seed_from_u64(plan.parts.seed);
    let (mut faults, mut unavailable) = (Vec::new(), Vec::new());
    for fault in &plan.faults {
        match fault.unavailable(stage) {
            None => faults.push(*fault),
            Some(why) => {
                tell(&format!("left out: {fault}: {why}"));
                unavailable.push((*fault, why));
            }
        }
    }
    anyhow::ensure!(!faults.is_empty(), "none of these faults can be done here");
    tell("the installation runs");
    let load = Load::start(&stage.access, &stage.history, plan.rate);
    tokio::time::sleep(PRELUDE).await;
    let until = Instant::now() + plan.duration;
    for number in 0..plan.faults_max {
        let fault = match plan.in_order {
            true => faults[number % faults.len()],
            false => draw(&faults, &mut rng),
        };
        tell(&format!("{}: {fault}", number + 1));
        fault.suffer(stage, &mut rng, &plan.scale).await?;
        let mut gap = rng.random_range(0.2..=1.0) * plan.gap.as_secs_f64();
        // Half of the takeovers are left alone, to see how long they take when nothing else breaks.
        if fault.takes_workers() && rng.random_bool(0.5) {
            gap += TAKEOVER.as_secs_f64();
        }
        tokio::time::sleep(Duration::from_secs_f64(gap)).await;
        if Instant::now() >= until {
            break;
        }
    }
    tokio::time::sleep(AFTERMATH).await;
    let give_up = Instant::now() + ALIVE_MAX;
    while !is_alive(&stage.history.ops(), &limits(plan)) && Instant::now() < give_up {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    load.stop().await;
    tell("waiting for what was accepted");
    stage.come_to_rest(plan.patience).await?;
    Ok(unavailable)
}

fn draw(faults: &[Fault], rng: &mut StdRng) -> Fault {
    // What is asked for by name and has no weight is drawn like the rarest.
    let weight = |fault: &Fault| fault.weight().max(1);
    let mut left = rng.random_range(0..faults.iter().map(weight).sum());
    for fault in faults {
        match left.checked_sub(weight(fault)) {
            Some(rest) => left = rest,
            None => return *fault,
        }
    }
    faults[0]
}

fn limits(plan: &Plan) -> Limits {
    Limits { repeats_max: plan.parts.workers * RUNS_IN_FLIGHT_MAX, ..Limits::default() }
}
