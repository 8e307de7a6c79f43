//! Which account a step uses.

use std::sync::Arc;

use tenon_contract::plan::{CredentialPlan, PlanError, ProjectPlan, UserPlan};
use tenon_credentials::access::Account;
use tenon_domain::{CredentialId, EndUserId};

use super::super::{Failure, FailureClass};
use super::IntegrationCall;

/// An account, with the plans that it stands in.
pub(super) struct Found {
    project: Arc<ProjectPlan>,
    user: Arc<UserPlan>,
    /// Places in the two plans.
    integration: usize,
    credential: usize,
}

impl Found {
    /// The project's own limit of calls at a time to one connector.
    pub(super) fn calls_max(&self) -> Option<u32> {
        self.project.queue.calls_per_connector_max
    }

    /// The account.
    pub(super) fn account(&self) -> Account<'_> {
        Account {
            project: self.project.project,
            user: &self.user.user,
            integration: &self.project.integrations[self.integration],
            credential: &self.user.credentials[self.credential],
        }
    }
}

/// Finds the account of the run's user: the one that `wanted` names, else in a workflow of this
/// integration the one that the run was accepted for, else the oldest.
pub(super) async fn find(
    call: &IntegrationCall<'_>,
    connector: &str,
    wanted: Option<&str>,
) -> Result<Found, Failure> {
    let integrations = call.integrations()?;
    let project = integrations.plans.project(call.job.project).await.map_err(|e| away(&e))?;
    let place = project.and_then(|plan| {
        let place = plan.integrations.iter().position(|it| it.connector == connector)?;
        Some((plan, place))
    });
    let Some((project, integration)) = place else {
        let message = format!(
            "the project has no integration `{connector}`; switch it on, or correct the step"
        );
        return Err(permanent("unknown_connector", message));
    };
    if !project.integrations[integration].is_active {
        let message = format!("the integration `{connector}` is switched off");
        return Err(permanent("integration_inactive", message));
    }
    let Some(user) = &call.job.user else {
        let message = format!(
            "this run is for no connected user, so there is no `{connector}` account to use"
        );
        return Err(permanent("no_account", message));
    };
    let plan = integrations.plans.user(call.job.project, user).await.map_err(|e| away(&e))?;
    let id = project.integrations[integration].id;
    let own = wanted.is_none().then(|| own_account(call, connector)).flatten();
    let place = plan.and_then(|plan| {
        let chosen = match own {
            Some(own) => own,
            None => plan.credential(id, wanted)?.id,
        };
        let is_chosen = |it: &CredentialPlan| it.id == chosen && it.integration == id;
        let place = plan.credentials.iter().position(is_chosen)?;
        Some((plan, place))
    });
    let Some((user, credential)) = place else {
        let own = own.map(|own| own.to_string());
        let wanted = wanted.or(own.as_deref());
        return Err(permanent("no_account", nothing_linked(user, connector, wanted)));
    };
    Ok(Found { project, user, integration, credential })
}

/// The account that the run was accepted for, where it is one of this connector.
fn own_account(call: &IntegrationCall<'_>, connector: &str) -> Option<CredentialId> {
    let installation = call.job.installation.as_ref()?;
    (call.own_connector == Some(connector)).then_some(installation.credential)
}

fn nothing_linked(user: &EndUserId, connector: &str, wanted: Option<&str>) -> String {
    match wanted {
        Some(wanted) => format!("user `{user}` has no `{connector}` account `{wanted}`"),
        None => format!("user `{user}` has linked no `{connector}` account"),
    }
}

/// Plans that cannot be read now are no fault of the workflow.
fn away(error: &PlanError) -> Failure {
    let message = format!("the accounts of the project cannot be read now: {error}");
    Failure::new("integration_unavailable", message, FailureClass::Infrastructure)
}

fn permanent(code: &'static str, message: String) -> Failure {
    Failure::new(code, message, FailureClass::Permanent)
}
