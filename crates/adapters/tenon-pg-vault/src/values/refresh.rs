//! Claims of refreshes: conditional updates by the database's clock. The row is the lock, so no
//! transaction is held while a provider is asked.

use std::time::Duration;

use tenon_contract::vault::{RefreshClaim, SecretHead, SecretState};
use tenon_domain::{ProjectId, SecretId};

use super::rows;
use crate::codes;
use crate::database::{Database, broken};

/// How often a claim is tried again when it was given back at the very moment of the look.
const TRIES_MAX: u32 = 8;

/// What is claimed, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) version: u32,
    pub(super) ttl: Duration,
}

pub(super) async fn claim(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    terms: Terms,
) -> Result<RefreshClaim, sqlx::Error> {
    for _ in 0..TRIES_MAX {
        if let Some(claim) = try_claim(database, project, secret, terms).await? {
            return Ok(claim);
        }
    }
    Err(broken("a claim changed hands too often"))
}

/// `None`: what stood in the way has gone.
async fn try_claim(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    terms: Terms,
) -> Result<Option<RefreshClaim>, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    // A claim that lapsed is a refresher that died: taking over counts that as a failure.
    let fence = sqlx::query_scalar!(
        "UPDATE secret
         SET fence = fence + 1, claim_fence = fence + 1,
             claim_until = clock_timestamp() + make_interval(secs => $4),
             refresh_failures = refresh_failures
                                + CASE WHEN claim_fence IS NULL THEN 0 ELSE 1 END
         WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL AND version = $3 AND state = 1
           AND (claim_until IS NULL OR claim_until <= clock_timestamp())
         RETURNING fence",
        project.uuid(),
        secret.uuid(),
        i64::from(terms.version),
        terms.ttl.as_secs_f64(),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(fence) = fence {
        transaction.commit().await?;
        let fence = u64::try_from(fence).map_err(|_| broken("a fence is negative"))?;
        return Ok(Some(RefreshClaim::Claimed { fence }));
    }
    let current = rows::current(&mut transaction, project, secret).await?;
    transaction.commit().await?;
    let Some(current) = current else { return Ok(Some(RefreshClaim::Changed)) };
    let is_same = current.head.version == terms.version && current.head.state == SecretState::Valid;
    Ok(match current.claim_until {
        _ if !is_same => Some(RefreshClaim::Changed),
        Some(until) if current.is_claimed => Some(RefreshClaim::Busy { until: until.0 }),
        _ => None,
    })
}

pub(super) async fn release(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    fence: u64,
) -> Result<Option<SecretHead>, sqlx::Error> {
    let fence = codes::fence(fence)?;
    let mut transaction = database.of_project(project).await?;
    let done = sqlx::query!(
        "UPDATE secret
         SET claim_fence = NULL, claim_until = NULL, refresh_failures = refresh_failures + 1
         WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL AND claim_fence = $3",
        project.uuid(),
        secret.uuid(),
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
