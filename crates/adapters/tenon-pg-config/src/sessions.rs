//! Rows of connect sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::types::Json;
use tenon_config::ports::{SessionRow, SessionRows, SessionStart, StoreError};
use tenon_config::{ConnectOptions, ConnectOutcome, ConnectSession};
use tenon_domain::{ConnectSessionId, CredentialId, EndUserId, IntegrationId, ProjectId, SecretId};
use uuid::Uuid;

use crate::api_keys::sha256;
use crate::error::{expect_one, failed};
use crate::timestamp::Moment;
use crate::unit_of_work::PgUnitOfWork;

struct Columns {
    id: Uuid,
    user_id: String,
    integration_id: Uuid,
    auth_method: String,
    state_sha256: Option<Vec<u8>>,
    nonce_sha256: Option<Vec<u8>>,
    secret_id: Option<Uuid>,
    redirect_uri: String,
    return_origin: Option<String>,
    options: Json<ConnectOptions>,
    credential_id: Option<Uuid>,
    outcome: Option<Json<ConnectOutcome>>,
    created_at: Moment,
    expires_at: Moment,
    used_at: Option<Moment>,
}

impl Columns {
    fn row(self) -> Result<SessionRow, StoreError> {
        let start = match (self.state_sha256, self.nonce_sha256) {
            (Some(state), Some(nonce)) => {
                Some(SessionStart { state_sha256: sha256(&state)?, nonce_sha256: sha256(&nonce)? })
            }
            _ => None,
        };
        Ok(SessionRow {
            session: ConnectSession {
                id: ConnectSessionId::from_uuid(self.id),
                user: EndUserId::new(self.user_id),
                integration: IntegrationId::from_uuid(self.integration_id),
                auth_method: self.auth_method,
                redirect_uri: self.redirect_uri,
                return_origin: self.return_origin,
                options: self.options.0,
                credential: self.credential_id.map(CredentialId::from_uuid),
                is_begun: start.is_some(),
                outcome: self.outcome.map(|outcome| outcome.0),
                created_at: self.created_at.0,
                expires_at: self.expires_at.0,
                used_at: self.used_at.map(|moment| moment.0),
            },
            secret: self.secret_id.map(SecretId::from_uuid),
            start,
        })
    }
}

#[async_trait]
impl SessionRows for PgUnitOfWork {
    async fn insert_session(
        &mut self,
        project: ProjectId,
        session: &ConnectSession,
        secret: SecretId,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "INSERT INTO connect_session
                 (project_id, id, user_id, integration_id, auth_method, secret_id, redirect_uri,
                  return_origin, options, credential_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            project.uuid(),
            session.id.uuid(),
            session.user.as_str(),
            session.integration.uuid(),
            session.auth_method,
            secret.uuid(),
            session.redirect_uri,
            session.return_origin,
            Json(&session.options) as _,
            session.credential.map(CredentialId::uuid),
            Moment(session.created_at) as _,
            Moment(session.expires_at) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("add a connect session"))?;
        expect_one("add a connect session", done.rows_affected())
    }

    async fn session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query_as!(
            Columns,
            r#"SELECT id, user_id, integration_id, auth_method, state_sha256, nonce_sha256,
                      secret_id, redirect_uri, return_origin,
                      options AS "options: Json<ConnectOptions>", credential_id,
                      outcome AS "outcome: Json<ConnectOutcome>",
                      created_at AS "created_at: Moment", expires_at AS "expires_at: Moment",
                      used_at AS "used_at: Moment"
               FROM connect_session WHERE project_id = $1 AND id = $2"#,
            project.uuid(),
            session.uuid(),
        )
        .fetch_optional(self.connection())
        .await
        .map_err(failed("read a connect session"))?;
        row.map(Columns::row).transpose()
    }

    async fn start_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        start: &SessionStart,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE connect_session
             SET state_sha256 = $3, nonce_sha256 = $4, outcome = NULL
             WHERE project_id = $1 AND id = $2 AND used_at IS NULL AND expires_at > $5",
            project.uuid(),
            session.uuid(),
            &start.state_sha256[..],
            &start.nonce_sha256[..],
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("begin a connect session"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn take_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        state_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE connect_session SET used_at = $4
             WHERE project_id = $1 AND id = $2 AND state_sha256 = $3 AND used_at IS NULL
               AND expires_at > $4",
            project.uuid(),
            session.uuid(),
            &state_sha256[..],
            Moment(now) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("use up the state of a connect session"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_session_outcome(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
        outcome: &ConnectOutcome,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "UPDATE connect_session SET outcome = $3 WHERE project_id = $1 AND id = $2",
            project.uuid(),
            session.uuid(),
            Json(outcome) as _,
        )
        .execute(self.connection())
        .await
        .map_err(failed("keep the outcome of a connect session"))?;
        expect_one("keep the outcome of a connect session", done.rows_affected())
    }

    async fn count_open_sessions(
        &mut self,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM connect_session
               WHERE project_id = $1 AND expires_at > $2 AND used_at IS NULL"#,
            project.uuid(),
            Moment(now) as _,
        )
        .fetch_one(self.connection())
        .await
        .map_err(failed("count the open connect sessions"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn ended_sessions(
        &mut self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ProjectId, ConnectSessionId, Option<SecretId>)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT project_id, id, secret_id FROM connect_session
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED",
            Moment(before) as _,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(self.connection())
        .await
        .map_err(failed("list the ended connect sessions"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let project = ProjectId::from_uuid(row.project_id);
                let session = ConnectSessionId::from_uuid(row.id);
                (project, session, row.secret_id.map(SecretId::from_uuid))
            })
            .collect())
    }

    async fn delete_session(
        &mut self,
        project: ProjectId,
        session: ConnectSessionId,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "DELETE FROM connect_session WHERE project_id = $1 AND id = $2",
            project.uuid(),
            session.uuid(),
        )
        .execute(self.connection())
        .await
        .map_err(failed("remove a connect session"))?;
        expect_one("remove a connect session", done.rows_affected())
    }
}
