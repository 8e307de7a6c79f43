//! What workers commit: results first, then where each run goes, in one transaction.

use sqlx::postgres::{PgConnection, PgPool};
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::history::{RunStatus, StepError};
use tenon_exec::ports::queue::Generation;
use tenon_exec::ports::store::{Batch, Finish, InstallationScope, StepRow, Suspend};
use uuid::Uuid;

use crate::codes;
use crate::time::PgTime;

/// Commits a batch. Results that exist are dropped: the first commit of an attempt wins.
pub async fn commit(pool: &PgPool, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if !batch.steps.is_empty() {
        insert_results(&mut transaction, &batch.steps).await?;
    }
    if !batch.suspends.is_empty() {
        suspend(&mut transaction, &batch.suspends).await?;
    }
    if !batch.finishes.is_empty() {
        finish(&mut transaction, &batch.finishes).await?;
    }
    transaction.commit().await
}

#[derive(Default)]
struct Columns<'a> {
    runs: Vec<Uuid>,
    projects: Vec<Uuid>,
    steps: Vec<&'a str>,
    iterations: Vec<Vec<u8>>,
    attempts: Vec<i32>,
    kinds: Vec<&'a str>,
    statuses: Vec<i16>,
    started: Vec<PgTime>,
    durations: Vec<i64>,
    inputs: Vec<Option<&'a [u8]>>,
    input_blobs: Vec<Option<Vec<u8>>>,
    outputs: Vec<Option<&'a [u8]>>,
    output_blobs: Vec<Option<Vec<u8>>>,
    errors: Vec<Option<Vec<u8>>>,
    retries: Vec<Option<PgTime>>,
    logs: Vec<Option<&'a [u8]>>,
    dropped: Vec<i32>,
    pauses: Vec<i32>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, row: &'a StepRow) {
        let (input, input_blob) = codes::payload(row.input.as_ref());
        let (output, output_blob) = codes::payload(row.output.as_ref());
        self.runs.push(row.run.uuid());
        self.projects.push(row.project.uuid());
        self.steps.push(row.step.as_str());
        self.iterations.push(codes::iteration(&row.iteration));
        self.attempts.push(saturating(row.attempt));
        self.kinds.push(row.kind);
        self.statuses.push(codes::step_status(row.status));
        self.started.push(PgTime(row.started_at));
        self.durations.push(i64::try_from(row.duration_us).unwrap_or(i64::MAX));
        self.inputs.push(input);
        self.input_blobs.push(input_blob);
        self.outputs.push(output);
        self.output_blobs.push(output_blob);
        self.errors.push(row.error.as_ref().map(error_bytes));
        self.retries.push(row.retry_at.map(PgTime));
        self.logs.push(row.logs.as_deref());
        self.dropped.push(saturating(row.logs_dropped));
        self.pauses.push(saturating(row.pauses));
    }
}

async fn insert_results(
    connection: &mut PgConnection,
    rows: &[StepRow],
) -> Result<(), sqlx::Error> {
    let mut columns = Columns::default();
    for row in rows {
        columns.push(row);
    }
    // In the select list the arrays are read side by side. In FROM each goes through a store of its
    // own first, which is a third of what the statement costs.
    sqlx::query!(
        "INSERT INTO step_result (run_id, project_id, step, iteration, attempt, kind, status,
                                  started_at, duration_us, input, input_blob, output,
                                  output_blob, error, retry_at, logs, logs_dropped, pauses)
         SELECT UNNEST($1::uuid[]), UNNEST($2::uuid[]), UNNEST($3::text[]), UNNEST($4::bytea[]),
                UNNEST($5::integer[]), UNNEST($6::text[]), UNNEST($7::smallint[]),
                UNNEST($8::timestamptz[]), UNNEST($9::bigint[]), UNNEST($10::bytea[]),
                UNNEST($11::bytea[]), UNNEST($12::bytea[]), UNNEST($13::bytea[]),
                UNNEST($14::bytea[]), UNNEST($15::timestamptz[]), UNNEST($16::bytea[]),
                UNNEST($17::integer[]), UNNEST($18::integer[])
         ON CONFLICT DO NOTHING",
        &columns.runs,
        &columns.projects,
        &columns.steps as &[&str],
        &columns.iterations,
        &columns.attempts,
        &columns.kinds as &[&str],
        &columns.statuses,
        &columns.started as &[PgTime],
        &columns.durations,
        &columns.inputs as &[Option<&[u8]>],
        &columns.input_blobs as &[Option<Vec<u8>>],
        &columns.outputs as &[Option<&[u8]>],
        &columns.output_blobs as &[Option<Vec<u8>>],
        &columns.errors as &[Option<Vec<u8>>],
        &columns.retries as &[Option<PgTime>],
        &columns.logs as &[Option<&[u8]>],
        &columns.dropped,
        &columns.pauses,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Suspended runs stay open; ended ones are not there and so not touched.
async fn suspend(connection: &mut PgConnection, rows: &[Suspend]) -> Result<(), sqlx::Error> {
    let runs: Vec<Uuid> = rows.iter().map(|row| row.run.uuid()).collect();
    let due: Vec<PgTime> = rows
        .iter()
        .map(|row| {
            PgTime(jiff::Timestamp::from_millisecond(row.due.0).unwrap_or(jiff::Timestamp::MAX))
        })
        .collect();
    sqlx::query!(
        "UPDATE job SET due_at = suspended.due_at, has_progress = true
         FROM UNNEST($1::uuid[], $2::timestamptz[]) AS suspended (run_id, due_at)
         WHERE job.run_id = suspended.run_id",
        &runs,
        &due as &[PgTime],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves runs from the open ones to the ended ones; each can move only once.
async fn finish(connection: &mut PgConnection, rows: &[Finish]) -> Result<(), sqlx::Error> {
    let runs: Vec<Uuid> = rows.iter().map(|row| row.run.uuid()).collect();
    let statuses: Vec<i16> = rows.iter().map(|row| codes::run_status(row.status)).collect();
    let errors: Vec<Option<Vec<u8>>> =
        rows.iter().map(|row| row.error.as_ref().map(error_bytes)).collect();
    let started: Vec<Option<PgTime>> = rows.iter().map(|row| row.started_at.map(PgTime)).collect();
    let finished: Vec<PgTime> = rows.iter().map(|row| PgTime(row.finished_at)).collect();
    sqlx::query!(
        "WITH ended AS (
             SELECT * FROM UNNEST($1::uuid[], $2::smallint[], $3::bytea[], $4::timestamptz[],
                                  $5::timestamptz[])
                 AS ended (run_id, status, error, started_at, finished_at)
         ), moved AS (
             DELETE FROM job USING ended WHERE job.run_id = ended.run_id
             RETURNING job.run_id, job.project_id, job.workflow_id, job.version_id, job.user_id,
                       job.trigger, job.mode, ended.status, job.input, job.input_blob,
                       job.replay_of, job.crashes, job.accepted_at, job.has_progress,
                       job.credential_id, job.configuration_id, job.installation,
                       job.installation_blob, job.priority, job.lane, job.lane_max,
                       ended.started_at, ended.finished_at, ended.error
         )
         INSERT INTO run (run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                          status, input, input_blob, replay_of, crashes, accepted_at, started_at,
                          finished_at, error, credential_id, configuration_id, installation,
                          installation_blob, priority, lane, lane_max)
         SELECT run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                status, input, input_blob, replay_of, crashes, accepted_at,
                -- A run that was taken up again began when its first recorded step did.
                CASE WHEN has_progress THEN
                    (SELECT min(s.started_at) FROM step_result s WHERE s.run_id = moved.run_id)
                ELSE started_at END,
                finished_at, error, credential_id, configuration_id, installation,
                installation_blob, priority, lane, lane_max
         FROM moved",
        &runs,
        &statuses,
        &errors as &[Option<Vec<u8>>],
        &started as &[Option<PgTime>],
        &finished as &[PgTime],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends an open run of a project as cancelled; `false` when it is not open.
pub async fn cancel(pool: &PgPool, project: ProjectId, run: RunId) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        "WITH moved AS (
             DELETE FROM job WHERE run_id = $1 AND project_id = $2 RETURNING *
         )
         INSERT INTO run (run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                          status, input, input_blob, replay_of, crashes, accepted_at,
                          finished_at, credential_id, configuration_id, installation,
                          installation_blob, priority, lane, lane_max)
         SELECT run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                $3, input, input_blob, replay_of, crashes, accepted_at, now(),
                credential_id, configuration_id, installation, installation_blob, priority,
                lane, lane_max
         FROM moved",
        run.uuid(),
        project.uuid(),
        codes::run_status(RunStatus::Cancelled),
    )
    .execute(pool)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Ends the open runs of an installation that were accepted up to a time; answers which.
pub async fn cancel_installation(
    pool: &PgPool,
    project: ProjectId,
    scope: InstallationScope,
    until: jiff::Timestamp,
) -> Result<Vec<RunId>, sqlx::Error> {
    let (credential, configuration, workflow) = match scope {
        InstallationScope::Account(credential) => (Some(credential.uuid()), None, None),
        InstallationScope::Configuration(configuration) => (None, Some(configuration.uuid()), None),
        InstallationScope::Workflow(configuration, workflow) => {
            (None, Some(configuration.uuid()), Some(workflow.uuid()))
        }
    };
    let runs = sqlx::query_scalar!(
        "WITH moved AS (
             DELETE FROM job
             WHERE project_id = $1 AND (credential_id = $2 OR configuration_id = $3)
               AND ($4::uuid IS NULL OR workflow_id = $4) AND accepted_at <= $6
             RETURNING *
         )
         INSERT INTO run (run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                          status, input, input_blob, replay_of, crashes, accepted_at,
                          finished_at, credential_id, configuration_id, installation,
                          installation_blob, priority, lane, lane_max)
         SELECT run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                $5, input, input_blob, replay_of, crashes, accepted_at, now(),
                credential_id, configuration_id, installation, installation_blob, priority,
                lane, lane_max
         FROM moved
         RETURNING run_id",
        project.uuid(),
        credential,
        configuration,
        workflow,
        codes::run_status(RunStatus::Cancelled),
        PgTime(until) as PgTime,
    )
    .fetch_all(pool)
    .await?;
    Ok(runs.into_iter().map(RunId::from_uuid).collect())
}

/// Counts a crash for each open run among these: crashes in a row, without a result between.
pub async fn count_crashes(
    pool: &PgPool,
    runs: &[RunId],
) -> Result<Vec<(RunId, u32)>, sqlx::Error> {
    let runs: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let rows = sqlx::query!(
        "UPDATE job
         SET crashes = CASE WHEN EXISTS (
                 SELECT 1 FROM step_result s
                 WHERE s.run_id = job.run_id AND s.started_at > job.crashed_at
             ) THEN 1 ELSE crashes + 1 END,
             crashed_at = now(), has_progress = true
         WHERE run_id = ANY($1) RETURNING run_id, crashes",
        &runs,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RunId::from_uuid(row.run_id), u32::try_from(row.crashes).unwrap_or(0)))
        .collect())
}

/// Raises the generation if it still is `from`; one of several callers wins.
pub async fn raise_generation(pool: &PgPool, from: Generation) -> Result<Generation, sqlx::Error> {
    let from = i32::try_from(from.0).unwrap_or(i32::MAX);
    sqlx::query!(
        "UPDATE queue_generation SET generation = generation + 1 WHERE generation = $1",
        from,
    )
    .execute(pool)
    .await?;
    crate::read::generation(pool).await
}

fn error_bytes(error: &StepError) -> Vec<u8> {
    serde_json::to_vec(error).expect("text always serialises")
}

fn saturating(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
