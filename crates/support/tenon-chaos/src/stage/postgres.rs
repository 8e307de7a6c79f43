//! A PostgreSQL of the trial's own, which is stopped, crashed and hung as the plan says.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::spawner;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
/// Owns the databases: no superuser, so row security binds it.
const OWNER: &str = "tenon";
/// Its socket in the folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// The programs of PostgreSQL, and who may run them.
#[derive(Debug, Clone)]
pub struct PostgresPrograms {
    /// The folder of `initdb` and `postgres`.
    pub bin_dir: PathBuf,
    /// User and group of the server where this process is root, which PostgreSQL refuses.
    pub account: Option<(u32, u32)>,
}

/// A server on a unix socket.
#[derive(Debug)]
pub struct Postgres {
    programs: PostgresPrograms,
    folder: PathBuf,
    is_durable: bool,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a cluster in a folder and starts it. Without `is_durable` it does not flush to disk:
    /// faster, and as safe from everything but a loss of power.
    ///
    /// # Errors
    /// When PostgreSQL does not start.
    pub async fn start(
        programs: PostgresPrograms,
        folder: &Path,
        is_durable: bool,
    ) -> anyhow::Result<Self> {
        fs::create_dir(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        if let Some((uid, gid)) = programs.account {
            chown(folder, Some(uid), Some(gid))?;
        }
        let mut server = Self { programs, folder: folder.to_owned(), is_durable, child: None };
        let output = server
            .command("initdb")
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust"])
            .args(["--username=postgres", "-D"])
            .arg(server.data())
            .output()
            .context("failed to run initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        server.start_again().await?;
        let mut admin = server.connect("postgres").await?;
        let statements = [
            format!("CREATE ROLE {OWNER} LOGIN NOSUPERUSER"),
            format!("CREATE DATABASE tenon_config OWNER {OWNER}"),
            format!("CREATE DATABASE tenon_execution OWNER {OWNER}"),
        ];
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await?;
        }
        admin.close().await?;
        Ok(server)
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    /// The address of the execution database for its superuser, past all links.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.url("tenon_execution")
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await.context("PostgreSQL does not answer")
    }

    /// Runs a statement as superuser in the execution database, at most so long.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let mut connection = self.connect("tenon_execution").await?;
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// Whether it takes connections and writes.
    pub async fn answers(&self) -> bool {
        let asked = self.execute("CREATE TEMPORARY TABLE probe (n integer)");
        tokio::time::timeout(Duration::from_secs(10), asked).await.is_ok_and(|done| done.is_ok())
    }

    /// Ends the server at once, as `pg_ctl stop -m immediate` does: it recovers at the next start.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop_at_once(&mut self) -> anyhow::Result<()> {
        self.end(Signal::QUIT)
    }

    /// Kills the server and all its backends, as the kernel does when memory runs out.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = Pid::from_child(&child);
        let sent = match signal {
            Signal::KILL => kill_process_group(pid, signal),
            signal => kill_process(pid, signal),
        };
        sent.context("the server does not run")?;
        child.wait().context("cannot wait for PostgreSQL")?;
        Ok(())
    }

    /// Starts the server, after an end too, at the same address.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            // The number in it may be another process's by now.
            let _ = fs::remove_file(self.data().join("postmaster.pid"));
            let mut command = self.command("postgres");
            command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
            for setting in self.settings() {
                command.args(["-c", setting]);
            }
            let log = File::options().create(true).append(true).open(self.log())?;
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            self.child = Some(spawner::spawn(command).context("failed to start postgres")?);
            match self.until_ready(give_up).await {
                Ok(()) => return Ok(()),
                // Backends of the former server may still be on their way out.
                Err(_) if Instant::now() < give_up => tokio::time::sleep(POLL * 10).await,
                Err(error) => return Err(error),
            }
        }
    }

    fn settings(&self) -> Vec<&'static str> {
        let mut settings = vec![
            "listen_addresses=",
            "shared_buffers=64MB",
            "max_connections=300",
            "jit=off",
            "log_min_messages=warning",
        ];
        if !self.is_durable {
            settings.push("fsync=off");
        }
        settings
    }

    async fn until_ready(&mut self, give_up: Instant) -> anyhow::Result<()> {
        let pid_file = self.data().join("postmaster.pid");
        loop {
            let state = fs::read_to_string(&pid_file).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            let child = self.child.as_mut().context("the server was ended")?;
            if child.try_wait()?.is_some() {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                bail!("PostgreSQL ended while it started: {log}");
            }
            ensure!(Instant::now() < give_up, "PostgreSQL does not become ready");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The numbers of the server's processes, itself first.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let Some(main) = self.child.as_ref().map(Child::id) else { return Vec::new() };
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(main).chain(children).collect()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.bin_dir.join(program));
        command.env("LC_ALL", "C").current_dir(&self.folder);
        if let Some((uid, gid)) = self.programs.account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the folder goes either way.
        drop(self.stop_at_once());
    }
}
