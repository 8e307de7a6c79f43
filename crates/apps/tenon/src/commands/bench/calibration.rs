//! Figures of the machine in the same run: batched inserts and a bare HTTP echo.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tenon_domain::{ProjectId, RunId, VersionId, WorkflowId};
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::ports::store::{Accept, Job, JobOrder, JobStore, RunMode};

use super::Calibration;
use super::load::{self, Shot};

/// Rows in one insert, as in the product's own batches.
const BATCH: usize = 500;
/// Connections at once, as the product uses.
const CONNECTIONS: u32 = 2;

/// Rows a second, by the product's own statement with the same row, without anything around it:
/// batches as large as the product's, two connections, one commit a batch.
pub async fn batched_insert(
    url: &str,
    input: &str,
    length: Duration,
) -> anyhow::Result<Calibration> {
    let store = tenon_pg_execution::Store::connect(url, CONNECTIONS)
        .context("the calibration cannot reach the database")?;
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (store, input) = (store.clone(), Bytes::from(input.to_owned()));
        tasks.spawn(async move {
            let mut rows = 0_u64;
            while started.elapsed() < length {
                let batch: Vec<Accept> = (0..BATCH).map(|_| row(&input)).collect();
                store.accept(&batch).await?;
                rows += BATCH as u64;
            }
            anyhow::Ok(rows)
        });
    }
    let mut rows = 0;
    while let Some(done) = tasks.join_next().await {
        rows += done??;
    }
    let value = rows as f64 / started.elapsed().as_secs_f64();
    Ok(Calibration { name: "batched_insert", value, unit: "rows/s" })
}

fn row(input: &Bytes) -> Accept {
    Accept { job: job(input), once: None }
}

/// A job of its own project, workflow and version, as a request makes it.
pub(super) fn job(input: &Bytes) -> Job {
    Job {
        run: RunId::new(),
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        user: None,
        installation: None,
        trigger: TriggerKind::Request,
        mode: RunMode::Live,
        input: Payload::Inline(input.clone()),
        reply_to: None,
        replay_of: None,
        has_progress: false,
        grant: None,
        crashes: 0,
        accepted_at: jiff::Timestamp::now(),
        trace: None,
        order: JobOrder::default(),
    }
}

/// Requests a second to a service that does nothing, by the same load.
pub async fn http_echo(callers: usize, length: Duration) -> anyhow::Result<Calibration> {
    let address = load::echo(Duration::ZERO).await?;
    let shot = Shot {
        method: http::Method::POST,
        address,
        path: "/".to_owned(),
        authorization: String::new(),
        body: "{\"ok\":true}".into(),
        expected: http::StatusCode::OK,
        marker: "ok",
    };
    let outcome = load::closed_loop(&shot, callers, length).await?;
    Ok(Calibration { name: "http_echo", value: outcome.rate(), unit: "req/s" })
}
