//! Reads what the database holds, past the product.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use sqlx::{Connection, PgConnection, Row};
use tenon_domain::RunId;
use tenon_testkit::history_checker::{EndedRun, Event, Final, History, ResultRow, StepKey};
use uuid::Uuid;

/// Rows that were being written at the last look may have lower numbers than those seen.
const OVERLAP: i64 = 20_000;
/// Status codes of `step_result` that end a step.
const FINAL_STATES: [i16; 2] = [0, 1];
/// The status code of `run` that is success.
const SUCCEEDED: i16 = 3;

/// Looks at the execution database as its superuser, whom row security does not bind.
pub struct Observer {
    url: String,
    history: Arc<History>,
    seq: i64,
    finished: HashSet<StepKey>,
    ended: HashSet<RunId>,
}

impl Observer {
    pub fn new(url: String, history: Arc<History>) -> Self {
        Self { url, history, seq: 0, finished: HashSet::new(), ended: HashSet::new() }
    }

    /// Records what has been committed since the last look.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let rows = sqlx::query(
            "SELECT run_id, step, iteration, seq, status FROM step_result WHERE seq > $1",
        )
        .bind(self.seq - OVERLAP)
        .fetch_all(&mut connection)
        .await?;
        let mut finished = Vec::new();
        for row in &rows {
            self.seq = self.seq.max(row.try_get("seq")?);
            let status: i16 = row.try_get("status")?;
            let key = key_of(row)?;
            if FINAL_STATES.contains(&status) && self.finished.insert(key.clone()) {
                finished.push(key);
            }
        }
        self.history.push(Event::Committed { finished });
        let mut runs = ended(&mut connection).await?;
        runs.retain(|ended| self.ended.insert(ended.run));
        self.history.push(Event::Ended { runs });
        connection.close().await?;
        Ok(())
    }

    /// How many runs have not ended.
    pub async fn open(&self) -> anyhow::Result<usize> {
        let mut connection = self.connect().await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM job").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(usize::try_from(count)?)
    }

    /// Records what the database holds at the end.
    pub async fn finish(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let rows = sqlx::query("SELECT run_id, step, iteration, attempt, status FROM step_result")
            .fetch_all(&mut connection)
            .await?;
        let mut last = Final { ended: ended(&mut connection).await?, ..Final::default() };
        for row in &rows {
            let status: i16 = row.try_get("status")?;
            last.results.push(ResultRow {
                key: key_of(row)?,
                attempt: row.try_get("attempt")?,
                is_final: FINAL_STATES.contains(&status),
            });
        }
        let open: Vec<Uuid> =
            sqlx::query_scalar("SELECT run_id FROM job").fetch_all(&mut connection).await?;
        last.open = open.into_iter().map(run_of).collect::<anyhow::Result<_>>()?;
        self.history.push(Event::Final(last));
        connection.close().await?;
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect(&self.url).await.context("the database does not answer")
    }
}

async fn ended(connection: &mut PgConnection) -> anyhow::Result<Vec<EndedRun>> {
    let rows = sqlx::query("SELECT run_id, status, md5(run::text) AS digest FROM run")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(EndedRun {
                run: run_of(row.try_get("run_id")?)?,
                is_success: row.try_get::<i16, _>("status")? == SUCCEEDED,
                row: row.try_get("digest")?,
            })
        })
        .collect()
}

fn key_of(row: &sqlx::postgres::PgRow) -> anyhow::Result<StepKey> {
    let packed: Vec<u8> = row.try_get("iteration")?;
    let iteration = packed
        .chunks_exact(4)
        .map(|part| Ok(u32::from_be_bytes(part.try_into()?)))
        .collect::<anyhow::Result<_>>()?;
    Ok(StepKey { run: run_of(row.try_get("run_id")?)?, step: row.try_get("step")?, iteration })
}

fn run_of(id: Uuid) -> anyhow::Result<RunId> {
    id.to_string().parse().context("a run id in the database")
}
