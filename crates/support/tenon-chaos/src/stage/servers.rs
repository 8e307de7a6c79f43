//! The Redis of an installation: one server, a cluster of six, or one under three Sentinels.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tenon_fault_proxy::{FaultProxy, Upstream};

use super::redis::RedisServer;

const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Primaries of a cluster; each has one replica.
const PRIMARIES: usize = 3;
/// What each server keeps on disk: as an installation does that means to lose little.
const KEEPING: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];

/// How Redis is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone,
    /// Three primaries with a replica each.
    Cluster,
    /// A primary and a replica, watched by three Sentinels.
    Sentinel,
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standalone => "standalone",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        })
    }
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "standalone" => Ok(Self::Standalone),
            "cluster" => Ok(Self::Cluster),
            "sentinel" => Ok(Self::Sentinel),
            _ => Err("the topologies are standalone, cluster and sentinel".to_owned()),
        }
    }
}

/// The servers of a topology.
#[derive(Debug)]
pub struct RedisServers {
    topology: Topology,
    folder: PathBuf,
    /// Alone or under Sentinels: the primary first. In a cluster: primaries, then replicas.
    pub nodes: Vec<RedisServer>,
    /// In front of each node of a cluster, which names them to clients.
    proxies: Vec<FaultProxy>,
    sentinels: Vec<RedisServer>,
    started: usize,
}

impl RedisServers {
    /// Starts them, empty.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or they do not find each other.
    pub async fn start(topology: Topology, folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let mut servers = Self {
            topology,
            folder: folder.to_owned(),
            nodes: Vec::new(),
            proxies: Vec::new(),
            sentinels: Vec::new(),
            started: 0,
        };
        match topology {
            Topology::Standalone => {
                let node = servers.start_node(&[]).await?;
                servers.nodes.push(node);
            }
            Topology::Cluster => servers.start_cluster(seed).await?,
            Topology::Sentinel => servers.start_watched().await?,
        }
        Ok(servers)
    }

    /// How they are run.
    #[must_use]
    pub const fn topology(&self) -> Topology {
        self.topology
    }

    /// The server alone, or the first.
    #[must_use]
    pub fn primary(&mut self) -> &mut RedisServer {
        &mut self.nodes[0]
    }

    /// A link for one process, where each has one, and the address for its settings.
    pub(crate) async fn link(&self, seed: u64) -> anyhow::Result<(Option<FaultProxy>, String)> {
        match self.topology {
            Topology::Standalone => {
                let upstream = Upstream::Tcp(self.nodes[0].address());
                let proxy = FaultProxy::start(upstream, seed).await?;
                let url = format!("redis://{}", proxy.address());
                Ok((Some(proxy), url))
            }
            Topology::Cluster => {
                let urls: Vec<String> = self
                    .proxies
                    .iter()
                    .map(|proxy| format!("redis://{}", proxy.address()))
                    .collect();
                Ok((None, urls.join(",")))
            }
            Topology::Sentinel => {
                let hosts: Vec<String> =
                    self.sentinels.iter().map(|node| node.address().to_string()).collect();
                Ok((None, format!("redis+sentinel://{}/chaos", hosts.join(","))))
            }
        }
    }

    /// Links that all processes share.
    #[must_use]
    pub fn shared_links(&self) -> &[FaultProxy] {
        &self.proxies
    }

    async fn start_node(&mut self, more: &[&str]) -> anyhow::Result<RedisServer> {
        self.started += 1;
        let folder = self.folder.join(format!("node-{}", self.started));
        RedisServer::start(&folder, &[&KEEPING[..], more].concat()).await
    }

    async fn start_cluster(&mut self, seed: u64) -> anyhow::Result<()> {
        for number in 0..2 * PRIMARIES {
            let proxy =
                FaultProxy::start(Upstream::Nowhere, seed.wrapping_add(number as u64)).await?;
            let port = proxy.address().port().to_string();
            let settings = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-announce-ip",
                "127.0.0.1",
                "--cluster-announce-port",
                &port,
            ];
            let node = self.start_node(&settings).await?;
            proxy.redirect(Upstream::Tcp(node.address()));
            self.nodes.push(node);
            self.proxies.push(proxy);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (number, node) in self.nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            if let Some((first, last)) = slots.get(number) {
                node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last])?;
            }
            let port = self.nodes[0].address().port();
            if number > 0 {
                let bus = (port + 10_000).to_string();
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string(), &bus])?;
            }
        }
        let all = 2 * PRIMARIES;
        self.until(|servers| {
            let knows = format!("cluster_known_nodes:{all}");
            let infos = servers.nodes.iter().map(|node| node.command(&["CLUSTER", "INFO"]));
            Ok(infos.collect::<anyhow::Result<Vec<_>>>()?.iter().all(|info| info.contains(&knows)))
        })
        .await?;
        for number in 0..PRIMARIES {
            let primary = self.nodes[number].command(&["CLUSTER", "MYID"])?;
            self.nodes[number + PRIMARIES].command(&["CLUSTER", "REPLICATE", &primary])?;
        }
        self.until_whole().await
    }

    /// Waits until the cluster serves and every replica follows.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn until_whole(&self) -> anyhow::Result<()> {
        self.until(|servers| {
            let mut primaries = 0;
            for node in &servers.nodes {
                if !node.command(&["CLUSTER", "INFO"])?.contains("cluster_state:ok") {
                    return Ok(false);
                }
                let replication = node.command(&["INFO", "replication"])?;
                primaries += usize::from(replication.contains("role:master"));
                let is_behind = replication.contains("master_link_status:down")
                    || replication.contains("master_sync_in_progress:1");
                if is_behind {
                    return Ok(false);
                }
            }
            Ok(primaries == PRIMARIES)
        })
        .await
    }

    async fn start_watched(&mut self) -> anyhow::Result<()> {
        let primary = self.start_node(&[]).await?;
        let port = primary.address().port().to_string();
        self.nodes.push(primary);
        let replica = self.start_node(&["--replicaof", "127.0.0.1", &port]).await?;
        self.nodes.push(replica);
        for number in 1..=3 {
            let folder = self.folder.join(format!("sentinel-{number}"));
            std::fs::create_dir_all(&folder)?;
            let config = format!(
                "sentinel monitor chaos 127.0.0.1 {port} 2\n\
                 sentinel down-after-milliseconds chaos 1000\n\
                 sentinel failover-timeout chaos 5000\n"
            );
            self.sentinels.push(RedisServer::start_sentinel(&folder, &config).await?);
        }
        self.until(|servers| {
            let mut is_whole = true;
            for sentinel in &servers.sentinels {
                let info = sentinel.command(&["INFO", "sentinel"])?;
                is_whole &= info.contains("slaves=1") && info.contains("sentinels=3");
            }
            Ok(is_whole)
        })
        .await
    }

    /// Starts a replica of the server alone and waits until it has everything.
    ///
    /// # Errors
    /// When it does not catch up.
    pub async fn start_replica(&mut self) -> anyhow::Result<RedisServer> {
        let port = self.nodes[0].address().port().to_string();
        let replica = self.start_node(&["--replicaof", "127.0.0.1", &port]).await?;
        let give_up = Instant::now() + JOIN_TIMEOUT;
        while !replica.command(&["INFO", "replication"])?.contains("master_link_status:up") {
            ensure!(Instant::now() < give_up, "a replica does not catch up");
            tokio::time::sleep(POLL).await;
        }
        Ok(replica)
    }

    /// Who is primary now, as the nodes themselves say.
    ///
    /// # Errors
    /// When none is.
    pub fn primaries(&self) -> anyhow::Result<Vec<usize>> {
        let mut places = Vec::new();
        for (place, node) in self.nodes.iter().enumerate() {
            let info = node.command(&["INFO", "replication"]);
            if info.is_ok_and(|info| info.contains("role:master")) {
                places.push(place);
            }
        }
        ensure!(!places.is_empty(), "no redis is a primary");
        Ok(places)
    }

    /// Runs a command on every primary.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn on_primaries(&self, words: &[&str]) -> anyhow::Result<Vec<String>> {
        let places = self.primaries()?;
        places.into_iter().map(|place| self.nodes[place].command(words)).collect()
    }

    async fn until(&self, is_so: impl Fn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let give_up = Instant::now() + JOIN_TIMEOUT;
        loop {
            match is_so(self) {
                Ok(true) => return Ok(()),
                answer if Instant::now() > give_up => {
                    answer?;
                    return Err(anyhow::anyhow!("the redis servers do not find each other"))
                        .context(self.topology);
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }
}
