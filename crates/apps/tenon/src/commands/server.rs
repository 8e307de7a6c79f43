//! `tenon server`: runs the chosen roles until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Settings, Sources, load};
use crate::lifecycle::Shutdown;
use crate::memory;
use crate::roles::{self, Parts, Roles, VaultDatabases};

/// Run the chosen roles of an installation.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon server --roles all --config tenon.toml\n  TENON_REDIS__URL=redis://127.0.0.1:6379 tenon server --roles worker"
)]
pub struct ServerArgs {
    /// Roles of this process: all, or some of api, gateway, worker, controller, proxy, vault with
    /// commas.
    #[arg(long, default_value = "all", env = "TENON_ROLES")]
    roles: Roles,
    /// Configuration file; `tenon.toml` in the working directory when left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on, in place of `server.listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are wrong, a database cannot be reached, or the address is taken.
pub async fn run(args: ServerArgs) -> anyhow::Result<ExitCode> {
    let mut settings = load(&Sources::of_process(args.config))?;
    super::init_logging(&settings.log);
    memory::keep_in(settings.server.allow_memory_dumps)?;
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    let parts = parts(args.roles, settings)?;
    let shutdown = Shutdown::on_signals(parts.settings.stop_grace())?;
    let running = roles::start(parts).await?;
    if let Some(listen) = running.listen {
        tracing::info!(address = %listen, "ready on http://{listen}");
    } else {
        tracing::info!("ready");
    }
    shutdown.soft().cancelled().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        () = running.stop() => {}
        () = shutdown.hard().cancelled() => tracing::warn!("stopped at once; leases will lapse"),
    }
    Ok(ExitCode::SUCCESS)
}

fn parts(roles: Roles, settings: Settings) -> anyhow::Result<Parts> {
    let url = |url: &Option<crate::config::ConnectionUrl>| {
        url.as_ref().map(|url| url.expose().to_owned())
    };
    let vault = match (url(&settings.vault.values_url), url(&settings.vault.keys_url)) {
        (Some(values_url), Some(keys_url)) => Some(VaultDatabases { values_url, keys_url }),
        _ => None,
    };
    Ok(Parts {
        roles,
        config_url: url(&settings.postgres.config_url),
        execution_url: url(&settings.postgres.execution_url),
        vault,
        runner: super::function_runner()?,
        settings,
    })
}
