//! Organisations own teams, teams own projects; a project is what everything else belongs to.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_domain::ProjectId;
use uuid::Uuid;

use crate::api_keys::{ApiKeyText, NewApiKey};
use crate::ports::{Scope, UnitOfWork};
use crate::{Configuration, Error};

/// An organisation's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrganisationId(pub Uuid);

/// A team's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TeamId(pub Uuid);

/// A name for people: 1 to 100 characters, no control characters, no blanks at the ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let length = text.chars().count();
        let is_valid = (1..=100).contains(&length)
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Invalid {
                what: "a name",
                rule: "1 to 100 characters, without control characters or blanks at the ends",
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An organisation: the builder's company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Unique in the installation.
    pub name: DisplayName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A team of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Unique in the organisation.
    pub name: DisplayName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Whose.
    pub team: TeamId,
    /// Unique in the team.
    pub name: DisplayName,
    /// The revision of its plan.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What [`Configuration::ensure_dev_project`] found or made.
pub struct DevProject {
    /// The project.
    pub project: ProjectId,
    /// A valid key of the project.
    pub key: ApiKeyText,
    /// Whether the key was made just now: then it is to be kept, it cannot be read again.
    pub is_new_key: bool,
}

/// A project that was just made, with a key that speaks for it.
pub struct NewProject {
    /// The project.
    pub project: Project,
    /// Its first key: to be kept, it cannot be read again.
    pub key: NewApiKey,
}

/// The owner of development projects.
const DEV_OWNER: &str = "Development";
/// The owner of projects that are made over the API.
const OWNER: &str = "Default";
/// The name of a project's first key.
const FIRST_KEY: &str = "first";

impl Configuration {
    /// Makes an organisation, a team in it and a project in that, each only where there is none
    /// of this name. Running it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn bootstrap(
        &self,
        organisation: &DisplayName,
        team: &DisplayName,
        project: &DisplayName,
    ) -> Result<Project, Error> {
        Ok(self.ensure(organisation, team, project).await?.0)
    }

    /// The project, and whether it was made just now.
    async fn ensure(
        &self,
        organisation: &DisplayName,
        team: &DisplayName,
        project: &DisplayName,
    ) -> Result<(Project, bool), Error> {
        let now = self.clock.now();
        let mut work = self.store.begin(Scope::System).await?;
        let organisation = ensure_organisation(&mut *work, organisation, now).await?;
        let team = ensure_team(&mut *work, organisation.id, team, now).await?;
        let (project, is_new) = ensure_project(&mut *work, team.id, project, now).await?;
        work.commit().await?;
        if is_new {
            self.publisher.publish_change(project.id, &[]).await;
        }
        Ok((project, is_new))
    }

    /// Makes a project of this name and a first key of it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] where the name is taken, [`Error::Unavailable`], [`Error::Store`].
    pub async fn create_project(&self, name: &DisplayName) -> Result<NewProject, Error> {
        let owner = DisplayName::parse(OWNER)?;
        let (project, is_new) = self.ensure(&owner, &owner, name).await?;
        if !is_new {
            return Err(Error::Conflict {
                reason: format!("there is a project `{name}` already; choose another name"),
            });
        }
        let key = self.create_api_key(project.id, &DisplayName::parse(FIRST_KEY)?).await?;
        Ok(NewProject { project, key })
    }

    /// Projects behind this id, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn list_projects(
        &self,
        after: Option<ProjectId>,
        limit: u32,
    ) -> Result<Vec<Project>, Error> {
        let mut work = self.store.snapshot(Scope::System).await?;
        Ok(work.list_projects(after, limit).await?)
    }

    /// Makes sure that there is a project for development with a key that works. `held` is the
    /// key that an earlier call returned and the caller kept; where it is not valid any more, or
    /// not there, a new key is made.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for the name, [`Error::Unavailable`], [`Error::Store`].
    pub async fn ensure_dev_project(
        &self,
        name: &str,
        held: Option<ApiKeyText>,
    ) -> Result<DevProject, Error> {
        let owner = DisplayName::parse(DEV_OWNER)?;
        let project = self.bootstrap(&owner, &owner, &DisplayName::parse(name)?).await?.id;
        if let Some(key) = held
            && self.is_valid_api_key(project, &key).await?
        {
            return Ok(DevProject { project, key, is_new_key: false });
        }
        let NewApiKey { text: key, .. } =
            self.create_api_key(project, &DisplayName::parse("development")?).await?;
        Ok(DevProject { project, key, is_new_key: true })
    }

    /// The project.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn project(&self, project: ProjectId) -> Result<Project, Error> {
        let mut work = self.store.snapshot(Scope::Project(project)).await?;
        work.project(project).await?.ok_or(Error::NoSuchProject(project))
    }
}

/// What was inserted beside us under the same name is taken: the insert waits for it.
async fn ensure_organisation(
    work: &mut dyn UnitOfWork,
    name: &DisplayName,
    now: Timestamp,
) -> Result<Organisation, Error> {
    let fresh =
        Organisation { id: OrganisationId(Uuid::new_v4()), name: name.clone(), created_at: now };
    if work.insert_organisation(&fresh).await? {
        return Ok(fresh);
    }
    work.organisation_by_name(name).await?.ok_or_else(vanished)
}

async fn ensure_team(
    work: &mut dyn UnitOfWork,
    organisation: OrganisationId,
    name: &DisplayName,
    now: Timestamp,
) -> Result<Team, Error> {
    let fresh =
        Team { id: TeamId(Uuid::new_v4()), organisation, name: name.clone(), created_at: now };
    if work.insert_team(&fresh).await? {
        return Ok(fresh);
    }
    work.team_by_name(organisation, name).await?.ok_or_else(vanished)
}

async fn ensure_project(
    work: &mut dyn UnitOfWork,
    team: TeamId,
    name: &DisplayName,
    now: Timestamp,
) -> Result<(Project, bool), Error> {
    let fresh =
        Project { id: ProjectId::new(), team, name: name.clone(), revision: 1, created_at: now };
    if work.insert_project(&fresh).await? {
        return Ok((fresh, true));
    }
    let found = work.project_by_name(team, name).await?.ok_or_else(vanished)?;
    Ok((found, false))
}

/// The name was taken, and then not there: it was removed between the two statements.
fn vanished() -> Error {
    Error::Unavailable(crate::ports::StoreError::Conflict {
        action: "find what holds the name",
        source: "it was removed meanwhile".into(),
    })
}
