//! The reconciliation sweep: every open job in Postgres is in its queue, or gets there.
//!
//! Two things are repaired. A queue service that forgot everything (a new process, FLUSHALL, a
//! restored backup) carries no generation or an old one: the generation is raised, live workers
//! get a moment to re-assert their leases, then all open jobs are pushed. A single missing id
//! (a lost push, an evicted key) is found by asking the queue about every open job that is old
//! enough. What is pushed is flagged as recovered, so the claimer reads the row before it runs.

use std::collections::HashMap;
use std::sync::Arc;

use tenon_domain::{QueueName, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ports::queue::{self, Generation, JobQueue, Push};
use crate::ports::store::{self, JobStore, OpenJob};
use crate::settings::Settings;

/// Open jobs read at once.
const PAGE: usize = 5_000;

/// Repairs queues. Any number may run at once; they do the same work twice, not wrongly.
pub struct Sweep {
    /// The truth.
    pub store: Arc<dyn JobStore>,
    /// What is repaired.
    pub queue: Arc<dyn JobQueue>,
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
        let mut wait = std::time::Duration::ZERO;
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
                    if checked.is_rebuilt {
                        last_full = Some(Instant::now());
                    }
                    if seen.is_none_or(|(known, _)| known != checked.generation) {
                        seen = Some((checked.generation, Instant::now()));
                    }
                }
                Err(error) => {
                    tracing::debug!(error = %error, "the queues' generation could not be checked");
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
                if let Err(error) = self.repair().await {
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
            self.queue.install_generation(truth).await?;
            return Ok(Checked { generation: truth, is_rebuilt: false });
        }
        let current = self.store.raise_generation(truth).await?;
        self.queue.install_generation(current).await?;
        tokio::time::sleep(self.settings.reassert_grace).await;
        let pushed = self.push_missing(None).await?;
        tracing::info!(generation = current.0, pushed, "the queues were rebuilt from the database");
        Ok(Checked { generation: current, is_rebuilt: true })
    }

    async fn reap(&self) -> Result<(), Error> {
        for name in self.queue.active().await? {
            let reaped = self.queue.reap(&name).await?;
            if reaped > 0 {
                tracing::warn!(queue = %name, reaped, "jobs of a silent worker are taken over");
            }
        }
        Ok(())
    }

    /// Pushes open jobs that the queues do not know.
    async fn repair(&self) -> Result<(), Error> {
        let age = self.settings.sweep_min_age;
        let pushed = self.push_missing(Some(age)).await?;
        if pushed > 0 {
            tracing::warn!(pushed, "open jobs were missing from their queues and are back");
        }
        Ok(())
    }

    async fn push_missing(&self, min_age: Option<std::time::Duration>) -> Result<usize, Error> {
        let mut after: Option<RunId> = None;
        let mut pushed = 0;
        loop {
            let page = self.store.open_jobs(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(pushed) };
            after = Some(last.run);
            let is_last = page.len() < PAGE;
            let mut queues: HashMap<QueueName, Vec<OpenJob>> = HashMap::new();
            for job in page {
                if min_age.is_none_or(|age| is_older(job.run, age)) {
                    queues.entry(QueueName::of_project(job.project)).or_default().push(job);
                }
            }
            for (name, jobs) in queues {
                pushed += self.push_unknown(&name, &jobs).await?;
            }
            if is_last {
                return Ok(pushed);
            }
        }
    }

    async fn push_unknown(&self, name: &QueueName, jobs: &[OpenJob]) -> Result<usize, Error> {
        let mut pushed = 0;
        for part in jobs.chunks(500) {
            let runs: Vec<RunId> = part.iter().map(|job| job.run).collect();
            let known = self.queue.known(name, &runs).await?;
            let missing: Vec<Push> = part
                .iter()
                .zip(known)
                .filter(|(_, is_known)| !is_known)
                .map(|(job, _)| Push { run: job.run, due: job.due, is_recovered: true })
                .collect();
            if !missing.is_empty() {
                self.queue.push(name, &missing).await?;
                pushed += missing.len();
            }
        }
        Ok(pushed)
    }
}

/// Whether a run was accepted longer ago than `age`; its id says when.
fn is_older(run: RunId, age: std::time::Duration) -> bool {
    let Some(made) = run.uuid().get_timestamp() else { return true };
    let (seconds, nanos) = made.to_unix();
    let made = std::time::Duration::new(seconds, nanos);
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(made) >= age
}
