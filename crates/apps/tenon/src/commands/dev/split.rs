//! `tenon dev --split`: every role in a process of its own, on this machine.
//!
//! The processes are children of this one, see [`crate::processes`]; each gets only the settings
//! that its role may have: the worker no key that signs grants, nobody but `api` the URL of the
//! configuration database, nobody but `vault` its databases and root key. One address in front of
//! `api`, `gateway` and `proxy` ([`crate::front`]) makes it look like `tenon dev`.

mod autoscaling;
mod roles;
mod workers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use http::uri::Authority;
use tenon_http_kit::{DrainReport, serve};
use tenon_redis::{Endpoint, Redis, RedisMembership};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Access, PROJECT_NAME, read_access, start_demo, write_access};
use crate::commands::{certificates, project};
use crate::config::{ConnectionUrl, Settings};
use crate::front::{self, Upstreams};
use crate::postgres::{Database, EmbeddedPostgres};
use crate::processes::redis::{RedisOptions, RedisSet, Topology};
use crate::processes::{Process, ports};
use crate::roles::{VaultDatabases, ensure_development_keys};
use roles::{Addresses, Installation, connections_needed};
use workers::{Bounds, Workers};

use tenon_config::ApiKeyText;

/// Where the files of the processes are, under the data folder.
const PROCESSES_FOLDER: &str = "processes";
const REDIS_FOLDER: &str = "redis";
const CERTIFICATES_FOLDER: &str = "tls";
/// The hosts by which the other roles know the vault here.
const VAULT_HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];
const CERTIFICATE_DAYS: u32 = 365;
/// How long a role may take to be ready; the first start migrates four databases.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// Where Redis is.
#[derive(Debug, Clone)]
pub enum RedisChoice {
    /// Started here.
    Own(Topology),
    /// Running already.
    At(Box<ConnectionUrl>),
}

impl std::str::FromStr for RedisChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "standalone" | "redis-server" => Self::Own(Topology::Standalone),
            "cluster" => Self::Own(Topology::Cluster),
            "sentinel" => Self::Own(Topology::Sentinel),
            url if url.contains("://") => {
                let value = serde_json::Value::from(url);
                let url = serde_json::from_value(value).map_err(|error| error.to_string())?;
                Self::At(Box::new(url))
            }
            _ => return Err("give standalone, cluster, sentinel or a URL".to_owned()),
        })
    }
}

/// What is started where.
#[derive(Debug, Clone)]
pub struct SplitPlan {
    /// Where data are kept.
    pub dir: PathBuf,
    /// Where the front listens.
    pub listen: SocketAddr,
    /// Where the demo service listens.
    pub demo_listen: Option<SocketAddr>,
    /// Worker processes: at the start and at the least, and at the most.
    pub workers: (usize, usize),
    /// Redis.
    pub redis: RedisChoice,
    /// The configuration file that the processes read, too.
    pub config: Option<PathBuf>,
    /// The settings.
    pub settings: Settings,
}

/// All processes. Fields are in the order in which they stop.
pub struct Split {
    /// How to reach it.
    pub access: Access,
    front_stop: CancellationToken,
    front: tokio::task::JoinHandle<DrainReport>,
    /// `api`, `gateway` and `proxy`.
    listening: Vec<Process>,
    workers: Workers,
    controller: Process,
    vault: Process,
    redis: Option<RedisSet>,
    postgres: EmbeddedPostgres,
    demo_stop: CancellationToken,
    /// Follows how many workers there should be.
    following: AbortOnDropHandle<()>,
}

/// What the processes stand on.
struct Ground {
    postgres: EmbeddedPostgres,
    redis: Option<RedisSet>,
    settings: Settings,
}

impl Split {
    /// Starts everything and writes the access file.
    ///
    /// # Errors
    /// When PostgreSQL or Redis cannot be started, an address is taken, or a role does not become
    /// ready.
    pub async fn start(plan: SplitPlan) -> anyhow::Result<Self> {
        let files = plan.dir.join(PROCESSES_FOLDER);
        std::fs::create_dir_all(&files)
            .with_context(|| format!("cannot make the folder {}", files.display()))?;
        let front_listener = TcpListener::bind(plan.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; another process may have it: choose another with --listen",
                plan.listen
            )
        })?;
        let listen = front_listener.local_addr()?;
        let ground = ground(&plan).await?;
        let access = ensure_project(&ground, &plan.dir, listen).await?;
        let installation = installation(&plan, &ground, listen)?;

        let bounds = Bounds { min: plan.workers.0, max: plan.workers.1 };
        let (wanted, desired) = watch::channel(bounds.min);
        let following = tokio::spawn(autoscaling::follow(view_of(&ground)?, wanted));
        let own = installation.clone();
        let started = tokio::task::spawn_blocking(move || start_roles(&own, bounds, desired));
        let (vault, controller, listening, workers) = started.await??;

        let front_stop = CancellationToken::new();
        let routes = front::router(
            upstreams(&installation.addresses)?,
            Duration::from_millis(ground.settings.http.request_timeout_ms),
        );
        let serving = ground.settings.serving();
        let front = tokio::spawn(serve(front_listener, routes, serving, front_stop.clone()));
        let demo_stop = CancellationToken::new();
        let mut access = access;
        if let Some(address) = plan.demo_listen {
            access.demo = Some(start_demo(address, demo_stop.clone()).await?.0);
        }
        write_access(&plan.dir, &access)?;
        let Ground { postgres, redis, .. } = ground;
        Ok(Self {
            access,
            front_stop,
            front,
            listening,
            workers,
            controller,
            vault,
            redis,
            postgres,
            demo_stop,
            following: AbortOnDropHandle::new(following),
        })
    }

    /// One line a process: its name, number and address.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let workers = self.workers.lines();
        let others = self.listening.iter().chain([&self.controller, &self.vault]);
        others.map(line_of).chain(workers).collect()
    }

    /// Stops everything in order: nothing more is taken in, what is taken in is answered, workers
    /// end their steps, and only then goes what they stand on.
    pub async fn stop(self) {
        self.front_stop.cancel();
        let _ = self.front.await;
        drop(self.following);
        let Self { listening, workers, controller, vault, redis, postgres, demo_stop, .. } = self;
        let stopped = tokio::task::spawn_blocking(move || {
            listening.iter().for_each(Process::ask_to_stop);
            listening.into_iter().for_each(Process::stop);
            workers.stop();
            controller.stop();
            vault.stop();
            if let Some(redis) = redis {
                redis.stop();
            }
        });
        let _ = stopped.await;
        demo_stop.cancel();
        postgres.stop().await;
    }
}

fn line_of(process: &Process) -> String {
    let pid = process.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let said = process.said().unwrap_or_default();
    format!("{:<12} {pid:>7}  {said:<24} {}", process.name(), process.log().display())
}

/// Where the leader publishes how many workers there should be.
fn view_of(ground: &Ground) -> anyhow::Result<RedisMembership> {
    let url = ground.settings.redis.url.as_ref().context("there is a Redis")?;
    Ok(RedisMembership::new(Redis::open(&url.expose().parse::<Endpoint>()?)?))
}

/// PostgreSQL, Redis, keys and certificates.
async fn ground(plan: &SplitPlan) -> anyhow::Result<Ground> {
    let mut settings = plan.settings.clone();
    let needed = connections_needed(&settings, plan.workers.1);
    let embedded = &mut settings.postgres.embedded.connections_max;
    *embedded = needed.max(*embedded);
    let hosts = VAULT_HOSTS.map(str::to_owned);
    certificates::make(&plan.dir.join(CERTIFICATES_FOLDER), &hosts, CERTIFICATE_DAYS)?;
    let postgres =
        EmbeddedPostgres::start(&settings.postgres_dir(), &settings.embedded_postgres()).await?;
    let (redis, url) = match &plan.redis {
        RedisChoice::At(url) => (None, url.expose().to_owned()),
        RedisChoice::Own(topology) => {
            let options = RedisOptions::new(plan.dir.join(REDIS_FOLDER), *topology);
            let started = tokio::task::spawn_blocking(move || RedisSet::start(&options)).await?;
            let redis = match started {
                Ok(redis) => redis,
                Err(error) => {
                    postgres.stop().await;
                    return Err(error);
                }
            };
            let url = redis.url().to_owned();
            (Some(redis), url)
        }
    };
    settings.redis.url = Some(serde_json::from_value(url.into())?);
    ensure_development_keys(&mut settings, &plan.dir)?;
    Ok(Ground { postgres, redis, settings })
}

/// The development project, made in the database before there is a server.
async fn ensure_project(ground: &Ground, dir: &Path, listen: SocketAddr) -> anyhow::Result<Access> {
    let config_url = ground.postgres.url(Database::Config);
    let configuration = project::open(&ground.settings, &config_url).await?;
    let held = read_access(dir).map(|access| ApiKeyText::new(access.api_key));
    let dev = configuration.ensure_dev_project(PROJECT_NAME, held).await?;
    Ok(Access {
        server: format!("http://{listen}"),
        project: dev.project,
        api_key: dev.key.expose().to_owned(),
        execution_url: ground.postgres.url(Database::Execution),
        vault: Some(vault_databases(&ground.postgres)),
        demo: None,
    })
}

fn vault_databases(postgres: &EmbeddedPostgres) -> VaultDatabases {
    VaultDatabases {
        values_url: postgres.url(Database::VaultValues),
        keys_url: postgres.url(Database::VaultKeys),
    }
}

fn installation(
    plan: &SplitPlan,
    ground: &Ground,
    listen: SocketAddr,
) -> anyhow::Result<Installation> {
    let [api, gateway, proxy, vault] = ports::free(4)?
        .try_into()
        .map_err(|_| anyhow::anyhow!("the system did not give four ports"))?;
    Ok(Installation {
        dir: std::path::absolute(&plan.dir)?,
        files: std::path::absolute(plan.dir.join(PROCESSES_FOLDER))?,
        certificates: std::path::absolute(plan.dir.join(CERTIFICATES_FOLDER))?,
        config: plan.config.clone(),
        settings: ground.settings.clone(),
        config_url: ground.postgres.url(Database::Config),
        execution_url: ground.postgres.url(Database::Execution),
        vault_databases: vault_databases(&ground.postgres),
        addresses: Addresses { front: listen, api, gateway, proxy, vault },
    })
}

type Started = (Process, Process, Vec<Process>, Workers);

/// The vault first, which the others ask, then all of them together.
fn start_roles(
    installation: &Installation,
    bounds: Bounds,
    desired: watch::Receiver<usize>,
) -> anyhow::Result<Started> {
    let vault = installation.vault()?;
    vault.wait_until_ready(READY_PATIENCE)?;
    let listening = vec![installation.api()?, installation.gateway()?, installation.proxy()?];
    let controller = installation.controller(bounds)?;
    let workers = Workers::start(installation.clone(), bounds, desired)?;
    for process in listening.iter().chain([&controller]) {
        process.wait_until_ready(READY_PATIENCE)?;
    }
    workers.wait_until_ready(READY_PATIENCE)?;
    Ok((vault, controller, listening, workers))
}

fn upstreams(addresses: &Addresses) -> anyhow::Result<Upstreams> {
    let authority = |address: SocketAddr| -> anyhow::Result<Authority> {
        address.to_string().parse().context("an address makes no authority")
    };
    Ok(Upstreams {
        api: authority(addresses.api)?,
        gateway: authority(addresses.gateway)?,
        proxy: authority(addresses.proxy)?,
    })
}
