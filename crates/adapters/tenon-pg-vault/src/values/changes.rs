//! The feed of changed heads. `migrations/values/0002_change_feed.sql` says why nothing is skipped.

use sqlx::PgPool;
use tenon_contract::vault::HeadChange;
use tenon_domain::{ProjectId, SecretId};

use super::rows::HeadRow;
use crate::moment::Moment;

pub(super) async fn behind(
    readers: &PgPool,
    after: i64,
    limit: u32,
) -> Result<Vec<HeadChange>, sqlx::Error> {
    // A statement of its own: the lock in it is gone when it returns.
    let settled =
        sqlx::query_scalar!(r#"SELECT settled_change() AS "settled!""#).fetch_one(readers).await?;
    if settled <= after {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"SELECT project_id, id, sequence, deleted_at IS NOT NULL AS "is_deleted!", subject,
                  credential_id, user_id, version, state, state_code, state_reason,
                  state_at AS "state_at: Moment", expires_at AS "expires_at: Moment",
                  written_at AS "written_at: Moment", refresh_failures
           FROM secret WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3"#,
        after,
        settled,
        i64::from(limit),
    )
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (project, secret) =
                (ProjectId::from_uuid(row.project_id), SecretId::from_uuid(row.id));
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
            let head = if row.is_deleted { None } else { Some(head.into_head(project, secret)?) };
            Ok(HeadChange { sequence: row.sequence, head, secret, project })
        })
        .collect()
}
