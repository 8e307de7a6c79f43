//! Redis as children of this process: one server, a cluster of six, or a primary with a replica
//! and three Sentinels.
//!
//! One server alone listens on a unix socket in a private folder. The others need ports, so they
//! listen on loopback and want a password, which is in [`RedisSet::url`].

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Process, Ready, Restart, Spec, ports};

/// How long the servers may take to know each other.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
const JOIN_INTERVAL: Duration = Duration::from_millis(50);
const START_PATIENCE: Duration = Duration::from_secs(15);
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The longest path of a unix socket that every system takes, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 100;
/// What Sentinels call the primary.
pub const SERVICE: &str = "tenon";
const SENTINELS: usize = 3;
const CLUSTER_PRIMARIES: usize = 3;
const CLUSTER_NODES: usize = 6;
const SLOTS: usize = 16_384;

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone,
    /// Three primaries with a replica each.
    Cluster,
    /// A primary, a replica and three Sentinels that choose another primary when it is gone.
    Sentinel,
}

/// How Redis is run.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where everything is kept; made when it is missing.
    pub folder: PathBuf,
    /// What runs.
    pub topology: Topology,
    /// The server program; looked for in `PATH` when it has no folder.
    pub program: PathBuf,
    /// Further lines of each server's configuration, such as `appendfsync always`; a later line
    /// wins.
    pub lines: Vec<String>,
}

impl RedisOptions {
    /// The options of a `redis-server` in `PATH` that synchronises what it writes each second.
    #[must_use]
    pub fn new(folder: PathBuf, topology: Topology) -> Self {
        Self { folder, topology, program: PathBuf::from("redis-server"), lines: Vec::new() }
    }
}

/// Running servers; stopped when dropped.
#[derive(Debug)]
pub struct RedisSet {
    url: String,
    /// Servers that hold data, in the order of their names: `redis-1` and so on.
    servers: Vec<Server>,
    /// What watches them.
    sentinels: Vec<Process>,
}

/// One server that holds data.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// The URL of it alone, its password included.
    pub url: String,
}

impl RedisSet {
    /// Starts the servers and returns when they serve.
    ///
    /// # Errors
    /// When there is no `redis-server`, a folder cannot be used, or the servers do not find each
    /// other in time. Nothing is left running then.
    pub fn start(options: &RedisOptions) -> anyhow::Result<Self> {
        let program = find(&options.program)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.folder)?;
        let mut options = options.clone();
        options.program = program;
        options.folder = std::path::absolute(&options.folder)?;
        match options.topology {
            Topology::Standalone => standalone(&options),
            Topology::Cluster => cluster(&options),
            Topology::Sentinel => sentinel(&options),
        }
    }

    /// What a client is told, as `redis.url` takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The servers that hold data.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Stops all of them.
    pub fn stop(self) {
        self.sentinels.iter().for_each(Process::ask_to_stop);
        self.servers.iter().for_each(|server| server.process.ask_to_stop());
        drop(self);
    }
}

/// The program, with its folder.
fn find(program: &Path) -> anyhow::Result<PathBuf> {
    if program.components().count() > 1 {
        return Ok(program.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| {
        format!(
            "there is no {} in PATH: install Redis (the package `redis-server`), or give the URL \
             of one that runs",
            program.display()
        )
    })
}

fn standalone(options: &RedisOptions) -> anyhow::Result<RedisSet> {
    let socket = options.folder.join("redis.sock");
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        bail!("{} is too long for a socket; choose a shorter folder", socket.display());
    }
    let lines = [
        "port 0".to_owned(),
        format!("unixsocket {}", quoted(&socket)),
        "unixsocketperm 700".to_owned(),
    ];
    let process = start(options, "redis-1", &lines, Ready::Socket(socket.clone()), &[])?;
    process.wait_until_ready(START_PATIENCE)?;
    let url = format!("redis+unix://{}", socket.display());
    Ok(RedisSet { url: url.clone(), servers: vec![Server { process, url }], sentinels: Vec::new() })
}

/// Starts one server on a port of loopback.
fn on_port(
    options: &RedisOptions,
    name: &str,
    address: SocketAddr,
    more: &[String],
) -> anyhow::Result<Process> {
    let mut lines = vec!["bind 127.0.0.1".to_owned(), format!("port {}", address.port())];
    lines.extend_from_slice(more);
    start(options, name, &lines, Ready::Connects(address), &[])
}

fn cluster(options: &RedisOptions) -> anyhow::Result<RedisSet> {
    let password = password()?;
    let addresses = ports::free_for_nodes(CLUSTER_NODES)?;
    let lines = [
        format!("requirepass {password}"),
        format!("masterauth {password}"),
        "cluster-enabled yes".to_owned(),
        "cluster-node-timeout 2000".to_owned(),
        "cluster-replica-validity-factor 0".to_owned(),
    ];
    let mut servers = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let name = format!("redis-{}", at + 1);
        // Ports are new at each start, and so is the cluster: what was in it can be rebuilt.
        let folder = options.folder.join(&name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let process = on_port(options, &name, *address, &lines)?;
        servers.push(Server { process, url: format!("redis://:{password}@{address}") });
    }
    for server in &servers {
        server.process.wait_until_ready(START_PATIENCE)?;
    }
    join(&servers, &addresses)?;
    let urls: Vec<&str> = servers.iter().map(|server| server.url.as_str()).collect();
    Ok(RedisSet { url: urls.join(","), servers, sentinels: Vec::new() })
}

/// Makes a cluster of nodes: the first three share the slots, the others are their replicas.
fn join(servers: &[Server], addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let mut nodes = Vec::new();
    for server in servers {
        nodes.push(connect(&server.url)?);
    }
    let mut ids: Vec<String> = Vec::new();
    for (at, node) in nodes.iter_mut().enumerate() {
        ids.push(::redis::cmd("CLUSTER").arg("MYID").query(node)?);
        ::redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(at + 1).exec(node)?;
        if at < CLUSTER_PRIMARIES {
            let first = SLOTS * at / CLUSTER_PRIMARIES;
            let last = SLOTS * (at + 1) / CLUSTER_PRIMARIES - 1;
            ::redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last).exec(node)?;
        }
        if at > 0 {
            let first = addresses[0];
            let meet = ["MEET".to_owned(), first.ip().to_string(), first.port().to_string()];
            ::redis::cmd("CLUSTER").arg(&meet).exec(node)?;
        }
    }
    for at in CLUSTER_PRIMARIES..CLUSTER_NODES {
        let primary = &ids[at - CLUSTER_PRIMARIES];
        wait_for(|| {
            ::redis::cmd("CLUSTER").arg("REPLICATE").arg(primary).exec(&mut nodes[at])?;
            Ok(true)
        })?;
    }
    for node in &mut nodes {
        wait_for(|| {
            let state: String = ::redis::cmd("CLUSTER").arg("INFO").query(node)?;
            let replicas: String = ::redis::cmd("INFO").arg("replication").query(node)?;
            let is_whole = state.contains("cluster_known_nodes:6");
            let is_linked = replicas.contains("master_link_status:up")
                || replicas.contains("connected_slaves:1");
            Ok(is_whole && is_linked && state.contains("cluster_state:ok"))
        })?;
    }
    Ok(())
}

fn sentinel(options: &RedisOptions) -> anyhow::Result<RedisSet> {
    let password = password()?;
    let addresses = ports::free(2 + SENTINELS)?;
    let (primary, replica) = (addresses[0], addresses[1]);
    let lines = [format!("requirepass {password}"), format!("masterauth {password}")];
    let mut servers = Vec::new();
    for (at, address) in [primary, replica].into_iter().enumerate() {
        let name = format!("redis-{}", at + 1);
        let folder = options.folder.join(&name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let mut lines = lines.to_vec();
        if at > 0 {
            lines.push(format!("replicaof {} {}", primary.ip(), primary.port()));
        }
        let process = on_port(options, &name, address, &lines)?;
        process.wait_until_ready(START_PATIENCE)?;
        servers.push(Server { process, url: format!("redis://:{password}@{address}") });
    }
    let mut follower = connect(&servers[1].url)?;
    wait_for(|| {
        let state: String = ::redis::cmd("INFO").arg("replication").query(&mut follower)?;
        Ok(state.contains("master_link_status:up"))
    })?;
    let (sentinels, watchers) = (start_sentinels(options, &addresses, &password)?, &addresses[2..]);
    for address in watchers {
        wait_until_it_sees_all(&format!("redis://:{password}@{address}"))?;
    }
    let hosts: Vec<String> = watchers.iter().map(ToString::to_string).collect();
    let url = format!("redis+sentinel://:{password}@{}/{SERVICE}", hosts.join(","));
    Ok(RedisSet { url, servers, sentinels })
}

fn start_sentinels(
    options: &RedisOptions,
    addresses: &[SocketAddr],
    password: &str,
) -> anyhow::Result<Vec<Process>> {
    let primary = addresses[0];
    let mut sentinels = Vec::new();
    for (at, address) in addresses[2..].iter().enumerate() {
        let name = format!("sentinel-{}", at + 1);
        let folder = options.folder.join(&name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let lines = [
            "bind 127.0.0.1".to_owned(),
            format!("port {}", address.port()),
            format!("requirepass {password}"),
            format!("sentinel sentinel-pass {password}"),
            format!("sentinel monitor {SERVICE} {} {} 2", primary.ip(), primary.port()),
            format!("sentinel auth-pass {SERVICE} {password}"),
            format!("sentinel down-after-milliseconds {SERVICE} 1000"),
            format!("sentinel failover-timeout {SERVICE} 5000"),
        ];
        let process = start(options, &name, &lines, Ready::Connects(*address), &["--sentinel"])?;
        process.wait_until_ready(START_PATIENCE)?;
        sentinels.push(process);
    }
    Ok(sentinels)
}

fn wait_until_it_sees_all(sentinel: &str) -> anyhow::Result<()> {
    let mut sentinel = connect(sentinel)?;
    wait_for(|| {
        let state: String = ::redis::cmd("INFO").arg("sentinel").query(&mut sentinel)?;
        Ok(state.contains("status=ok") && state.contains("slaves=1,sentinels=3"))
    })
}

fn connect(url: &str) -> anyhow::Result<::redis::Connection> {
    let client = ::redis::Client::open(url)?;
    let connection = client.get_connection_with_timeout(START_PATIENCE)?;
    connection.set_read_timeout(Some(START_PATIENCE))?;
    Ok(connection)
}

/// Waits until a question about the servers is answered with yes.
fn wait_for(mut ask: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let until = Instant::now() + JOIN_PATIENCE;
    loop {
        let answer = ask();
        if matches!(answer, Ok(true)) {
            return Ok(());
        }
        if Instant::now() >= until {
            answer.context("the Redis servers do not find each other")?;
            bail!("the Redis servers do not find each other in time");
        }
        std::thread::sleep(JOIN_INTERVAL);
    }
}

/// Writes the configuration of a server and starts it with that. Redis itself keeps in the file
/// what a fail-over changes, so that a server that comes back knows whom it follows.
fn start(
    options: &RedisOptions,
    name: &str,
    lines: &[String],
    ready: Ready,
    arguments: &[&str],
) -> anyhow::Result<Process> {
    let folder = options.folder.join(name);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let file = folder.join("redis.conf");
    let mut text = format!("dir {}\ndaemonize no\nloglevel notice\n", quoted(&folder));
    if arguments.is_empty() {
        text.push_str("save \"\"\nmaxmemory-policy noeviction\n");
        text.push_str("appendonly yes\nappendfsync everysec\n");
        for line in &options.lines {
            let _ = writeln!(text, "{line}");
        }
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let mut config = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    config.write_all(text.as_bytes())?;
    let mut words = vec![file.into_os_string()];
    words.extend(arguments.iter().map(Into::into));
    Ok(Process::start(Spec {
        name: name.to_owned(),
        program: options.program.clone(),
        arguments: words,
        environment: Vec::new(),
        without: Vec::new(),
        folder,
        log: options.folder.join(format!("{name}.log")),
        pid_file: options.folder.join(format!("{name}.pid")),
        ready,
        restart: Restart::OnFailure,
        stop_grace: STOP_GRACE,
    }))
}

/// A path as a Redis configuration file has it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A password for this start.
fn password() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
