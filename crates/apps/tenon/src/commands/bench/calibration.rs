//! Figures of the machine in the same run: batched inserts and a bare HTTP echo.

use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::Calibration;
use super::load::{self, Shot};

/// Rows in one insert, as in the product's own batches.
const BATCH: usize = 500;
/// Connections at once, as the product uses.
const CONNECTIONS: u32 = 2;

/// Rows a second of the job's shape, in batches, into a table like the product's in the same
/// PostgreSQL, one commit a batch.
pub async fn batched_insert(url: &str, input: &str, length: Duration) -> anyhow::Result<Calibration> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect(url)
        .await
        .context("the calibration cannot reach the database")?;
    sqlx::query("CREATE TABLE IF NOT EXISTS bench_job (LIKE job INCLUDING ALL)").execute(&pool).await?;
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (pool, input) = (pool.clone(), input.as_bytes().to_vec());
        tasks.spawn(async move {
            let mut rows = 0_u64;
            while started.elapsed() < length {
                let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                sqlx::query(
                    "INSERT INTO bench_job (run_id, project_id, workflow_id, version_id, trigger,
                                            mode, input, accepted_at)
                     SELECT id, id, id, id, 1::smallint, 0::smallint, $2, now()
                     FROM UNNEST($1::uuid[]) AS ids (id)",
                )
                .bind(&ids)
                .bind(&input)
                .execute(&pool)
                .await?;
                rows += BATCH as u64;
            }
            anyhow::Ok(rows)
        });
    }
    let mut rows = 0;
    while let Some(done) = tasks.join_next().await {
        rows += done??;
    }
    let elapsed = started.elapsed();
    sqlx::query("DROP TABLE bench_job").execute(&pool).await?;
    pool.close().await;
    let value = rows as f64 / elapsed.as_secs_f64();
    Ok(Calibration { name: "batched_insert", value, unit: "rows/s" })
}

/// Requests a second to a service that does nothing, by the same load.
pub async fn http_echo(callers: usize, length: Duration) -> anyhow::Result<Calibration> {
    let address = load::echo(Duration::ZERO).await?;
    let shot = Shot {
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
