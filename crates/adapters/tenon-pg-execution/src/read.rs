//! Reading work and results back, across projects: the sweep and workers use it.

use jiff::Timestamp;
use sqlx::postgres::PgPool;
use tenon_contract::grant::Grant;
use tenon_domain::{EndUserId, ProjectId, RunId, StepId, VersionId, WorkflowId};
use tenon_exec::ports::coordination::ReplyAddress;
use tenon_exec::ports::history::{Payload, StepError};
use tenon_exec::ports::queue::{DueMs, Generation, Lane};
use tenon_exec::ports::store::{Job, OpenJob, ResultScope, StoredResult};
use tenon_telemetry::TraceContext;
use uuid::Uuid;

use crate::codes;
use crate::time::PgTime;

/// The open jobs among these runs.
pub async fn load(pool: &PgPool, runs: &[RunId]) -> Result<Vec<Job>, sqlx::Error> {
    let runs: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT run_id, project_id, workflow_id, version_id, user_id, trigger, mode, input,
                  input_blob, reply_to, replay_of, accepted_at AS "accepted_at: PgTime",
                  has_progress, crashes, "grant", credential_id, configuration_id,
                  installation, installation_blob, trace, priority, lane, lane_max
           FROM job WHERE run_id = ANY($1)"#,
        &runs,
    )
    .fetch_all(pool)
    .await?;
    let jobs = rows.into_iter().map(|row| Job {
        run: RunId::from_uuid(row.run_id),
        project: ProjectId::from_uuid(row.project_id),
        workflow: WorkflowId::from_uuid(row.workflow_id),
        version: VersionId::from_uuid(row.version_id),
        user: row.user_id.map(EndUserId::new),
        installation: codes::installation_of(
            row.credential_id,
            row.configuration_id,
            row.installation,
            row.installation_blob,
        ),
        trigger: codes::trigger_of(row.trigger),
        mode: codes::mode_of(row.mode),
        input: codes::payload_of(row.input, row.input_blob)
            .unwrap_or_else(|| Payload::Inline("null".into())),
        reply_to: row.reply_to.map(ReplyAddress),
        replay_of: row.replay_of.map(RunId::from_uuid),
        grant: row.grant.map(Grant::from_text),
        has_progress: row.has_progress,
        crashes: u32::try_from(row.crashes).unwrap_or(0),
        accepted_at: row.accepted_at.into(),
        trace: row.trace.as_deref().and_then(TraceContext::from_bytes),
        order: codes::order_of(row.priority, row.lane, row.lane_max),
    });
    Ok(jobs.collect())
}

/// Open jobs in id order.
pub async fn open_jobs(
    pool: &PgPool,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<OpenJob>, sqlx::Error> {
    let after = after.map_or(Uuid::nil(), RunId::uuid);
    let rows = sqlx::query!(
        r#"SELECT run_id, project_id, due_at AS "due_at: PgTime", priority, lane, lane_max
           FROM job WHERE run_id > $1 ORDER BY run_id LIMIT $2"#,
        after,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await?;
    let jobs = rows.into_iter().map(|row| OpenJob {
        run: RunId::from_uuid(row.run_id),
        project: ProjectId::from_uuid(row.project_id),
        due: row.due_at.map(|due| DueMs(due.0.as_millisecond())),
        order: codes::order_of(row.priority, row.lane, row.lane_max),
    });
    Ok(jobs.collect())
}

/// Whether an open job of a lane has a smaller id.
pub async fn has_earlier(
    pool: &PgPool,
    project: ProjectId,
    lane: Lane,
    run: RunId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT 1 FROM job
               WHERE project_id = $1 AND lane = $2 AND lane_max = 0 AND run_id < $3
           ) AS "has_earlier!""#,
        project.uuid(),
        &lane.key[..],
        run.uuid(),
    )
    .fetch_one(pool)
    .await
}

/// Results of a run in a scope; see [`ResultScope`].
pub async fn results(
    pool: &PgPool,
    run: RunId,
    scope: ResultScope,
) -> Result<Vec<StoredResult>, sqlx::Error> {
    match scope {
        ResultScope::Root => in_iteration(pool, run, &[]).await,
        ResultScope::Iteration(iteration) => {
            in_iteration(pool, run, &codes::iteration(&iteration)).await
        }
        ResultScope::IterationKeys => iteration_keys(pool, run).await,
        ResultScope::StepBelow(step, below) => {
            step_below(pool, run, &step, &codes::iteration(&below)).await
        }
    }
}

async fn in_iteration(
    pool: &PgPool,
    run: RunId,
    iteration: &[u8],
) -> Result<Vec<StoredResult>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT step, iteration, attempt, pauses, status, retry_at AS "retry_at: PgTime", output,
                  output_blob, error
           FROM step_result WHERE run_id = $1 AND iteration = $2 ORDER BY seq"#,
        run.uuid(),
        iteration,
    )
    .fetch_all(pool)
    .await?;
    let results = rows.into_iter().map(|row| StoredResult {
        step: StepId::new(row.step),
        iteration: codes::iteration_of(&row.iteration),
        attempt: u32::try_from(row.attempt).unwrap_or(0),
        pauses: u32::try_from(row.pauses).unwrap_or(0),
        status: codes::step_status_of(row.status),
        retry_at: row.retry_at.map(Into::into),
        output: codes::payload_of(row.output, row.output_blob),
        error: row.error.as_deref().and_then(error_of),
    });
    Ok(results.collect())
}

async fn iteration_keys(pool: &PgPool, run: RunId) -> Result<Vec<StoredResult>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (step, iteration)
                  step, iteration, attempt, pauses, status, retry_at AS "retry_at: PgTime"
           FROM step_result WHERE run_id = $1 AND iteration <> ''::bytea
           ORDER BY step, iteration, attempt DESC"#,
        run.uuid(),
    )
    .fetch_all(pool)
    .await?;
    let results = rows.into_iter().map(|row| StoredResult {
        step: StepId::new(row.step),
        iteration: codes::iteration_of(&row.iteration),
        attempt: u32::try_from(row.attempt).unwrap_or(0),
        pauses: u32::try_from(row.pauses).unwrap_or(0),
        status: codes::step_status_of(row.status),
        retry_at: row.retry_at.map(Into::into),
        output: None,
        error: None,
    });
    Ok(results.collect())
}

async fn step_below(
    pool: &PgPool,
    run: RunId,
    step: &StepId,
    below: &[u8],
) -> Result<Vec<StoredResult>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT iteration, attempt, pauses, status, output, output_blob
           FROM step_result
           WHERE run_id = $1 AND step = $2 AND status IN (0, 1)
             AND substring(iteration FROM 1 FOR length($3::bytea)) = $3::bytea
           ORDER BY iteration, attempt"#,
        run.uuid(),
        step.as_str(),
        below,
    )
    .fetch_all(pool)
    .await?;
    let results = rows.into_iter().map(|row| StoredResult {
        step: step.clone(),
        iteration: codes::iteration_of(&row.iteration),
        attempt: u32::try_from(row.attempt).unwrap_or(0),
        pauses: u32::try_from(row.pauses).unwrap_or(0),
        status: codes::step_status_of(row.status),
        retry_at: None,
        output: codes::payload_of(row.output, row.output_blob),
        error: None,
    });
    Ok(results.collect())
}

/// The generation of the queues.
pub async fn generation(pool: &PgPool) -> Result<Generation, sqlx::Error> {
    let generation =
        sqlx::query_scalar!("SELECT generation FROM queue_generation").fetch_one(pool).await?;
    Ok(Generation(u32::try_from(generation).unwrap_or(1)))
}

/// What the database's clock shows.
pub async fn now(pool: &PgPool) -> Result<Timestamp, sqlx::Error> {
    let now = sqlx::query_scalar::<_, PgTime>("SELECT clock_timestamp()");
    now.fetch_one(pool).await.map(|now| now.0)
}

/// Whether the database answers.
pub async fn ping(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await.map(drop)
}

/// A recorded error; one that does not parse is as good as none.
pub fn error_of(bytes: &[u8]) -> Option<StepError> {
    serde_json::from_slice(bytes).ok()
}
