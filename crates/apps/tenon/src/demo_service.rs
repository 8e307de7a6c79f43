//! The demo service: a small HTTP service that stands for somebody else's API.
//!
//! The examples and the tests call it, so that Tenon can be tried without a network. It has
//! lists with pages, answers that fail now and then, rate limits, slow answers, tokens, GraphQL,
//! uploads and files, and it counts the effects of repeated calls. All data are made up, are the
//! same at every start, and are held in memory, with a bound on everything that callers can grow.
//!
//! It is no part of the product: it knows nothing of Tenon, and it is not built to be exposed to
//! strangers (it bounds neither connections nor how slowly a caller may send its headers).

mod bounded;
mod contacts;
mod echo;
mod effects;
mod faults;
mod files;
mod graphql;
mod oauth;
mod orders;
mod refusal;
mod replay;
mod seeds;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::DefaultBodyLimit;
use axum::response::Html;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use contacts::Contacts;
use effects::Effects;
use faults::Faults;
use oauth::Tokens;
use orders::Orders;
use refusal::Refusal;

/// The largest body that it takes.
const BODY_BYTES_MAX: usize = 10 << 20;
/// How long calls under way may take after the stop, before nobody waits for them.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Run the service that the examples call.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon demo-service\n  curl -s http://127.0.0.1:7071/contacts?limit=2\n\nCtrl-C stops it. Everything but the effects file is forgotten."
)]
pub struct DemoServiceArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7071")]
    listen: SocketAddr,
    /// File that keeps the recorded effects; read again at the next start.
    #[arg(long, value_name = "FILE")]
    effects: Option<PathBuf>,
}

/// Everything that the service holds.
#[derive(Debug)]
struct Demo {
    contacts: Contacts,
    orders: Orders,
    faults: Faults,
    tokens: Tokens,
    effects: Effects,
}

/// What every handler is given.
type Shared = Arc<Demo>;

/// Runs the command until Ctrl-C or a termination signal.
///
/// # Errors
/// When the address is taken or the effects file cannot be used.
pub async fn run(args: DemoServiceArgs) -> anyhow::Result<ExitCode> {
    let DemoServiceArgs { listen, effects } = args;
    let demo = Demo::new(effects.as_deref()).context("the effects file cannot be used")?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("the demo service cannot listen on {listen}"))?;
    eprintln!("The demo service is at http://{} (Ctrl-C stops it)", listener.local_addr()?);
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    serve_with(listener, demo, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Serves on an open listener until `stop` is cancelled, with nothing kept on disk.
///
/// After the stop it takes no new calls, and returns when those under way are answered, at the
/// latest after two seconds. Calls that take longer go on until the runtime ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    serve_with(listener, Demo::new(None)?, stop).await
}

async fn serve_with(
    listener: TcpListener,
    demo: Demo,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let server = axum::serve(listener, router(Arc::new(demo)))
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        ended = server => ended,
        () = grace => Ok(()),
    }
}

fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Ends with the process at the latest; the command returns as soon as it has fired.
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

impl Demo {
    fn new(effects: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self {
            contacts: Contacts::seeded(),
            orders: Orders::seeded(),
            faults: Faults::default(),
            tokens: Tokens::default(),
            effects: match effects {
                Some(path) => Effects::kept_in(path)?,
                None => Effects::in_memory(),
            },
        })
    }
}

fn router(demo: Shared) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("demo_service/index.html"))))
        .route("/healthz", get(healthz))
        .route("/contacts", get(contacts::list).post(contacts::create))
        .route(
            "/contacts/{id}",
            get(contacts::read).patch(contacts::update).delete(contacts::delete),
        )
        .route("/orders", get(orders::list).post(orders::create))
        .route("/orders/{id}", get(orders::read))
        .route("/echo", any(echo::echo))
        .route("/echo/{*rest}", any(echo::echo))
        .route("/upload", post(echo::upload))
        .route("/flaky", any(faults::flaky))
        .route("/limited", any(faults::limited))
        .route("/slow", any(faults::slow))
        .route("/oauth/token", post(oauth::token))
        .route("/secure/{*rest}", any(oauth::secure))
        .route("/graphql", post(graphql::answer))
        .route("/file.pdf", get(files::pdf))
        .route("/xml", get(files::xml))
        .route("/effects", get(effects::count).post(effects::record).delete(effects::clear))
        .fallback(async || Refusal::not_found("there is nothing here; GET / lists what there is"))
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(demo)
}

async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}
