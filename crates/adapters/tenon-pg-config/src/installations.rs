//! Rows of installations.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::ports::{
    InstallationRows, InstalledRow, NewSignal, Signal, Signalled, StoreError,
};
use tenon_config::{AccountSettings, Revisions};
use tenon_contract::plan::InstallationRef;
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, IntegrationId, ProjectId, WorkflowId,
};
use uuid::Uuid;

use crate::configurations::SettingsRow;
use crate::error::failed;
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

struct SignalRow {
    project_id: Uuid,
    sequence: i64,
    kind: String,
    user_id: String,
    credential_id: Uuid,
    configuration_id: Option<Uuid>,
    workflow_id: Option<Uuid>,
    user_revision: i64,
    at: Moment,
}

impl SignalRow {
    fn signal(self) -> Result<Signal, StoreError> {
        let configuration = self.configuration_id.map(ConfigurationId::from_uuid);
        let workflow = self.workflow_id.map(WorkflowId::from_uuid);
        let what = match (self.kind.as_str(), configuration, workflow) {
            ("first_enabled", Some(configuration), Some(workflow)) => {
                Signalled::FirstEnabled { configuration, workflow }
            }
            ("workflow_off", Some(configuration), Some(workflow)) => {
                Signalled::WorkflowOff { configuration, workflow }
            }
            ("configuration_ended", Some(configuration), None) => {
                Signalled::ConfigurationEnded { configuration }
            }
            ("account_ended", None, None) => Signalled::AccountEnded,
            (kind, ..) => {
                return Err(StoreError::Failed {
                    action: "read a stored signal",
                    source: format!("`{kind}` with these ids is no signal").into(),
                });
            }
        };
        Ok(Signal {
            sequence: self.sequence,
            project: ProjectId::from_uuid(self.project_id),
            user_revision: self.user_revision,
            signal: NewSignal {
                user: EndUserId::new(self.user_id),
                credential: CredentialId::from_uuid(self.credential_id),
                what,
                at: self.at.0,
            },
        })
    }
}

/// The kind and the ids of the row.
fn parts(what: Signalled) -> (&'static str, Option<Uuid>, Option<Uuid>) {
    match what {
        Signalled::FirstEnabled { configuration, workflow } => {
            ("first_enabled", Some(configuration.uuid()), Some(workflow.uuid()))
        }
        Signalled::WorkflowOff { configuration, workflow } => {
            ("workflow_off", Some(configuration.uuid()), Some(workflow.uuid()))
        }
        Signalled::ConfigurationEnded { configuration } => {
            ("configuration_ended", Some(configuration.uuid()), None)
        }
        Signalled::AccountEnded => ("account_ended", None, None),
    }
}

fn texts(users: &[EndUserId]) -> Vec<String> {
    users.iter().map(|user| user.as_str().to_owned()).collect()
}

#[async_trait]
impl InstallationRows for PgUnitOfWork {
    async fn mark_started(
        &mut self,
        project: ProjectId,
        configuration: ConfigurationId,
        workflow: WorkflowId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO installation_started (project_id, configuration_id, workflow_id, since)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (project_id, configuration_id, workflow_id) DO NOTHING",
            project.uuid(),
            configuration.uuid(),
            workflow.uuid(),
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("note that a workflow was switched on"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn append_signal(
        &mut self,
        project: ProjectId,
        signal: &NewSignal,
    ) -> Result<(), StoreError> {
        let (kind, configuration, workflow) = parts(signal.what);
        sqlx::query!(
            "INSERT INTO installation_signal
                 (project_id, kind, user_id, credential_id, configuration_id, workflow_id, at,
                  user_revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7,
                     1 + COALESCE((SELECT revision FROM user_revision
                                   WHERE project_id = $1 AND user_id = $3), 0))",
            project.uuid(),
            kind,
            signal.user.as_str(),
            signal.credential.uuid(),
            configuration,
            workflow,
            Moment(signal.at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("keep a signal"))?;
        Ok(())
    }

    async fn signals(&mut self, after: i64, limit: usize) -> Result<Vec<Signal>, StoreError> {
        let rows = sqlx::query_as!(
            SignalRow,
            r#"SELECT project_id, sequence, kind, user_id, credential_id, configuration_id,
                      workflow_id, user_revision, at AS "at: Moment"
               FROM installation_signal WHERE sequence > $1 ORDER BY sequence LIMIT $2"#,
            after,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the signals"))?;
        rows.into_iter().map(SignalRow::signal).collect()
    }

    async fn delete_signal(&mut self, project: ProjectId, sequence: i64) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM installation_signal WHERE project_id = $1 AND sequence = $2",
            project.uuid(),
            sequence,
        )
        .execute(self.connection())
        .await
        .map_err(failed("forget a signal"))?;
        Ok(())
    }

    async fn configurations_of_users(
        &mut self,
        project: ProjectId,
        users: &[EndUserId],
    ) -> Result<Vec<AccountSettings>, StoreError> {
        let rows = sqlx::query_as!(
            SettingsRow,
            r#"SELECT held.id, held.credential_id, held.external_id, held.is_default,
                      held.settings AS "settings: _", held.meta AS "meta: _",
                      held.created_at AS "created_at: Moment"
               FROM configuration held
               JOIN credential
                 ON credential.project_id = held.project_id AND credential.id = held.credential_id
               WHERE held.project_id = $1 AND credential.user_id = ANY($2::text[])
                 AND credential.deleted_at IS NULL
               ORDER BY held.credential_id, held.created_at"#,
            project.uuid(),
            &texts(users),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the configurations of users"))?;
        Ok(rows.into_iter().map(AccountSettings::from).collect())
    }

    async fn bump_installations(
        &mut self,
        project: ProjectId,
        workflows: &[WorkflowId],
    ) -> Result<(), StoreError> {
        if workflows.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = workflows.iter().map(|workflow| workflow.uuid()).collect();
        sqlx::query!(
            "UPDATE workflow SET installations_revision = installations_revision + 1
             WHERE project_id = $1 AND id = ANY($2)",
            project.uuid(),
            &ids,
        )
        .execute(self.connection())
        .await
        .map_err(failed("raise the revision of who a workflow runs for"))?;
        Ok(())
    }

    async fn installations_revision(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar!(
            "SELECT installations_revision FROM workflow WHERE project_id = $1 AND id = $2",
            project.uuid(),
            workflow.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read the revision of who a workflow runs for"))
    }

    async fn installed(
        &mut self,
        project: ProjectId,
        integration: IntegrationId,
        workflow: WorkflowId,
        fields: &[String],
        limit: usize,
    ) -> Result<Vec<InstalledRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT credential.user_id, credential.id AS credential_id, held.id,
                      connected_user.meta AS "meta: Json<Object>",
                      COALESCE((SELECT jsonb_object_agg(key, value)
                                FROM jsonb_each(credential.fields)
                                WHERE key = ANY($5)), '{}') AS "fields!: Json<Object>"
               FROM credential
               JOIN configuration held
                 ON held.project_id = credential.project_id AND held.credential_id = credential.id
               JOIN connected_user
                 ON connected_user.project_id = credential.project_id
                AND connected_user.id = credential.user_id
               WHERE credential.project_id = $1 AND credential.integration_id = $2
                 AND credential.deleted_at IS NULL AND credential.status <> 'pending'
                 AND connected_user.disabled_at IS NULL
                 AND held.settings -> 'workflows' -> $3::text -> 'enabled' = 'true'::jsonb
               ORDER BY credential.user_id, held.id LIMIT $4"#,
            project.uuid(),
            integration.uuid(),
            workflow.to_string(),
            i64::try_from(limit).unwrap_or(i64::MAX),
            fields,
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list who a workflow runs for"))?;
        Ok(rows
            .into_iter()
            .map(|row| InstalledRow {
                installation: InstallationRef {
                    user: EndUserId::new(row.user_id),
                    credential: CredentialId::from_uuid(row.credential_id),
                    configuration: ConfigurationId::from_uuid(row.id),
                    routes: BTreeMap::new(),
                },
                meta: row.meta.0,
                fields: row.fields.0,
            })
            .collect())
    }

    async fn mark_installations_published(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        revision: i64,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE workflow SET installations_published = $3
             WHERE project_id = $1 AND id = $2 AND installations_published < $3",
            project.uuid(),
            workflow.uuid(),
            revision,
        )
        .execute(self.connection())
        .await
        .map_err(failed("mark who a workflow runs for as published"))?;
        Ok(())
    }

    async fn unpublished_installations(
        &mut self,
        limit: usize,
    ) -> Result<Vec<(ProjectId, WorkflowId)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT project_id, id FROM workflow
             WHERE installations_published < installations_revision
             ORDER BY project_id, id LIMIT $1",
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the unpublished installations"))?;
        Ok(rows
            .into_iter()
            .map(|row| (ProjectId::from_uuid(row.project_id), WorkflowId::from_uuid(row.id)))
            .collect())
    }

    async fn revisions(
        &mut self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Revisions>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT project.revision,
                      CASE WHEN known.id IS NULL THEN NULL ELSE COALESCE(held.revision, 0) END
                          AS "user_revision?"
               FROM project
               LEFT JOIN connected_user known ON known.project_id = project.id AND known.id = $2
               LEFT JOIN user_revision held ON held.project_id = project.id AND held.user_id = $2
               WHERE project.id = $1"#,
            project.uuid(),
            user.as_str(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read the revisions of a project and a user"))?;
        Ok(row.map(|row| Revisions { project: row.revision, user: row.user_revision }))
    }

    async fn bump_users_of_integrations(
        &mut self,
        project: ProjectId,
        integrations: &[IntegrationId],
    ) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = integrations.iter().map(|one| one.uuid()).collect();
        let done = sqlx::query!(
            "UPDATE user_revision SET revision = revision + 1
             WHERE project_id = $1 AND user_id IN
                 (SELECT user_id FROM credential
                  WHERE project_id = $1 AND integration_id = ANY($2) AND deleted_at IS NULL)",
            project.uuid(),
            &ids,
        )
        .execute(self.connection())
        .await
        .map_err(failed("raise the revisions of users' plans"))?;
        Ok(done.rows_affected())
    }
}
