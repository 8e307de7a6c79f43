//! What each role of a split installation is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;

use super::workers::Bounds;
use crate::config::{LogFormat, Settings};
use crate::processes::Process;
use crate::processes::roles::RoleProcess;
use crate::roles::{Role, VaultDatabases};

/// Connections of one process to the execution database beside its pool, for history.
const HISTORY_CONNECTIONS: u32 = 4;
/// For people and for what PostgreSQL does itself.
const SPARE_CONNECTIONS: u32 = 16;
/// Pools of the vault: two databases, for writing and for reading.
const VAULT_POOLS: u32 = 4;
/// Roles beside `worker` that have a pool to the execution database, the proxy's log included.
const EXECUTION_ROLES: u32 = 4;

/// Where the roles listen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) front: SocketAddr,
    pub(super) api: SocketAddr,
    pub(super) gateway: SocketAddr,
    pub(super) proxy: SocketAddr,
    pub(super) vault: SocketAddr,
}

/// What the processes of one installation have in common.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    /// Where data are kept.
    pub(super) dir: PathBuf,
    /// Logs, process numbers and the like.
    pub(super) files: PathBuf,
    pub(super) certificates: PathBuf,
    pub(super) config: Option<PathBuf>,
    pub(super) settings: Settings,
    pub(super) config_url: String,
    pub(super) execution_url: String,
    pub(super) vault_databases: VaultDatabases,
    pub(super) addresses: Addresses,
}

/// How many connections so many processes may open together.
pub(super) fn connections_needed(settings: &Settings, workers_max: usize) -> u32 {
    let workers = u32::try_from(workers_max).unwrap_or(u32::MAX);
    let execution = settings.postgres.execution_connections_max + HISTORY_CONNECTIONS;
    let processes = workers.saturating_add(EXECUTION_ROLES);
    execution
        .saturating_mul(processes)
        .saturating_add(settings.postgres.config_connections_max)
        .saturating_add(settings.vault.connections_max.saturating_mul(VAULT_POOLS))
        .saturating_add(SPARE_CONNECTIONS)
}

impl Installation {
    pub(super) fn api(&self) -> anyhow::Result<Process> {
        let process = self.with_grants(self.execution(Role::Api, "api")?)?;
        let process = process.env("TENON_POSTGRES__CONFIG_URL", &self.config_url);
        Ok(self.public(process).listen(self.addresses.api).start())
    }

    pub(super) fn gateway(&self) -> anyhow::Result<Process> {
        let process = self.with_grants(self.execution(Role::Gateway, "gateway")?)?;
        Ok(self.public(process).listen(self.addresses.gateway).start())
    }

    pub(super) fn proxy(&self) -> anyhow::Result<Process> {
        let process = self.with_grants(self.execution(Role::Proxy, "proxy")?)?;
        Ok(self.public(process).listen(self.addresses.proxy).start())
    }

    /// The leader wants no more workers than there may be here.
    pub(super) fn controller(&self, workers: Bounds) -> anyhow::Result<Process> {
        let process = self.with_grants(self.execution(Role::Controller, "controller")?)?;
        Ok(process
            .env("TENON_CONTROLLER__AUTOSCALE__WORKERS_MIN", workers.min.to_string())
            .env("TENON_CONTROLLER__AUTOSCALE__WORKERS_MAX", workers.max.to_string())
            .start())
    }

    /// A worker may not sign for work of its own making, so it has no such key.
    pub(super) fn worker(&self, name: &str) -> anyhow::Result<Process> {
        Ok(self.execution(Role::Worker, name)?.start())
    }

    pub(super) fn vault(&self) -> anyhow::Result<Process> {
        let root = self.settings.vault.root_key.as_deref().context("there is a root key")?;
        let process = self.with_grants(self.base(Role::Vault, "vault")?)?;
        Ok(process
            .env("TENON_VAULT__LISTEN", self.addresses.vault.to_string())
            .env("TENON_VAULT__ROOT_KEY", root)
            .env("TENON_VAULT__VALUES_URL", &self.vault_databases.values_url)
            .env("TENON_VAULT__KEYS_URL", &self.vault_databases.keys_url)
            .start())
    }

    /// A role that works with the execution database, Redis and the vault.
    fn execution(&self, role: Role, name: &str) -> anyhow::Result<RoleProcess> {
        let redis = &self.settings.redis;
        let url = redis.url.as_ref().context("there is a Redis")?;
        let key = redis.key_file.as_deref().context("there is a key for Redis")?;
        let networks = &self.settings.egress.allowed_networks;
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        Ok(self
            .base(role, name)?
            .env("TENON_POSTGRES__EXECUTION_URL", &self.execution_url)
            .env("TENON_REDIS__URL", url.expose())
            .env("TENON_REDIS__KEY_FILE", std::path::absolute(key)?)
            .env("TENON_VAULT__URL", format!("https://{}", self.addresses.vault))
            .env("TENON_EGRESS__ALLOWED_NETWORKS", networks.join(",")))
    }

    fn base(&self, role: Role, name: &str) -> anyhow::Result<RoleProcess> {
        let file = |name: &str| self.certificates.join(name);
        let mut process = RoleProcess::new(name, role.name(), &self.files)?
            .env("TENON_SERVER__DATA_DIR", &self.dir)
            .env("TENON_VAULT__AUTHORITY_FILE", file("ca.pem"))
            .env("TENON_VAULT__CERTIFICATE_FILE", file(&format!("{role}.pem")))
            .env("TENON_VAULT__KEY_FILE", file(&format!("{role}.key")));
        if self.settings.log.format == LogFormat::Json {
            process = process.env("TENON_LOG__FORMAT", "json");
        }
        if let Some(metrics) = self.settings.metrics.listen {
            // Each process needs a port of its own; it says in its log which it has.
            let any_port = SocketAddr::new(metrics.ip(), 0);
            process = process.env("TENON_METRICS__LISTEN", any_port.to_string());
        }
        Ok(match &self.config {
            Some(config) => process.config(config),
            None => process,
        })
    }

    fn with_grants(&self, process: RoleProcess) -> anyhow::Result<RoleProcess> {
        let key = self.settings.vault.grant_key_file.as_deref();
        let key = std::path::absolute(key.context("there is a key for grants")?)?;
        Ok(process.env("TENON_VAULT__GRANT_KEY_FILE", key))
    }

    /// A role that tells others where to find this installation.
    fn public(&self, process: RoleProcess) -> RoleProcess {
        match &self.settings.connect.public_url {
            Some(_) => process,
            None => {
                process.env("TENON_CONNECT__PUBLIC_URL", format!("http://{}", self.addresses.front))
            }
        }
    }
}
