//! The store: a pool of connections, the migrations, and units of work.

use std::error::Error as StdError;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tenon_config::ports::{Scope, Store, StoreError, UnitOfWork};

use crate::error::failed;
use crate::unit_of_work::PgUnitOfWork;

/// How to reach the database, and how much of it to take.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user@host/database`; the user owns the tables and is no superuser. Not shown
    /// anywhere: it may hold a password.
    pub url: String,
    /// Connections of this process.
    pub connections_max: u32,
    /// How long to wait for a free connection, or for a new one.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

impl Settings {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections_max: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// The configuration database.
#[derive(Debug, Clone)]
pub struct PgConfigStore {
    pool: PgPool,
}

impl PgConfigStore {
    /// A store that connects when it is first used, so that a process starts while the database
    /// is away. Call inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when the URL cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, StoreError> {
        let timeout_ms = settings.statement_timeout.as_millis().to_string();
        let options = PgConnectOptions::from_str(&settings.url)
            .map_err(failed("read the URL of the configuration database"))?
            .application_name("tenon-config")
            .options([("statement_timeout", timeout_ms.as_str())]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(settings.acquire_timeout)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The pool, for figures of its use.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database is away, else [`StoreError::Failed`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let action = "migrate the configuration database";
        sqlx::migrate!("./migrations").run(&self.pool).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => failed(action)(error),
            other => StoreError::Failed { action, source: Box::new(other) },
        })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        let action = "ping the configuration database";
        let connection = self.pool.acquire().await;
        let mut connection = connection.map_err(|error| away(action, error))?;
        sqlx::Connection::ping(&mut *connection).await.map_err(|error| away(action, error))
    }

    /// Closes all connections, after the units of work in them.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn away(action: &'static str, error: impl StdError + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable { action, source: Box::new(error) }
}

#[async_trait]
impl Store for PgConfigStore {
    async fn begin(&self, scope: Scope) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let transaction = self.pool.begin().await.map_err(failed("begin a transaction"))?;
        Ok(Box::new(PgUnitOfWork::new(transaction, scope).await?))
    }

    async fn snapshot(&self, scope: Scope) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let statement = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let transaction =
            self.pool.begin_with(statement).await.map_err(failed("begin a snapshot"))?;
        Ok(Box::new(PgUnitOfWork::new(transaction, scope).await?))
    }
}
