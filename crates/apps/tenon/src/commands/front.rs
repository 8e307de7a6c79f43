//! `tenon front`: one address in front of the roles, for installations without a load balancer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use http::uri::Authority;
use tenon_http_kit::serve;
use tokio::net::TcpListener;

use crate::config::{Sources, load};
use crate::front::{Upstreams, router};
use crate::lifecycle::Shutdown;

/// Route requests to the roles by their paths.
///
/// For a machine without a load balancer: it takes requests at one address and passes each to the
/// role that answers it. It checks nothing; the roles do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon front --listen 0.0.0.0:7070 --api api:7070 --gateway gateway:7070 --proxy proxy:7070"
)]
pub struct FrontArgs {
    /// Address to listen on, in place of `server.listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the role `api` listens.
    #[arg(long, value_name = "HOST:PORT")]
    api: Authority,
    /// Where the role `gateway` listens.
    #[arg(long, value_name = "HOST:PORT")]
    gateway: Authority,
    /// Where the role `proxy` listens.
    #[arg(long, value_name = "HOST:PORT")]
    proxy: Authority,
    /// Configuration file; `tenon.toml` in the working directory when left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are wrong or the address is taken.
pub async fn run(args: FrontArgs) -> anyhow::Result<ExitCode> {
    let settings = load(&Sources::of_process(args.config))?;
    crate::telemetry::init_log(&settings.log);
    let address = args.listen.unwrap_or(settings.server.listen);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another with --listen"))?;
    let ready = super::server::ReadyFile::of(&settings, Some(listener.local_addr()?))?;
    tracing::info!(address = %listener.local_addr()?, "ready on http://{}", listener.local_addr()?);
    let shutdown = Shutdown::on_signals(settings.stop_grace())?;
    let upstreams = Upstreams { api: args.api, gateway: args.gateway, proxy: args.proxy };
    let timeout = Duration::from_millis(settings.http.request_timeout_ms);
    let routes = router(upstreams, timeout);
    let serving = serve(listener, routes, settings.serving(), shutdown.soft().clone());
    tokio::select! {
        _ = serving => {}
        () = shutdown.hard().cancelled() => {}
    }
    drop(ready);
    Ok(ExitCode::SUCCESS)
}
