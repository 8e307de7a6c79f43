//! Redis servers that take over from each other: a primary with a replica and three Sentinels, and
//! a cluster of three primaries with a replica each. Own processes and folders, killed when
//! dropped.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::redis_command;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICE: &str = "tenon";

/// One server on a port of loopback.
struct Node {
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl Node {
    /// Starts a server with further lines of configuration.
    fn start(port: u16, lines: &[String], arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("failed to make a folder for redis")?;
        let mut text = format!("bind 127.0.0.1\nport {port}\nloglevel warning\n");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        std::fs::write(folder.path().join("redis.conf"), text)?;
        let child = Command::new("redis-server")
            .arg("redis.conf")
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start redis-server: is the package `redis-server` installed?")?;
        let node = Self { port, child: Some(child), folder };
        wait_for(|| Ok(node.command(&["PING"])? == "PONG"))?;
        Ok(node)
    }

    /// Runs a command and answers the first line of its reply, or the bulk text.
    fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        redis_command::exchange(stream, words)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash does.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        let _ = &self.folder;
    }
}

fn wait_for(mut ask: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if matches!(answer, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > until {
            answer.context("the redis servers do not come up")?;
            bail!("the redis servers do not come up");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Free ports; cluster nodes need the one 10,000 above, too.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let (mut held, mut found) = (Vec::new(), Vec::new());
    while found.len() < count {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        if let Some(bus) = port.checked_add(10_000)
            && let Ok(bus) = TcpListener::bind(("127.0.0.1", bus))
        {
            held.push(bus);
            found.push(port);
        }
        held.push(listener);
    }
    Ok(found)
}

/// A primary and a replica, watched by three Sentinels.
pub struct SentinelGroup {
    primary: Node,
    replica: Node,
    sentinels: Vec<Node>,
}

impl SentinelGroup {
    /// Starts all five and waits until they know each other.
    ///
    /// # Errors
    /// When a server does not start or they do not find each other.
    pub fn start() -> anyhow::Result<Self> {
        let ports = free_ports(5)?;
        let data = ["save \"\"".to_owned(), "appendonly no".to_owned()];
        let primary = Node::start(ports[0], &data, &[])?;
        let mut lines = data.to_vec();
        lines.push(format!("replicaof 127.0.0.1 {}", ports[0]));
        let replica = Node::start(ports[1], &lines, &[])?;
        wait_for(|| Ok(replica.command(&["INFO", "replication"])?.contains("link_status:up")))?;
        let watch = [
            format!("sentinel monitor {SERVICE} 127.0.0.1 {} 2", ports[0]),
            format!("sentinel down-after-milliseconds {SERVICE} 500"),
            format!("sentinel failover-timeout {SERVICE} 3000"),
        ];
        let mut sentinels = Vec::new();
        for port in &ports[2..] {
            sentinels.push(Node::start(*port, &watch, &["--sentinel"])?);
        }
        for sentinel in &sentinels {
            wait_for(|| {
                let state = sentinel.command(&["INFO", "sentinel"])?;
                Ok(state.contains("status=ok") && state.contains("slaves=1,sentinels=3"))
            })?;
        }
        Ok(Self { primary, replica, sentinels })
    }

    /// The address for a client.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+sentinel://{}/{SERVICE}", hosts.join(","))
    }

    /// Kills the primary that it was started with.
    pub fn kill_primary(&mut self) {
        self.primary.kill();
    }

    /// Makes the replica the primary while the other goes on, as a fail-over by hand does.
    ///
    /// # Errors
    /// When no Sentinel answers.
    pub fn fail_over(&self) -> anyhow::Result<()> {
        self.sentinels[0].command(&["SENTINEL", "FAILOVER", SERVICE]).map(drop)
    }

    /// Whether the replica has taken over.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn has_taken_over(&self) -> anyhow::Result<bool> {
        Ok(self.replica.command(&["INFO", "replication"])?.contains("role:master"))
    }
}

/// Three primaries that share the slots, with a replica each.
pub struct ReplicatedCluster {
    nodes: Vec<Node>,
}

impl ReplicatedCluster {
    /// Starts six nodes and waits until the cluster serves.
    ///
    /// # Errors
    /// When a node does not start or they do not find each other.
    pub fn start() -> anyhow::Result<Self> {
        let lines = [
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            "cluster-enabled yes".to_owned(),
            "cluster-node-timeout 1000".to_owned(),
            "cluster-replica-validity-factor 0".to_owned(),
        ];
        let mut nodes = Vec::new();
        for port in free_ports(6)? {
            nodes.push(Node::start(port, &lines, &[])?);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        let first = nodes[0].port.to_string();
        for (at, node) in nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()])?;
            if let Some((from, to)) = slots.get(at) {
                node.command(&["CLUSTER", "ADDSLOTSRANGE", from, to])?;
            }
            if at > 0 {
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &first])?;
            }
        }
        for at in 0..3 {
            let id = nodes[at].command(&["CLUSTER", "MYID"])?;
            wait_for(|| nodes[at + 3].command(&["CLUSTER", "REPLICATE", &id]).map(|_| true))?;
        }
        for (at, node) in nodes.iter().enumerate() {
            let sign = if at < 3 { "connected_slaves:1" } else { "link_status:up" };
            wait_for(|| {
                let state = node.command(&["CLUSTER", "INFO"])?;
                let is_whole =
                    state.contains("cluster_known_nodes:6") && state.contains("cluster_state:ok");
                Ok(is_whole && node.command(&["INFO", "replication"])?.contains(sign))
            })?;
        }
        Ok(Self { nodes })
    }

    /// The addresses for a client, with commas between.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(Node::url).collect();
        urls.join(",")
    }

    /// Kills the primary of the slot of a key.
    ///
    /// # Errors
    /// When no node answers.
    pub fn kill_primary_of(&mut self, key: &str) -> anyhow::Result<()> {
        let slot: u32 = self.nodes[0].command(&["CLUSTER", "KEYSLOT", key])?.parse()?;
        let at = match slot {
            0..=5460 => 0,
            5461..=10922 => 1,
            _ => 2,
        };
        self.nodes[at].kill();
        Ok(())
    }
}
