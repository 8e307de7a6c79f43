//! What makes many processes one: the leader among controllers, and workers that follow it.

use std::sync::Arc;

use anyhow::Context;
use tenon_exec::assignment::Duty;
use tenon_exec::cluster::election::Election;
use tenon_exec::cluster::following::{Activity, Following};
use tenon_exec::cluster::leading::Leading;
use tenon_exec::cluster::operations::Operations;
use tenon_exec::cluster::terms::PlanTerms;
use tenon_exec::cluster::view::duty_without_view;
use tenon_exec::ports::membership::MemberId;
use tenon_scaler::Scaler;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Parts;
use super::shared::Shared;

/// The longest name of a machine that is shown.
const HOST_CHARS_MAX: usize = 64;

/// What a worker serves until it knows a view, and from then on.
pub(super) fn duty(shared: &Shared) -> (watch::Sender<Arc<Duty>>, watch::Receiver<Arc<Duty>>) {
    // The only process has nobody to leave anything to.
    let duty = match shared.is_alone {
        true => Duty::everything(shared.queue.shards()),
        false => duty_without_view(shared.queue.shards(), &[]),
    };
    watch::channel(Arc::new(duty))
}

/// Has this process's worker beat and follow the leader's view. `may_exit` fires when it has been
/// idle for as long as the settings say and can be spared.
///
/// # Errors
/// When the process may not open the execution database.
pub(super) fn follow(
    parts: &Parts,
    shared: &Shared,
    activity: Arc<dyn Activity>,
    duty: watch::Sender<Arc<Duty>>,
    tasks: &TaskTracker,
    ends: Ends<'_>,
) -> anyhow::Result<()> {
    let following = Following {
        membership: shared.membership.clone(),
        routing: Arc::new(shared.execution()?.store.clone()),
        coordination: shared.coordination.clone(),
        me: shared.me,
        address: address(),
        shards: shared.queue.shards(),
        activity,
        duty,
        may_exit: ends.may_exit.clone(),
        settings: parts.settings.following(),
    };
    let stop = ends.stopping.clone();
    tasks.spawn(async move { following.run(stop).await });
    Ok(())
}

/// The tokens of a process's end.
pub(super) struct Ends<'a> {
    /// Fires when it stops.
    pub(super) stopping: &'a CancellationToken,
    /// Fired when it could.
    pub(super) may_exit: &'a CancellationToken,
}

/// Has this process stand for election, and answer KEDA where it is to.
///
/// # Errors
/// When the process may not open the execution database, or the address is taken.
pub(super) async fn lead(
    parts: &Parts,
    shared: &Shared,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<()> {
    let routing = Arc::new(shared.execution()?.store.clone());
    let election = Election {
        membership: shared.membership.clone(),
        routing: routing.clone(),
        coordination: shared.coordination.clone(),
        me: shared.me,
        settings: parts.settings.election(),
    };
    let leading = Leading {
        queue: shared.queue.clone(),
        membership: shared.membership.clone(),
        routing,
        terms: Arc::new(PlanTerms(shared.plans.clone())),
        coordination: shared.coordination.clone(),
        clock: shared.clock.clone(),
        settings: parts.settings.leading(),
        published: watch::Sender::new(None),
    };
    let stop = stopping.clone();
    tasks.spawn(async move {
        election.run(&leading, watch::Sender::new(None), stop).await;
    });
    let Some(address) = parts.settings.controller.keda_listen else { return Ok(()) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("controller.keda_listen: cannot listen on {address}"))?;
    let settings = parts.settings.scaler();
    let scaler = Scaler::new(shared.membership.clone(), settings, stopping.clone());
    tracing::info!(%address, "KEDA is answered on {address}");
    tasks.spawn(async move {
        if let Err(error) = scaler.serve(listener).await {
            tracing::error!(error = %error, "KEDA is not answered any more");
        }
    });
    Ok(())
}

/// What operators see and change.
///
/// # Errors
/// When the process may not open the execution database.
pub(super) fn operations(shared: &Shared) -> anyhow::Result<Operations> {
    Ok(Operations {
        queue: shared.queue.clone(),
        routing: Arc::new(shared.execution()?.store.clone()),
        membership: shared.membership.clone(),
        coordination: shared.coordination.clone(),
        clock: shared.clock.clone(),
    })
}

/// Forgets this worker; its work has ended.
pub(super) async fn leave(shared: &Members) {
    if let Err(error) = shared.membership.leave(shared.me).await {
        tracing::debug!(error = %error, "this worker is forgotten when its beat lapses");
    }
}

/// What is needed to leave.
pub(super) struct Members {
    pub(super) membership: Arc<dyn tenon_exec::ports::membership::Membership>,
    pub(super) me: MemberId,
}

/// This machine and process, for people.
fn address() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().take(HOST_CHARS_MAX).collect();
    format!("{name}:{}", std::process::id())
}
