//! Integrations: connectors that a project has switched on, each with the builder's own apps at
//! the provider. An app's secrets go to the vault, as one JSON object; here are their ids.

mod app;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_contract::plan::{AppPlan, IntegrationPlan};
use tenon_domain::portal::IntegrationDocument;
use tenon_domain::{IntegrationId, ProjectId};

pub use app::AppChange;
pub(crate) use app::missing_of_app;

use crate::{Configuration, Error};

/// A connector that a project has switched on.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// The connector: a built-in one's name, or `custom.<slug>`.
    pub connector: String,
    /// Whether it may be used.
    pub is_active: bool,
    /// The builder's app for each auth method that has one, by the method's id.
    pub apps: BTreeMap<String, AppPlan>,
    /// How it looks in the portal.
    pub portal: Map<String, Value>,
    /// The document that was applied for it: texts and inputs of the portal.
    pub document: Option<IntegrationDocument>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Integration {
    /// A connector as it is switched on.
    #[must_use]
    pub fn new(connector: &str, now: Timestamp) -> Self {
        Self {
            id: IntegrationId::new(),
            connector: connector.to_owned(),
            is_active: true,
            apps: BTreeMap::new(),
            portal: Map::new(),
            document: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// What execution knows of it; `manifest` of a custom connector.
    #[must_use]
    pub fn plan(&self, manifest: Option<Arc<Value>>) -> IntegrationPlan {
        IntegrationPlan {
            id: self.id,
            connector: self.connector.clone(),
            is_active: self.is_active,
            apps: self.apps.iter().map(|(id, app)| (id.clone(), app.clone())).collect(),
            manifest,
        }
    }
}

impl Configuration {
    /// Switches a connector on. Doing it again gives the integration that is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::ConnectorUnknown`], [`Error::LimitReached`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn add_integration(
        &self,
        project: ProjectId,
        connector: &str,
    ) -> Result<Integration, Error> {
        let mut work = self.begin_change(project).await?;
        self.find_connector(&mut *work, project, connector).await?;
        let known = work.integrations(project).await?;
        if let Some(found) = known.iter().find(|known| known.connector == connector) {
            return Ok(found.clone());
        }
        if known.len() >= self.limits.integrations_max {
            return Err(Error::LimitReached {
                what: "integrations in a project",
                max: self.limits.integrations_max,
            });
        }
        let added = Integration::new(connector, self.clock.now());
        work.insert_integration(project, &added).await?;
        self.commit_and_publish(work, project, &[]).await?;
        Ok(added)
    }

    /// The integrations of a project, by connector.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn integrations(&self, project: ProjectId) -> Result<Vec<Integration>, Error> {
        Ok(self.read(project).await?.integrations(project).await?)
    }

    /// One integration.
    ///
    /// # Errors
    ///
    /// As [`Configuration::integrations`]; [`Error::NotFound`].
    pub async fn integration(
        &self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<Integration, Error> {
        let mut work = self.read(project).await?;
        let found = work.integration(project, integration).await?;
        found.ok_or_else(|| Error::no_integration(integration))
    }

    /// The integration that a text names: by its id, else by its connector.
    ///
    /// # Errors
    ///
    /// As [`Configuration::integration`].
    pub async fn integration_named(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Integration, Error> {
        let known = self.integrations(project).await?;
        let id = name.parse::<IntegrationId>().ok();
        known
            .into_iter()
            .find(|one| one.connector == name || Some(one.id) == id)
            .ok_or_else(|| Error::NotFound { what: "integration", id: name.to_owned() })
    }

    /// Switches an integration on or off: while it is off nothing uses its accounts and nobody
    /// can connect, and the accounts stay.
    ///
    /// # Errors
    ///
    /// As [`Configuration::integration`].
    pub async fn set_integration_active(
        &self,
        project: ProjectId,
        integration: IntegrationId,
        is_active: bool,
    ) -> Result<Integration, Error> {
        let mut work = self.begin_change(project).await?;
        let found = work.integration(project, integration).await?;
        let mut changed = found.ok_or_else(|| Error::no_integration(integration))?;
        if changed.is_active != is_active {
            let portal = self.portal_in(&mut *work, project).await?;
            let workflows = portal.workflows_of(&[integration]);
            work.bump_installations(project, &workflows).await?;
            changed.is_active = is_active;
            changed.updated_at = self.clock.now();
            work.update_integration(project, &changed).await?;
            self.commit_and_publish_users(work, project, &[], &[integration]).await?;
            self.publisher.publish_installation_changes(project, &workflows).await;
        }
        Ok(changed)
    }

    /// Removes an integration and shreds the secrets of its apps.
    ///
    /// # Errors
    ///
    /// As [`Configuration::integration`]; [`Error::Conflict`] while users are connected.
    pub async fn remove_integration(
        &self,
        project: ProjectId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        let found = work.integration(project, integration).await?;
        let removed = found.ok_or_else(|| Error::no_integration(integration))?;
        let accounts = work.count_credentials(project, integration).await?;
        if accounts > 0 {
            return Err(Error::Conflict {
                reason: format!("{accounts} accounts are connected; disconnect them first"),
            });
        }
        let webhooks = self.app_webhook_secrets(&mut *work, project, &removed).await?;
        let portal = self.portal_in(&mut *work, project).await?;
        let workflows = portal.integration(integration).map_or(0, |it| it.workflows.len());
        if workflows > 0 {
            return Err(Error::Conflict {
                reason: format!("{workflows} workflows belong to it; undeploy them first"),
            });
        }
        work.delete_integration(project, integration).await?;
        self.commit_and_publish(work, project, &[]).await?;
        let apps = removed.apps.values().filter_map(|app| app.secret);
        for secret in apps.chain(webhooks) {
            self.shred(project, secret).await;
        }
        Ok(())
    }
}
