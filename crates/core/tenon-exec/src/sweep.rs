//! The reconciliation sweep: every open job in Postgres is in its queue, or gets there.
//!
//! Two things are repaired. A queue service that forgot everything (a new process, FLUSHALL, a
//! restored backup) carries no generation or an old one: the generation is raised, live workers
//! get a moment to re-assert their leases, then all open jobs are pushed. A single missing id
//! (a lost push, an evicted key) is found by asking the queue about every open job that is old
//! enough; where there are very many, about a part of them at a time. What is pushed is flagged as
//! recovered, so the claimer reads the row before it runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tenon_domain::{Clock, QueueName, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::ports::queue::{self, Generation, JobQueue, Push, Shard};
use crate::ports::store::{self, JobStore, OpenJob};
use crate::settings::Settings;

/// Open jobs read at once.
const PAGE: usize = 5_000;
/// Jobs in one question to a queue, and questions at once.
const QUESTION: usize = 500;
const QUESTIONS_AT_ONCE: usize = 16;
/// How many failures in a row make the wait for the next look longer.
const FAILURES_MAX: u32 = 7;
/// Jobs accepted in this time are all looked at each time.
const RECENT: Duration = Duration::from_secs(60);

/// Repairs queues. Any number may run at once; they do the same work twice, not wrongly.
pub struct Sweep {
    /// The truth.
    pub store: Arc<dyn JobStore>,
    /// What is repaired.
    pub queue: Arc<dyn JobQueue>,
    /// The clock that ids of runs are drawn by.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Arc<Settings>,
}

/// Why a sweep was cut short.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The queue cannot be reached or is of another generation.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

/// What a look at the generation came to.
struct Checked {
    generation: Generation,
    /// Whether all open jobs were pushed again.
    is_rebuilt: bool,
}

impl Sweep {
    /// Sweeps until the token fires.
    pub async fn run(&self, stop: CancellationToken) {
        let mut wait = Duration::ZERO;
        let mut slice = Slice::default();
        let mut failures = 0;
        let mut last_full = None::<Instant>;
        let mut seen = None::<(Generation, Instant)>;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = self.settings.reap_interval;
            match self.check_generation().await {
                Ok(checked) => {
                    failures = 0;
                    metrics::GENERATION.set(f64::from(checked.generation.0));
                    if checked.is_rebuilt {
                        last_full = Some(Instant::now());
                    }
                    if seen.is_none_or(|(known, _)| known != checked.generation) {
                        seen = Some((checked.generation, Instant::now()));
                    }
                }
                Err(error) => {
                    tracing::debug!(error = %error, "the queues' generation could not be checked");
                    // A service that forgot and takes no writes would cost a generation each time.
                    failures = (failures + 1).min(FAILURES_MAX);
                    wait = self.settings.reap_interval * failures;
                    continue;
                }
            }
            if let Err(error) = self.reap().await {
                tracing::debug!(error = %error, "lapsed leases could not be looked for");
            }
            // Another sweep may have raised the generation just now: the grace of live workers
            // holds for this one too.
            let is_settled =
                seen.is_some_and(|(_, at)| at.elapsed() >= self.settings.reassert_grace);
            let is_due = last_full.is_none_or(|at| at.elapsed() >= self.settings.sweep_interval);
            if is_settled && is_due {
                last_full = Some(Instant::now());
                if let Err(error) = self.repair(&mut slice).await {
                    tracing::debug!(error = %error, "a sweep was cut short");
                }
            }
        }
    }

    /// Rebuilds the queues if they forgot.
    async fn check_generation(&self) -> Result<Checked, Error> {
        let truth = self.store.generation().await?;
        let carried = self.queue.generation().await?;
        if carried == Some(truth) {
            self.queue.use_generation(truth);
            return Ok(Checked { generation: truth, is_rebuilt: false });
        }
        let current = self.store.raise_generation(truth).await?;
        self.queue.install_generation(current).await?;
        tokio::time::sleep(self.settings.reassert_grace).await;
        let pushed = self.push_all().await?;
        metrics::REBUILDS.add(1);
        tracing::info!(generation = current.0, pushed, "the queues were rebuilt from the database");
        Ok(Checked { generation: current, is_rebuilt: true })
    }

    async fn reap(&self) -> Result<(), Error> {
        let shards = (0..self.queue.shards()).map(Shard);
        let reaps = shards.map(|shard| async move { (shard, self.queue.reap(shard).await) });
        for (shard, reaped) in join_all(reaps).await {
            let reaped = reaped?;
            if reaped > 0 {
                metrics::REAPED.add(reaped as u64);
                tracing::warn!(shard = shard.0, reaped, "jobs of a silent worker are taken over");
            }
        }
        Ok(())
    }

    /// Pushes open jobs that the queues do not know: all of the last minute, where a lost push is
    /// likeliest, and a slice of the older ones, which moves on with each call.
    async fn repair(&self, slice: &mut Slice) -> Result<(), Error> {
        let started = Instant::now();
        let (recent_from, max) = (self.first_since(RECENT), self.settings.sweep_jobs_max);
        let mut pushed = self.repair_from(Some(recent_from), None, max).await?.pushed;
        let looked = self.repair_from(slice.after, Some(recent_from), max).await?;
        slice.after = looked.last;
        pushed += looked.pushed;
        metrics::SWEEP_TIME.took(started.elapsed());
        if pushed > 0 {
            tracing::warn!(pushed, "open jobs were missing from their queues and are back");
        }
        Ok(())
    }

    /// Looks at up to `max` open jobs after `after` and up to `until`; `last` of the answer is
    /// where to go on, `None` at the end.
    async fn repair_from(
        &self,
        mut after: Option<RunId>,
        until: Option<RunId>,
        max: usize,
    ) -> Result<Looked, Error> {
        let (mut looked, mut pushed) = (0, 0);
        while looked < max {
            let page = self.store.open_jobs(after, PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|job| job.run);
            let is_past = |job: &OpenJob| until.is_some_and(|until| job.run > until);
            let is_over = is_last || page.last().is_some_and(is_past);
            let age = self.settings.sweep_min_age;
            let jobs: Vec<OpenJob> = page
                .into_iter()
                .filter(|job| !is_past(job) && self.is_older(job.run, age))
                .collect();
            looked += jobs.len();
            pushed += self.push_unknown(jobs).await?;
            if is_over {
                return Ok(Looked { pushed, last: None });
            }
        }
        Ok(Looked { pushed, last: after })
    }

    async fn push_unknown(&self, jobs: Vec<OpenJob>) -> Result<usize, Error> {
        let mut queues: HashMap<QueueName, Vec<OpenJob>> = HashMap::new();
        for job in jobs {
            queues.entry(QueueName::of_project(job.project)).or_default().push(job);
        }
        let mut questions = Vec::new();
        for (name, jobs) in &queues {
            for part in jobs.chunks(QUESTION) {
                questions.push(self.unknown_of(name, part));
            }
        }
        let mut answers = futures::stream::iter(questions).buffer_unordered(QUESTIONS_AT_ONCE);
        let mut missing = Vec::new();
        while let Some(unknown) = answers.next().await {
            missing.extend(unknown?);
        }
        drop(answers);
        if !missing.is_empty() {
            self.queue.push(&missing).await?;
            metrics::REPAIRED.add(missing.len() as u64);
        }
        Ok(missing.len())
    }

    async fn unknown_of(
        &self,
        name: &QueueName,
        jobs: &[OpenJob],
    ) -> Result<Vec<(QueueName, Push)>, Error> {
        let runs: Vec<RunId> = jobs.iter().map(|job| job.run).collect();
        let known = self.queue.known(name, &runs).await?;
        let missing = jobs.iter().zip(known).filter(|(_, is_known)| !is_known);
        Ok(missing.map(|(job, _)| repair_of(job)).collect())
    }

    /// Pushes every open job that was there when the queues were found to have forgotten; the
    /// queues keep those that they know. Younger ones are on their way by their acceptor: pushed
    /// from here too, one could run to its end before its acceptor brings it back.
    async fn push_all(&self) -> Result<usize, Error> {
        let mut pushed = 0;
        let mut page = self.store.open_jobs(None, PAGE).await?;
        while let Some(last) = page.last() {
            let due =
                page.iter().filter(|job| self.is_older(job.run, self.settings.reassert_grace));
            let pushes: Vec<(QueueName, Push)> = due.map(repair_of).collect();
            let (next, told) =
                tokio::join!(self.store.open_jobs(Some(last.run), PAGE), self.queue.push(&pushes));
            told?;
            pushed += pushes.len();
            page = next?;
        }
        Ok(pushed)
    }

    /// The smallest id of a run that was accepted up to `age` ago.
    fn first_since(&self, age: Duration) -> RunId {
        RunId::first_at(self.clock.now().saturating_sub(signed(age)).unwrap_or(Timestamp::MIN))
    }

    /// Whether a run was accepted longer ago than `age`; its id says when.
    fn is_older(&self, run: RunId, age: Duration) -> bool {
        run.drawn_at().is_none_or(|drawn| self.clock.now().duration_since(drawn) >= signed(age))
    }
}

fn signed(age: Duration) -> SignedDuration {
    SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)
}

/// How far the look at older jobs has come; it begins again when it has seen all.
#[derive(Default)]
struct Slice {
    after: Option<RunId>,
}

/// What a look at open jobs came to.
struct Looked {
    pushed: usize,
    last: Option<RunId>,
}

/// What the queue is told of an open job that it may not know.
fn repair_of(job: &OpenJob) -> (QueueName, Push) {
    let (priority, lane) = (job.order.priority, job.order.lane);
    let push = Push { run: job.run, due: job.due, is_recovered: true, priority, lane };
    (QueueName::of_project(job.project), push)
}
