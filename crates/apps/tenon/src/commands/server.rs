//! `tenon server`: runs the chosen roles until it is told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::config::{Settings, Sources, load};
use crate::lifecycle::Shutdown;
use crate::memory;
use crate::roles::{self, Parts, Roles, VaultDatabases};
use crate::telemetry::Telemetry;

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
    let telemetry = Telemetry::start(&settings, &args.roles)?;
    memory::keep_in(settings.server.allow_memory_dumps)?;
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    let parts = parts(args.roles, settings)?;
    let settings = parts.settings.clone();
    let shutdown = Shutdown::on_signals(parts.settings.stop_grace())?;
    let running = roles::start(parts, telemetry.metrics()).await?;
    if let Some(listen) = running.listen {
        tracing::info!(address = %listen, "ready on http://{listen}");
    } else {
        tracing::info!("ready");
    }
    let ready = ReadyFile::of(&settings, running.listen)?;
    tokio::select! {
        () = shutdown.soft().cancelled() => {
            tracing::info!("stopping; a second signal stops at once");
        }
        () = running.may_exit.cancelled() => tracing::info!("stopping; there was nothing to do"),
    }
    drop(ready);
    tokio::select! {
        () = running.stop() => {}
        () = shutdown.hard().cancelled() => tracing::warn!("stopped at once; leases will lapse"),
    }
    telemetry.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Says to whoever watches the folder that the process can be sent work.
pub(super) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Makes the file of `server.ready_file`, where it is set.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn of(
        settings: &Settings,
        listen: Option<SocketAddr>,
    ) -> anyhow::Result<Option<Self>> {
        let path = settings.server.ready_file.clone();
        path.map(|path| Self::write(path, listen)).transpose()
    }

    /// Written beside it and renamed, so that nobody reads half of it.
    fn write(path: PathBuf, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        let text = listen.map(|address| format!("http://{address}\n")).unwrap_or_default();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        let mut file =
            file.with_context(|| format!("cannot make server.ready_file {}", path.display()))?;
        file.write_all(text.as_bytes())?;
        file.persist(&path)
            .with_context(|| format!("cannot make server.ready_file {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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
