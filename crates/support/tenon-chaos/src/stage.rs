//! A whole installation with everything that it needs, each role a process of its own, each link
//! through a proxy that can be made to fail.

pub mod postgres;
pub mod process;
pub mod redis;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tenon_fault_proxy::{FaultProxy, Upstream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::effects::Effects;
use crate::history::History;
use crate::load::Access;
use crate::observer::Observer;
use postgres::{Postgres, PostgresPrograms};
use process::{Process, Recipe};
pub use servers::{RedisServers, Topology};

/// Runs that one worker may hold at once.
pub const RUNS_IN_FLIGHT_MAX: usize = 64;
/// How often the database is read past the product.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const WORKFLOWS: [(&str, &str); 6] = [
    ("event.yaml", include_str!("workflows/event.yaml")),
    ("request.yaml", include_str!("workflows/request.yaml")),
    ("ordered.yaml", include_str!("workflows/ordered.yaml")),
    ("tick.yaml", include_str!("workflows/tick.yaml")),
    ("provider.yaml", include_str!("workflows/provider.yaml")),
    ("poison.yaml", include_str!("workflows/poison.yaml")),
];

/// What an installation is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The build under trial.
    pub program: PathBuf,
    /// Another build of it, for rolling restarts.
    pub other_program: Option<PathBuf>,
    /// The PostgreSQL to use.
    pub postgres: PostgresPrograms,
    /// How Redis is run.
    pub topology: Topology,
    /// Worker processes.
    pub workers: usize,
    /// Whether the database flushes to disk.
    pub is_durable: bool,
    /// A guard to take out of the product, in a debug build.
    pub without: Option<String>,
    /// Whether the program has points where it can be killed: debug builds do.
    pub has_kill_points: bool,
    /// Decides what faults hit.
    pub seed: u64,
}

/// An installation on trial.
#[derive(Debug)]
pub struct Stage {
    /// The record.
    pub history: Arc<History>,
    /// What workflows call.
    pub effects: Effects,
    /// How clients reach it.
    pub access: Access,
    /// Its parts.
    pub parts: Parts,
    /// Its processes.
    pub processes: Vec<Process>,
    /// Its queues.
    pub redis: RedisServers,
    /// Its database.
    pub postgres: Postgres,
    observer: Arc<Mutex<Observer>>,
    looking: Option<(CancellationToken, JoinHandle<()>)>,
    /// Makes projects.
    pub installation_key: String,
    /// Logs and blobs; dropped last.
    folder: TempDir,
}

/// What `tenon project ensure` prints.
#[derive(Debug, Deserialize)]
struct Ensured {
    project: String,
    api_key: String,
}

impl Stage {
    /// Starts databases and processes and deploys the workflows.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn build(parts: Parts) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenon-chaos-").tempdir()?;
        // The account of the server has to get to its own folder in it.
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o711),
        )?;
        let history = Arc::new(History::default());
        let effects = Effects::start(history.clone()).await?;
        let at = folder.path().join("postgres");
        let postgres = Postgres::start(parts.postgres.clone(), &at, parts.is_durable).await?;
        let at = folder.path().join("redis");
        let redis = RedisServers::start(parts.topology, &at, parts.seed).await?;
        let made = ensure_project(&parts.program, &postgres, folder.path()).await?;
        let observer = Observer::new(postgres.superuser_url(), history.clone());
        let mut stage = Self {
            access: Access::new(made.project, made.api_key)?,
            observer: Arc::new(Mutex::new(observer)),
            looking: None,
            history,
            effects,
            parts,
            processes: Vec::new(),
            redis,
            postgres,
            installation_key: uuid::Uuid::new_v4().simple().to_string(),
            folder,
        };
        stage.make_processes().await?;
        stage.start_all().await?;
        stage.deploy().await?;
        stage.looking = Some(stage.spawn_looking());
        Ok(stage)
    }

    async fn make_processes(&mut self) -> anyhow::Result<()> {
        let key = self.folder.path().join("redis.key");
        std::fs::write(&key, [7; 32])?;
        std::fs::write(self.folder.path().join("installation.key"), &self.installation_key)?;
        let mut roles = vec![
            ("api".to_owned(), "api"),
            ("gateway".to_owned(), "gateway"),
            ("controller-1".to_owned(), "controller"),
            ("controller-2".to_owned(), "controller"),
        ];
        roles.extend((1..=self.parts.workers).map(|n| (format!("worker-{n}"), "worker")));
        for (place, (name, role)) in roles.into_iter().enumerate() {
            let seed = self.parts.seed.wrapping_add(place as u64);
            let postgres = FaultProxy::start(Upstream::Unix(self.postgres.socket()), seed).await?;
            let (redis, redis_url) = self.redis.link(seed).await?;
            let environment = self.environment(role, &postgres, &redis_url, &key);
            let recipe = Recipe {
                name,
                role,
                program: self.parts.program.clone(),
                environment,
                folder: self.folder.path().to_owned(),
            };
            self.processes.push(Process::new(recipe, redis, postgres));
        }
        Ok(())
    }

    fn environment(
        &self,
        role: &str,
        postgres: &FaultProxy,
        redis_url: &str,
        key: &Path,
    ) -> Vec<(String, String)> {
        let database =
            |name| format!("postgres://tenon@{}/{name}?sslmode=disable", postgres.address());
        let blobs = self.folder.path().join("blobs").display().to_string();
        let mut environment = vec![
            ("TENON_POSTGRES__EXECUTION_URL", database("tenon_execution")),
            ("TENON_POSTGRES__EXECUTION_CONNECTIONS_MAX", "8".to_owned()),
            ("TENON_REDIS__URL", redis_url.to_owned()),
            ("TENON_REDIS__KEY_FILE", key.display().to_string()),
            ("TENON_BLOBS__DIR", blobs),
            ("TENON_EGRESS__ALLOWED_NETWORKS", "[\"127.0.0.0/8\"]".to_owned()),
            ("TENON_EGRESS__RESPONSE_BYTES_MAX", (4 * 1024 * 1024).to_string()),
            ("TENON_EXECUTION__RUNS_IN_FLIGHT_MAX", RUNS_IN_FLIGHT_MAX.to_string()),
        ];
        if role == "api" {
            let key = self.folder.path().join("installation.key");
            environment.push(("TENON_API__INSTALLATION_KEY_FILE", key.display().to_string()));
            environment.push(("TENON_POSTGRES__CONFIG_URL", database("tenon_config")));
        }
        let mut environment: Vec<(String, String)> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some(guard) = &self.parts.without {
            environment.push(("TENON_REMOVE_GUARD".to_owned(), guard.clone()));
        }
        environment
    }

    async fn deploy(&self) -> anyhow::Result<()> {
        for (file, text) in WORKFLOWS {
            let text = text.replace("EFFECTS", &format!("http://{}", self.effects.address));
            self.access.apply(file, &text).await.with_context(|| file.to_owned())?;
        }
        Ok(())
    }

    async fn start_all(&mut self) -> anyhow::Result<()> {
        for process in &mut self.processes {
            process.start()?;
        }
        for process in &mut self.processes {
            if let Some(address) = process.ready().await? {
                self.access.found(process.role(), address);
            }
        }
        Ok(())
    }

    /// The places of the processes with a role.
    #[must_use]
    pub fn of_role(&self, role: &str) -> Vec<usize> {
        let places = self.processes.iter().enumerate();
        places.filter(|(_, process)| process.role() == role).map(|(place, _)| place).collect()
    }

    /// Starts a process again and waits until it can be sent work.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self, place: usize) -> anyhow::Result<()> {
        self.processes[place].start()?;
        self.await_ready(place).await
    }

    /// Waits until a process that was started can be sent work.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn await_ready(&mut self, place: usize) -> anyhow::Result<()> {
        let process = &mut self.processes[place];
        if let Some(address) = process.ready().await? {
            self.access.found(process.role(), address);
        }
        Ok(())
    }

    /// Starts again what has ended by itself; answers which.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn revive(&mut self) -> anyhow::Result<Vec<String>> {
        let mut revived = Vec::new();
        for place in 0..self.processes.len() {
            if !self.processes[place].is_alive() {
                revived.push(self.processes[place].name().to_owned());
                self.restart(place).await?;
            }
        }
        Ok(revived)
    }

    fn spawn_looking(&self) -> (CancellationToken, JoinHandle<()>) {
        let stop = CancellationToken::new();
        let (observer, stopped) = (self.observer.clone(), stop.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stopped.cancelled() => return,
                    () = tokio::time::sleep(LOOK_INTERVAL) => {}
                }
                // The database may be away: that is what is tried here.
                drop(observer.lock().await.look().await);
            }
        });
        (stop, task)
    }

    /// Waits until every run has ended, at most so long, and records what the database holds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn come_to_rest(&mut self, patience: Duration) -> anyhow::Result<()> {
        if let Some((stop, task)) = self.looking.take() {
            stop.cancel();
            task.await?;
        }
        // Schedules go on for ever; what was accepted ends.
        let text = NO_MORE_TICKS.replace("EFFECTS", &format!("http://{}", self.effects.address));
        self.access.apply("tick.yaml", &text).await?;
        let give_up = Instant::now() + patience;
        let mut observer = self.observer.lock().await;
        while observer.look().await?.open > 0 && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Whatever still runs by mistake has the time to show itself.
        tokio::time::sleep(Duration::from_millis(500)).await;
        observer.finish().await
    }

    /// Keeps the record, the logs and the blobs for people, and says where.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep(&mut self) -> anyhow::Result<PathBuf> {
        self.folder.disable_cleanup(true);
        let kept = self.folder.path().to_owned();
        let file = std::fs::File::create(kept.join("history.jsonl"))?;
        self.history.write_to(std::io::BufWriter::new(file))?;
        Ok(kept)
    }
}

/// The workflow of the schedule, without the schedule.
const NO_MORE_TICKS: &str = include_str!("workflows/no_more_ticks.yaml");

async fn ensure_project(
    program: &Path,
    postgres: &Postgres,
    folder: &Path,
) -> anyhow::Result<Ensured> {
    let socket = postgres.socket();
    let host = socket.parent().context("the socket lies in a folder")?.display().to_string();
    let url = |name| format!("postgres://tenon@localhost/{name}?host={host}");
    let output = tokio::process::Command::new(program)
        .args(["project", "ensure", "chaos", "--json"])
        .env("TENON_POSTGRES__CONFIG_URL", url("tenon_config"))
        .env("TENON_POSTGRES__EXECUTION_URL", url("tenon_execution"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "no project was made: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
