//! The management API's view of configuration.

use async_trait::async_trait;
use tenon_api::config::{
    ApiKeyRecord, Applied, ApplyMode, ConfigPort, Error, NewApiKey, UserPage, UserRecord,
    VersionRecord, WorkflowDetail, WorkflowRecord,
};
use tenon_config::ports::UserPage as UserPageRequest;
use tenon_config::workflows::Listed;
use tenon_config::{
    ApiKey, Choice, Configuration, ConnectedUser, DisplayName, Version, WorkflowEntry,
    WorkflowState,
};
use tenon_domain::workflow::Workflow;
use tenon_domain::{ApiKeyId, EndUserId, ProjectId, VersionId, WorkflowId};

/// Configuration behind the API's port.
pub struct ApiConfig(pub Configuration);

fn refused(action: &'static str) -> impl FnOnce(tenon_config::Error) -> Error {
    move |error| match error {
        tenon_config::Error::Unavailable(_) | tenon_config::Error::Store(_) => {
            Error::Unavailable { action, source: Box::new(error) }
        }
        refusal => Error::Conflict { message: refusal.to_string() },
    }
}

#[async_trait]
impl ConfigPort for ApiConfig {
    async fn apply(
        &self,
        project: ProjectId,
        workflows: Vec<Workflow>,
        mode: ApplyMode,
    ) -> Result<Vec<Applied>, Error> {
        let applied = match mode {
            ApplyMode::Commit => self.0.apply(project, &workflows).await,
            ApplyMode::DryRun => self.0.apply_dry(project, &workflows).await,
        };
        let known = match mode {
            ApplyMode::Commit => Vec::new(),
            ApplyMode::DryRun => self.workflows(project).await?,
        };
        let applied = applied.map_err(refused("apply workflows"))?;
        let shown = applied.into_iter().map(|one| {
            let exists = mode == ApplyMode::Commit || known.iter().any(|w| w.name == one.name);
            Applied {
                workflow: exists.then_some(one.workflow),
                version: (exists && (mode == ApplyMode::Commit || !one.changed))
                    .then_some(one.version),
                name: one.name,
                number: one.number,
                is_changed: one.changed,
            }
        });
        Ok(shown.collect())
    }

    async fn store_draft(
        &self,
        project: ProjectId,
        workflow: Workflow,
    ) -> Result<(WorkflowId, VersionId), Error> {
        let draft = self.0.store_draft(project, &workflow).await;
        draft.map(|draft| (draft.workflow, draft.version)).map_err(refused("store a draft"))
    }

    async fn workflows(&self, project: ProjectId) -> Result<Vec<WorkflowRecord>, Error> {
        let entries = self.0.workflows(project, Listed::Current).await;
        let entries = entries.map_err(refused("list workflows"))?;
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries {
            records.push(self.record(project, entry).await?);
        }
        Ok(records)
    }

    async fn workflow(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<WorkflowDetail>, Error> {
        let entry = match self.0.workflow(project, workflow).await {
            Ok(entry) => entry,
            Err(tenon_config::Error::NoSuchWorkflow(_)) => return Ok(None),
            Err(error) => return Err(refused("read a workflow")(error)),
        };
        let record = self.record(project, entry).await?;
        let shown = match &record.deployed {
            Some(version) => Some(version.id),
            None => {
                let versions = self.0.versions(project, workflow).await;
                let versions = versions.map_err(refused("list versions"))?;
                versions.first().map(|version| version.id)
            }
        };
        let Some(version) = shown else { return Ok(None) };
        let text = self.0.document(project, version).await.map_err(refused("read a document"))?;
        let document = serde_json::from_str(&text).map_err(|error| Error::Unavailable {
            action: "read a stored document",
            source: Box::new(error),
        })?;
        Ok(Some(WorkflowDetail { record, document }))
    }

    async fn versions(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Vec<VersionRecord>>, Error> {
        match self.0.versions(project, workflow).await {
            Ok(versions) => Ok(Some(
                versions.into_iter().filter(|one| one.number > 0).map(version_record).collect(),
            )),
            Err(tenon_config::Error::NoSuchWorkflow(_)) => Ok(None),
            Err(error) => Err(refused("list versions")(error)),
        }
    }

    async fn undeploy(&self, project: ProjectId, workflow: WorkflowId) -> Result<bool, Error> {
        match self.0.undeploy(project, workflow).await {
            Ok(_) => Ok(true),
            Err(tenon_config::Error::NoSuchWorkflow(_)) => Ok(false),
            Err(error) => Err(refused("undeploy a workflow")(error)),
        }
    }

    async fn users(
        &self,
        project: ProjectId,
        cursor: Option<EndUserId>,
        limit: usize,
    ) -> Result<UserPage, Error> {
        let page = UserPageRequest { after: cursor, limit: limit + 1 };
        let users = self.0.users(project, page).await.map_err(refused("list users"))?;
        let has_more = users.len() > limit;
        let users: Vec<UserRecord> = users.into_iter().take(limit).map(user_record).collect();
        let next = if has_more { users.last().map(|user| user.id.clone()) } else { None };
        Ok(UserPage { users, next })
    }

    async fn put_user(
        &self,
        project: ProjectId,
        user: EndUserId,
        is_disabled: bool,
    ) -> Result<UserRecord, Error> {
        let action = "change a user";
        self.0.ensure_user(project, &user).await.map_err(refused(action))?;
        let changed = if is_disabled {
            self.0.disable_user(project, &user).await
        } else {
            self.0.enable_user(project, &user).await
        };
        changed.map(user_record).map_err(refused(action))
    }

    async fn choose(
        &self,
        project: ProjectId,
        user: EndUserId,
        workflow: WorkflowId,
        is_enabled: bool,
    ) -> Result<bool, Error> {
        match self.0.choose(project, &Choice { user, workflow, is_enabled }).await {
            Ok(()) => Ok(true),
            Err(tenon_config::Error::NoSuchWorkflow(_)) => Ok(false),
            Err(error) => Err(refused("store a user's choice")(error)),
        }
    }

    async fn api_keys(&self, project: ProjectId) -> Result<Vec<ApiKeyRecord>, Error> {
        let keys = self.0.api_keys(project).await.map_err(refused("list API keys"))?;
        Ok(keys.into_iter().filter(|key| key.revoked_at.is_none()).map(key_record).collect())
    }

    async fn create_api_key(&self, project: ProjectId, name: String) -> Result<NewApiKey, Error> {
        let name = DisplayName::parse(&name).map_err(refused("name an API key"))?;
        let made = self.0.create_api_key(project, &name).await;
        let made = made.map_err(refused("create an API key"))?;
        Ok(NewApiKey { record: key_record(made.key), secret: made.text.expose().to_owned() })
    }

    async fn revoke_api_key(&self, project: ProjectId, key: ApiKeyId) -> Result<bool, Error> {
        let keys = self.api_keys(project).await?;
        if !keys.iter().any(|record| record.id == key) {
            return Ok(false);
        }
        if keys.len() == 1 {
            let message = "this is the last key of the project; make another one first".to_owned();
            return Err(Error::Conflict { message });
        }
        match self.0.revoke_api_key(project, key).await {
            Ok(()) => Ok(true),
            Err(tenon_config::Error::NoSuchApiKey(_)) => Ok(false),
            Err(error) => Err(refused("revoke an API key")(error)),
        }
    }
}

impl ApiConfig {
    async fn record(
        &self,
        project: ProjectId,
        entry: WorkflowEntry,
    ) -> Result<WorkflowRecord, Error> {
        let deployed = match entry.state {
            WorkflowState::Deployed { version, .. } => {
                let versions = self.0.versions(project, entry.id).await;
                let versions = versions.map_err(refused("list versions"))?;
                versions.into_iter().find(|one| one.id == version).map(version_record)
            }
            WorkflowState::Undeployed | WorkflowState::Archived { .. } => None,
        };
        Ok(WorkflowRecord {
            id: entry.id,
            name: entry.name,
            deployed,
            created_at: entry.created_at,
        })
    }
}

fn version_record(version: Version) -> VersionRecord {
    VersionRecord { id: version.id, number: version.number, created_at: version.created_at }
}

fn user_record(user: ConnectedUser) -> UserRecord {
    UserRecord {
        id: user.id,
        is_disabled: user.disabled_at.is_some(),
        created_at: user.created_at,
    }
}

fn key_record(key: ApiKey) -> ApiKeyRecord {
    ApiKeyRecord { id: key.id, name: key.name.to_string(), created_at: key.created_at }
}
