//! Which of a user's installations a workflow of an integration runs for, and with what.
//!
//! An installation is a configuration of an account that the workflow is on for. Everything here
//! is read from the user's plan; nothing is kept. What a run is accepted with is frozen by
//! [`Chosen::freeze`]. Who may ask is the callers' affair.

mod first_enabled;

use bytes::Bytes;
use serde_json::{Map, Value};
use tenon_contract::plan::{ConfigurationPlan, CredentialPlan, DeployedWorkflow, UserPlan};
use tenon_domain::portal::{Input, filled};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, IntegrationId, WorkflowId};

use crate::ports::history::Payload;
use crate::ports::store::{Installation, InstallationValues};

pub use first_enabled::{FirstError, FirstOutcome};

/// What a caller says of the installation that is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named<'a> {
    /// The account: its id, its external id or `ext:<external id>`.
    pub credential: Option<&'a str>,
    /// The configuration: its id, its external id or `ext:<external id>`.
    pub configuration: Option<&'a str>,
}

/// An installation in a plan.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    plan: &'a UserPlan,
    /// The account.
    pub credential: &'a CredentialPlan,
    /// The configuration.
    pub configuration: &'a ConfigurationPlan,
}

/// Why there is no installation to run for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The user has linked no account of the integration, or not the one that is named.
    #[error("user `{user}` has no such account of the workflow's integration")]
    Account {
        /// Whose.
        user: EndUserId,
    },
    /// The account has no such configuration.
    #[error("no account of user `{user}` for the workflow's integration has such a configuration")]
    Configuration {
        /// Whose.
        user: EndUserId,
    },
    /// The workflow is off there.
    #[error("the workflow is not switched on for configuration `{configuration}`")]
    Off {
        /// The configuration.
        configuration: ConfigurationId,
    },
}

/// The installations that an event runs a workflow for: all that it is on for, or of those the
/// ones that the caller names. Oldest account first.
#[must_use]
pub fn of_event<'a>(
    plan: &'a UserPlan,
    workflow: &DeployedWorkflow,
    named: &Named<'_>,
) -> Vec<Chosen<'a>> {
    let Some(integration) = workflow.integration else { return Vec::new() };
    candidates(plan, integration, named)
        .filter(|chosen| chosen.configuration.workflows.contains_key(&workflow.id))
        .collect()
}

/// The installation that a request runs a workflow for: the one that the caller names, else the
/// default configuration of the oldest account.
///
/// # Errors
/// When there is none, or the workflow is off there.
pub fn of_request<'a>(
    plan: &'a UserPlan,
    workflow: &DeployedWorkflow,
    named: &Named<'_>,
) -> Result<Chosen<'a>, Missing> {
    let user = || plan.user.clone();
    let integration = workflow.integration.ok_or_else(|| Missing::Account { user: user() })?;
    let chosen = candidates(plan, integration, named).next();
    let Some(chosen) = chosen else {
        let has_account = accounts(plan, integration, named.credential).next().is_some();
        return Err(match has_account {
            true => Missing::Configuration { user: user() },
            false => Missing::Account { user: user() },
        });
    };
    if chosen.configuration.workflows.contains_key(&workflow.id) {
        return Ok(chosen);
    }
    Err(Missing::Off { configuration: chosen.configuration.id })
}

/// What a test of a draft runs with: the default configuration of the user's oldest account, and
/// for the draft's inputs what was given there or their defaults. `None` without such an account.
#[must_use]
pub fn of_test(
    plan: &UserPlan,
    integration: IntegrationId,
    workflow: WorkflowId,
    inputs: &[Input],
) -> Option<Installation> {
    let chosen = candidates(plan, integration, &Named::default()).next()?;
    let nothing = Map::new();
    let given = chosen.configuration.workflows.get(&workflow).unwrap_or(&nothing);
    Some(chosen.with_settings(filled(inputs, given)))
}

/// Whether the user has what a caller names, whichever integration it is of.
///
/// # Errors
/// When there is no such account, or none of those meant has such a configuration.
pub fn check_named(plan: &UserPlan, named: &Named<'_>) -> Result<(), Missing> {
    let is_meant = |it: &&CredentialPlan| {
        named.credential.is_none_or(|wanted| is_named(wanted, it.id, it.external_id.as_deref()))
    };
    let mut accounts = plan.credentials.iter().filter(is_meant).peekable();
    if named.credential.is_some() && accounts.peek().is_none() {
        return Err(Missing::Account { user: plan.user.clone() });
    }
    let Some(wanted) = named.configuration else { return Ok(()) };
    let has_it = accounts.flat_map(|it| &it.configurations).any(|configuration| {
        is_named(wanted, configuration.id, configuration.external_id.as_deref())
    });
    if has_it { Ok(()) } else { Err(Missing::Configuration { user: plan.user.clone() }) }
}

/// The installation of exactly this account and configuration, if the workflow is on there.
#[must_use]
pub fn exactly<'a>(
    plan: &'a UserPlan,
    workflow: &DeployedWorkflow,
    credential: CredentialId,
    configuration: ConfigurationId,
) -> Option<Chosen<'a>> {
    let account = plan.credentials.iter().find(|it| it.id == credential)?;
    let found = account.configurations.iter().find(|it| it.id == configuration)?;
    let is_on = workflow.integration == Some(account.integration)
        && found.workflows.contains_key(&workflow.id);
    is_on.then_some(Chosen { plan, credential: account, configuration: found })
}

impl Chosen<'_> {
    /// What a run is accepted with: the settings and the user's metadata as they are now.
    #[must_use]
    pub fn freeze(&self, workflow: &DeployedWorkflow) -> Installation {
        let settings = self.configuration.workflows.get(&workflow.id).cloned();
        self.with_settings(settings.unwrap_or_default())
    }

    fn with_settings(&self, settings: Map<String, Value>) -> Installation {
        let values = InstallationValues {
            settings,
            shared: self.configuration.shared.clone(),
            user_meta: self.plan.meta.clone(),
        };
        let bytes = serde_json::to_vec(&values).expect("JSON values always serialise");
        Installation {
            credential: self.credential.id,
            configuration: self.configuration.id,
            values: Payload::Inline(Bytes::from(bytes)),
        }
    }
}

/// The configurations of a user's accounts for an integration that fit what is named. Where only
/// an account is named, or nothing, the default configuration of each comes first.
fn candidates<'a, 'n>(
    plan: &'a UserPlan,
    integration: IntegrationId,
    named: &Named<'n>,
) -> impl Iterator<Item = Chosen<'a>> + use<'a, 'n> {
    let wanted = named.configuration;
    accounts(plan, integration, named.credential).flat_map(move |credential| {
        let fitting = credential.configurations.iter().filter(move |configuration| {
            let external_id = configuration.external_id.as_deref();
            wanted.is_none_or(|wanted| is_named(wanted, configuration.id, external_id))
        });
        fitting.map(move |configuration| Chosen { plan, credential, configuration })
    })
}

fn accounts<'a, 'n>(
    plan: &'a UserPlan,
    integration: IntegrationId,
    wanted: Option<&'n str>,
) -> impl Iterator<Item = &'a CredentialPlan> + use<'a, 'n> {
    let accounts = plan.credentials.iter().filter(move |it| it.integration == integration);
    accounts.filter(move |it| {
        wanted.is_none_or(|wanted| is_named(wanted, it.id, it.external_id.as_deref()))
    })
}

/// Whether a name means this thing: its id, its external id, or `ext:` and that. What is written
/// like an id is never taken for an external one, so that nobody can pass theirs off as another.
fn is_named<I: std::str::FromStr + PartialEq>(
    wanted: &str,
    id: I,
    external_id: Option<&str>,
) -> bool {
    if let Some(external) = wanted.strip_prefix("ext:") {
        return external_id == Some(external);
    }
    match wanted.parse::<I>() {
        Ok(wanted) => wanted == id,
        Err(_) => external_id == Some(wanted),
    }
}

#[cfg(test)]
mod tests;
