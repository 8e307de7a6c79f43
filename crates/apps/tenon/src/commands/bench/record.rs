//! Group `record`: results a second into the history, by the product's own statement, beside COPY
//! into a table with the same indexes.
//!
//! One connection each, 1,000 rows in a transaction, one after the other in the same run, on the
//! product's own PostgreSQL.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions};
use tenon_domain::{ProjectId, RunId, StepId};
use tenon_exec::ports::history::{Payload, StepStatus};
use tenon_exec::ports::store::{Batch, Iteration, JobStore, StepRow};

use super::product::Product;
use super::{Calibration, Figure};

/// Rows in one transaction.
const ROWS: usize = 1_000;
/// Rounds of each; the better one counts.
const ROUNDS: usize = 3;

/// A table as `step_result` is, indexes included, without partitions and policies.
const COPY_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS bench_copy (LIKE step_result INCLUDING INDEXES INCLUDING IDENTITY)";
const COPY: &str = "COPY bench_copy (run_id, project_id, step, iteration, attempt, kind, status, \
                    started_at, duration_us, input, output, logs_dropped, pauses) FROM STDIN";

/// Measures the group.
///
/// # Errors
/// When the database refuses a row: then no figure counts.
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let product = Product::start_roles(folder.path(), "api").await?;
    let url = &product.access.execution_url;
    let (mut flushed, mut copied) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        copied = copied.max(copy(url, length / 2).await?);
        flushed = flushed.max(flush(url, length / 2).await?);
    }
    product.stop().await?;
    let calibration = Calibration { name: "copy", value: copied, unit: "rows/s" };
    Ok(vec![Figure::against("record.rate", flushed, "rows/s", calibration)])
}

async fn flush(url: &str, length: Duration) -> anyhow::Result<f64> {
    let store = tenon_pg_execution::Store::connect(url, 1)?;
    let (mut spent, mut rows) = (Duration::ZERO, 0);
    while spent < length {
        let steps: Vec<StepRow> = (0..ROWS).map(|_| row()).collect();
        let batch = Arc::new(Batch { steps, ..Batch::default() });
        let started = Instant::now();
        store.commit(batch).await?;
        spent += started.elapsed();
        rows += ROWS;
    }
    Ok(rows as f64 / spent.as_secs_f64())
}

async fn copy(url: &str, length: Duration) -> anyhow::Result<f64> {
    let options = PgConnectOptions::from_str(url)?.options([("tenon.scope", "system")]);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query(COPY_TABLE).execute(&pool).await?;
    let (mut spent, mut rows) = (Duration::ZERO, 0);
    while spent < length {
        let text: String = (0..ROWS).map(|_| line(&row())).collect();
        let started = Instant::now();
        let mut copying = pool.copy_in_raw(COPY).await?;
        copying.send(text.into_bytes()).await?;
        copying.finish().await?;
        spent += started.elapsed();
        rows += ROWS;
    }
    let rate = rows as f64 / spent.as_secs_f64();
    pool.close().await;
    Ok(rate)
}

/// A result as a small request step leaves it: about 370 bytes.
fn row() -> StepRow {
    StepRow {
        run: RunId::new(),
        project: ProjectId::new(),
        step: StepId::new("send_order"),
        kind: "request",
        iteration: Iteration::new(),
        attempt: 1,
        pauses: 0,
        status: StepStatus::Succeeded,
        started_at: Timestamp::now(),
        duration_us: 4_711,
        input: Some(Payload::Inline(Bytes::from(format!("{{\"a\":\"{}\"}}", "i".repeat(120))))),
        output: Some(Payload::Inline(Bytes::from(format!("{{\"b\":\"{}\"}}", "o".repeat(120))))),
        error: None,
        retry_at: None,
        logs: None,
        logs_dropped: 0,
    }
}

/// The same row as a line of COPY.
fn line(row: &StepRow) -> String {
    let mut line = String::new();
    let bytes = |payload: &Option<Payload>| match payload {
        Some(Payload::Inline(bytes)) => bytes.iter().fold("\\\\x".to_owned(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
        _ => "\\N".to_owned(),
    };
    let _ = writeln!(
        line,
        "{}\t{}\t{}\t\\\\x\t{}\t{}\t0\t{}\t{}\t{}\t{}\t0\t0",
        row.run,
        row.project,
        row.step,
        row.attempt,
        row.kind,
        row.started_at,
        row.duration_us,
        bytes(&row.input),
        bytes(&row.output),
    );
    line
}
