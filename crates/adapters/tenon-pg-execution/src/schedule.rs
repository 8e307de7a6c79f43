//! Ticks of schedules, each accepted once.

use jiff::Timestamp;
use sqlx::postgres::PgPool;
use tenon_domain::ConfigurationId;
use tenon_exec::ports::schedule::{ScheduleKey, TickPart, TickProgress};
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

/// How far a tick has come. A schedule that was never seen has not begun any.
pub async fn tick_progress(
    pool: &PgPool,
    key: &ScheduleKey,
    tick: Timestamp,
) -> Result<TickProgress, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT last_tick >= $3 AS "is_done!",
                  CASE WHEN ticking = $3 THEN ticked_through END AS through
           FROM schedule WHERE workflow_id = $1 AND rule = $2"#,
        key.workflow.uuid(),
        key.rule,
        PgTime(tick) as PgTime,
    )
    .fetch_optional(pool)
    .await?;
    Ok(match row {
        Some(row) if row.is_done => TickProgress::Done,
        Some(row) => row.through.map_or(TickProgress::Untouched, |through| {
            TickProgress::Through(ConfigurationId::from_uuid(through))
        }),
        None => TickProgress::Untouched,
    })
}

/// Accepts the jobs of a part of a tick, unless the tick is not where the part begins.
pub async fn accept_tick_part(
    pool: &PgPool,
    key: &ScheduleKey,
    part: TickPart,
    jobs: &[Job],
) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let moved = sqlx::query!(
        "UPDATE schedule
         SET last_tick = CASE WHEN $5::uuid IS NULL THEN $3 ELSE last_tick END,
             ticking = CASE WHEN $5::uuid IS NULL THEN NULL ELSE $3 END,
             ticked_through = $5
         WHERE workflow_id = $1 AND rule = $2 AND last_tick < $3
           AND CASE WHEN $4::uuid IS NULL THEN ticking IS DISTINCT FROM $3
                    ELSE ticking = $3 AND ticked_through = $4 END",
        key.workflow.uuid(),
        key.rule,
        PgTime(part.tick) as PgTime,
        part.after.map(ConfigurationId::uuid),
        part.through.map(ConfigurationId::uuid),
    )
    .execute(&mut *transaction)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    let jobs: Vec<&Job> = jobs.iter().collect();
    if !jobs.is_empty() {
        insert(&mut transaction, &jobs).await?;
    }
    transaction.commit().await?;
    Ok(true)
}
