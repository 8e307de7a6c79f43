//! The reading side of the API: one project at a time, under row-level security.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Postgres;
use sqlx::Transaction;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tenon_domain::{
    ConfigurationId, CredentialId, EndUserId, ProjectId, RunId, StepId, VersionId, WorkflowId,
};
use tenon_exec::ports::history::{
    Error, HistoryReader, Payload, RunFilter, RunPage, RunStatus, RunSummary, StepPage, StepRecord,
};
use tenon_exec::ports::store::{Installation, JobOrder};
use uuid::Uuid;

use crate::codes;
use crate::errors::history_error;
use crate::read::error_of;
use crate::time::PgTime;

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads history for the API. Its connections see nothing until a project is set.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: PgPool,
}

impl Reader {
    /// Connects lazily.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn connect(url: &str, connections_max: u32) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("tenon-history")
            .options([("statement_timeout", "5000"), ("default_transaction_read_only", "on")]);
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The pool, for figures of its use.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A transaction that sees this project and no other.
    pub(crate) async fn of_project(
        &self,
        project: ProjectId,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!(
            "SELECT set_config('tenon.project_id', $1, true) AS project_id",
            project.to_string(),
        )
        .fetch_one(&mut *transaction)
        .await?;
        Ok(transaction)
    }
}

#[async_trait]
impl HistoryReader for Reader {
    async fn list(
        &self,
        project: ProjectId,
        filter: &RunFilter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, Error> {
        let mut transaction = self.of_project(project).await.map_err(history_error("list runs"))?;
        list(&mut transaction, project, filter, cursor, limit)
            .await
            .map_err(history_error("list runs"))
    }

    async fn run(&self, project: ProjectId, run: RunId) -> Result<Option<RunSummary>, Error> {
        let action = "read a run";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        let page = one(&mut transaction, project, run).await.map_err(history_error(action))?;
        Ok(page)
    }

    async fn input(&self, project: ProjectId, run: RunId) -> Result<Option<Payload>, Error> {
        let action = "read a run's input";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        let row = sqlx::query!(
            r#"SELECT input, input_blob FROM job WHERE run_id = $1 AND project_id = $2
               UNION ALL
               SELECT input, input_blob FROM run WHERE run_id = $1 AND project_id = $2
               LIMIT 1"#,
            run.uuid(),
            project.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(history_error(action))?;
        Ok(row.and_then(|row| codes::payload_of(row.input, row.input_blob)))
    }

    async fn installation(
        &self,
        project: ProjectId,
        run: RunId,
    ) -> Result<Option<Installation>, Error> {
        let action = "read what a run was accepted with";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        let row = sqlx::query!(
            r#"SELECT credential_id, configuration_id, installation, installation_blob
               FROM job WHERE run_id = $1 AND project_id = $2
               UNION ALL
               SELECT credential_id, configuration_id, installation, installation_blob
               FROM run WHERE run_id = $1 AND project_id = $2
               LIMIT 1"#,
            run.uuid(),
            project.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(history_error(action))?;
        Ok(row.and_then(|row| {
            codes::installation_of(
                row.credential_id,
                row.configuration_id,
                row.installation,
                row.installation_blob,
            )
        }))
    }

    async fn latest_steps(
        &self,
        project: ProjectId,
        run: RunId,
        limit: usize,
    ) -> Result<Vec<StepRecord>, Error> {
        let action = "read a run's latest steps";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        latest_steps(&mut transaction, project, run, limit).await.map_err(history_error(action))
    }

    async fn order(&self, project: ProjectId, run: RunId) -> Result<Option<JobOrder>, Error> {
        let action = "read the order of a run";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        let row = sqlx::query!(
            r#"SELECT priority AS "priority!", lane, lane_max
               FROM job WHERE run_id = $1 AND project_id = $2
               UNION ALL
               SELECT priority, lane, lane_max FROM run WHERE run_id = $1 AND project_id = $2
               LIMIT 1"#,
            run.uuid(),
            project.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(history_error(action))?;
        Ok(row.map(|row| codes::order_of(row.priority, row.lane, row.lane_max)))
    }

    async fn steps(
        &self,
        project: ProjectId,
        run: RunId,
        cursor: Option<i64>,
        limit: usize,
    ) -> Result<StepPage, Error> {
        let action = "read a run's steps";
        let mut transaction = self.of_project(project).await.map_err(history_error(action))?;
        steps(&mut transaction, project, run, cursor, limit).await.map_err(history_error(action))
    }
}

/// Open and ended runs alike, newest first. A run that moves from one table to the other while
/// this reads is in exactly one of them: the statement sees one snapshot.
async fn list(
    transaction: &mut Transaction<'static, Postgres>,
    project: ProjectId,
    filter: &RunFilter,
    cursor: Option<RunId>,
    limit: usize,
) -> Result<RunPage, sqlx::Error> {
    let bounds = Bounds::of(filter, cursor);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT run_id AS "run_id!", workflow_id AS "workflow_id!", version_id AS "version_id!",
                  user_id, trigger AS "trigger!", status AS "status!", error,
                  accepted_at AS "accepted_at!: PgTime", started_at AS "started_at: PgTime",
                  finished_at AS "finished_at: PgTime", due_at AS "due_at: PgTime", replay_of,
                  crashes AS "crashes!", credential_id, configuration_id,
                  (SELECT count(*) FROM step_result s
                   WHERE s.run_id = page.run_id AND NOT (s.status = 3 AND s.attempt > 0)
                  ) AS "attempts!"
           FROM (SELECT * FROM (
               (SELECT job.run_id, workflow_id, version_id, user_id, trigger,
                       (CASE WHEN due_at > now() THEN 2
                             WHEN EXISTS (SELECT 1 FROM step_result s WHERE s.run_id = job.run_id)
                             THEN 1 ELSE 0 END)::smallint AS status,
                       NULL::bytea AS error, accepted_at, NULL::timestamptz AS started_at,
                       NULL::timestamptz AS finished_at, due_at, replay_of, crashes,
                       credential_id, configuration_id
                FROM job
                WHERE project_id = $1 AND job.run_id < $2 AND job.run_id >= $3
                  AND ($4::uuid IS NULL OR workflow_id = $4)
                  AND ($5::text IS NULL OR user_id = $5)
                  AND ($6::smallint IS NULL OR $6 =
                       (CASE WHEN due_at > now() THEN 2
                             WHEN EXISTS (SELECT 1 FROM step_result s WHERE s.run_id = job.run_id)
                             THEN 1 ELSE 0 END))
                  AND ($8::uuid IS NULL OR credential_id = $8)
                  AND ($9::uuid IS NULL OR configuration_id = $9)
                ORDER BY job.run_id DESC LIMIT $7)
               UNION ALL
               (SELECT run_id, workflow_id, version_id, user_id, trigger, status, error,
                       accepted_at, started_at, finished_at, NULL::timestamptz, replay_of, crashes,
                       credential_id, configuration_id
                FROM run
                WHERE project_id = $1 AND run_id < $2 AND run_id >= $3
                  AND ($4::uuid IS NULL OR workflow_id = $4)
                  AND ($5::text IS NULL OR user_id = $5)
                  AND ($6::smallint IS NULL OR status = $6)
                  AND ($8::uuid IS NULL OR credential_id = $8)
                  AND ($9::uuid IS NULL OR configuration_id = $9)
                ORDER BY run_id DESC LIMIT $7)
           ) AS runs
           ORDER BY run_id DESC LIMIT $7) AS page
           ORDER BY run_id DESC"#,
        project.uuid(),
        bounds.below,
        bounds.from,
        filter.workflow.map(WorkflowId::uuid),
        filter.user.as_ref().map(EndUserId::as_str),
        filter.status.map(codes::run_status),
        i64::try_from(limit + 1).unwrap_or(i64::MAX),
        filter.credential.map(CredentialId::uuid),
        filter.configuration.map(ConfigurationId::uuid),
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut runs: Vec<RunSummary> = rows.into_iter().map(Row::into_summary).collect();
    let has_more = runs.len() > limit;
    runs.truncate(limit);
    let next = if has_more { runs.last().map(|run| run.id) } else { None };
    Ok(RunPage { runs, next })
}

async fn one(
    transaction: &mut Transaction<'static, Postgres>,
    project: ProjectId,
    run: RunId,
) -> Result<Option<RunSummary>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT run_id AS "run_id!", workflow_id AS "workflow_id!", version_id AS "version_id!",
                  user_id, trigger AS "trigger!", status AS "status!", error,
                  accepted_at AS "accepted_at!: PgTime", started_at AS "started_at: PgTime",
                  finished_at AS "finished_at: PgTime", due_at AS "due_at: PgTime", replay_of,
                  crashes AS "crashes!", credential_id, configuration_id,
                  (SELECT count(*) FROM step_result s
                   WHERE s.run_id = $1 AND NOT (s.status = 3 AND s.attempt > 0)
                  ) AS "attempts!"
           FROM (
               SELECT job.run_id, project_id, workflow_id, version_id, user_id, trigger,
                      (CASE WHEN due_at > now() THEN 2
                            WHEN EXISTS (SELECT 1 FROM step_result s WHERE s.run_id = job.run_id)
                            THEN 1 ELSE 0 END)::smallint AS status,
                      NULL::bytea AS error, accepted_at, NULL::timestamptz AS started_at,
                      NULL::timestamptz AS finished_at, due_at, replay_of, crashes,
                      credential_id, configuration_id
               FROM job WHERE job.run_id = $1
               UNION ALL
               SELECT run_id, project_id, workflow_id, version_id, user_id, trigger, status, error,
                      accepted_at, started_at, finished_at, NULL::timestamptz, replay_of, crashes,
                      credential_id, configuration_id
               FROM run WHERE run_id = $1
           ) AS runs
           WHERE project_id = $2 LIMIT 1"#,
        run.uuid(),
        project.uuid(),
    )
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(row.map(Row::into_summary))
}

async fn latest_steps(
    transaction: &mut Transaction<'static, Postgres>,
    project: ProjectId,
    run: RunId,
    limit: usize,
) -> Result<Vec<StepRecord>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT step, kind, iteration, attempt - pauses AS "attempt!", status,
                  started_at AS "started_at: PgTime", duration_us, error,
                  retry_at AS "retry_at: PgTime"
           FROM step_result
           WHERE run_id = $1 AND project_id = $2
           ORDER BY seq DESC LIMIT $3"#,
        run.uuid(),
        project.uuid(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut **transaction)
    .await?;
    let steps = rows.into_iter().map(|row| StepRecord {
        step: StepId::new(row.step),
        kind: row.kind,
        iteration: codes::iteration_of(&row.iteration).to_vec(),
        attempt: u32::try_from(row.attempt).unwrap_or(0),
        status: codes::step_status_of(row.status),
        started_at: row.started_at.into(),
        duration_us: u64::try_from(row.duration_us).unwrap_or(0),
        input: None,
        output: None,
        error: row.error.as_deref().and_then(error_of),
        retry_at: row.retry_at.map(Into::into),
        logs: Vec::new(),
        logs_dropped: 0,
    });
    Ok(steps.collect())
}

async fn steps(
    transaction: &mut Transaction<'static, Postgres>,
    project: ProjectId,
    run: RunId,
    cursor: Option<i64>,
    limit: usize,
) -> Result<StepPage, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT seq, step, kind, iteration, attempt - pauses AS "attempt!", status,
                  started_at AS "started_at: PgTime", duration_us, input, input_blob, output,
                  output_blob, error, retry_at AS "retry_at: PgTime", logs, logs_dropped
           FROM step_result
           WHERE run_id = $1 AND project_id = $2 AND seq > $3
           ORDER BY seq LIMIT $4"#,
        run.uuid(),
        project.uuid(),
        cursor.unwrap_or(0),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut **transaction)
    .await?;
    let next = rows.last().map(|row| row.seq);
    let steps = rows.into_iter().map(|row| StepRecord {
        step: StepId::new(row.step),
        kind: row.kind,
        iteration: codes::iteration_of(&row.iteration).to_vec(),
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
    });
    Ok(StepPage { steps: steps.collect(), next })
}

/// A filter's times and a cursor as bounds on run ids.
struct Bounds {
    from: Uuid,
    below: Uuid,
}

impl Bounds {
    fn of(filter: &RunFilter, cursor: Option<RunId>) -> Self {
        let from = filter.after.map_or(Uuid::nil(), first_id_at);
        let before = filter.before.map_or(Uuid::max(), first_id_at);
        let below = cursor.map_or(before, |cursor| before.min(cursor.uuid()));
        Self { from, below }
    }
}

/// The smallest UUID v7 of a millisecond.
pub(crate) fn first_id_at(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::try_from(at.as_millisecond()).unwrap_or(0) << 80)
}

struct Row {
    run_id: Uuid,
    workflow_id: Uuid,
    version_id: Uuid,
    user_id: Option<String>,
    trigger: i16,
    status: i16,
    error: Option<Vec<u8>>,
    accepted_at: PgTime,
    started_at: Option<PgTime>,
    finished_at: Option<PgTime>,
    due_at: Option<PgTime>,
    replay_of: Option<Uuid>,
    crashes: i32,
    attempts: i64,
    credential_id: Option<Uuid>,
    configuration_id: Option<Uuid>,
}

impl Row {
    fn into_summary(self) -> RunSummary {
        let status = codes::run_status_of(self.status);
        let resumes_at = self.due_at.filter(|_| status == RunStatus::Waiting).map(Into::into);
        RunSummary {
            id: RunId::from_uuid(self.run_id),
            workflow: WorkflowId::from_uuid(self.workflow_id),
            version: VersionId::from_uuid(self.version_id),
            user: self.user_id.map(EndUserId::new),
            credential: self.credential_id.map(CredentialId::from_uuid),
            configuration: self.configuration_id.map(ConfigurationId::from_uuid),
            trigger: codes::trigger_of(self.trigger),
            status,
            error: self.error.as_deref().and_then(error_of),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            created_at: self.accepted_at.into(),
            started_at: self.started_at.map(Into::into),
            finished_at: self.finished_at.map(Into::into),
            resumes_at,
            replay_of: self.replay_of.map(RunId::from_uuid),
            crashes: u32::try_from(self.crashes).unwrap_or(0),
        }
    }
}
