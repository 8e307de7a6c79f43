//! Reads days that are archived, and drops them.
//!
//! Rows are read in pages by keys that have an index in each partition, so that a page costs what
//! it brings, however large the day or the run is. What counts a whole day may take long.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection, Postgres, Transaction};
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, ProjectId, RunId, StepId, VersionId, WorkflowId,
};
use tenon_exec::archive::VerifiedDay;
use tenon_exec::ports::archive::{ArchiveSource, EndedRun, EndedStep, StepKey, Totals, Turn};
use tenon_exec::ports::history::{RunSummary, StepRecord};
use tenon_exec::ports::store::{Error, Iteration};
use uuid::Uuid;

use crate::codes;
use crate::errors::store_error;
use crate::lock;
use crate::partitions::{self, RUN_TABLES, ids_of};
use crate::read::error_of;
use crate::store::Store;
use crate::time::PgTime;

/// Held while this process archives.
struct Held(PgConnection);

#[async_trait]
impl Turn for Held {
    async fn release(self: Box<Self>) {
        // What fails here is a connection that is gone already, and the lock with it.
        let _ = self.0.close().await;
    }
}

#[async_trait]
impl ArchiveSource for Store {
    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, Error> {
        let held = lock::lock_archive(self.pool()).await;
        let held = held.map_err(store_error("take the right to archive"))?;
        Ok(held.map(|held| -> Box<dyn Turn> { Box::new(Held(held)) }))
    }

    async fn expired_days(&self, now: Timestamp, keep_days: u32) -> Result<Vec<Date>, Error> {
        partitions::expired_days(self.pool(), now, keep_days)
            .await
            .map_err(store_error("look for old history"))
    }

    async fn totals(&self, day: Date) -> Result<Vec<(ProjectId, Totals)>, Error> {
        let action = "count old history";
        let mut transaction = slow(self.pool()).await.map_err(store_error(action))?;
        totals(&mut transaction, day).await.map_err(store_error(action))
    }

    async fn runs(
        &self,
        project: ProjectId,
        day: Date,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<EndedRun>, Error> {
        runs(self.pool(), project, day, after, limit).await.map_err(store_error("read old runs"))
    }

    async fn steps(
        &self,
        run: RunId,
        after: Option<&StepKey>,
        limit: usize,
    ) -> Result<Vec<EndedStep>, Error> {
        steps(self.pool(), run, after, limit).await.map_err(store_error("read old steps"))
    }

    async fn drop_day(&self, day: &VerifiedDay) -> Result<bool, Error> {
        drop_day(self.pool(), day).await.map_err(store_error("drop old history"))
    }
}

/// A transaction whose statements may count the rows of a day.
async fn slow(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("SET LOCAL statement_timeout = '30min'").execute(&mut *transaction).await?;
    Ok(transaction)
}

/// Records without a run, of which no history tells, do not count.
async fn totals(
    connection: &mut PgConnection,
    day: Date,
) -> Result<Vec<(ProjectId, Totals)>, sqlx::Error> {
    let (first, next) = ids_of(day);
    let rows = sqlx::query!(
        r#"SELECT runs.project_id AS "project_id!", runs.runs AS "runs!",
                  coalesce(steps.steps, 0) AS "steps!"
           FROM (SELECT project_id, count(*) AS runs FROM run
                 WHERE run_id >= $1 AND run_id < $2 GROUP BY project_id) AS runs
           LEFT JOIN (SELECT run.project_id, count(*) AS steps
                      FROM step_result JOIN run USING (run_id)
                      WHERE step_result.run_id >= $1 AND step_result.run_id < $2
                        AND run.run_id >= $1 AND run.run_id < $2
                      GROUP BY run.project_id) AS steps USING (project_id)
           ORDER BY runs.project_id"#,
        first,
        next,
    )
    .fetch_all(connection)
    .await?;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let totals = rows.into_iter().map(|row| {
        let totals = Totals { runs: number(row.runs), steps: number(row.steps) };
        (ProjectId::from_uuid(row.project_id), totals)
    });
    Ok(totals.collect())
}

async fn runs(
    pool: &PgPool,
    project: ProjectId,
    day: Date,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<EndedRun>, sqlx::Error> {
    let (first, next) = ids_of(day);
    let from = after.map_or(first, |after| Uuid::from_u128(after.uuid().as_u128() + 1));
    let rows = sqlx::query!(
        r#"SELECT run_id, workflow_id, version_id, user_id, trigger, mode, status, input,
                  input_blob, replay_of, crashes, accepted_at AS "accepted_at: PgTime",
                  started_at AS "started_at: PgTime", finished_at AS "finished_at: PgTime", error,
                  credential_id, configuration_id,
                  (SELECT count(*) FROM step_result s
                   WHERE s.run_id = run.run_id AND NOT (s.status = 3 AND s.attempt > 0)
                  ) AS "attempts!"
           FROM run WHERE project_id = $1 AND run_id >= $2 AND run_id < $3
           ORDER BY run_id LIMIT $4"#,
        project.uuid(),
        from,
        next,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await?;
    let runs = rows.into_iter().map(|row| EndedRun {
        summary: RunSummary {
            id: RunId::from_uuid(row.run_id),
            workflow: WorkflowId::from_uuid(row.workflow_id),
            version: VersionId::from_uuid(row.version_id),
            user: row.user_id.map(EndUserId::new),
            credential: row.credential_id.map(CredentialId::from_uuid),
            configuration: row.configuration_id.map(ConfigurationId::from_uuid),
            trigger: codes::trigger_of(row.trigger),
            status: codes::run_status_of(row.status),
            error: row.error.as_deref().and_then(error_of),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            created_at: row.accepted_at.into(),
            started_at: row.started_at.map(Into::into),
            finished_at: Some(row.finished_at.into()),
            resumes_at: None,
            replay_of: row.replay_of.map(RunId::from_uuid),
            crashes: u32::try_from(row.crashes).unwrap_or(0),
        },
        mode: codes::mode_of(row.mode),
        input: codes::payload_of(row.input, row.input_blob),
    });
    Ok(runs.collect())
}

async fn steps(
    pool: &PgPool,
    run: RunId,
    after: Option<&StepKey>,
    limit: usize,
) -> Result<Vec<EndedStep>, sqlx::Error> {
    // No step has an empty name, so this is before all of them.
    let (step, iteration, record) = after.map_or(("", Vec::new(), -1), |after| {
        let iteration: Iteration = after.iteration.iter().copied().collect();
        let record = i32::try_from(after.record).unwrap_or(i32::MAX);
        (after.step.as_str(), codes::iteration(&iteration), record)
    });
    let rows = sqlx::query!(
        r#"SELECT step, kind, iteration, attempt AS record, attempt - pauses AS "attempt!", seq,
                  status, started_at AS "started_at: PgTime", duration_us, input, input_blob,
                  output, output_blob, error, retry_at AS "retry_at: PgTime", logs, logs_dropped
           FROM step_result
           WHERE run_id = $1 AND (step, iteration, attempt) > ($2, $3, $4)
           ORDER BY step, iteration, attempt LIMIT $5"#,
        run.uuid(),
        step,
        iteration,
        record,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await?;
    let steps = rows.into_iter().map(|row| {
        let (step, iteration) = (StepId::new(row.step), codes::iteration_of(&row.iteration));
        let record = StepRecord {
            step: step.clone(),
            kind: row.kind,
            iteration: iteration.to_vec(),
            attempt: u32::try_from(row.attempt).unwrap_or(0),
            status: codes::step_status_of(row.status),
            started_at: row.started_at.into(),
            duration_us: u64::try_from(row.duration_us).unwrap_or(0),
            input: codes::payload_of(row.input, row.input_blob),
            output: codes::payload_of(row.output, row.output_blob),
            error: row.error.as_deref().and_then(error_of),
            retry_at: row.retry_at.map(Into::into),
            logs: row.logs.and_then(|logs| serde_json::from_slice(&logs).ok()).unwrap_or_default(),
            logs_dropped: u32::try_from(row.logs_dropped).unwrap_or(0),
        };
        let number = u32::try_from(row.record).unwrap_or(0);
        let key = StepKey { step, iteration: iteration.to_vec(), record: number };
        EndedStep { key, seq: row.seq, record }
    });
    Ok(steps.collect())
}

/// Writers of the day are kept out while its rows are counted; readers are not, until it goes.
async fn drop_day(pool: &PgPool, verified: &VerifiedDay) -> Result<bool, sqlx::Error> {
    let day = verified.day();
    let names = RUN_TABLES.map(|table| partitions::name(table, day));
    let mut transaction = slow(pool).await?;
    let there = sqlx::query_scalar!(
        r#"SELECT name AS "name!" FROM unnest($1::text[]) AS name
           WHERE to_regclass(name) IS NOT NULL"#,
        &names[..],
    )
    .fetch_all(&mut *transaction)
    .await?;
    if !there.contains(&names[0]) {
        return Ok(false);
    }
    // Names are made of a date: there is nothing to inject. Nobody else can hold this lock, so of
    // two who drop the same day the second finds it gone.
    let names = there.join(", ");
    let lock = format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE");
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
    if partitions::has_open_runs(&mut *transaction, day).await? {
        return Ok(false);
    }
    let mut counted = Totals::default();
    for (_, totals) in totals(&mut transaction, day).await? {
        counted += totals;
    }
    if counted != verified.totals() {
        return Ok(false);
    }
    let drop = format!("DROP TABLE {names}");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
