//! Reads what the database holds, past the product and all links.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::history::{Function, History, Phase};

/// How this process is called in the record.
const NAME: &str = "observer";
/// Rows that were being written at the last look may have lower numbers than those seen.
const OVERLAP: i64 = 20_000;
/// Runs that were being ended at the last look may have earlier ends than those seen.
const END_OVERLAP: Duration = Duration::from_secs(30);
/// Status codes of `step_result` that end a step.
const FINAL_STATES: [i16; 2] = [0, 1];
/// The longest wait for a look: the database may hang, or a table be locked.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// Looks at the execution database as its superuser, whom row security does not bind.
#[derive(Debug)]
pub struct Observer {
    url: String,
    history: Arc<History>,
    /// The highest number of a result seen.
    seq: i64,
    finished: HashSet<String>,
    open: HashSet<Uuid>,
    ended: HashMap<Uuid, i64>,
    /// The latest end of a run seen, in Unix microseconds.
    latest_end: i64,
}

/// How the work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Runs that have not ended.
    pub open: usize,
}

impl Observer {
    /// An observer of a database.
    #[must_use]
    pub fn new(url: String, history: Arc<History>) -> Self {
        Self {
            url,
            history,
            seq: 0,
            finished: HashSet::new(),
            open: HashSet::new(),
            ended: HashMap::new(),
            latest_end: 0,
        }
    }

    /// Records what has been committed since the last look.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&mut self) -> anyhow::Result<Standing> {
        let looking = async {
            let mut connection = PgConnection::connect(&self.url).await?;
            let standing = self.look_on(&mut connection).await?;
            connection.close().await?;
            Ok(standing)
        };
        tokio::time::timeout(LOOK_TIMEOUT, looking).await?
    }

    async fn look_on(&mut self, connection: &mut PgConnection) -> anyhow::Result<Standing> {
        self.history.push(NAME, Phase::Invoke, Function::Read, "all", json!(null));
        // One snapshot: a run that is neither open nor ended in it is nowhere.
        let mut reading = connection.begin().await?;
        sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *reading)
            .await?;
        let results = sqlx::query(
            "SELECT run_id, step, iteration, seq, status FROM step_result WHERE seq > $1",
        )
        .bind(self.seq - OVERLAP)
        .fetch_all(&mut *reading)
        .await?;
        let open: Vec<Uuid> =
            sqlx::query_scalar("SELECT run_id FROM job").fetch_all(&mut *reading).await?;
        let overlap = i64::try_from(END_OVERLAP.as_micros()).unwrap_or(i64::MAX);
        let ended = sqlx::query(
            "SELECT run_id, status, md5(run::text) AS digest,
                    (extract(epoch FROM finished_at) * 1000000)::bigint AS finished_us
             FROM run WHERE finished_at > to_timestamp($1::double precision / 1000000)",
        )
        .bind(self.latest_end.saturating_sub(overlap).max(0))
        .fetch_all(&mut *reading)
        .await?;
        let generation: i32 = sqlx::query_scalar("SELECT generation FROM queue_generation")
            .fetch_one(&mut *reading)
            .await?;
        reading.commit().await?;
        self.note_results(&results)?;
        let standing = Standing { open: open.len() };
        for run in open {
            if self.open.insert(run) {
                self.push(Function::Open, &run.to_string(), json!(null));
            }
        }
        for row in &ended {
            let run: Uuid = row.try_get("run_id")?;
            let finished: i64 = row.try_get("finished_us")?;
            self.latest_end = self.latest_end.max(finished);
            if self.ended.insert(run, finished).is_none() {
                self.push(Function::End, &run.to_string(), end_of(row)?);
            }
        }
        let fence = Some(u64::try_from(generation)?);
        let what = (Phase::Ok, Function::Generation);
        self.history.push_fenced(NAME, what, "queues", fence, json!(null));
        self.push(Function::Read, "all", json!(null));
        Ok(standing)
    }

    fn note_results(&mut self, rows: &[PgRow]) -> anyhow::Result<()> {
        for row in rows {
            self.seq = self.seq.max(row.try_get("seq")?);
            let status: i16 = row.try_get("status")?;
            let id = step_of(row)?;
            if FINAL_STATES.contains(&status) && self.finished.insert(id.clone()) {
                self.push(Function::Result, &id, json!(null));
            }
        }
        Ok(())
    }

    /// Records everything that the database holds at the end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        self.look().await?;
        let mut connection = PgConnection::connect(&self.url).await?;
        let rows = sqlx::query("SELECT run_id, step, iteration, attempt, status FROM step_result")
            .fetch_all(&mut connection)
            .await?;
        let mut results = Vec::new();
        for row in &rows {
            let status: i16 = row.try_get("status")?;
            let attempt: i32 = row.try_get("attempt")?;
            results.push(json!([step_of(row)?, attempt, FINAL_STATES.contains(&status)]));
        }
        let rows = sqlx::query("SELECT run_id, status, md5(run::text) AS digest FROM run")
            .fetch_all(&mut connection)
            .await?;
        let mut ended = serde_json::Map::new();
        for row in &rows {
            ended.insert(row.try_get::<Uuid, _>("run_id")?.to_string(), end_of(row)?);
        }
        let open: Vec<Uuid> =
            sqlx::query_scalar("SELECT run_id FROM job").fetch_all(&mut connection).await?;
        let val = json!({ "open": open, "ended": ended, "results": results });
        self.push(Function::Last, "all", val);
        connection.close().await?;
        Ok(())
    }

    fn push(&self, function: Function, id: &str, val: serde_json::Value) {
        self.history.push(NAME, Phase::Ok, function, id, val);
    }
}

fn end_of(row: &PgRow) -> anyhow::Result<serde_json::Value> {
    let (status, digest): (i16, String) = (row.try_get("status")?, row.try_get("digest")?);
    Ok(json!({ "status": status, "digest": digest }))
}

/// The name of a step as effects have it; steps in fan-outs have their places behind.
fn step_of(row: &PgRow) -> anyhow::Result<String> {
    let (run, step): (Uuid, String) = (row.try_get("run_id")?, row.try_get("step")?);
    let packed: Vec<u8> = row.try_get("iteration")?;
    let mut id = format!("{run}/{step}");
    for part in packed.chunks_exact(4) {
        id.push_str(&format!("/{}", u32::from_be_bytes(part.try_into()?)));
    }
    Ok(id)
}
