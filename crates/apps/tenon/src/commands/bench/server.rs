//! A Redis that a measurement has to itself: one server that appends to its file every second.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use super::proc::Tree;
use crate::processes::redis::{RedisOptions, RedisSet, Topology};

/// A running Redis, empty at first.
pub struct Server {
    folder: TempDir,
    redis: RedisSet,
    /// A connection beside what is measured.
    pub control: redis::aio::MultiplexedConnection,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no `redis-server`, or it does not serve in time.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
        let options = RedisOptions::new(folder.path().join("redis"), Topology::Standalone);
        let redis = tokio::task::spawn_blocking(move || RedisSet::start(&options)).await??;
        let control = redis::Client::open(redis.url())?.get_multiplexed_async_connection().await?;
        Ok(Self { folder, redis, control })
    }

    /// Stops it and removes its files.
    ///
    /// # Errors
    /// When stopping panicked.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { folder, redis, control } = self;
        drop(control);
        tokio::task::spawn_blocking(move || redis.stop()).await?;
        drop(folder);
        Ok(())
    }

    /// What a client is told.
    pub fn url(&self) -> &str {
        self.redis.url()
    }

    /// The socket on which it listens.
    pub fn socket(&self) -> anyhow::Result<PathBuf> {
        let path = self.url().strip_prefix("redis+unix://").context("it listens on a socket")?;
        Ok(PathBuf::from(path))
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// CPU that the server has used.
    ///
    /// # Errors
    /// When it does not run.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let server = self.redis.servers().first().context("there is a server")?;
        Ok(Tree(server.process.pid().context("the server runs")?).cpu())
    }

    /// A number that `INFO` tells.
    ///
    /// # Errors
    /// When the server does not answer, or not with a number of this name.
    pub async fn info(&self, section: &str, field: &str) -> anyhow::Result<f64> {
        let mut control = self.control.clone();
        let text: String = redis::cmd("INFO").arg(section).query_async(&mut control).await?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(line.context("INFO has the field")?.trim().parse()?)
    }
}
