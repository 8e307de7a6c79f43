//! `tenon dev`: the whole product with a PostgreSQL of its own, for a laptop: in one process, or
//! with every role in its own.

mod split;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tenon_config::ApiKeyText;
use tenon_domain::ProjectId;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{LogFormat, Settings, Sources, load};
use crate::lifecycle::Shutdown;
use crate::memory;
use crate::postgres::{Database, EmbeddedPostgres};
use crate::roles::{Parts, Roles, Running, VaultDatabases, ensure_development_keys};
use crate::telemetry::{Gathered, Telemetry};
use split::{RedisChoice, Split, SplitPlan};

use super::global::Global;

/// The name of the development project.
const PROJECT_NAME: &str = "dev";
/// Worker processes of one laptop.
const WORKERS_MAX: usize = 64;
/// The file that other commands find the server by.
const ACCESS_FILE: &str = "dev.json";

/// Start everything here: all roles, a PostgreSQL of its own, a local queue.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon dev\n  tenon dev --listen 127.0.0.1:8080 --dir /tmp/tenon\n  tenon dev --split --workers 2       # every role in a process of its own, with Redis\n  tenon dev --split --redis sentinel  # or cluster, or the URL of one that runs\n\nCtrl-C stops it; the data stay in the folder."
)]
pub struct DevArgs {
    /// Where data are kept.
    #[arg(long, value_name = "FOLDER", default_value = ".tenon")]
    dir: PathBuf,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// Address of the demo service that the examples call.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7071")]
    demo_listen: SocketAddr,
    /// Roles to run, with commas; leaving some out is for measuring and debugging.
    #[arg(long, value_name = "ROLES", default_value = "all", conflicts_with = "split")]
    roles: Roles,
    /// Run every role in a process of its own, with a Redis between them.
    #[arg(long)]
    split: bool,
    /// Worker processes with --split, at the start and at the least.
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "split",
        value_parser = worker_count)]
    workers: usize,
    /// Worker processes with --split at the most; as many as --workers when left out.
    #[arg(long, value_name = "COUNT", requires = "split", value_parser = worker_count)]
    workers_max: Option<usize>,
    /// Redis with --split: standalone, cluster (six servers) or sentinel (a primary, a replica and
    /// three Sentinels), started here; or the URL of one that runs.
    #[arg(long, value_name = "REDIS", default_value = "standalone", requires = "split")]
    redis: RedisChoice,
    /// Do not start the demo service.
    #[arg(long)]
    without_demo: bool,
    /// Configuration file; `tenon.toml` in the working directory when left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How other commands reach this server. Holds a key, so the file is the owner's only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    /// Its address, `http://host:port`.
    pub server: String,
    /// The development project.
    pub project: ProjectId,
    /// A key of the project.
    pub api_key: String,
    /// The execution database, for the benchmark and for `psql`.
    pub execution_url: String,
    /// The databases of the vault, for `tenon vault` and the benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultDatabases>,
    /// The demo service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<String>,
}

/// What is started where.
#[derive(Clone)]
pub struct Plan {
    /// Where data are kept.
    pub dir: PathBuf,
    /// What runs.
    pub roles: Roles,
    /// Where metrics are gathered, if they are.
    pub metrics: Option<Arc<Gathered>>,
    /// Where the product listens.
    pub listen: SocketAddr,
    /// Where the demo service listens.
    pub demo_listen: Option<SocketAddr>,
    /// The settings.
    pub settings: Settings,
}

/// A whole product in this process.
pub struct Product {
    /// How to reach it.
    pub access: Access,
    running: Running,
    postgres: EmbeddedPostgres,
    demo_stop: CancellationToken,
    demo: Option<tokio::task::JoinHandle<()>>,
}

/// Runs the command.
///
/// # Errors
/// When PostgreSQL cannot be started, the settings are wrong, or an address is taken.
pub async fn run(args: DevArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut settings = load(&Sources::of_process(args.config.clone()))?;
    if global.json {
        settings.log.format = LogFormat::Json;
    }
    if args.split {
        crate::telemetry::init_log(&settings.log);
        return run_split(args, settings).await;
    }
    let telemetry = Telemetry::start(&settings, &args.roles)?;
    let shutdown = Shutdown::on_signals(settings.stop_grace())?;
    let plan = Plan {
        dir: args.dir,
        roles: args.roles,
        metrics: telemetry.metrics(),
        listen: args.listen,
        demo_listen: (!args.without_demo).then_some(args.demo_listen),
        settings,
    };
    let product = tokio::select! {
        product = Product::start(plan) => product?,
        () = shutdown.soft().cancelled() => return Ok(ExitCode::SUCCESS),
    };
    product.access.print_welcome()?;
    shutdown.soft().cancelled().await;
    eprintln!("stopping ...");
    tokio::select! {
        () = product.stop() => eprintln!("stopped"),
        () = shutdown.hard().cancelled() => eprintln!("stopped at once"),
    }
    telemetry.stop().await;
    Ok(ExitCode::SUCCESS)
}

impl Product {
    /// Starts PostgreSQL, the roles and the demo service, and writes the access file.
    ///
    /// # Errors
    /// As for the command.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let Plan { dir, roles, metrics, listen, demo_listen, mut settings } = plan;
        prepare(&mut settings, &dir)?;
        settings.server.listen = listen;
        ensure_development_keys(&mut settings, &dir)?;
        let postgres =
            EmbeddedPostgres::start(&settings.postgres_dir(), &settings.embedded_postgres())
                .await?;
        let execution_url = postgres.url(Database::Execution);
        let vault = VaultDatabases {
            values_url: postgres.url(Database::VaultValues),
            keys_url: postgres.url(Database::VaultKeys),
        };
        let parts = Parts {
            roles,
            config_url: Some(postgres.url(Database::Config)),
            execution_url: Some(execution_url.clone()),
            vault: Some(vault.clone()),
            runner: super::function_runner()?,
            settings,
        };
        let started = crate::roles::start(parts, metrics).await;
        let running = match started {
            Ok(running) => running,
            Err(error) => {
                postgres.stop().await;
                return Err(error);
            }
        };
        let demo_stop = CancellationToken::new();
        let (demo_url, demo) = match demo_listen {
            Some(address) => {
                let (url, task) = start_demo(address, demo_stop.clone()).await?;
                (Some(url), Some(task))
            }
            None => (None, None),
        };
        let mut access = ensure_project(&running, &dir).await?;
        access.execution_url = execution_url;
        access.vault = Some(vault);
        access.demo = demo_url;
        write_access(&dir, &access)?;
        Ok(Self { access, running, postgres, demo_stop, demo })
    }

    /// Stops everything, in order.
    pub async fn stop(self) {
        self.running.stop().await;
        self.demo_stop.cancel();
        if let Some(demo) = self.demo {
            let _ = demo.await;
        }
        self.postgres.stop().await;
    }
}

/// Every role in a process of its own.
async fn run_split(args: DevArgs, mut settings: Settings) -> anyhow::Result<ExitCode> {
    prepare(&mut settings, &args.dir)?;
    let shutdown = Shutdown::on_signals(settings.stop_grace() + settings.stop_grace())?;
    let split = Split::start(SplitPlan {
        dir: args.dir,
        listen: args.listen,
        demo_listen: (!args.without_demo).then_some(args.demo_listen),
        workers: (args.workers, args.workers_max.unwrap_or(args.workers).max(args.workers)),
        redis: args.redis,
        config: args.config,
        settings,
    });
    let split = tokio::select! {
        split = split => split?,
        () = shutdown.soft().cancelled() => return Ok(ExitCode::SUCCESS),
    };
    split.access.print_welcome()?;
    for line in split.lines() {
        eprintln!("  {line}");
    }
    shutdown.soft().cancelled().await;
    eprintln!("stopping ...");
    tokio::select! {
        () = split.stop() => eprintln!("stopped"),
        () = shutdown.hard().cancelled() => eprintln!("stopped at once"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The data folder, and what a laptop may that an installation decides for itself.
fn prepare(settings: &mut Settings, dir: &Path) -> anyhow::Result<()> {
    memory::keep_in(settings.server.allow_memory_dumps)?;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the folder {}", dir.display()))?;
    settings.server.data_dir = dir.to_owned();
    // The examples call this very machine.
    for loopback in ["127.0.0.0/8", "::1/128"] {
        let network: IpNet = loopback.parse().context("a loopback network")?;
        settings.egress.allowed_networks.push(network);
    }
    Ok(())
}

fn worker_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=WORKERS_MAX).contains(&count) => Ok(count),
        _ => Err(format!("give 1 to {WORKERS_MAX}")),
    }
}

impl Access {
    fn print_welcome(&self) -> anyhow::Result<()> {
        let Self { server, project, api_key, demo, .. } = self;
        let mut out = std::io::stdout().lock();
        writeln!(out, "Tenon is ready.\n")?;
        writeln!(out, "  API       {server}/api/v1   (described by {server}/api/v1/openapi.json)")?;
        if let Some(demo) = demo {
            writeln!(out, "  Demo      {demo}   (the service that the examples call)")?;
        }
        writeln!(out, "  Project   {project}")?;
        writeln!(out, "  API key   {api_key}\n")?;
        writeln!(out, "Deploy the examples and fire one, in another terminal:\n")?;
        let program = std::env::args().next().unwrap_or_else(|| "tenon".to_owned());
        writeln!(out, "  {program} apply -f examples/quickstart")?;
        writeln!(
            out,
            "  curl -sS {server}/api/v1/projects/{project}/events \\\n    -H 'Authorization: Bearer {api_key}' \\\n    -H 'Content-Type: application/json' \\\n    -d '{{\"name\":\"contact.created\",\"user\":\"user-1\",\"payload\":{{\"id\":\"c-1\"}}}}'"
        )?;
        writeln!(out, "  {program} runs list\n")?;
        writeln!(out, "Ctrl-C stops it.")?;
        out.flush()?;
        Ok(())
    }
}

async fn start_demo(
    address: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<(String, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("the demo service cannot listen on {address}: choose another with --demo-listen, or --without-demo")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let task = tokio::spawn(async move {
        if let Err(error) = crate::demo_service::serve(listener, stop).await {
            tracing::error!(error = %error, "the demo service ended");
        }
    });
    Ok((url, task))
}

/// The development project and a key; the key of an earlier start is kept.
async fn ensure_project(running: &Running, dir: &Path) -> anyhow::Result<Access> {
    let configuration =
        running.configuration.as_ref().context("the api role runs in this process")?;
    let held = read_access(dir).map(|access| ApiKeyText::new(access.api_key));
    let dev = configuration.ensure_dev_project(PROJECT_NAME, held).await?;
    let listen = running.listen.context("the gateway role listens in this process")?;
    Ok(Access {
        server: format!("http://{listen}"),
        project: dev.project,
        api_key: dev.key.expose().to_owned(),
        execution_url: String::new(),
        vault: None,
        demo: None,
    })
}

/// What a `tenon dev` in this folder has written.
pub(super) fn read_access(dir: &Path) -> Option<Access> {
    serde_json::from_str(&std::fs::read_to_string(dir.join(ACCESS_FILE)).ok()?).ok()
}

/// Written whole and renamed, and readable by the owner only: it holds a key.
fn write_access(dir: &Path, access: &Access) -> anyhow::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(serde_json::to_string_pretty(access)?.as_bytes())?;
    file.persist(dir.join(ACCESS_FILE))?;
    Ok(())
}
