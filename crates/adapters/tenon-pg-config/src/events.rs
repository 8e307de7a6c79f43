//! Rows of the event log, and the place in the vault's changes.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use tenon_config::ports::{EventRows, StoreError};
use tenon_config::{Event, EventType, NewEvent};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};

use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

type Object = serde_json::Map<String, Value>;

#[async_trait]
impl EventRows for PgUnitOfWork {
    async fn append_event(
        &mut self,
        project: ProjectId,
        event: &NewEvent,
    ) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            "WITH next AS (
                 UPDATE project SET event_sequence = event_sequence + 1 WHERE id = $1
                 RETURNING event_sequence
             )
             INSERT INTO event (project_id, sequence, at, type, user_id, integration_id,
                                credential_id, payload)
             SELECT $1, next.event_sequence, $2, $3, $4, $5, $6, $7 FROM next
             RETURNING sequence",
            project.uuid(),
            Moment(event.at) as _,
            event.kind.name(),
            event.user.as_ref().map(EndUserId::as_str),
            event.integration.map(IntegrationId::uuid),
            event.credential.map(CredentialId::uuid),
            Json(&event.payload) as _,
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("append an event"))
    }

    async fn events(
        &mut self,
        project: ProjectId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT sequence, at AS "at: Moment", type AS kind, user_id, integration_id,
                      credential_id, payload AS "payload: Json<Object>"
               FROM event WHERE project_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"#,
            project.uuid(),
            after,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the events"))?;
        rows.into_iter()
            .map(|row| {
                let kind = EventType::of_name(&row.kind).ok_or_else(|| StoreError::Failed {
                    action: "read a stored event",
                    source: format!("`{}` is no type of event", row.kind).into(),
                })?;
                let event = NewEvent {
                    at: row.at.0,
                    kind,
                    user: row.user_id.map(EndUserId::new),
                    integration: row.integration_id.map(IntegrationId::from_uuid),
                    credential: row.credential_id.map(CredentialId::from_uuid),
                    payload: row.payload.0,
                };
                Ok(Event { sequence: row.sequence, event })
            })
            .collect()
    }

    async fn prune_events(&mut self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM event WHERE (project_id, sequence) IN
                 (SELECT project_id, sequence FROM event WHERE at < $1 LIMIT $2)",
            Moment(before) as _,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove old events"))?;
        Ok(done.rows_affected())
    }

    async fn lock_vault_cursor(&mut self) -> Result<i64, StoreError> {
        sqlx::query_scalar!("SELECT sequence FROM vault_cursor FOR UPDATE")
            .fetch_one(self.connection())
            .await
            .map_err(failed("read the place in the vault's changes"))
    }

    async fn set_vault_cursor(&mut self, sequence: i64) -> Result<(), StoreError> {
        let done = sqlx::query!("UPDATE vault_cursor SET sequence = $1", sequence)
            .execute(self.connection())
            .await
            .map_err(failed("move the place in the vault's changes on"))?;
        expect_one("move the place in the vault's changes on", done.rows_affected())
    }
}
