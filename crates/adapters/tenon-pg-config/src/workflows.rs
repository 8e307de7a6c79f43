//! Rows of workflows and their versions.

use async_trait::async_trait;
use tenon_config::ports::{StoreError, StoredDocument, VersionRow, WorkflowRows};
use tenon_config::{Version, WorkflowEntry, WorkflowState};
use tenon_domain::{ProjectId, VersionId, WorkflowId};
use uuid::Uuid;

use crate::api_keys::sha256;
use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

struct EntryRow {
    id: Uuid,
    name: String,
    deployed_version_id: Option<Uuid>,
    deployed_number: Option<i32>,
    archived_at: Option<Moment>,
    created_at: Moment,
    updated_at: Moment,
}

impl EntryRow {
    fn entry(self) -> Result<WorkflowEntry, StoreError> {
        let state = match (self.deployed_version_id, self.deployed_number, self.archived_at) {
            (Some(version), Some(counted), _) => WorkflowState::Deployed {
                version: VersionId::from_uuid(version),
                number: number(counted)?,
            },
            (_, _, Some(since)) => WorkflowState::Archived { since: since.0 },
            _ => WorkflowState::Undeployed,
        };
        Ok(WorkflowEntry {
            id: WorkflowId::from_uuid(self.id),
            name: self.name,
            state,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

struct VersionColumns {
    id: Uuid,
    workflow_id: Uuid,
    number: i32,
    fingerprint: Vec<u8>,
    created_at: Moment,
}

impl VersionColumns {
    fn version(self) -> Result<Version, StoreError> {
        Ok(Version {
            id: VersionId::from_uuid(self.id),
            workflow: WorkflowId::from_uuid(self.workflow_id),
            number: number(self.number)?,
            fingerprint: sha256(&self.fingerprint)?,
            created_at: self.created_at.0,
        })
    }
}

struct DocumentColumns {
    project_id: Uuid,
    workflow_id: Uuid,
    name: String,
    id: Uuid,
    number: i32,
    document: String,
}

impl DocumentColumns {
    fn stored(self) -> Result<StoredDocument, StoreError> {
        Ok(StoredDocument {
            project: ProjectId::from_uuid(self.project_id),
            workflow: WorkflowId::from_uuid(self.workflow_id),
            name: self.name,
            version: VersionId::from_uuid(self.id),
            number: number(self.number)?,
            document: self.document,
        })
    }
}

/// The column is checked to be 0 or more.
fn number(stored: i32) -> Result<u32, StoreError> {
    u32::try_from(stored).map_err(|error| StoreError::Failed {
        action: "read a version's number",
        source: Box::new(error),
    })
}

#[async_trait]
impl WorkflowRows for PgUnitOfWork {
    async fn insert_workflow(
        &mut self,
        project: ProjectId,
        workflow: &WorkflowEntry,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO workflow (project_id, id, name, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5)",
            project.uuid(),
            workflow.id.uuid(),
            workflow.name,
            Moment(workflow.created_at) as _,
            Moment(workflow.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a workflow"))?;
        expect_one("add a workflow", done.rows_affected())
    }

    async fn workflow(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<WorkflowEntry>, StoreError> {
        let row = sqlx::query_as!(
            EntryRow,
            r#"SELECT w.id, w.name, w.deployed_version_id, v.number AS "deployed_number?",
                      w.archived_at AS "archived_at: Moment",
                      w.created_at AS "created_at: Moment", w.updated_at AS "updated_at: Moment"
               FROM workflow w
               LEFT JOIN workflow_version v
                 ON v.project_id = w.project_id AND v.id = w.deployed_version_id
               WHERE w.project_id = $1 AND w.id = $2"#,
            project.uuid(),
            workflow.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a workflow"))?;
        row.map(EntryRow::entry).transpose()
    }

    async fn workflow_by_name(
        &mut self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<WorkflowEntry>, StoreError> {
        let row = sqlx::query_as!(
            EntryRow,
            r#"SELECT w.id, w.name, w.deployed_version_id, v.number AS "deployed_number?",
                      w.archived_at AS "archived_at: Moment",
                      w.created_at AS "created_at: Moment", w.updated_at AS "updated_at: Moment"
               FROM workflow w
               LEFT JOIN workflow_version v
                 ON v.project_id = w.project_id AND v.id = w.deployed_version_id
               WHERE w.project_id = $1 AND w.name = $2"#,
            project.uuid(),
            name,
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a workflow by its name"))?;
        row.map(EntryRow::entry).transpose()
    }

    async fn workflows(&mut self, project: ProjectId) -> Result<Vec<WorkflowEntry>, StoreError> {
        let rows = sqlx::query_as!(
            EntryRow,
            r#"SELECT w.id, w.name, w.deployed_version_id, v.number AS "deployed_number?",
                      w.archived_at AS "archived_at: Moment",
                      w.created_at AS "created_at: Moment", w.updated_at AS "updated_at: Moment"
               FROM workflow w
               LEFT JOIN workflow_version v
                 ON v.project_id = w.project_id AND v.id = w.deployed_version_id
               WHERE w.project_id = $1 ORDER BY w.name COLLATE "C""#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the workflows"))?;
        rows.into_iter().map(EntryRow::entry).collect()
    }

    async fn count_workflows(&mut self, project: ProjectId) -> Result<usize, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM workflow WHERE project_id = $1"#,
            project.uuid(),
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("count the workflows"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn update_workflow(
        &mut self,
        project: ProjectId,
        workflow: &WorkflowEntry,
    ) -> Result<(), StoreError> {
        let (deployed, archived) = match workflow.state {
            WorkflowState::Deployed { version, .. } => (Some(version.uuid()), None),
            WorkflowState::Undeployed => (None, None),
            WorkflowState::Archived { since } => (None, Some(Moment(since))),
        };
        let done = sqlx::query!(
            "UPDATE workflow SET deployed_version_id = $3, archived_at = $4, updated_at = $5
             WHERE project_id = $1 AND id = $2",
            project.uuid(),
            workflow.id.uuid(),
            deployed,
            archived as _,
            Moment(workflow.updated_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("change a workflow's state"))?;
        expect_one("change a workflow's state", done.rows_affected())
    }

    async fn insert_version(
        &mut self,
        project: ProjectId,
        row: &VersionRow,
    ) -> Result<(), StoreError> {
        let counted = i32::try_from(row.version.number).map_err(|error| StoreError::Failed {
            action: "add a workflow version",
            source: Box::new(error),
        })?;
        let done = sqlx::query!(
            "INSERT INTO workflow_version
                 (project_id, id, workflow_id, number, fingerprint, document, created_at)
             VALUES ($1, $2, $3, $4, $5, $6::text::json, $7)",
            project.uuid(),
            row.version.id.uuid(),
            row.version.workflow.uuid(),
            counted,
            &row.version.fingerprint[..],
            row.document,
            Moment(row.version.created_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a workflow version"))?;
        expect_one("add a workflow version", done.rows_affected())
    }

    async fn latest_version(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Version>, StoreError> {
        let row = sqlx::query_as!(
            VersionColumns,
            r#"SELECT id, workflow_id, number, fingerprint, created_at AS "created_at: Moment"
               FROM workflow_version
               WHERE project_id = $1 AND workflow_id = $2 AND number > 0
               ORDER BY number DESC LIMIT 1"#,
            project.uuid(),
            workflow.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read the latest version"))?;
        row.map(VersionColumns::version).transpose()
    }

    async fn versions(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Vec<Version>, StoreError> {
        let rows = sqlx::query_as!(
            VersionColumns,
            r#"SELECT id, workflow_id, number, fingerprint, created_at AS "created_at: Moment"
               FROM workflow_version
               WHERE project_id = $1 AND workflow_id = $2 AND number > 0
               ORDER BY number DESC"#,
            project.uuid(),
            workflow.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the versions"))?;
        rows.into_iter().map(VersionColumns::version).collect()
    }

    async fn draft(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Version>, StoreError> {
        let row = sqlx::query_as!(
            VersionColumns,
            r#"SELECT id, workflow_id, number, fingerprint, created_at AS "created_at: Moment"
               FROM workflow_version
               WHERE project_id = $1 AND workflow_id = $2 AND fingerprint = $3 AND number = 0"#,
            project.uuid(),
            workflow.uuid(),
            &fingerprint[..],
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a draft"))?;
        row.map(VersionColumns::version).transpose()
    }

    async fn prune_drafts(
        &mut self,
        project: ProjectId,
        workflow: WorkflowId,
        keep: usize,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM workflow_version WHERE project_id = $1 AND id IN (
                 SELECT id FROM workflow_version
                 WHERE project_id = $1 AND workflow_id = $2 AND number = 0
                 ORDER BY created_at DESC, id OFFSET $3)",
            project.uuid(),
            workflow.uuid(),
            i64::try_from(keep).unwrap_or(i64::MAX),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove old drafts"))?;
        Ok(done.rows_affected())
    }

    async fn document(&mut self, version: VersionId) -> Result<Option<StoredDocument>, StoreError> {
        let row = sqlx::query_as!(
            DocumentColumns,
            r#"SELECT v.project_id, v.workflow_id, w.name, v.id, v.number,
                      v.document::text AS "document!"
               FROM workflow_version v
               JOIN workflow w ON w.project_id = v.project_id AND w.id = v.workflow_id
               WHERE v.id = $1"#,
            version.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a document"))?;
        row.map(DocumentColumns::stored).transpose()
    }

    async fn deployed_documents(
        &mut self,
        project: ProjectId,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        let rows = sqlx::query_as!(
            DocumentColumns,
            r#"SELECT v.project_id, v.workflow_id, w.name, v.id, v.number,
                      v.document::text AS "document!"
               FROM workflow w
               JOIN workflow_version v
                 ON v.project_id = w.project_id AND v.id = w.deployed_version_id
               WHERE w.project_id = $1 ORDER BY w.name COLLATE "C""#,
            project.uuid(),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("read the deployed documents"))?;
        rows.into_iter().map(DocumentColumns::stored).collect()
    }
}
