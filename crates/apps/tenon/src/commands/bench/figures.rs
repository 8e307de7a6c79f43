//! The figures: what each measures, and how.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use sqlx::postgres::PgConnectOptions;

use super::load::{self, Shot};
use super::product::Product;
use super::{Figure, calibration};

/// Callers of the throughput figures.
const CALLERS: usize = 32;
/// Callers of the accept figures: enough for the batches to fill.
const ACCEPT_CALLERS: usize = 256;
/// Runs that wait in `waiting.rss`.
const WAITING_RUNS: usize = 10_000;
/// Steps of the chain in `step.cpu`.
const CHAIN_STEPS: usize = 20;

/// A request as the peers' benchmark sends it: about 500 bytes.
fn order() -> String {
    format!(
        r#"{{"id":"o-1","email":"Ada.Lovelace@Example.TEST","items":[{{"sku":"a-100","qty":3,"price":19.5}},{{"sku":"b-200","qty":1,"price":250}},{{"sku":"c-300","qty":2,"price":4.25}}],"note":"{}"}}"#,
        "n".repeat(330)
    )
}

/// The measurements.
pub struct Bench {
    /// Length of each measurement.
    pub seconds: u64,
}

impl Bench {
    /// Length of each measurement.
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// From process start to ready, with a data directory that exists.
    pub async fn start(&self) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        Product::start(folder.path()).await?.stop().await?;
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let product = Product::start(folder.path()).await?;
            best = best.min(product.ready_after);
            product.stop().await?;
        }
        Ok(vec![Figure::plain("start.ready", best.as_secs_f64(), "s")])
    }

    /// Memory and CPU with nothing to do.
    pub async fn idle(&self) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let product = Product::start(folder.path()).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (tree, length) = (product.tree(), Duration::from_secs(10));
        let before = tree.cpu();
        tokio::time::sleep(length).await;
        let busy = (tree.cpu() - before).as_secs_f64() / length.as_secs_f64();
        let rss = tree.rss_without_postgres() as f64 / 1e6;
        product.stop().await?;
        Ok(vec![Figure::plain("idle.rss", rss, "MB"), Figure::plain("idle.cpu", busy * 100.0, "%")])
    }

    /// Requests accepted: each is committed before its 202. The roles that take work in run alone,
    /// so that nothing but accepting is measured; what was accepted stays open.
    pub async fn accept(&self) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let product = Product::start_roles(folder.path(), "api,gateway").await?;
        product.apply(include_str!("workflows/accept.yaml")).await?;
        let shot = shot(&product, "accept", StatusCode::ACCEPTED, "run")?;
        load::closed_loop(&shot, ACCEPT_CALLERS, Duration::from_secs(2)).await?;
        let full = load::closed_loop(&shot, ACCEPT_CALLERS, self.length()).await?;
        let half = full.rate() / 2.0;
        let calm = load::open_loop(&shot, ACCEPT_CALLERS, self.length(), half).await?;
        // Last: it writes so much that a checkpoint would fall into what it is compared with.
        let inserts =
            calibration::batched_insert(&product.access.execution_url, &order(), self.length())
                .await?;
        product.stop().await?;
        Ok(vec![
            Figure::against("accept.rate", full.rate(), "req/s", inserts),
            Figure::plain("accept.p50", calm.quantile_ms(0.5), "ms"),
            Figure::plain("accept.p99", calm.quantile_ms(0.99), "ms"),
        ])
    }

    /// Trigger, function, request, conditional, response; the answer is checked.
    pub async fn run3(&self) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let product = Product::start(folder.path()).await?;
        let echo = load::echo(Duration::ZERO).await?;
        let document = include_str!("workflows/run3.yaml").replace("ECHO", &echo.to_string());
        product.apply(&document).await?;
        let shot = shot(&product, "run3", StatusCode::OK, r#""route":"large""#)?;
        load::closed_loop(&shot, CALLERS, Duration::from_secs(3)).await?;
        let raw = calibration::http_echo(CALLERS, Duration::from_secs(3)).await?;
        let tree = product.tree();
        let (before, postgres_before) = (tree.cpu(), tree.cpu_of("postgres"));
        let full = load::closed_loop(&shot, CALLERS, self.length()).await?;
        let saved = wait_until_saved(&product).await?;
        let (busy, postgres) = (tree.cpu() - before, tree.cpu_of("postgres") - postgres_before);
        let alone = load::closed_loop(&shot, 1, Duration::from_secs(3)).await?;
        ensure!(saved >= full.answered, "only {saved} of {} runs are in history", full.answered);
        product.stop().await?;
        let per_run = |cpu: Duration| cpu.as_secs_f64() * 1_000.0 / full.answered as f64;
        Ok(vec![
            Figure::against("run3.rate", full.rate(), "runs/s", raw),
            Figure::plain("run3.p50", full.quantile_ms(0.5), "ms"),
            Figure::plain("run3.p99", full.quantile_ms(0.99), "ms"),
            Figure::plain("run3.p50_alone", alone.quantile_ms(0.5), "ms"),
            Figure::plain("run3.cpu", per_run(busy), "ms"),
            Figure::plain("run3.cpu_postgres", per_run(postgres), "ms"),
        ])
    }

    /// CPU of one pure step: a chain of conditionals against the same run without them.
    pub async fn step(&self) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let product = Product::start(folder.path()).await?;
        product.apply(&chain("short", 1)).await?;
        product.apply(&chain("long", 1 + CHAIN_STEPS)).await?;
        let short = self.cpu_per_run(&product, "short").await?;
        let long = self.cpu_per_run(&product, "long").await?;
        product.stop().await?;
        let per_step = (long - short).max(0.0) * 1_000.0 / CHAIN_STEPS as f64;
        Ok(vec![Figure::plain("step.cpu", per_step, "us")])
    }

    async fn cpu_per_run(&self, product: &Product, workflow: &str) -> anyhow::Result<f64> {
        let shot = shot(product, workflow, StatusCode::OK, "done")?;
        load::closed_loop(&shot, CALLERS, Duration::from_secs(2)).await?;
        wait_until_saved(product).await?;
        let before = product.tree().cpu();
        let outcome = load::closed_loop(&shot, CALLERS, self.length()).await?;
        wait_until_saved(product).await?;
        let busy = product.tree().cpu() - before;
        Ok(busy.as_secs_f64() * 1_000.0 / outcome.answered as f64)
    }

    /// Memory with 10,000 runs in a delay, then with 10,000 that wait for an answer.
    pub async fn waiting(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for (name, workflow) in [
            ("waiting.rss", include_str!("workflows/delay.yaml")),
            ("waiting.rss_http", include_str!("workflows/slow.yaml")),
        ] {
            let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
            let product = Product::start(folder.path()).await?;
            let slow = load::echo(Duration::from_secs(60)).await?;
            product.apply(&workflow.replace("ECHO", &slow.to_string())).await?;
            let shot = shot(&product, "waiting", StatusCode::ACCEPTED, "run")?;
            fire_exactly(&shot, WAITING_RUNS).await?;
            tokio::time::sleep(Duration::from_secs(8)).await;
            let rss = product.tree().rss_without_postgres() as f64 / 1e6;
            figures.push(Figure::plain(name, rss, "MB"));
            drop(product);
        }
        Ok(figures)
    }
}

/// The request that fires a workflow of the product.
pub(super) fn shot(
    product: &Product,
    workflow: &str,
    expected: StatusCode,
    marker: &'static str,
) -> anyhow::Result<Shot> {
    let address = product.access.server.trim_start_matches("http://").parse();
    Ok(Shot {
        method: Method::POST,
        address: address.context("the product's address does not parse")?,
        path: format!("/api/v1/projects/{}/triggers/{workflow}", product.access.project),
        authorization: format!("Bearer {}", product.access.api_key),
        body: Bytes::from(order()),
        expected,
        marker,
    })
}

async fn fire_exactly(shot: &Shot, count: usize) -> anyhow::Result<()> {
    let mut left = count;
    while left > 0 {
        let outcome = load::closed_loop(shot, left.min(64), Duration::from_millis(250)).await?;
        left = left.saturating_sub(outcome.answered as usize);
    }
    Ok(())
}

/// Waits until every accepted run has ended, and answers how many have.
async fn wait_until_saved(product: &Product) -> anyhow::Result<u64> {
    // Row-level security shows nothing to a connection that does not say what it is for.
    let options = PgConnectOptions::from_str(&product.access.execution_url)?
        .options([("tenon.scope", "system")]);
    let pool = sqlx::PgPool::connect_with(options).await?;
    let started = Instant::now();
    loop {
        let open: i64 = sqlx::query_scalar(COUNT_OPEN).fetch_one(&pool).await?;
        if open == 0 {
            let ended: i64 = sqlx::query_scalar(COUNT_ENDED).fetch_one(&pool).await?;
            pool.close().await;
            return Ok(u64::try_from(ended).unwrap_or(0));
        }
        ensure!(started.elapsed() < Duration::from_secs(60), "{open} runs have not ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const COUNT_OPEN: &str = "SELECT count(*) FROM job";
const COUNT_ENDED: &str = "SELECT count(*) FROM run";

/// Conditionals in a row, then a response.
fn chain(name: &str, steps: usize) -> String {
    use std::fmt::Write as _;

    let mut text = format!("version: 1\nname: {name}\ntriggers:\n  - type: request\nsteps:\n");
    for step in 0..steps {
        let next =
            if step + 1 == steps { "answer".to_owned() } else { format!("check{}", step + 1) };
        let _ = write!(
            text,
            "  - id: check{step}\n    type: conditional\n    if: {{operator: $stringContains, variable: \"{{{{trigger.request.body.email}}}}\", argument: \"@\"}}\n    next: {next}\n"
        );
    }
    text.push_str("  - id: answer\n    type: response\n    body:\n      json: {done: true}\n");
    text
}
