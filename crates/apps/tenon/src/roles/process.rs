//! One process: built from its parts, run until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tenon_config::Configuration;
use tenon_exec::depths;
use tenon_exec::generation::follow_generation;
use tenon_http_kit::{ConnectionThreads, serve_on};
use tenon_pg_execution::LocalQueueLock;
use tenon_script::RunnerCommand;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::accounts::Accounts;
use super::cluster::{self, Ends, Members};
use super::monitoring::{self, Watched};
use super::shared::{Shared, share};
use super::{Role, Roles, calls, configuration, duties, listening, worker};
use crate::config::Settings;
use crate::telemetry::Gathered;

/// How long a start waits for the process before to be gone.
const LOCAL_QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// What a process is built from.
pub struct Parts {
    /// What it does.
    pub roles: Roles,
    /// The settings of the installation.
    pub settings: Settings,
    /// The configuration database; needed by the `api` role only.
    pub config_url: Option<String>,
    /// The execution database; not needed by the role `vault`, and by `proxy` only for its log.
    pub execution_url: Option<String>,
    /// The vault's databases; needed by the `vault` role only.
    pub vault: Option<VaultDatabases>,
    /// How a function process is started.
    pub runner: RunnerCommand,
}

/// The two databases of the vault, under two database roles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VaultDatabases {
    /// Sealed values.
    pub values_url: String,
    /// Wrapped keys and the audit.
    pub keys_url: String,
}

/// A running process.
pub struct Running {
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// The use cases of configuration, where this process has the `api` role.
    pub configuration: Option<Configuration>,
    /// Fires when this process could stop because its worker has had nothing to do for long and
    /// others are left. Whoever runs it then stops it.
    pub may_exit: CancellationToken,
    members: Option<Members>,
    listening: CancellationToken,
    stopping: CancellationToken,
    listeners: TaskTracker,
    workers: TaskTracker,
    duties: TaskTracker,
    accounts: Arc<Accounts>,
    recorder: Option<tokio::task::JoinHandle<()>>,
    slots: Option<worker::Slots>,
    beat_stop: CancellationToken,
    beat: Option<std::thread::JoinHandle<()>>,
    local_queue: Option<LocalQueueLock>,
    /// Until the end, since workers use connections to providers that were opened on them.
    connection_threads: Option<Arc<ConnectionThreads>>,
}

impl Running {
    /// Stops in order: listeners take nothing more and end their requests, which may need this
    /// very process's workers; workers end their steps; the recorder commits what is left. Leases
    /// are kept alive until then.
    pub async fn stop(mut self) {
        self.listening.cancel();
        self.listeners.close();
        self.listeners.wait().await;
        self.stopping.cancel();
        self.workers.close();
        self.workers.wait().await;
        if let Some(slots) = self.slots.take() {
            slots.release().await;
        }
        if let Some(recorder) = self.recorder.take() {
            let _ = recorder.await;
        }
        if let Some(members) = self.members.take() {
            cluster::leave(&members).await;
        }
        self.accounts.drain().await;
        self.duties.close();
        self.duties.wait().await;
        self.beat_stop.cancel();
        if let Some(beat) = self.beat.take() {
            let _ = tokio::task::spawn_blocking(move || beat.join()).await;
        }
        if let Some(lock) = self.local_queue.take() {
            lock.release().await;
        }
        drop(self.connection_threads.take());
    }
}

/// Builds and starts the roles. Returns when the process can be sent work.
///
/// # Errors
/// When a database cannot be reached or migrated, or the address is taken.
pub async fn start(parts: Parts, metrics: Option<Arc<Gathered>>) -> anyhow::Result<Running> {
    let stopping = CancellationToken::new();
    let listening = stopping.child_token();
    let listeners = TaskTracker::new();
    let workers = TaskTracker::new();
    let duties = TaskTracker::new();
    let shared = share(&parts, &duties, &stopping).await?;
    let local_queue = own_local_queue(&parts, &shared).await?;
    let listener = match parts.roles.listens() {
        true => Some(bind(parts.settings.server.listen).await?),
        false => None,
    };
    let listen = listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let public_url = public_url(&parts.settings, listen)?;
    let configuration =
        configuration::open(&parts, &shared, public_url.clone(), &duties, &stopping).await?;
    let announcements = shared.coordination.announcements();
    duties.spawn(shared.plans.clone().follow(announcements, stopping.clone()));
    let announcements = shared.coordination.announcements();
    duties.spawn(shared.accounts.follow(announcements, stopping.clone()));

    if shared.execution.is_some() {
        // A controller raises it, and a worker adopts it; whoever only pushes has to ask.
        duties.spawn(follow_generation(shared.queue.clone(), stopping.clone()));
    }
    let mut connection_threads = None;
    let beat_stop = CancellationToken::new();
    let (mut recorder, mut slots, mut beat) = (None, None, None);
    let (may_exit, mut members) = (CancellationToken::new(), None);
    if parts.roles.has(Role::Worker) {
        let ends = Ends { stopping: &stopping, may_exit: &may_exit };
        let started = worker::start(&parts, &shared, &workers, &duties, ends).await?;
        recorder = Some(started.recorder);
        slots = Some(started.slots);
        members = Some(Members { membership: shared.membership.clone(), me: shared.me });
        beat = Some(worker::spawn_beat(&shared, started.leases, beat_stop.clone())?);
    }
    if parts.roles.has(Role::Controller) {
        duties::start(&duties::Duties::of(&parts, &shared)?, &duties, &stopping);
        let interval = Duration::from_millis(parts.settings.metrics.sample_interval_ms);
        if metrics.is_some() {
            let (queue, clock) = (shared.queue.clone(), shared.clock.clone());
            duties.spawn(depths::follow(queue, clock, interval, stopping.clone()));
        }
        cluster::lead(&parts, &shared, &duties, &stopping).await?;
    }
    if let Some(vault) = &shared.accounts.vault_service {
        // Until the end: workers of other processes need it for what they have begun.
        vault.listen(&parts.settings, &duties, &stopping).await?;
    }
    if let Some(metrics) = metrics {
        let watched = Watched {
            metrics,
            pools: shared.pools.clone(),
            functions: shared.functions.clone(),
            readiness: listening::readiness(&parts, &shared),
        };
        monitoring::listen(&parts.settings.metrics, watched, &duties, &stopping).await?;
    }
    if let Some(listener) = listener {
        let calls = calls::open(&parts, &shared.pools, &duties, &stopping)?;
        let router = listening::routes(
            &parts,
            &shared,
            configuration.as_ref(),
            calls,
            &public_url,
            &listening,
        )?;
        let (settings, token) = (parts.settings.serving(), listening.clone());
        let threads = Arc::new(
            ConnectionThreads::start(parts.settings.connection_threads())
                .context("the threads for connections could not be started")?,
        );
        connection_threads = Some(threads.clone());
        listeners.spawn(async move {
            let report = serve_on(&threads, listener, router, settings, token).await;
            tracing::debug!(?report, "the listener has drained");
        });
    }
    Ok(Running {
        listen,
        configuration,
        may_exit,
        members,
        listening,
        stopping,
        listeners,
        workers,
        duties,
        accounts: shared.accounts.clone(),
        recorder,
        slots,
        beat_stop,
        beat,
        local_queue,
        connection_threads,
    })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}; another process may have it: choose another with --listen"
        )
    })
}

/// Where browsers reach this installation.
fn public_url(settings: &Settings, listen: Option<SocketAddr>) -> anyhow::Result<Url> {
    if let Some(url) = &settings.connect.public_url {
        return Ok(url.clone());
    }
    let address = listen.unwrap_or(settings.server.listen);
    Url::parse(&format!("http://{address}")).context("the address to listen on makes no URL")
}

/// Without Redis the queue lives in this process, so this must be the only one on its database.
async fn own_local_queue(parts: &Parts, shared: &Shared) -> anyhow::Result<Option<LocalQueueLock>> {
    let Some(execution) = &shared.execution else { return Ok(None) };
    if parts.settings.redis.url.is_some() {
        return Ok(None);
    }
    // The process before may have been killed a moment ago; its session ends soon.
    let until = Instant::now() + LOCAL_QUEUE_PATIENCE;
    loop {
        if let Some(lock) = execution.store.lock_local_queue().await? {
            return Ok(Some(lock));
        }
        if Instant::now() >= until {
            anyhow::bail!(
                "another process without Redis serves this database; stop it, or give all \
                 processes one redis.url (TENON_REDIS__URL)"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
