//! The role `worker`: the engine, its leases and the recorder.

use std::sync::Arc;

use anyhow::Context;
use tenon_exec::engine::Engine;
use tenon_exec::leases::{Leases, keep_alive};
use tenon_exec::recorder::Recorder;
use tenon_exec::steps::integration::{CallSlots, Integrations};
use tenon_exec::steps::request::{RequestLimits, TokenCache};
use tenon_exec::worker::{Worker, WorkerParts};
use tenon_local::InFlightFile;
use tenon_vault::policy::Caller;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cluster::{self, Ends};
use super::shared::{Execution, Shared};
use super::{Parts, duties};

/// Runs under way, in the data folder.
const IN_FLIGHT_FILE: &str = "in-flight";

/// A worker that runs.
pub(super) struct Started {
    pub(super) recorder: tokio::task::JoinHandle<()>,
    pub(super) leases: Arc<Leases>,
    pub(super) slots: Slots,
}

/// Keeps what this process holds of the calls to providers.
pub(super) struct Slots {
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

impl Slots {
    fn keep(slots: CallSlots) -> Self {
        let stop = CancellationToken::new();
        Self { keeper: tokio::spawn(slots.keep(stop.clone())), stop }
    }

    /// Gives them back; no call begins any more.
    pub(super) async fn release(self) {
        self.stop.cancel();
        let _ = self.keeper.await;
    }
}

/// Starts the worker of this process.
///
/// # Errors
/// When function processes cannot run or the data folder cannot be used.
pub(super) async fn start(
    parts: &Parts,
    shared: &Shared,
    workers: &TaskTracker,
    tasks: &TaskTracker,
    ends: Ends<'_>,
) -> anyhow::Result<Started> {
    let stopping = ends.stopping;
    let execution = shared.execution()?;
    let leases = Arc::new(open_leases(parts, execution).await?);
    let settings = shared.settings.clone();
    let (recorder, handle) = Recorder::new(
        execution.jobs.clone(),
        execution.blobs.clone(),
        shared.queue.clone(),
        leases.clone(),
        shared.clock.clone(),
        settings.clone(),
    );
    let slots = CallSlots::new(shared.call_pools.clone(), shared.me, parts.settings.call_slots());
    let runner = shared.functions.clone().context("a worker has function processes")?;
    let engine = Arc::new(Engine {
        store: execution.jobs.clone(),
        recorder: handle,
        blobs: execution.blobs.clone(),
        egress: shared.accounts.egress()?,
        integrations: shared.accounts.access(Caller::Worker).map(|access| Integrations {
            access: access.clone(),
            plans: shared.plans.clone(),
            quotas: shared.quotas.clone(),
            slots: slots.clone(),
            limits: parts.settings.integration_steps(),
        }),
        plans: Some(shared.plans.clone()),
        runner,
        coordination: shared.coordination.clone(),
        tokens: TokenCache::default(),
        request_limits: RequestLimits {
            timeout: settings.request_timeout,
            response_bytes_max: settings.response_bytes_max,
            ..RequestLimits::default()
        },
        clock: shared.clock.clone(),
        settings: settings.clone(),
    });
    let (duty, told) = cluster::duty(shared);
    let worker = Worker::new(WorkerParts {
        engine,
        queue: shared.queue.clone(),
        store: execution.jobs.clone(),
        plans: shared.plans.clone(),
        leases: leases.clone(),
        fresh: execution.fresh.clone(),
        duty: told,
        settings,
        stopping: stopping.clone(),
    });
    cluster::follow(parts, shared, worker.clone(), duty, tasks, ends)?;
    workers.spawn(worker.run());
    tasks.spawn(duties::hear_cancels(
        leases.clone(),
        shared.coordination.announcements(),
        stopping.clone(),
    ));
    let slots = Slots::keep(slots);
    Ok(Started { recorder: tokio::spawn(recorder.run()), leases, slots })
}

/// With a local queue nobody sees this process's leases lapse, so they are noted on disk: the
/// runs that the process before had in its hands when it died each count a crash.
async fn open_leases(parts: &Parts, execution: &Execution) -> anyhow::Result<Leases> {
    if parts.settings.redis.url.is_some() {
        return Ok(Leases::default());
    }
    std::fs::create_dir_all(&parts.settings.server.data_dir)?;
    let path = parts.settings.server.data_dir.join(IN_FLIGHT_FILE);
    let (log, leftovers) =
        InFlightFile::open(&path).with_context(|| format!("cannot use {}", path.display()))?;
    if !leftovers.is_empty() {
        let open = execution.jobs.count_crashes(&leftovers).await?;
        tracing::warn!(runs = open.len(), "the process before died with runs under way");
    }
    Ok(Leases::with_log(Arc::new(log)))
}

/// Leases are extended on a thread of their own, which busy executors cannot starve.
pub(super) fn spawn_beat(
    shared: &Shared,
    leases: Arc<Leases>,
    stop: CancellationToken,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let (queue, settings) = (shared.queue.clone(), shared.settings.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("tenon-beat".to_owned()).spawn(move || {
        runtime.block_on(keep_alive(
            leases,
            queue,
            settings.beat_interval,
            settings.lease_ttl,
            stop,
        ));
    })?;
    Ok(thread)
}
