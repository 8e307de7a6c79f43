//! What a request is about: the integrations of the project, the user's accounts and their
//! configurations. Of anybody else's there is nothing here, so it cannot be named.

use std::sync::Arc;

use tenon_config::{
    AccountSettings, AccountView, PortalIntegration, ProjectPortal, Revisions, SettingsName,
    UserAccounts,
};
use tenon_contract::permissions::{About, Operation};
use tenon_domain::{CredentialId, ProjectId};
use tenon_http_kit::{Problem, WireProblem};

use crate::caller::Caller;
use crate::problem::{not_found, of_config};
use crate::rendered::{RenderedProject, RenderedUser, workflow_ids};
use crate::state::Connect;
use crate::wire::credential::WireCredential;

/// A project and what one of its users has in it.
pub(crate) struct View {
    pub(crate) portal: Arc<ProjectPortal>,
    pub(crate) has: UserAccounts,
}

impl Connect {
    /// Reads what a caller can be about.
    pub(crate) async fn view(&self, caller: &Caller) -> Result<View, WireProblem> {
        let has = self.config.accounts(caller.project, &caller.user).await;
        let has = has.map_err(|error| of_config(self, error))?;
        let revision = has.revisions.project;
        let portal = self.config.project_portal_at(caller.project, revision).await;
        Ok(View { portal: portal.map_err(|error| of_config(self, error))?, has })
    }

    /// The project and the user as they are now.
    pub(crate) async fn revisions(&self, caller: &Caller) -> Result<Revisions, WireProblem> {
        let revisions = self.config.revisions(caller.project, &caller.user).await;
        revisions.map_err(|error| of_config(self, error))
    }

    /// The project's answers at a revision.
    pub(crate) async fn rendered_project(
        &self,
        project: ProjectId,
        revision: i64,
    ) -> Result<Arc<RenderedProject>, WireProblem> {
        if let Some(held) = self.rendered.project(project, revision) {
            return Ok(held);
        }
        let portal = self.config.project_portal_at(project, revision).await;
        let portal = portal.map_err(|error| of_config(self, error))?;
        let (catalog, settings) = (Arc::clone(&self.catalog), Arc::clone(&self.settings));
        let render = move || RenderedProject::new(portal, &catalog, &settings);
        let rendered = tokio::task::spawn_blocking(render).await;
        let rendered = rendered.map_err(|error| Problem::internal("render a project", &error))?;
        let rendered = Arc::new(rendered);
        self.rendered.keep_project(Arc::clone(&rendered));
        Ok(rendered)
    }

    /// The user's answers as they are now.
    pub(crate) async fn rendered_user(
        &self,
        caller: &Caller,
    ) -> Result<Arc<RenderedUser>, WireProblem> {
        let revisions = self.revisions(caller).await?;
        if let Some(held) = self.rendered.user(caller.project, &caller.user, revisions) {
            return Ok(held);
        }
        let view = self.view(caller).await?;
        let rendered = Arc::new(RenderedUser::new(&view.portal, &view.has, &self.settings));
        let of = Revisions { project: view.portal.revision, user: view.has.revisions.user };
        self.rendered.keep_user(caller.project, &caller.user, of, Arc::clone(&rendered));
        Ok(rendered)
    }

    /// An account as it is now, after a change.
    pub(crate) async fn account_now(
        &self,
        caller: &Caller,
        credential: CredentialId,
    ) -> Result<WireCredential, WireProblem> {
        let view = self.view(caller).await?;
        let account = view.account(&credential.to_string())?;
        Ok(view.wire(account))
    }
}

impl View {
    /// The integration that a text names.
    pub(crate) fn integration(&self, name: &str) -> Result<&PortalIntegration, WireProblem> {
        let found = self.portal.integration_named(name);
        found.ok_or_else(|| not_found(format!("there is no integration `{}`", short(name))))
    }

    /// The account that a text names, of whichever integration: its id, its external id or
    /// `ext:<external id>`. A name that two accounts have is nobody's.
    pub(crate) fn account(&self, name: &str) -> Result<&AccountView, WireProblem> {
        let mut found = self.has.accounts.iter().filter(|account| is_named(account, name));
        match (found.next(), found.next()) {
            (Some(account), None) => Ok(account),
            _ => Err(not_found(format!("there is no account `{}` of this user", short(name)))),
        }
    }

    /// The user's accounts of an integration, oldest first.
    pub(crate) fn accounts_of<'a>(
        &'a self,
        integration: &'a PortalIntegration,
    ) -> impl Iterator<Item = &'a AccountView> {
        let accounts = self.has.accounts.iter();
        accounts.filter(move |account| account.credential.integration == integration.id)
    }

    /// The account of an integration that the caller means, and its configuration: those that it
    /// names, else the oldest account's, else the default one.
    pub(crate) fn meant<'a>(
        &'a self,
        caller: &Caller,
        integration: &'a PortalIntegration,
    ) -> Result<(&'a AccountView, &'a AccountSettings), WireProblem> {
        let named = |account: &&AccountView| match (&caller.account, &caller.configuration) {
            (Some(name), _) => is_named(account, name),
            (None, Some(name)) => account.configurations.iter().any(|one| fits(name, one)),
            (None, None) => true,
        };
        let account = self.accounts_of(integration).find(named).ok_or_else(|| {
            let connector = &integration.connector;
            not_found(format!("the user has no such account of `{connector}`"))
        })?;
        Ok((account, self.configuration(account, caller.configuration.as_ref())?))
    }

    /// A configuration of an account: the one that is named, else the default one.
    pub(crate) fn configuration<'a>(
        &self,
        account: &'a AccountView,
        name: Option<&SettingsName>,
    ) -> Result<&'a AccountSettings, WireProblem> {
        let mut known = account.configurations.iter();
        let found = match name {
            None => known.find(|one| one.is_default),
            Some(name) => known.find(|one| fits(name, one)),
        };
        found.ok_or_else(|| not_found("the account has no such configuration"))
    }

    /// The account as clients see it.
    pub(crate) fn wire(&self, account: &AccountView) -> WireCredential {
        let integration = self.portal.integration(account.credential.integration);
        let workflows = integration.map(workflow_ids).unwrap_or_default();
        let (credential, settings) = (&account.credential, &account.configurations);
        WireCredential::new(self.portal.project, credential, settings, &workflows)
    }

    /// Checks that the caller may change an account, or one of its configurations.
    pub(crate) fn check_write(
        &self,
        caller: &Caller,
        account: &AccountView,
        configuration: Option<&AccountSettings>,
    ) -> Result<(), WireProblem> {
        self.check(caller, Operation::CredentialWrite, account, configuration)
    }

    /// Checks that the caller may do something with an account.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        operation: Operation,
        account: &AccountView,
        configuration: Option<&AccountSettings>,
    ) -> Result<(), WireProblem> {
        let integration = self.portal.integration(account.credential.integration);
        let about = About {
            integration: integration.map(|one| one.connector.as_str()),
            credential: Some(account.credential.id),
            configuration: configuration.and_then(|one| one.external_id.as_deref()),
        };
        caller.check(operation, &about)
    }
}

fn is_named(account: &AccountView, name: &str) -> bool {
    match (name.strip_prefix("ext:"), name.parse::<CredentialId>()) {
        (None, Ok(id)) => account.credential.id == id,
        (external, _) => {
            account.credential.external_id.as_deref() == Some(external.unwrap_or(name))
        }
    }
}

fn fits(name: &SettingsName, settings: &AccountSettings) -> bool {
    match name {
        SettingsName::Id(id) => settings.id == *id,
        SettingsName::External(name) => settings.external_id.as_ref() == Some(name),
    }
}

/// What a caller sent, short enough to be said again.
pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
