//! An installation with the vault in a process of its own, and everything else in another one.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tenon_testkit::postgres_server::{PostgresServer, TestDatabase};
use tenon_testkit::redis_server::RedisServer;

use crate::product::{PATIENCE, Product, ends_within, signal, text_of, watch};

/// What a process says when it can be used.
const READY: &str = "ready";
/// What stands before its address.
const READY_AT: &str = "ready on http://";
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A running installation.
pub struct Installation {
    pub project: String,
    key: String,
    /// Configuration, execution, values and keys of the vault.
    pub databases: [TestDatabase; 4],
    /// The URI of the root key.
    pub root: String,
    /// Earlier ones, with commas.
    pub old_roots: String,
    log_filter: &'static str,
    /// How many opened values are kept; as by default when not set.
    cache_entries_max: Option<usize>,
    vault_address: String,
    /// Dropped before the vault, which it needs to stop in order.
    rest: Option<Running>,
    vault: Option<Running>,
    starts: u32,
    /// Dropped after the processes. Without one the queue is in the process.
    redis: Option<RedisServer>,
    /// The same.
    _postgres: PostgresServer,
    folder: TempDir,
}

/// A process and what it said.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Installation {
    /// Makes keys, certificates, databases and a project, and starts both processes.
    pub async fn start(log_filter: &'static str) -> Self {
        Self::start_on(None, log_filter).await
    }

    /// The same with a Redis of its own.
    pub async fn start_with_redis(redis: RedisServer, log_filter: &'static str) -> Self {
        Self::start_on(Some(redis), log_filter).await
    }

    async fn start_on(redis: Option<RedisServer>, log_filter: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let postgres = PostgresServer::start().expect("PostgreSQL starts");
        let mut databases = Vec::new();
        for _ in 0..4 {
            databases.push(postgres.database().await.expect("a database can be made"));
        }
        let databases: [TestDatabase; 4] = databases.try_into().expect("four of them");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let vault_address = free.local_addr().expect("it listens").to_string();
        drop(free);
        let mut installation = Self {
            project: String::new(),
            key: String::new(),
            root: format!("file:{}", folder.path().join("root.key").display()),
            old_roots: String::new(),
            databases,
            log_filter,
            cache_entries_max: None,
            vault_address,
            vault: None,
            rest: None,
            starts: 0,
            redis,
            _postgres: postgres,
            folder,
        };
        installation.set_up();
        installation.start_vault();
        installation.start_rest();
        installation
    }

    /// What an operator does before the first start, with the commands of `docs/ops/vault.md`.
    fn set_up(&mut self) {
        self.tenon(&["vault", "new-root-key", "root.key"]);
        self.tenon(&["vault", "new-grant-key", "grant.key"]);
        self.tenon(&["vault", "new-redis-key", "redis.key"]);
        self.tenon(&["certificates", "--out", "tls", "--vault-host", "127.0.0.1"]);
        let made = self.tenon(&["project", "ensure", "apart", "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        (self.project, self.key) = (text_of(&made["project"]), text_of(&made["api_key"]));
    }

    /// A file of the installation.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its Redis, where it was started with one.
    pub const fn redis(&self) -> Option<&RedisServer> {
        self.redis.as_ref()
    }

    /// The folder of the databases' server, with its logs and everything that it keeps.
    pub fn postgres_folder(&self) -> PathBuf {
        let url = url::Url::parse(&self.databases[0].url).expect("a URL");
        let host = url.query_pairs().find(|(name, _)| name == "host").expect("a host");
        PathBuf::from(host.1.into_owned())
    }

    /// What all processes said so far.
    pub fn logs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect()
    }

    /// Runs a command to its good end, with the settings of the role `vault`.
    pub fn tenon(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the binary can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tenon {arguments:?}: {errors}");
        output
    }

    /// The same, to be run by the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.settings_of_vault()).envs(self.settings_of_rest());
        command.env_remove("TENON_VAULT__URL").env("TENON_LOG__FILTER", "warn");
        command
    }

    fn settings_of_vault(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("TENON_VAULT__VALUES_URL", self.databases[2].url.clone()),
            ("TENON_VAULT__KEYS_URL", self.databases[3].url.clone()),
            ("TENON_VAULT__ROOT_KEY", self.root.clone()),
            ("TENON_VAULT__LISTEN", self.vault_address.clone()),
        ];
        if !self.old_roots.is_empty() {
            settings.push(("TENON_VAULT__OLD_ROOT_KEYS", self.old_roots.clone()));
        }
        settings.extend(self.settings_of_tls());
        settings
    }

    fn settings_of_rest(&self) -> Vec<(&'static str, String)> {
        let at = |name: &str| self.file(name).display().to_string();
        let mut settings = vec![
            ("TENON_POSTGRES__CONFIG_URL", self.databases[0].url.clone()),
            ("TENON_POSTGRES__EXECUTION_URL", self.databases[1].url.clone()),
            ("TENON_SERVER__DATA_DIR", at("data")),
            ("TENON_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
            ("TENON_VAULT__URL", self.vault_url().into()),
        ];
        if let Some(redis) = &self.redis {
            settings.push(("TENON_REDIS__URL", redis.url()));
            let key = self.file("redis.key").display().to_string();
            settings.push(("TENON_REDIS__KEY_FILE", key));
        }
        if let Some(entries_max) = self.cache_entries_max {
            settings.push(("TENON_VAULT__CACHE_ENTRIES_MAX", entries_max.to_string()));
        }
        settings.extend(self.settings_of_tls());
        settings
    }

    fn settings_of_tls(&self) -> Vec<(&'static str, String)> {
        let at = |name: &str| self.file(name).display().to_string();
        vec![
            ("TENON_VAULT__GRANT_KEY_FILE", at("grant.key")),
            ("TENON_VAULT__AUTHORITY_FILE", at("tls/ca.pem")),
            ("TENON_VAULT__CERTIFICATE_FILE", at("tls/{role}.pem")),
            ("TENON_VAULT__KEY_FILE", at("tls/{role}.key")),
        ]
    }

    /// How many opened values are kept, from the next start on.
    pub fn set_cache_entries_max(&mut self, entries_max: usize) {
        self.cache_entries_max = Some(entries_max);
    }

    /// Where the vault listens.
    pub fn vault_url(&self) -> url::Url {
        format!("https://{}", self.vault_address).parse().expect("a URL")
    }

    fn start_vault(&mut self) {
        let settings = self.settings_of_vault();
        self.vault = Some(self.spawn("vault", "vault", &settings));
    }

    fn start_rest(&mut self) {
        let settings = self.settings_of_rest();
        let roles = "api,gateway,proxy,worker,controller";
        self.rest = Some(self.spawn("rest", roles, &settings));
    }

    /// Stops both processes and starts them with the settings as they are now.
    pub fn restart(&mut self) {
        drop(self.rest.take());
        self.restart_vault();
        self.start_rest();
    }

    /// The same of the vault alone, while the others go on.
    pub fn restart_vault(&mut self) {
        drop(self.vault.take());
        self.start_vault();
    }

    /// The product as its users see it.
    pub fn product(&self) -> Product {
        let log = read(&self.rest.as_ref().expect("it runs").log);
        let at = log.find(READY_AT).expect("it has said where") + READY_AT.len();
        let address = log[at..].split_whitespace().next().expect("an address");
        let (project, key) = (self.project.clone(), self.key.clone());
        let execution_url = self.databases[1].url.clone();
        Product::elsewhere(format!("http://{address}"), project, key, execution_url)
    }

    fn spawn(&mut self, name: &str, roles: &str, settings: &[(&str, String)]) -> Running {
        self.starts += 1;
        let log = self.file(&format!("{name}-{}.log", self.starts));
        let out = File::create(&log).expect("a log file can be made");
        let errors = out.try_clone().expect("a file can be opened twice");
        let child = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(["server", "--listen", "127.0.0.1:0", "--roles", roles])
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .env("TENON_LOG__FILTER", self.log_filter)
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .expect("the product can be started");
        watch(std::process::id(), child.id(), &self.file(&format!("{name}.gone")));
        let mut running = Running { child, log };
        running.wait_until_ready();
        running
    }
}

impl Running {
    fn wait_until_ready(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let log = read(&self.log);
            let is_ready = |line: &str| line.contains(READY_AT) || line.ends_with(READY);
            if log.lines().any(is_ready) {
                return;
            }
            let has_ended = self.child.try_wait().expect("it can be asked").is_some();
            assert!(!has_ended, "the process ended before it was ready:\n{log}");
            assert!(Instant::now() < give_up, "it is not ready in time:\n{log}");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = read(&self.log);
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            eprintln!("--- the end of {}\n{}", self.log.display(), tail.join("\n"));
        }
        signal(self.child.id(), "TERM");
        if !ends_within(&mut self.child, Duration::from_secs(10)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
