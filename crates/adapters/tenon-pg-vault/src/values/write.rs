//! Writing versions and states. Each is one conditional statement; where it changed nothing, the
//! row is looked at to say why.

use jiff::Timestamp;
use tenon_contract::vault::{SecretHead, SecretOwner, SecretState};
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::ports::{NewVersion, StateGuard, Written};

use super::rows;
use crate::codes::{self, StateColumns, SubjectColumns};
use crate::database::{Database, broken};
use crate::moment::Moment;

/// A state to set, and when.
pub(super) struct StateChange<'a> {
    pub(super) guard: StateGuard,
    pub(super) state: &'a SecretState,
    pub(super) now: Timestamp,
}

pub(super) async fn insert(
    database: &Database,
    secret: SecretId,
    owner: &SecretOwner,
    new: &NewVersion,
) -> Result<Written, sqlx::Error> {
    let mut transaction = database.of_project(owner.project).await?;
    let subject = SubjectColumns::of(&owner.subject);
    // The trigger gives the number of the change.
    let inserted = sqlx::query!(
        "INSERT INTO secret (project_id, id, subject, credential_id, user_id, version, state,
                             state_at, expires_at, written_at, sequence, envelope)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $7, 0, $9)
         ON CONFLICT DO NOTHING",
        owner.project.uuid(),
        secret.uuid(),
        subject.kind,
        subject.credential,
        subject.user,
        i64::from(new.version),
        Moment(new.written_at) as _,
        new.expires_at.map(Moment) as _,
        new.envelope,
    )
    .execute(&mut *transaction)
    .await?;
    let current = rows::current(&mut transaction, owner.project, secret).await?;
    transaction.commit().await?;
    Ok(match current {
        Some(current) if inserted.rows_affected() == 1 => Written::Committed(current.head),
        Some(current) if current.head.owner == *owner => Written::Stale(current.head),
        _ => Written::Missing,
    })
}

pub(super) async fn update(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    new: &NewVersion,
) -> Result<Written, sqlx::Error> {
    let fence = new.fence.map(codes::fence).transpose()?;
    let mut transaction = database.of_project(project).await?;
    // Without a fence the write counts as one more claim that has already written, so that every
    // refresh under way comes too late. All expressions see the row as it was before.
    let updated = sqlx::query!(
        "UPDATE secret
         SET version = $3, state = 1, state_code = NULL, state_reason = NULL,
             state_at = CASE WHEN state = 1 THEN state_at ELSE $4 END,
             expires_at = $5, written_at = $4, refresh_failures = 0, envelope = $7,
             fence = CASE WHEN $6 IS NULL THEN fence + 1 ELSE GREATEST(fence, $6) END,
             fence_written = CASE WHEN $6 IS NULL THEN fence + 1 ELSE $6 END,
             claim_fence = NULL,
             claim_until = CASE WHEN $6 IS NULL OR $6 >= fence THEN NULL ELSE claim_until END
         WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL AND version = $3::bigint - 1
           AND ($6::bigint IS NULL OR fence_written <= $6)",
        project.uuid(),
        secret.uuid(),
        i64::from(new.version),
        Moment(new.written_at) as _,
        new.expires_at.map(Moment) as _,
        fence,
        new.envelope,
    )
    .execute(&mut *transaction)
    .await?;
    let current = rows::current(&mut transaction, project, secret).await?;
    transaction.commit().await?;
    let Some(current) = current else { return Ok(Written::Missing) };
    Ok(if updated.rows_affected() == 1 {
        Written::Committed(current.head)
    } else if fence.is_some_and(|fence| fence < current.fence_written) {
        Written::Superseded
    } else {
        Written::Stale(current.head)
    })
}

pub(super) async fn set_state(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    change: &StateChange<'_>,
) -> Result<Option<SecretHead>, sqlx::Error> {
    let state = StateColumns::of(change.state);
    let (version, fence) = match change.guard {
        StateGuard::Version(version) => (Some(i64::from(version)), None),
        StateGuard::Fence(fence) => (None, Some(codes::fence(fence)?)),
    };
    let mut transaction = database.of_project(project).await?;
    let done = sqlx::query!(
        "UPDATE secret
         SET state = $3, state_code = $4, state_reason = $5, state_at = $6,
             claim_fence = NULL, claim_until = NULL
         WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL
           AND (version = $7 OR claim_fence = $8)",
        project.uuid(),
        secret.uuid(),
        state.kind,
        state.code.as_deref(),
        state.reason.as_deref(),
        Moment(change.now) as _,
        version,
        fence,
    )
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let current = rows::current(&mut transaction, project, secret).await?;
    transaction.commit().await?;
    let current = current.ok_or_else(|| broken("a secret went while its row was locked"))?;
    Ok(Some(current.head))
}

pub(super) async fn delete(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
) -> Result<bool, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let done = sqlx::query!(
        "UPDATE secret
         SET deleted_at = clock_timestamp(), envelope = NULL, credential_id = NULL,
             user_id = NULL, state = 3, state_code = NULL, state_reason = NULL,
             expires_at = NULL, claim_fence = NULL, claim_until = NULL
         WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL",
        project.uuid(),
        secret.uuid(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}
