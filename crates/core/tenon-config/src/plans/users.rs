//! Compiles the plans of users: their accounts, the configurations of these, and what is on in each
//! with which settings.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tenon_contract::plan::{ConfigurationPlan, CredentialPlan, UserPlan};
use tenon_domain::portal::filled;
use tenon_domain::{CredentialId, EndUserId, ProjectId};

use super::PlanReader;
use crate::configurations::AccountSettings;
use crate::credentials::Credential;
use crate::portal::{PortalIntegration, ProjectPortal};
use crate::ports::{Scope, StoreError, UnitOfWork};

/// Accounts in one user's plan. [`crate::Limits::credentials_of_user_max`] keeps users below it;
/// this bounds the plan should the limit be raised beyond.
const ACCOUNTS_MAX: usize = 10_000;

impl PlanReader {
    /// The plan of a user who has, or ever had, an account or metadata; the accounts of
    /// switched-off integrations are in it, too: whoever uses one looks at the integration.
    /// Nothing is on for them.
    pub(super) async fn compile_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<UserPlan>, StoreError> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let Some(revision) = work.user_revision(project, user).await? else { return Ok(None) };
        let accounts = work.credentials_of_user(project, user, ACCOUNTS_MAX).await?;
        let listed = vec![(user.clone(), revision)];
        Ok(self.plans_of(&mut *work, project, listed, accounts).await?.pop())
    }

    /// The plans of a page of users, in the order of their ids.
    pub(super) async fn compile_users(
        &self,
        project: ProjectId,
        after: Option<&EndUserId>,
        limit: usize,
    ) -> Result<Vec<UserPlan>, StoreError> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        let listed = work.users_with_plans(project, after, limit).await?;
        let users: Vec<EndUserId> = listed.iter().map(|(user, _)| user.clone()).collect();
        let accounts = work.credentials_of_users(project, &users).await?;
        self.plans_of(&mut *work, project, listed, accounts).await
    }

    async fn plans_of(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        listed: Vec<(EndUserId, i64)>,
        accounts: Vec<Credential>,
    ) -> Result<Vec<UserPlan>, StoreError> {
        let Some(portal) = self.portals.of(work, project).await? else { return Ok(Vec::new()) };
        let users: Vec<EndUserId> = listed.iter().map(|(user, _)| user.clone()).collect();
        let mut metas: HashMap<EndUserId, Map<String, Value>> =
            work.metas(project, &users).await?.into_iter().collect();
        let mut settings: HashMap<CredentialId, Vec<AccountSettings>> = HashMap::new();
        if !accounts.is_empty() {
            for one in work.configurations_of_users(project, &users).await? {
                settings.entry(one.credential).or_default().push(one);
            }
        }
        let mut by_user: HashMap<EndUserId, Vec<Credential>> = HashMap::new();
        for account in accounts.into_iter().filter(Credential::is_set_up) {
            by_user.entry(account.user.clone()).or_default().push(account);
        }
        let plan = |(user, revision)| {
            let meta = metas.remove(&user).unwrap_or_default();
            let accounts = by_user.remove(&user).unwrap_or_default();
            let credential = |account: &Credential| {
                let held = settings.remove(&account.id).unwrap_or_default();
                credential_plan(&portal, &meta, account, &held)
            };
            let credentials = accounts.iter().map(credential).collect();
            UserPlan { project, user, revision, credentials, meta }
        };
        Ok(listed.into_iter().map(plan).collect())
    }
}

fn credential_plan(
    portal: &ProjectPortal,
    meta: &Map<String, Value>,
    account: &Credential,
    settings: &[AccountSettings],
) -> CredentialPlan {
    let integration = portal.integration(account.integration);
    let configurations = settings
        .iter()
        .map(|one| configuration_plan(integration, (&account.user, meta), one))
        .collect();
    CredentialPlan { configurations, ..account.plan() }
}

/// What is on for a configuration: deployed workflows of an active integration that the user may
/// use. An account that does not work keeps what is on: it may work again.
fn configuration_plan(
    integration: Option<&PortalIntegration>,
    (user, meta): (&EndUserId, &Map<String, Value>),
    settings: &AccountSettings,
) -> ConfigurationPlan {
    let mut plan = ConfigurationPlan {
        id: settings.id,
        external_id: settings.external_id.clone(),
        shared: Map::new(),
        workflows: HashMap::new(),
    };
    let Some(integration) = integration else { return plan };
    plan.shared = filled(&integration.inputs, &settings.shared);
    if !integration.is_active {
        return plan;
    }
    for workflow in &integration.workflows {
        let held = settings.workflow(workflow.id);
        if held.enabled && workflow.is_permitted(user, meta) {
            plan.workflows.insert(workflow.id, filled(&workflow.inputs, &held.settings));
        }
    }
    plan
}
