//! A bounded pool of connections to one of the two databases, and transactions that see one scope.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Postgres, Transaction};
use tenon_domain::ProjectId;
use tenon_vault::ports::StoreError;

/// How to reach a database, and how much of it to take.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user@host/database`; the user owns the tables and is no superuser. The two
    /// databases of the vault have two users. Not shown anywhere: it may hold a password.
    pub url: String,
    /// Connections of this process that read and write.
    pub connections_max: u32,
    /// Connections of this process that only read: opening values, following changes.
    pub readers_max: u32,
    /// How long to wait for a free connection, or for a new one.
    pub acquire_timeout: Duration,
    /// How long one statement may run; also how long a transaction may wait for its next one.
    pub statement_timeout: Duration,
    /// A connection that was idle for longer is tried before it is used.
    pub ping_after_idle: Duration,
}

impl Settings {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections_max: 6,
            readers_max: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            ping_after_idle: Duration::from_secs(1),
        }
    }
}

/// Why a store cannot be opened or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Change the URL.
    #[error("the URL of the database {database} cannot be read")]
    Url {
        /// Which database.
        database: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database is away, refuses, or holds the tables of something else.
    #[error("failed to migrate the database {database}")]
    Migrate {
        /// Which database.
        database: &'static str,
        /// Why.
        #[source]
        source: MigrateError,
    },
}

/// The pools of connections to one of the two databases.
#[derive(Debug, Clone, Copy)]
pub struct Pools<'a> {
    /// For what writes.
    pub writers: &'a PgPool,
    /// For what only reads.
    pub readers: &'a PgPool,
}

/// One of the two databases. It connects when it is first used, so that a process starts while
/// the database is away.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    name: &'static str,
    pool: PgPool,
    readers: PgPool,
}

impl Database {
    pub(crate) fn new(name: &'static str, settings: &Settings) -> Result<Self, DatabaseError> {
        let timeout_ms = settings.statement_timeout.as_millis().to_string();
        let options = PgConnectOptions::from_str(&settings.url)
            .map_err(|source| DatabaseError::Url { database: name, source })?
            .application_name(name)
            .options([
                ("statement_timeout", timeout_ms.as_str()),
                ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
                ("client_min_messages", "warning"),
            ]);
        let readers = options
            .clone()
            .options([("tenon.scope", "system"), ("default_transaction_read_only", "on")]);
        Ok(Self {
            name,
            pool: pool(settings, settings.connections_max, options),
            readers: pool(settings, settings.readers_max, readers),
        })
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    pub(crate) async fn migrate(&self, migrator: &Migrator) -> Result<(), DatabaseError> {
        migrator
            .run(&self.pool)
            .await
            .map_err(|source| DatabaseError::Migrate { database: self.name, source })
    }

    /// For single statements that read, by whole primary key or over all projects.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.readers
    }

    /// For single statements that write and say themselves what they see.
    pub(crate) fn writers(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn pools(&self) -> Pools<'_> {
        Pools { writers: &self.pool, readers: &self.readers }
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.pool.close().await;
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let action = "reach a database of the vault";
        let mut connection = self.pool.acquire().await.map_err(failed(action))?;
        connection.ping().await.map_err(failed(action))
    }

    /// A transaction that sees one project: one round trip.
    pub(crate) async fn of_project(
        &self,
        project: ProjectId,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        // Safe: a UUID prints as hexadecimal digits and dashes.
        let begin = format!("BEGIN; SET LOCAL tenon.project_id = '{}'", project.uuid());
        self.pool.begin_with(AssertSqlSafe(begin)).await
    }

    /// A transaction that sees all projects.
    pub(crate) async fn of_system(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin_with("BEGIN; SET LOCAL tenon.scope = 'system'").await
    }
}

fn pool(settings: &Settings, connections_max: u32, options: PgConnectOptions) -> PgPool {
    let ping_after_idle = settings.ping_after_idle;
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(settings.acquire_timeout)
        // A ping before each use would double the round trips of a read.
        .test_before_acquire(false)
        .before_acquire(move |connection, about| {
            Box::pin(async move {
                if about.idle_for > ping_after_idle {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Names what was tried.
pub(crate) fn failed(action: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| StoreError { action, source: Box::new(error) }
}

/// Says that a row or an argument breaks a rule of the port.
pub(crate) fn broken(rule: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(rule.into())
}
