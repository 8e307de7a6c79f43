//! Why a run does not go on: from its row, its latest results and its queue. Only what is known is
//! said.

use std::fmt;

use jiff::Timestamp;
use tenon_domain::{RunId, StepId};

use crate::ports::history::{RunStatus, RunSummary, StepError, StepRecord, StepStatus};
use crate::ports::queue::{Depth, DueMs, Holdup, LOOK_MAX, LaneRule, Whereabouts};

/// Steps that a run waits for and that are told apart; a fan-out may have many.
const WAITS_MAX: usize = 5;

/// What keeps a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The run.
    pub run: RunId,
    /// Where it is.
    pub status: RunStatus,
    /// All that keeps it, the most telling first; never empty.
    pub reasons: Vec<Reason>,
}

/// One thing that keeps a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has ended.
    Ended {
        /// How.
        status: RunStatus,
        /// When.
        at: Option<Timestamp>,
        /// Why, when it did not end well.
        error: Option<StepError>,
    },
    /// A delay step waits.
    Delay {
        /// The step.
        step: StepId,
        /// Until when.
        until: Timestamp,
    },
    /// A step failed and is tried again.
    Retry {
        /// The step.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
        /// When it is tried again.
        until: Timestamp,
        /// Why it failed.
        error: Option<StepError>,
    },
    /// The provider wants no more calls for now.
    ProviderLimit {
        /// The step.
        step: StepId,
        /// Until when.
        until: Timestamp,
        /// What it said.
        error: Option<StepError>,
    },
    /// A fault of ours: it is taken up again by itself.
    SystemRetry {
        /// When.
        until: Timestamp,
    },
    /// The queue service cannot be reached. What is accepted stays; it goes on when it is back.
    QueueAway,
    /// The queue does not know it: it was lost there, and the sweep pushes it again.
    Missing,
    /// It is ready, and others of its project are before it or beside it.
    Queued {
        /// Jobs of its project that are handed out before it; `None` where they are too many to
        /// be counted.
        before: Option<u64>,
        /// Jobs of its project that are ready, it included.
        ready: u64,
        /// Jobs of its project that run.
        running: u64,
    },
    /// It is ready, and nothing of its project runs: there may be no worker.
    NoWorker {
        /// Jobs of its project that are ready, it included.
        ready: u64,
    },
    /// It waits in its queue for a time.
    Delayed {
        /// Until when.
        until: Timestamp,
    },
    /// An operator paused the queue of its project: nothing of it is handed out.
    QueuePaused,
    /// Its project has as many runs as it may have at a time.
    AtCap {
        /// Runs of its project.
        running: u64,
        /// Runs that it may have at a time.
        running_max: u32,
    },
    /// As many runs of its project were started as may be in a second.
    RateCap {
        /// When the next one may start.
        until: Timestamp,
    },
    /// Others must go before it: its lane is full.
    Held {
        /// Runs of its lane that may be out at a time; `None` for runs in order, one at a time.
        lane_max: Option<u16>,
        /// Runs that wait for the same and go before it.
        before: u64,
        /// Runs that it waits for; the first few.
        ahead: Vec<RunId>,
    },
    /// After a loss of the queue some runs are out of which the lane is not known yet.
    LanesUnknown,
    /// A worker has it.
    Running {
        /// Which: an address for people. `None` where the queue does not say, or the worker is gone.
        worker: Option<String>,
        /// When its lease lapses if the worker does not extend it.
        lease_until: Timestamp,
        /// The last step that was recorded, and when it ended.
        last: Option<(StepId, Timestamp)>,
    },
    /// Workers died or fell silent under it.
    TakenOver {
        /// How often.
        times: u32,
    },
}

impl Reason {
    /// A word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "ended",
            Self::Delay { .. } => "delay",
            Self::Retry { .. } => "retry",
            Self::ProviderLimit { .. } => "provider_limit",
            Self::SystemRetry { .. } => "system_retry",
            Self::QueueAway => "queue_away",
            Self::Missing => "missing",
            Self::Queued { .. } => "queued",
            Self::NoWorker { .. } => "no_worker",
            Self::Delayed { .. } => "delayed",
            Self::QueuePaused => "queue_paused",
            Self::AtCap { .. } => "at_cap",
            Self::Held { .. } => "held",
            Self::RateCap { .. } => "rate_cap",
            Self::LanesUnknown => "lanes_unknown",
            Self::Running { .. } => "running",
            Self::TakenOver { .. } => "taken_over",
        }
    }
}

impl fmt::Display for Reason {
    /// A sentence without its full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { status, at, error } => ended(f, *status, *at, error.as_ref()),
            Self::Delay { step, until } => {
                write!(f, "the delay step `{step}` waits until {}", shown(*until))
            }
            Self::Retry { step, attempt, until, error } => {
                write!(f, "attempt {attempt} of step `{step}` failed")?;
                told(f, error.as_ref())?;
                write!(f, "; it is tried again at {}", shown(*until))
            }
            Self::ProviderLimit { step, until, error } => {
                write!(f, "the provider wants no more calls for now, so step `{step}` waits until {}", shown(*until))?;
                told(f, error.as_ref())
            }
            Self::SystemRetry { until } => write!(
                f,
                "a part of Tenon was away; the run is taken up again by itself at {}",
                shown(*until)
            ),
            Self::QueueAway => f.write_str(
                "the queue service cannot be reached; the run is kept in the database and goes on when the service is back",
            ),
            Self::Missing => f.write_str(
                "the queue does not know the run; the sweep compares the queues with the database every few seconds and puts it back",
            ),
            Self::Queued { before, ready, running } => {
                f.write_str("it is ready and waits its turn: ")?;
                match before {
                    Some(before) => write!(f, "{before} before it, ")?,
                    None => write!(f, "more than {LOOK_MAX} before it, ")?,
                }
                write!(f, "{} of its project ready, {running} running", jobs(*ready))
            }
            Self::NoWorker { ready } => write!(
                f,
                "it is ready, {} of its project wait and none runs: no worker may be there, or all are full",
                jobs(*ready)
            ),
            Self::Delayed { until } => write!(f, "it waits in its queue until {}", shown(*until)),
            Self::QueuePaused => f.write_str(
                "the queue of its project is paused by an operator: nothing of it is started until it is resumed",
            ),
            Self::AtCap { running, running_max } => write!(
                f,
                "its project may have {running_max} at a time and {running} run: others wait until one of them ends"
            ),
            Self::RateCap { until } => write!(
                f,
                "as many runs of its project were started as may be in a second: the next one starts at {}",
                shown(*until)
            ),
            Self::Held { lane_max, before, ahead } => {
                match lane_max {
                    None => f.write_str("it waits for the run before it of the same ordering key")?,
                    Some(max) => write!(f, "its workflow has as many runs as it may have at a time, {max}")?,
                }
                write!(f, "; {before} more wait before it")?;
                for (at, run) in ahead.iter().enumerate() {
                    write!(f, "{} {run}", if at == 0 { "; now it is the turn of" } else { "," })?;
                }
                Ok(())
            }
            Self::LanesUnknown => f.write_str(
                "the queue lost its memory, and of some runs it does not know yet whether they go before this one; that takes seconds",
            ),
            Self::Running { worker, lease_until, last } => {
                match worker {
                    Some(worker) => write!(f, "the worker {worker} has it")?,
                    None => f.write_str("a worker has it")?,
                }
                write!(f, " until {} unless it says that it goes on; ", shown(*lease_until))?;
                match last {
                    Some((step, at)) => {
                        write!(f, "its last recorded step, `{step}`, ended at {}", shown(*at))
                    }
                    None => f.write_str("no step has been recorded yet"),
                }
            }
            Self::TakenOver { times: 1 } => {
                f.write_str("a worker died under it once, and it was taken over")
            }
            Self::TakenOver { times } => write!(
                f,
                "workers died under it {times} times, and it was taken over; a run that does so too often is set aside"
            ),
        }
    }
}

fn ended(
    f: &mut fmt::Formatter<'_>,
    status: RunStatus,
    at: Option<Timestamp>,
    error: Option<&StepError>,
) -> fmt::Result {
    f.write_str(match status {
        RunStatus::Failed => "it has ended: it failed",
        RunStatus::Cancelled => "it has ended: it was cancelled",
        RunStatus::Parked => "it was set aside",
        _ => "it has ended well",
    })?;
    if let Some(at) = at {
        write!(f, " at {}", shown(at))?;
    }
    told(f, error)
}

fn told(f: &mut fmt::Formatter<'_>, error: Option<&StepError>) -> fmt::Result {
    error.map_or(Ok(()), |error| write!(f, " ({}: {})", error.code, error.message))
}

fn shown(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}

fn jobs(number: u64) -> String {
    if number == 1 { "1 job".to_owned() } else { format!("{number} jobs") }
}

/// What the queue of a run's project says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// Where the run is.
    pub place: Whereabouts,
    /// The address of the worker that has it.
    pub worker: Option<String>,
    /// What the queue holds.
    pub depth: Depth,
}

/// What is known of a run.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The run.
    pub run: &'a RunSummary,
    /// Its latest records, newest first.
    pub steps: &'a [StepRecord],
    /// What its queue says; `None` when the service is away.
    pub queue: Option<QueueFacts>,
    /// Runs that its project may have at a time; `None` is without limit.
    pub running_max: Option<u32>,
    /// Now.
    pub now: Timestamp,
}

/// Says what keeps a run.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Why {
    let run = facts.run;
    let mut reasons = Vec::new();
    if run.status.is_terminal() {
        let (status, at, error) = (run.status, run.finished_at, run.error.clone());
        reasons.push(Reason::Ended { status, at, error });
    } else if let Some(until) = run.resumes_at.filter(|until| *until > facts.now) {
        reasons.extend(waits(facts));
        if reasons.is_empty() {
            reasons.push(Reason::SystemRetry { until });
        }
        if facts.queue.is_none() {
            reasons.push(Reason::QueueAway);
        }
    } else {
        in_queue(facts, &mut reasons);
    }
    if run.crashes > 0 {
        reasons.push(Reason::TakenOver { times: run.crashes });
    }
    Why { run: run.id, status: run.status, reasons }
}

/// The steps that wait, the one that goes on first first.
fn waits(facts: &Facts<'_>) -> Vec<Reason> {
    let mut seen = Vec::new();
    let mut waiting: Vec<(Timestamp, Reason)> = Vec::new();
    for record in facts.steps {
        let place = (&record.step, &record.iteration);
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let Some(until) = record.retry_at.filter(|until| *until > facts.now) else { continue };
        let (step, error) = (record.step.clone(), record.error.clone());
        let reason = match record.status {
            StepStatus::Retrying => Reason::Retry { step, attempt: record.attempt, until, error },
            StepStatus::Waiting if record.kind == "delay" => Reason::Delay { step, until },
            StepStatus::Waiting => Reason::ProviderLimit { step, until, error },
            StepStatus::Succeeded | StepStatus::Failed => continue,
        };
        waiting.push((until, reason));
    }
    waiting.sort_by_key(|(until, _)| *until);
    waiting.into_iter().map(|(_, reason)| reason).take(WAITS_MAX).collect()
}

/// What the queue says of a run that waits for nothing.
fn in_queue(facts: &Facts<'_>, reasons: &mut Vec<Reason>) {
    let Some(QueueFacts { place, worker, depth }) = &facts.queue else {
        return reasons.push(Reason::QueueAway);
    };
    let reason = match place {
        Whereabouts::Unknown => Reason::Missing,
        Whereabouts::Delayed { due } => Reason::Delayed { until: moment(*due) },
        Whereabouts::Held { rule, before, ahead } => {
            let lane_max = match rule {
                LaneRule::InOrder => None,
                LaneRule::AtMost(max) => Some(*max),
            };
            Reason::Held { lane_max, before: *before, ahead: ahead.clone() }
        }
        Whereabouts::Running { until, .. } => Reason::Running {
            worker: worker.clone(),
            lease_until: moment(*until),
            last: last(facts.steps),
        },
        Whereabouts::Ready { before, holdup } => {
            let Depth { ready, running, .. } = *depth;
            let held_up = holdup_of(*holdup, running, facts.running_max);
            let is_alone = running == 0 && held_up.is_none();
            reasons.extend(held_up);
            match is_alone {
                true => Reason::NoWorker { ready },
                false => Reason::Queued { before: *before, ready, running },
            }
        }
    };
    reasons.push(reason);
}

/// What keeps a queue from handing out what is ready. Of a limit the queue may not have been told
/// yet: the project's plan says it, too.
fn holdup_of(holdup: Option<Holdup>, running: u64, running_max: Option<u32>) -> Option<Reason> {
    let full = running_max.filter(|max| running >= u64::from(*max));
    match (holdup, full) {
        (Some(Holdup::Paused), _) => Some(Reason::QueuePaused),
        (Some(Holdup::RunningMax(running_max)), _) | (None, Some(running_max)) => {
            Some(Reason::AtCap { running, running_max })
        }
        (Some(Holdup::Rate(until)), _) => Some(Reason::RateCap { until: moment(until) }),
        (Some(Holdup::UnknownLanes), _) => Some(Reason::LanesUnknown),
        (None, None) => None,
    }
}

fn moment(at: DueMs) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX)
}

fn last(steps: &[StepRecord]) -> Option<(StepId, Timestamp)> {
    let record = steps.first()?;
    let took = std::time::Duration::from_micros(record.duration_us);
    Some((record.step.clone(), record.started_at.checked_add(took).ok()?))
}

#[cfg(test)]
mod tests;
