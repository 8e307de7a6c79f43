//! Hands over to execution what installations ask of it: a run for the first switch-on, the end of
//! open runs. What was committed is handed over until it was taken, in order for each account.

use std::collections::HashSet;

use tenon_domain::{CredentialId, EndUserId, ProjectId, WorkflowId};

use tenon_contract::installation::FirstEnabled;

use crate::ports::triggering::{EndedInstallation, Triggering, TriggeringError};
use crate::ports::{Scope, Signal, Signalled};
use crate::{Configuration, Error};

/// Signals read at once.
const BATCH: usize = 200;
/// After so many failures in a row nobody is there to take anything: the pass ends.
const FAILURES_MAX: usize = 5;

impl Configuration {
    /// Hands over what waits, and returns how many were taken. To be called every second by one
    /// process or many: what is handed over twice counts once.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] and [`Error::Store`] of the store. What execution does not take now
    /// stays for the next call; that is no error.
    pub async fn relay_signals(&self) -> Result<usize, Error> {
        self.relay(Scope::System).await
    }

    /// What follows a change of installations that was committed: plans, then signals. Failures
    /// are left to the duties.
    pub(crate) async fn after_installations_changed(
        &self,
        project: ProjectId,
        user: &EndUserId,
        workflows: &[WorkflowId],
    ) {
        self.publisher.publish_user_change(project, user).await;
        self.publisher.publish_installation_changes(project, workflows).await;
        if let Err(error) = self.relay(Scope::Project(project)).await {
            tracing::debug!(%error, "signals of installations are handed over later");
        }
    }

    async fn relay(&self, scope: Scope) -> Result<usize, Error> {
        let Some(triggering) = &self.triggering else { return Ok(0) };
        let mut pass = Pass { waiting: HashSet::new(), failures: 0, taken: 0 };
        let mut after = 0;
        loop {
            let signals = {
                let mut work = self.store.snapshot(scope).await?;
                work.signals(after, BATCH).await?
            };
            let Some(last) = signals.last() else { return Ok(pass.taken) };
            after = last.sequence;
            let is_last = signals.len() < BATCH;
            for signal in &signals {
                if pass.hand_over(&**triggering, signal).await {
                    let mut work = self.store.begin(Scope::Project(signal.project)).await?;
                    work.delete_signal(signal.project, signal.sequence).await?;
                    work.commit().await?;
                    pass.taken += 1;
                }
                if pass.failures >= FAILURES_MAX {
                    return Ok(pass.taken);
                }
            }
            if is_last {
                return Ok(pass.taken);
            }
        }
    }
}

/// One way through all that waits.
struct Pass {
    /// Accounts of which something was not taken: what comes after it has to wait, too.
    waiting: HashSet<(ProjectId, CredentialId)>,
    failures: usize,
    taken: usize,
}

impl Pass {
    /// Whether it was taken, or never will be.
    async fn hand_over(&mut self, triggering: &dyn Triggering, signal: &Signal) -> bool {
        let account = (signal.project, signal.signal.credential);
        if self.waiting.contains(&account) {
            return false;
        }
        match send(triggering, signal).await {
            Ok(()) => {
                self.failures = 0;
                true
            }
            Err(TriggeringError::Refused { reason }) => {
                tracing::info!(project.id = %signal.project, sequence = signal.sequence, reason,
                    "execution has no use for a signal of an installation");
                true
            }
            Err(TriggeringError::Unavailable { source }) => {
                tracing::debug!(project.id = %signal.project, sequence = signal.sequence,
                    error = %source, "a signal of an installation is handed over later");
                self.waiting.insert(account);
                self.failures += 1;
                false
            }
        }
    }
}

async fn send(triggering: &dyn Triggering, signal: &Signal) -> Result<(), TriggeringError> {
    let (project, held) = (signal.project, &signal.signal);
    match held.what {
        Signalled::FirstEnabled { configuration, workflow } => {
            let fired = FirstEnabled {
                project,
                user: held.user.clone(),
                credential: held.credential,
                configuration,
                workflow,
                at: held.at,
                user_revision: signal.user_revision,
                key: format!("integration-enabled:{configuration}:{workflow}"),
            };
            triggering.integration_enabled(&fired).await
        }
        Signalled::WorkflowOff { configuration, workflow } => {
            let ended = EndedInstallation::Workflow { configuration, workflow };
            triggering.cancel_runs(project, &ended, held.at).await
        }
        Signalled::ConfigurationEnded { configuration } => {
            let ended = EndedInstallation::Configuration { configuration };
            triggering.cancel_runs(project, &ended, held.at).await
        }
        Signalled::AccountEnded => {
            let ended = EndedInstallation::Account { credential: held.credential };
            triggering.cancel_runs(project, &ended, held.at).await
        }
    }
}
