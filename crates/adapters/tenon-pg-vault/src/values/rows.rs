//! Reading secrets: by primary key in one round trip, or inside a transaction that writes.

use sqlx::{PgConnection, PgPool};
use tenon_contract::vault::{SecretHead, SecretOwner};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::ports::StoredValue;
use uuid::Uuid;

use crate::codes;
use crate::moment::Moment;

/// The columns of a head.
pub(super) struct HeadRow {
    pub(super) subject: i16,
    pub(super) credential_id: Option<Uuid>,
    pub(super) user_id: Option<String>,
    pub(super) version: i64,
    pub(super) state: i16,
    pub(super) state_code: Option<String>,
    pub(super) state_reason: Option<String>,
    pub(super) state_at: Moment,
    pub(super) expires_at: Option<Moment>,
    pub(super) written_at: Moment,
    pub(super) refresh_failures: i64,
}

impl HeadRow {
    pub(super) fn into_head(
        self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<SecretHead, sqlx::Error> {
        let subject = codes::subject(self.subject, self.credential_id, self.user_id)?;
        Ok(SecretHead {
            secret,
            owner: SecretOwner { project, subject },
            version: codes::count(self.version)?,
            state: codes::state(self.state, self.state_code, self.state_reason)?,
            state_at: self.state_at.0,
            expires_at: self.expires_at.map(|moment| moment.0),
            written_at: self.written_at.0,
            refresh_failures: u32::try_from(self.refresh_failures).unwrap_or(u32::MAX),
        })
    }
}

/// A secret that is there, as a transaction of its project sees it.
pub(super) struct Current {
    pub(super) head: SecretHead,
    pub(super) fence_written: i64,
    pub(super) claim_until: Option<Moment>,
    /// Whether that moment is still to come, by the database's clock.
    pub(super) is_claimed: bool,
}

/// The current state of a secret; `None` when there is none or only a tombstone.
pub(super) async fn current(
    connection: &mut PgConnection,
    project: ProjectId,
    secret: SecretId,
) -> Result<Option<Current>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT subject, credential_id, user_id, version, state, state_code, state_reason,
                  state_at AS "state_at: Moment", expires_at AS "expires_at: Moment",
                  written_at AS "written_at: Moment", refresh_failures, fence_written,
                  claim_until AS "claim_until: Moment",
                  COALESCE(claim_until > clock_timestamp(), false) AS "is_claimed!"
           FROM secret WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        project.uuid(),
        secret.uuid(),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let head = HeadRow {
        subject: row.subject,
        credential_id: row.credential_id,
        user_id: row.user_id,
        version: row.version,
        state: row.state,
        state_code: row.state_code,
        state_reason: row.state_reason,
        state_at: row.state_at,
        expires_at: row.expires_at,
        written_at: row.written_at,
        refresh_failures: row.refresh_failures,
    };
    Ok(Some(Current {
        head: head.into_head(project, secret)?,
        fence_written: row.fence_written,
        claim_until: row.claim_until,
        is_claimed: row.is_claimed,
    }))
}

pub(super) async fn value(
    readers: &PgPool,
    project: ProjectId,
    secret: SecretId,
) -> Result<Option<StoredValue>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT subject, credential_id, user_id, version, state, state_code, state_reason,
                  state_at AS "state_at: Moment", expires_at AS "expires_at: Moment",
                  written_at AS "written_at: Moment", refresh_failures, envelope AS "envelope!"
           FROM secret WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        project.uuid(),
        secret.uuid(),
    )
    .fetch_optional(readers)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let head = HeadRow {
        subject: row.subject,
        credential_id: row.credential_id,
        user_id: row.user_id,
        version: row.version,
        state: row.state,
        state_code: row.state_code,
        state_reason: row.state_reason,
        state_at: row.state_at,
        expires_at: row.expires_at,
        written_at: row.written_at,
        refresh_failures: row.refresh_failures,
    };
    Ok(Some(StoredValue { head: head.into_head(project, secret)?, envelope: row.envelope }))
}

pub(super) async fn head(
    readers: &PgPool,
    project: ProjectId,
    secret: SecretId,
) -> Result<Option<SecretHead>, sqlx::Error> {
    sqlx::query_as!(
        HeadRow,
        r#"SELECT subject, credential_id, user_id, version, state, state_code, state_reason,
                  state_at AS "state_at: Moment", expires_at AS "expires_at: Moment",
                  written_at AS "written_at: Moment", refresh_failures
           FROM secret WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        project.uuid(),
        secret.uuid(),
    )
    .fetch_optional(readers)
    .await?
    .map(|row| row.into_head(project, secret))
    .transpose()
}

/// The envelope of the current version of a secret, whatever its project.
pub(super) async fn envelope(
    readers: &PgPool,
    secret: SecretId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT envelope AS "envelope!" FROM secret WHERE id = $1 AND envelope IS NOT NULL"#,
        secret.uuid(),
    )
    .fetch_optional(readers)
    .await
}
