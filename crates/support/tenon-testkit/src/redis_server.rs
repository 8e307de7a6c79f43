//! A private redis-server, or a cluster of three, for one test: own processes and folders.
//!
//! It speaks just enough RESP to control the server, so that the kit needs no Redis client.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::redis_command;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server without persistence; killed when dropped.
pub struct RedisServer {
    folder: TempDir,
    child: Option<Child>,
    /// The TCP port of a cluster node; a server alone has only its socket.
    cluster_port: Option<u16>,
}

impl RedisServer {
    /// Starts an empty server and waits until it answers.
    ///
    /// # Errors
    ///
    /// When `redis-server` is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(None)
    }

    fn start_with(cluster_port: Option<u16>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("failed to make a folder for redis")?;
        let mut server = Self { folder, child: None, cluster_port };
        server.start_empty()?;
        Ok(server)
    }

    /// The address for a client.
    #[must_use]
    pub fn url(&self) -> String {
        match self.cluster_port {
            Some(port) => format!("redis://127.0.0.1:{port}"),
            None => format!("redis+unix://{}", self.socket().display()),
        }
    }

    /// Makes the server forget everything, scripts too.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub fn forget(&self) -> anyhow::Result<()> {
        self.command(&["FLUSHALL"])?;
        self.command(&["SCRIPT", "FLUSH"]).map(drop)
    }

    /// Runs a command and answers the first line of its reply, or the bulk text.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or answers with an error.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let stream = UnixStream::connect(self.socket()).context("failed to connect")?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        redis_command::exchange(stream, words)
    }

    /// Ends the server at once, as a crash does (SIGKILL).
    ///
    /// # Errors
    ///
    /// When the process cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("failed to kill redis")?;
            child.wait().context("failed to wait for redis")?;
        }
        Ok(())
    }

    /// Starts the server again after [`RedisServer::kill`], at the same address and empty.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start_empty(&mut self) -> anyhow::Result<()> {
        self.kill()?;
        let mut command = Command::new("redis-server");
        if self.cluster_port.is_some() {
            command.args(["--bind", "127.0.0.1", "--cluster-enabled", "yes"]);
            command.args(["--cluster-node-timeout", "2000"]);
        }
        let child = command
            .args(["--port", &self.cluster_port.unwrap_or(0).to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(["--maxmemory-policy", "noeviction", "--loglevel", "warning"])
            .arg("--unixsocket")
            .arg(self.socket())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start redis-server: is the package `redis-server` installed?")?;
        self.child = Some(child);
        let give_up = Instant::now() + START_TIMEOUT;
        while self.command(&["PING"]).is_err() {
            let child = self.child.as_mut().expect("it was started above");
            if child.try_wait()?.is_some() {
                bail!("redis-server ended at once");
            }
            if Instant::now() > give_up {
                bail!("redis-server does not answer");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the folder goes either way.
        drop(self.kill());
    }
}

/// A running cluster of three primaries that share the slots; killed when dropped.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts three nodes on free loopback ports and waits until the cluster serves.
    ///
    /// # Errors
    ///
    /// When a node does not start or they do not find each other.
    pub fn start() -> anyhow::Result<Self> {
        let mut cluster = Self { nodes: Vec::new() };
        for _ in 0..3 {
            cluster.nodes.push(start_node()?);
        }
        cluster.join()?;
        cluster.wait_until_it_serves()?;
        Ok(cluster)
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The addresses for a client, with commas between.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<_> = self.nodes.iter().map(RedisServer::url).collect();
        urls.join(",")
    }

    /// Makes every node forget everything but the cluster.
    ///
    /// # Errors
    ///
    /// When a node does not answer.
    pub fn forget(&self) -> anyhow::Result<()> {
        self.nodes.iter().try_for_each(RedisServer::forget)
    }

    fn join(&self) -> anyhow::Result<()> {
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (i, (node, (first, last))) in self.nodes.iter().zip(slots).enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()])?;
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last])?;
            let port = self.nodes[0].cluster_port.expect("a cluster node has a port").to_string();
            if i > 0 {
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &port])?;
            }
        }
        Ok(())
    }

    fn wait_until_it_serves(&self) -> anyhow::Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        let serves = |node: &RedisServer| {
            let info = node.command(&["CLUSTER", "INFO"])?;
            let is_whole = info.contains("cluster_known_nodes:3");
            anyhow::Ok(is_whole && info.contains("cluster_state:ok"))
        };
        for node in &self.nodes {
            while !serves(node)? {
                if Instant::now() > give_up {
                    bail!("the redis cluster does not come up");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}

/// A cluster node needs a port and the one 10,000 above it, which another process may take
/// between the look and the start: then the next free one is tried.
fn start_node() -> anyhow::Result<RedisServer> {
    let mut failure = None;
    for _ in 0..20 {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        if free > u16::MAX - 10_000 {
            continue;
        }
        match RedisServer::start_with(Some(free)) {
            Ok(node) => return Ok(node),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| anyhow::anyhow!("no free port for a cluster node")))
}
