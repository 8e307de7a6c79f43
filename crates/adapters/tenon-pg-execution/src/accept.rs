//! Taking work in: one transaction a batch.

use std::collections::HashMap;

use sqlx::postgres::{PgConnection, PgPool};
use tenon_contract::grant::Grant;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::ports::store::{Accept, Accepted, Job};
use uuid::Uuid;

use crate::codes;
use crate::time::PgTime;

/// Inserts a batch. Items without a key or a trace cost one statement in all.
pub async fn accept(pool: &PgPool, items: &[Accept]) -> Result<Vec<Accepted>, sqlx::Error> {
    if items.iter().all(|item| item.once.is_none() && item.job.trace.is_none()) {
        let jobs: Vec<&Job> = items.iter().map(|item| &item.job).collect();
        let mut connection = pool.acquire().await?;
        insert(&mut connection, &jobs).await?;
        return Ok(vec![Accepted::New; items.len()]);
    }
    let mut transaction = pool.begin().await?;
    let outcomes = claim_keys(&mut transaction, items).await?;
    let jobs: Vec<&Job> = items
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == Accepted::New)
        .map(|(item, _)| &item.job)
        .collect();
    insert(&mut transaction, &jobs).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Takes the accept-once keys of a batch; a key that is taken tells by whom and with what.
async fn claim_keys(
    connection: &mut PgConnection,
    items: &[Accept],
) -> Result<Vec<Accepted>, sqlx::Error> {
    // In key order, so that two batches with the same keys never wait for each other in a circle.
    let mut order: Vec<usize> = (0..items.len()).filter(|at| items[*at].once.is_some()).collect();
    order.sort_by_key(|at| {
        let item = &items[*at];
        (item.job.project, item.once.as_ref().map(|once| once.key.clone()))
    });
    let (mut projects, mut keys, mut digests, mut runs) = (vec![], vec![], vec![], vec![]);
    for at in order {
        let item = &items[at];
        let Some(once) = &item.once else { continue };
        projects.push(item.job.project.uuid());
        keys.push(once.key.clone());
        digests.push(once.digest.to_vec());
        runs.push(item.job.run.uuid());
    }
    sqlx::query!(
        "INSERT INTO once_key (project_id, key, digest, run_id)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bytea[], $4::uuid[])
         ON CONFLICT DO NOTHING",
        &projects,
        &keys,
        &digests,
        &runs,
    )
    .execute(&mut *connection)
    .await?;
    let held = sqlx::query!(
        r#"SELECT o.project_id, o.key, o.digest, o.run_id
           FROM once_key o
           JOIN UNNEST($1::uuid[], $2::text[]) AS asked (project_id, key)
             ON asked.project_id = o.project_id AND asked.key = o.key"#,
        &projects,
        &keys,
    )
    .fetch_all(&mut *connection)
    .await?;
    let held: HashMap<(Uuid, String), (Vec<u8>, Uuid)> =
        held.into_iter().map(|row| ((row.project_id, row.key), (row.digest, row.run_id))).collect();
    Ok(items.iter().map(|item| outcome_of(item, &held)).collect())
}

fn outcome_of(item: &Accept, held: &HashMap<(Uuid, String), (Vec<u8>, Uuid)>) -> Accepted {
    let Some(once) = &item.once else { return Accepted::New };
    match held.get(&(item.job.project.uuid(), once.key.clone())) {
        Some((digest, run)) if *digest == once.digest => {
            let run = RunId::from_uuid(*run);
            if run == item.job.run { Accepted::New } else { Accepted::Repeat(run) }
        }
        Some(_) => Accepted::Conflict,
        None => Accepted::New,
    }
}

/// Inserts jobs in one statement. A run id that is there already is passed over, so that a
/// repeat after an unknown outcome is harmless. Where a job has a trace it is a second statement:
/// call it in a transaction then.
pub async fn insert(connection: &mut PgConnection, jobs: &[&Job]) -> Result<(), sqlx::Error> {
    let mut columns = Columns::default();
    for job in jobs {
        columns.push(job);
    }
    // In the select list, as the results are: see `commit.rs`.
    sqlx::query!(
        r#"INSERT INTO job (run_id, project_id, workflow_id, version_id, user_id, trigger, mode,
                          input, input_blob, reply_to, replay_of, accepted_at, has_progress,
                          "grant", credential_id, configuration_id, installation,
                          installation_blob, priority, lane, lane_max)
         SELECT UNNEST($1::uuid[]), UNNEST($2::uuid[]), UNNEST($3::uuid[]), UNNEST($4::uuid[]),
                UNNEST($5::text[]), UNNEST($6::smallint[]), UNNEST($7::smallint[]),
                UNNEST($8::bytea[]), UNNEST($9::bytea[]), UNNEST($10::text[]),
                UNNEST($11::uuid[]), UNNEST($12::timestamptz[]), UNNEST($13::boolean[]),
                UNNEST($14::text[]), UNNEST($15::uuid[]), UNNEST($16::uuid[]),
                UNNEST($17::bytea[]), UNNEST($18::bytea[]), UNNEST($19::smallint[]),
                UNNEST($20::bytea[]), UNNEST($21::smallint[])
         ON CONFLICT (run_id) DO NOTHING"#,
        &columns.runs,
        &columns.projects,
        &columns.workflows,
        &columns.versions,
        &columns.users as &[Option<&str>],
        &columns.triggers,
        &columns.modes,
        &columns.inputs as &[Option<&[u8]>],
        &columns.blobs as &[Option<Vec<u8>>],
        &columns.replies as &[Option<&str>],
        &columns.replays as &[Option<Uuid>],
        &columns.accepted as &[PgTime],
        &columns.progress,
        &columns.grants as &[Option<&str>],
        &columns.credentials as &[Option<Uuid>],
        &columns.configurations as &[Option<Uuid>],
        &columns.installations as &[Option<&[u8]>],
        &columns.installation_blobs as &[Option<Vec<u8>>],
        &columns.priorities,
        &columns.lanes as &[Option<Vec<u8>>],
        &columns.lanes_max as &[Option<i16>],
    )
    .execute(&mut *connection)
    .await?;
    if jobs.iter().any(|job| job.trace.is_some()) {
        note_traces(connection, jobs).await?;
    }
    Ok(())
}

/// Few runs are traced, and most installations trace none, so the column is no part of the
/// statement that every job pays for.
async fn note_traces(connection: &mut PgConnection, jobs: &[&Job]) -> Result<(), sqlx::Error> {
    let (mut runs, mut traces) = (Vec::new(), Vec::new());
    for job in jobs {
        let Some(trace) = job.trace else { continue };
        runs.push(job.run.uuid());
        traces.push(trace.to_bytes().to_vec());
    }
    sqlx::query!(
        "UPDATE job SET trace = traced.trace
         FROM UNNEST($1::uuid[], $2::bytea[]) AS traced (run_id, trace)
         WHERE job.run_id = traced.run_id AND job.trace IS NULL",
        &runs,
        &traces,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    runs: Vec<Uuid>,
    projects: Vec<Uuid>,
    workflows: Vec<Uuid>,
    versions: Vec<Uuid>,
    users: Vec<Option<&'a str>>,
    triggers: Vec<i16>,
    modes: Vec<i16>,
    inputs: Vec<Option<&'a [u8]>>,
    blobs: Vec<Option<Vec<u8>>>,
    replies: Vec<Option<&'a str>>,
    replays: Vec<Option<Uuid>>,
    accepted: Vec<PgTime>,
    progress: Vec<bool>,
    grants: Vec<Option<&'a str>>,
    credentials: Vec<Option<Uuid>>,
    configurations: Vec<Option<Uuid>>,
    installations: Vec<Option<&'a [u8]>>,
    installation_blobs: Vec<Option<Vec<u8>>>,
    priorities: Vec<i16>,
    lanes: Vec<Option<Vec<u8>>>,
    lanes_max: Vec<Option<i16>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, job: &'a Job) {
        let (input, blob) = codes::payload(Some(&job.input));
        self.runs.push(job.run.uuid());
        self.projects.push(job.project.uuid());
        self.workflows.push(job.workflow.uuid());
        self.versions.push(job.version.uuid());
        self.users.push(job.user.as_ref().map(tenon_domain::EndUserId::as_str));
        self.triggers.push(codes::trigger(job.trigger));
        self.modes.push(codes::mode(job.mode));
        self.inputs.push(input);
        self.blobs.push(blob);
        self.replies.push(job.reply_to.as_ref().map(|address| address.0.as_str()));
        self.replays.push(job.replay_of.map(RunId::uuid));
        self.accepted.push(PgTime(job.accepted_at));
        self.progress.push(job.has_progress);
        self.grants.push(job.grant.as_ref().map(Grant::as_str));
        let installation = job.installation.as_ref();
        let (values, blob) = codes::payload(installation.map(|it| &it.values));
        self.credentials.push(installation.map(|it| it.credential.uuid()));
        self.configurations.push(installation.map(|it| it.configuration.uuid()));
        self.installations.push(values);
        self.installation_blobs.push(blob);
        let order = codes::order(job.order);
        self.priorities.push(order.priority);
        self.lanes.push(order.lane);
        self.lanes_max.push(order.lane_max);
    }
}

/// Accepts a replay, with the succeeded results of the old run where they are kept.
pub async fn accept_replay(
    pool: &PgPool,
    job: &Job,
    keep_results: bool,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    insert(&mut transaction, &[job]).await?;
    if keep_results && let Some(old) = job.replay_of {
        copy_results(&mut transaction, job.project, old, job.run).await?;
    }
    transaction.commit().await
}

async fn copy_results(
    connection: &mut PgConnection,
    project: ProjectId,
    from: RunId,
    to: RunId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO step_result (run_id, project_id, step, iteration, attempt, kind, status,
                                  started_at, duration_us, input, input_blob, output,
                                  output_blob, error, retry_at, logs, logs_dropped, pauses)
         SELECT $3, project_id, step, iteration, attempt, kind, status,
                started_at, duration_us, input, input_blob, output,
                output_blob, error, retry_at, logs, logs_dropped, pauses
         FROM step_result
         WHERE run_id = $2 AND project_id = $1 AND status = 0
         ORDER BY seq
         ON CONFLICT DO NOTHING",
        project.uuid(),
        from.uuid(),
        to.uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
