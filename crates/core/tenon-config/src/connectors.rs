//! Connectors: the built-in ones, and those that a project uploaded as manifests.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tenon_connector::connector::Connector;
use tenon_domain::ProjectId;

use crate::integrations::Integration;
use crate::ports::{StoreError, UnitOfWork};
use crate::{Configuration, Error};

/// What the names of custom connectors begin with.
const CUSTOM: &str = "custom.";

/// The name of a custom connector in its project: `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Checks a slug.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_valid = (1..=63).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if is_valid {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Invalid {
            what: "the name of a custom connector",
            rule: "1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen",
        })
    }

    /// The slug in a connector's name `custom.<slug>`.
    #[must_use]
    pub fn of_connector(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(CUSTOM)?).ok()
    }

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The connector's name, `custom.<slug>`.
    #[must_use]
    pub fn connector(&self) -> String {
        format!("{CUSTOM}{}", self.0)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A manifest that a project uploaded.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomConnector {
    /// Its name in the project.
    pub slug: Slug,
    /// The manifest's own version.
    pub version: String,
    /// The manifest.
    pub manifest: Arc<Value>,
    /// When it was uploaded first.
    pub created_at: Timestamp,
    /// When it was last uploaded.
    pub updated_at: Timestamp,
}

/// A connector that a project can use.
pub struct ListedConnector {
    /// Its name: a built-in one's, or `custom.<slug>`.
    pub name: String,
    /// The connector.
    pub connector: Arc<Connector>,
}

impl Configuration {
    /// The connectors that a project can use: the built-in ones by name, then its own. A custom
    /// one that is not valid any more is left out.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn connectors(&self, project: ProjectId) -> Result<Vec<ListedConnector>, Error> {
        let catalog = &self.linking()?.catalog;
        let custom = self.read(project).await?.connectors(project).await?;
        let built_in = catalog.names().filter_map(|name| {
            let connector = catalog.get(name)?;
            Some(ListedConnector { name: name.to_owned(), connector })
        });
        let custom = custom.into_iter().filter_map(|custom| {
            let name = custom.slug.connector();
            let connector = catalog.custom(project, &name, &custom.manifest).ok()?;
            Some(ListedConnector { name, connector })
        });
        Ok(built_in.chain(custom).collect())
    }

    /// One connector that a project can use.
    ///
    /// # Errors
    ///
    /// As [`Configuration::connectors`]; [`Error::ConnectorUnknown`].
    pub async fn connector(&self, project: ProjectId, name: &str) -> Result<Arc<Connector>, Error> {
        let mut work = self.read(project).await?;
        self.find_connector(&mut *work, project, name).await
    }

    /// The manifest that was uploaded.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::ConnectorUnknown`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn custom_connector(
        &self,
        project: ProjectId,
        slug: &Slug,
    ) -> Result<CustomConnector, Error> {
        let found = self.read(project).await?.connector(project, slug).await?;
        found.ok_or_else(|| Error::ConnectorUnknown { name: slug.connector() })
    }

    /// Checks a manifest and takes it as the project's connector, in place of an earlier one.
    /// `true` where it is new.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectorInvalid`] with every fault, [`Error::Conflict`] where it lacks an auth
    /// method that accounts were linked with, [`Error::LimitReached`], [`Error::NoSuchProject`],
    /// [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn put_connector(
        &self,
        project: ProjectId,
        slug: &Slug,
        manifest: Value,
    ) -> Result<(CustomConnector, bool), Error> {
        let manifest = Arc::new(manifest);
        let checked = self
            .linking()?
            .catalog
            .custom(project, &slug.connector(), &manifest)
            .map_err(Error::connector_invalid)?;
        let mut work = self.begin_change(project).await?;
        let known = work.connectors(project).await?;
        let is_known = known.iter().any(|custom| custom.slug == *slug);
        if !is_known && known.len() >= self.limits.custom_connectors_max {
            return Err(Error::LimitReached {
                what: "custom connectors in a project",
                max: self.limits.custom_connectors_max,
            });
        }
        check_methods_in_use(&mut *work, project, slug, &checked).await?;
        let now = self.clock.now();
        let custom = CustomConnector {
            slug: slug.clone(),
            version: checked.manifest().version.clone(),
            manifest,
            created_at: now,
            updated_at: now,
        };
        // Events may be routed by other fields from now on.
        let portal = self.portal_in(&mut *work, project).await?;
        let integration = portal.integration_named(&slug.connector());
        let workflows: Vec<_> = integration.map(|one| one.id).into_iter().collect();
        let workflows = portal.workflows_of(&workflows);
        let is_new = work.put_connector(project, &custom).await?;
        work.bump_installations(project, &workflows).await?;
        self.commit_and_publish(work, project, &[]).await?;
        self.publisher.publish_installation_changes(project, &workflows).await;
        Ok((custom, is_new))
    }

    /// Removes a custom connector.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectorUnknown`], [`Error::Conflict`] while an integration uses it,
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn remove_connector(&self, project: ProjectId, slug: &Slug) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        let name = slug.connector();
        if work.integrations(project).await?.iter().any(|one| one.connector == name) {
            return Err(Error::Conflict {
                reason: "an integration uses this connector; remove it first".to_owned(),
            });
        }
        if !work.delete_connector(project, slug).await? {
            return Err(Error::ConnectorUnknown { name });
        }
        Ok(work.commit().await?)
    }

    /// The connector of this name, from the catalog or the project's own.
    pub(crate) async fn find_connector(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        name: &str,
    ) -> Result<Arc<Connector>, Error> {
        let catalog = &self.linking()?.catalog;
        let unknown = || Error::ConnectorUnknown { name: name.to_owned() };
        let Some(slug) = Slug::of_connector(name) else {
            return catalog.get(name).ok_or_else(unknown);
        };
        let custom = work.connector(project, &slug).await?.ok_or_else(unknown)?;
        catalog.custom(project, name, &custom.manifest).map_err(Error::connector_invalid)
    }
}

/// Accounts keep working only while the method that made them is there.
async fn check_methods_in_use(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    slug: &Slug,
    connector: &Connector,
) -> Result<(), Error> {
    let name = slug.connector();
    let integrations = work.integrations(project).await?;
    let Some(integration) = integrations.iter().find(|one| one.connector == name) else {
        return Ok(());
    };
    for method in work.auth_methods_in_use(project, integration.id).await? {
        if connector.auth(Some(&method)).is_none() {
            return Err(Error::Conflict {
                reason: format!("accounts were connected with the auth method `{method}`; keep it"),
            });
        }
    }
    Ok(())
}

/// The manifests of the custom connectors among some integrations, by the connector's name.
pub(crate) async fn custom_manifests(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    integrations: &[Integration],
) -> Result<HashMap<String, Arc<Value>>, StoreError> {
    if !integrations.iter().any(|one| Slug::of_connector(&one.connector).is_some()) {
        return Ok(HashMap::new());
    }
    let customs = work.connectors(project).await?;
    Ok(customs.into_iter().map(|custom| (custom.slug.connector(), custom.manifest)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_letters_digits_and_hyphens() {
        for (text, is_valid) in [
            ("acme", true),
            ("acme-2", true),
            ("0", true),
            ("", false),
            ("-a", false),
            ("Acme", false),
            ("a.b", false),
            ("a_b", false),
            ("ü", false),
            (&"x".repeat(64), false),
        ] {
            assert_eq!(Slug::parse(text).is_ok(), is_valid, "{text:?}");
        }
    }

    #[test]
    fn only_names_with_the_prefix_are_custom() {
        assert_eq!(
            Slug::of_connector("custom.acme").map(|slug| slug.connector()).as_deref(),
            Some("custom.acme")
        );
        assert!(Slug::of_connector("slack").is_none());
        assert!(Slug::of_connector("custom.").is_none());
        assert!(Slug::of_connector("custom.A").is_none());
    }
}
