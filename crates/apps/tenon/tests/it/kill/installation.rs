//! A whole installation with everything that it needs, and what can be broken in it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tenon_testkit::history_checker::{Event, History};
use tenon_testkit::postgres_server::PostgresServer;
use tenon_testkit::redis_server::RedisServer;
use tokio::process::Command;

use super::load::Access;
use super::observer::Observer;
use super::process::Process;

/// Runs that one worker may hold at once.
pub const RUNS_IN_FLIGHT_MAX: usize = 64;
/// How long a Redis that forgot takes to be filled again.
const REFILL: Duration = Duration::from_secs(3);
/// How long a PostgreSQL is left dead.
const OUTAGE: Duration = Duration::from_millis(700);
const WORKFLOW: &str = include_str!("workflow.yaml");

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of one worker process.
    KillWorker,
    /// SIGKILL of every process of the product.
    KillAll,
    /// FLUSHALL.
    FlushRedis,
    /// SIGKILL of Redis, which starts again empty.
    KillRedis,
    /// SIGKILL of PostgreSQL.
    CrashPostgres,
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::KillWorker => "kill -9 one worker",
            Self::KillAll => "kill -9 everything",
            Self::FlushRedis => "FLUSHALL",
            Self::KillRedis => "kill -9 Redis, restart empty",
            Self::CrashPostgres => "kill -9 PostgreSQL",
        }
    }
}

/// An installation under test.
pub struct Installation {
    pub history: Arc<History>,
    pub access: Access,
    pub observer: Observer,
    /// The processes that listen come first; all others are workers.
    processes: Vec<Process>,
    next_worker: usize,
    redis: Option<RedisServer>,
    postgres: PostgresServer,
    /// Logs and blobs; dropped last.
    folder: TempDir,
}

/// What `tenon project ensure` prints.
#[derive(Debug, Deserialize)]
struct Ensured {
    project: String,
    api_key: String,
}

impl Installation {
    /// Starts databases and processes and deploys the workflows. Without Redis it is one process,
    /// with Redis one that listens and two workers. `guard` is removed from the product.
    pub async fn start(has_redis: bool, guard: Option<&str>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let history = Arc::new(History::default());
        let effects = super::effects::serve(history.clone()).await?;
        let postgres = PostgresServer::start()?;
        let (config, execution) = (postgres.database().await?, postgres.database().await?);
        let redis = if has_redis { Some(RedisServer::start()?) } else { None };
        let made = ensure_project([&config.url, &execution.url], folder.path()).await?;
        let mut environment = vec![
            ("TENON_POSTGRES__EXECUTION_URL".to_owned(), execution.url),
            ("TENON_BLOBS__DIR".to_owned(), folder.path().join("blobs").display().to_string()),
            ("TENON_EGRESS__ALLOWED_NETWORKS".to_owned(), "[\"127.0.0.0/8\"]".to_owned()),
            ("TENON_EXECUTION__RUNS_IN_FLIGHT_MAX".to_owned(), RUNS_IN_FLIGHT_MAX.to_string()),
        ];
        if let Some(redis) = &redis {
            let key = folder.path().join("redis.key");
            std::fs::write(&key, [7; 32])?;
            environment.push(("TENON_REDIS__URL".to_owned(), redis.url()));
            environment.push(("TENON_REDIS__KEY_FILE".to_owned(), key.display().to_string()));
        }
        if let Some(guard) = guard {
            environment.push(("TENON_REMOVE_GUARD".to_owned(), guard.to_owned()));
        }
        let mut front = environment.clone();
        front.push(("TENON_POSTGRES__CONFIG_URL".to_owned(), config.url));
        let at = folder.path();
        let processes = if has_redis {
            vec![
                Process::new("front", "api,gateway,controller", front, at),
                Process::new("worker-1", "worker", environment.clone(), at),
                Process::new("worker-2", "worker", environment, at),
            ]
        } else {
            vec![Process::new("all", "api,gateway,worker,controller", front, at)]
        };
        let mut installation = Self {
            access: Access::new(made.project, made.api_key)?,
            observer: Observer::new(execution.superuser_url, history.clone()),
            history,
            processes,
            next_worker: 0,
            redis,
            postgres,
            folder,
        };
        installation.start_all().await?;
        installation.deploy(&format!("http://{effects}/effect")).await?;
        Ok(installation)
    }

    async fn deploy(&self, effects: &str) -> anyhow::Result<()> {
        let variants = [
            ("kill-event", "{type: app_event, event: kill}", "trigger.event.request"),
            ("kill-request", "{type: request}", "trigger.request.body.request"),
        ];
        for (name, trigger, request) in variants {
            let text = WORKFLOW
                .replace("NAME", name)
                .replace("TRIGGER", trigger)
                .replace("REQUEST", request)
                .replace("EFFECTS", effects);
            self.access.apply(&text).await?;
        }
        Ok(())
    }

    async fn start_all(&mut self) -> anyhow::Result<()> {
        for process in &mut self.processes {
            process.start()?;
        }
        for process in &mut self.processes {
            if let Some(address) = process.ready().await? {
                self.access.move_to(address);
            }
        }
        Ok(())
    }

    /// Breaks something, notes what was committed by then, and starts it again.
    pub async fn suffer(&mut self, fault: Fault) -> anyhow::Result<()> {
        self.history.push(Event::Fault { kind: fault.name().to_owned() });
        match fault {
            Fault::KillWorker => {
                let workers = self.processes.len() - 1;
                let place = 1 + self.next_worker % workers;
                self.next_worker += 1;
                self.processes[place].kill().await?;
                self.observer.look().await?;
                self.processes[place].start()?;
                self.processes[place].ready().await?;
            }
            Fault::KillAll => {
                for process in &mut self.processes {
                    process.kill().await?;
                }
                self.observer.look().await?;
                self.start_all().await?;
            }
            Fault::FlushRedis => {
                self.redis.as_ref().context("there is no Redis")?.forget()?;
                self.observer.look().await?;
                tokio::time::sleep(REFILL).await;
            }
            Fault::KillRedis => {
                self.redis.as_mut().context("there is no Redis")?.start_empty()?;
                self.observer.look().await?;
                tokio::time::sleep(REFILL).await;
            }
            Fault::CrashPostgres => {
                self.postgres.crash()?;
                tokio::time::sleep(OUTAGE).await;
                self.postgres.start_again()?;
                self.observer.look().await?;
            }
        }
        self.history.push(Event::Recovered);
        Ok(())
    }

    /// Waits until every run has ended, at most so long, and records what the database holds.
    pub async fn come_to_rest(&mut self, patience: Duration) -> anyhow::Result<()> {
        let give_up = Instant::now() + patience;
        self.observer.look().await?;
        while self.observer.open().await? > 0 && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Whatever still runs by mistake has the time to show itself.
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.observer.finish().await
    }

    /// Keeps the record, the logs and the blobs for people, and says where.
    pub fn keep(self) -> anyhow::Result<PathBuf> {
        let Self { history, folder, .. } = self;
        let kept = folder.keep();
        history.write_to(std::io::BufWriter::new(std::fs::File::create(
            kept.join("history.jsonl"),
        )?))?;
        Ok(kept)
    }
}

async fn ensure_project(
    [config_url, execution_url]: [&str; 2],
    folder: &std::path::Path,
) -> anyhow::Result<Ensured> {
    let output = Command::new(super::process::program())
        .args(["project", "ensure", "kill-test", "--json"])
        .env("TENON_POSTGRES__CONFIG_URL", config_url)
        .env("TENON_POSTGRES__EXECUTION_URL", execution_url)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "no project was made: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
