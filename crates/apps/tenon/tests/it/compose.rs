//! The roles of `deploy/compose`, each with its very command line and the files that `setup.sh`
//! makes for it, as plain processes: what a file of compose cannot be checked for without Docker.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tenon_testkit::postgres_server::PostgresServer;

use crate::product::{PATIENCE, Product, ends_within, signal, text_of, watch};
use crate::service::Service;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The installation as compose has it, on loopback.
struct Composed {
    children: Vec<Child>,
    _postgres: PostgresServer,
    folder: TempDir,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it listens")
}

/// The words of each service's command in the file of compose that begins so.
fn commands(first: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(repository().join("deploy/compose/compose.yaml"));
    let text = text.expect("the file of compose is there");
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("command: "));
    let all = lines.map(|list| serde_json::from_str::<Vec<String>>(list).expect("a list of words"));
    all.filter(|words| words[0] == first).collect()
}

impl Composed {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let postgres = PostgresServer::start().expect("PostgreSQL starts");
        let database = postgres.database().await.expect("a database can be made");
        let superuser = url::Url::parse(&database.superuser_url).expect("a URL");
        let host = superuser.query_pairs().find(|(name, _)| name == "host").expect("a socket");
        let redis = free();
        let vault = free();
        let done = Command::new("sh")
            .arg(repository().join("deploy/compose/setup.sh"))
            .env("KEYS", folder.path().join("keys"))
            .env("OUT", folder.path())
            .env("ETC", folder.path().join("{role}"))
            .env("POSTGRES", "localhost")
            .env("POSTGRES_PARAMETERS", format!("host={}", host.1))
            .env("REDIS", redis.to_string())
            // The object store has a test of its own; here values go to a folder.
            .env("S3", "")
            .env("VAULT_HOST", "127.0.0.1")
            .env("VAULT_PORT", vault.port().to_string())
            .env("OWNER", "")
            .env("TENON", env!("CARGO_BIN_EXE_tenon"))
            .output()
            .expect("a shell can be started");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let roles = fs::read_to_string(folder.path().join("postgres/roles.sql")).expect("SQL");
        let mut admin =
            PgConnection::connect(&database.superuser_url).await.expect("PostgreSQL answers");
        for statement in roles.lines() {
            admin.execute(sqlx::AssertSqlSafe(statement)).await.expect("the SQL of setup.sh runs");
        }
        let mut composed = Self { children: Vec::new(), _postgres: postgres, folder };
        let words = [
            composed.file("redis/redis.conf").display().to_string(),
            "--port".to_owned(),
            redis.port().to_string(),
            "--bind".to_owned(),
            "127.0.0.1".to_owned(),
        ];
        composed.spawn("redis-server", "redis", &words, &[]);
        composed
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&mut self, program: &str, name: &str, words: &[String], settings: &[(&str, String)]) {
        let log = File::create(self.file(&format!("{name}.log"))).expect("a log file can be made");
        let data = self.file(&format!("{name}.data"));
        fs::create_dir_all(&data).expect("a folder can be made");
        let child = Command::new(program)
            .args(words)
            // What the image says.
            .env("TENON_SERVER__DATA_DIR", &data)
            .env("TENON_SERVER__READY_FILE", self.file(&format!("{name}.ready")))
            .env("TENON_LOG__FORMAT", "json")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .expect("it can be started");
        watch(std::process::id(), child.id(), &self.file(&format!("{name}.gone")));
        self.children.push(child);
    }

    /// Starts a command of compose with what differs between a container and a process.
    fn start_role(&mut self, name: &str, words: &[String], settings: &[(&str, String)]) {
        let config = self.file(name).join("tenon.toml").display().to_string();
        let words: Vec<String> =
            words.iter().map(|word| word.replace("/etc/tenon/tenon.toml", &config)).collect();
        let mut settings = settings.to_vec();
        // Values of all roles are in one folder, as in one store.
        settings.push(("TENON_BLOBS__DIR", self.file("blobs").display().to_string()));
        settings.push(("TENON_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()));
        if matches!(name, "vault" | "front") {
            settings.drain(settings.len() - 2..);
        }
        self.spawn(env!("CARGO_BIN_EXE_tenon"), name, &words, &settings);
    }

    fn wait_until_ready(&mut self, name: &str) {
        let give_up = Instant::now() + START_TIMEOUT;
        while !self.file(&format!("{name}.ready")).exists() {
            let log = fs::read_to_string(self.file(&format!("{name}.log"))).unwrap_or_default();
            let child = self.children.last_mut().expect("it was started");
            let has_ended = child.try_wait().expect("it can be asked").is_some();
            assert!(!has_ended, "{name} ended before it was ready:\n{log}");
            assert!(Instant::now() < give_up, "{name} is not ready in time:\n{log}");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            signal(child.id(), "TERM");
            if !ends_within(child, PATIENCE) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_compose_start_and_run_work_together() {
    let mut composed = Composed::start().await;
    let front = free();
    // The object store has a command of the same name.
    let servers: Vec<Vec<String>> =
        commands("server").into_iter().filter(|words| words[1] == "--roles").collect();
    assert_eq!(servers.len(), 6, "one service a role: {servers:?}");
    let mut front_words: Vec<String> = commands("front").remove(0);
    front_words.extend(["--listen".to_owned(), front.to_string()]);
    for words in &servers {
        let role = words[2].clone();
        let address = free();
        let mut settings = vec![("TENON_SERVER__LISTEN", address.to_string())];
        if matches!(role.as_str(), "api" | "gateway") {
            settings.push(("TENON_CONNECT__PUBLIC_URL", format!("http://{front}")));
        }
        for word in &mut front_words {
            *word = word.replace(&format!("{role}:7070"), &address.to_string());
        }
        composed.start_role(&role, words, &settings);
        composed.wait_until_ready(&role);
    }
    composed.start_role("front", &front_words, &[]);
    composed.wait_until_ready("front");

    let project = commands("project").remove(0);
    let made = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(&project)
        .arg("--json")
        .current_dir(composed.file("api"))
        .output()
        .expect("the binary can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let product = Product::elsewhere(
        format!("http://{front}"),
        text_of(&made["project"]),
        text_of(&made["api_key"]),
        String::new(),
    );
    // The role api publishes the new project within a second.
    let began = Instant::now();
    while product.get("/runs").await.0 != reqwest::StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the project does not become known");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    let service = Service::echo().await;
    let step = json!([{ "id": "call", "type": "request", "url": service.url }]);
    let run = product.run(step, json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(service.calls().len(), 1);
}

#[test]
fn each_service_gets_no_more_than_its_role_may_have() {
    let text = fs::read_to_string(repository().join("deploy/compose/setup.sh")).expect("a script");
    let part = |role: &str| {
        let from = text.find(&format!("    {role})\n")).expect("the role has a part");
        text[from..].split(";;").next().expect("a part ends").to_owned()
    };
    for role in ["api", "gateway", "proxy", "worker", "controller", "vault"] {
        let part = part(role);
        assert_eq!(part.contains("config_url"), role == "api", "{role}");
        assert_eq!(part.contains("root.key"), role == "vault", "{role}");
        assert_eq!(part.contains("grants \"$1\""), role != "worker", "{role}");
    }
}
