//! What the controller does, again and again: sweep, schedules, retention.

use std::sync::Arc;

use tenon_contract::grant::GrantKey;
use tenon_contract::plan::PlanSource;
use tenon_domain::Clock;
use tenon_exec::archive::{self, Archiver};
use tenon_exec::leases::Leases;
use tenon_exec::plans::Plans;
use tenon_exec::ports::archive::{ArchiveSource, ArchiveStore};
use tenon_exec::ports::blobs::{BlobStore, SegmentNames};
use tenon_exec::ports::calls::ProxyCallRetention;
use tenon_exec::ports::incarnation::Incarnation;
use tenon_exec::ports::queue::JobQueue;
use tenon_exec::ports::schedule::ScheduleStore;
use tenon_exec::ports::store::JobStore;
use tenon_exec::regression::RegressionWatch;
use tenon_exec::schedules::{Schedules, TickLimits};
use tenon_exec::segment_sweep::{self, SegmentSweep};
use tenon_exec::settings::Settings;
use tenon_exec::sweep::Sweep;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Parts;
use super::shared::Shared;

/// What the duties work with.
#[derive(Clone)]
pub struct Duties {
    /// The truth.
    pub store: Arc<dyn JobStore>,
    /// The last ticks of schedules.
    pub ticks: Arc<dyn ScheduleStore>,
    /// The log of proxy calls.
    pub calls: Arc<dyn ProxyCallRetention>,
    /// Days that it is kept.
    pub calls_days: u32,
    /// What is reconciled with it.
    pub queue: Arc<dyn JobQueue>,
    /// Which servers hold the queues, where a loss can be told from it.
    pub incarnation: Option<Arc<dyn Incarnation>>,
    /// Large values, deleted when their runs are.
    pub blobs: Arc<dyn BlobStore>,
    /// Who knows which of them are in use.
    pub names: Arc<dyn SegmentNames>,
    /// When those that are not are removed.
    pub segment_limits: segment_sweep::Limits,
    /// What is archived before it is dropped.
    pub old_runs: Arc<dyn ArchiveSource>,
    /// Where it is archived.
    pub archive: Arc<dyn ArchiveStore>,
    /// Whether, and for how long; and how often partitions are made and dropped.
    pub archive_limits: archive::Limits,
    /// Which schedules there are.
    pub plans: Arc<Plans>,
    /// Signs that a run may use the accounts of its user.
    pub grants: Option<Arc<GrantKey>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Arc<Settings>,
    /// Limits of ticks with many installations.
    pub tick_limits: TickLimits,
}

impl Duties {
    /// The duties of a process.
    ///
    /// # Errors
    /// When it may not open the execution database.
    pub(super) fn of(parts: &Parts, shared: &Shared) -> anyhow::Result<Self> {
        let execution = shared.execution()?;
        Ok(Self {
            store: execution.jobs.clone(),
            ticks: Arc::new(execution.store.clone()),
            calls: Arc::new(execution.store.clone()),
            calls_days: parts.settings.retention.proxy_calls_days,
            queue: shared.queue.clone(),
            incarnation: shared.incarnation.clone(),
            blobs: execution.blobs.clone(),
            names: Arc::new(execution.store.clone()),
            segment_limits: parts.settings.segment_sweep(),
            old_runs: Arc::new(execution.store.clone()),
            archive: execution.archive.clone(),
            archive_limits: parts.settings.archiving(),
            plans: shared.plans.clone(),
            grants: shared.accounts.grants.clone(),
            clock: shared.clock.clone(),
            settings: shared.settings.clone(),
            tick_limits: parts.settings.ticks(),
        })
    }
}

/// Starts the duties.
pub fn start(duties: &Duties, tasks: &TaskTracker, stop: &CancellationToken) {
    let sweep = Sweep {
        store: duties.store.clone(),
        queue: duties.queue.clone(),
        clock: duties.clock.clone(),
        settings: duties.settings.clone(),
    };
    let token = stop.clone();
    tasks.spawn(async move { sweep.run(token).await });
    if let Some(incarnation) = duties.incarnation.clone() {
        let watch = RegressionWatch { store: duties.store.clone(), incarnation };
        let token = stop.clone();
        tasks.spawn(async move { watch.run(token).await });
    }
    let plans: Arc<dyn PlanSource> = duties.plans.clone();
    let schedules = Schedules {
        plans,
        store: duties.ticks.clone(),
        queue: duties.queue.clone(),
        blobs: duties.blobs.clone(),
        grants: duties.grants.clone(),
        clock: duties.clock.clone(),
        limits: duties.tick_limits.clone(),
    };
    let token = stop.clone();
    tasks.spawn(async move { schedules.run(token).await });
    let segments = SegmentSweep::new(
        duties.blobs.clone(),
        duties.names.clone(),
        duties.clock.clone(),
        duties.segment_limits.clone(),
    );
    let token = stop.clone();
    tasks.spawn(async move { segments.run(token).await });
    let archiver = Archiver::new(
        duties.old_runs.clone(),
        duties.archive.clone(),
        duties.blobs.clone(),
        duties.clock.clone(),
        duties.archive_limits.clone(),
    );
    let token = stop.clone();
    tasks.spawn(async move { archiver.run(token).await });
    let (duties, token) = (duties.clone(), stop.clone());
    tasks.spawn(async move { duties.retain(token).await });
}

impl Duties {
    async fn retain(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.retain_once().await {
                tracing::warn!(error = %error, "old history is dropped later");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.archive_limits.interval) => {}
            }
        }
    }

    async fn retain_once(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let keep_days = self.settings.retention_days;
        // What is archived is dropped by who has archived it.
        let dropped_from = (!self.archive_limits.is_on).then_some(keep_days);
        let dropped = self.store.maintain_partitions(now, dropped_from).await?;
        if !dropped.is_empty() {
            tracing::info!(
                partitions = dropped.len(),
                "history older than {keep_days} days was dropped"
            );
        }
        let dropped = self.calls.drop_old_calls(now, self.calls_days).await?;
        if !dropped.is_empty() {
            let days = self.calls_days;
            tracing::info!(
                partitions = dropped.len(),
                "proxy calls older than {days} days were dropped"
            );
        }
        Ok(())
    }
}

/// Abandons runs of this process that were cancelled.
pub async fn hear_cancels(
    leases: Arc<Leases>,
    mut announcements: broadcast::Receiver<String>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            heard = announcements.recv() => match heard {
                Ok(topic) => {
                    let run = topic.strip_prefix("cancel:").and_then(|id| id.parse().ok());
                    if let Some(run) = run {
                        leases.abandon(run);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
