//! Group `overload`: ten times the callers that fill the service, none of whom waits when it is
//! turned away. What is accepted should hardly go down, and memory not go up.

use std::time::Duration;

use http::StatusCode;

use super::figures::shot;
use super::product::Product;
use super::{Calibration, Figure, load};

/// Callers that fill the service.
const CALLERS: usize = 128;
/// How many times as many come.
const TIMES: usize = 10;
/// How often memory is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Measures the group.
///
/// # Errors
/// When an answer is neither an acceptance nor a refusal that says when to come again.
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let product = Product::start(folder.path()).await?;
    product.apply(include_str!("workflows/accept.yaml")).await?;
    let shot = shot(&product, "accept", StatusCode::ACCEPTED, "run")?;
    load::closed_loop(&shot, CALLERS, Duration::from_secs(2)).await?;
    let full = load::flood(&shot, CALLERS, length).await?;
    let tree = product.tree();
    let calm_rss = tree.rss_without_postgres();
    let mut peak = calm_rss;
    let watching = async {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            peak = peak.max(tree.rss_without_postgres());
        }
    };
    let flood = tokio::select! {
        flood = load::flood(&shot, CALLERS * TIMES, length) => flood?,
        () = watching => unreachable!("the watch has no end"),
    };
    product.stop().await?;
    let rate = |flood: &load::Flood| flood.answered as f64 / flood.elapsed.as_secs_f64();
    let peak_rate = Calibration { name: "accepted_when_full", value: rate(&full), unit: "req/s" };
    let refused = flood.refused as f64 / flood.elapsed.as_secs_f64();
    Ok(vec![
        Figure::against("overload.accepted", rate(&flood), "req/s", peak_rate),
        Figure::plain("overload.refused", refused, "req/s"),
        Figure::plain("overload.rss", (peak as f64 - calm_rss as f64).max(0.0) / 1e6, "MB more"),
    ])
}
