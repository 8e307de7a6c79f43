//! Ticks of schedules, each accepted once.

use jiff::Timestamp;
use sqlx::postgres::PgPool;
use tenon_exec::ports::schedule::ScheduleKey;
use tenon_exec::ports::store::Job;

use crate::accept::insert;
use crate::time::PgTime;

/// The last tick; a schedule that was never seen is noted as of `now`.
pub async fn last_tick(
    pool: &PgPool,
    key: &ScheduleKey,
    now: Timestamp,
) -> Result<Timestamp, sqlx::Error> {
    sqlx::query!(
        "INSERT INTO schedule (workflow_id, rule, last_tick) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        key.workflow.uuid(),
        key.rule,
        PgTime(now) as PgTime,
    )
    .execute(pool)
    .await?;
    let last = sqlx::query_scalar!(
        r#"SELECT last_tick AS "last_tick: PgTime" FROM schedule
           WHERE workflow_id = $1 AND rule = $2"#,
        key.workflow.uuid(),
        key.rule,
    )
    .fetch_one(pool)
    .await?;
    Ok(last.into())
}

/// Moves the schedule on and accepts the tick's job, unless that tick is behind it already.
pub async fn accept_tick(
    pool: &PgPool,
    key: &ScheduleKey,
    tick: Timestamp,
    job: &Job,
) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let moved = sqlx::query!(
        "UPDATE schedule SET last_tick = $3
         WHERE workflow_id = $1 AND rule = $2 AND last_tick < $3",
        key.workflow.uuid(),
        key.rule,
        PgTime(tick) as PgTime,
    )
    .execute(&mut *transaction)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    insert(&mut transaction, &[job]).await?;
    transaction.commit().await?;
    Ok(true)
}
