//! One transaction with its scope. The rows of each noun are in the file of that noun.

use async_trait::async_trait;
use sqlx::{PgConnection, Postgres, Transaction};
use tenon_config::ports::{Scope, StoreError, UnitOfWork};

use crate::error::failed;

/// A transaction that sees its scope only.
pub(crate) struct PgUnitOfWork {
    transaction: Transaction<'static, Postgres>,
}

impl PgUnitOfWork {
    /// Narrows a fresh transaction to a scope. The setting ends with the transaction, so a pooled
    /// connection never carries it on to the next one.
    pub(crate) async fn new(
        mut transaction: Transaction<'static, Postgres>,
        scope: Scope,
    ) -> Result<Self, StoreError> {
        let (project, scope) = match scope {
            Scope::Project(project) => (project.to_string(), "project"),
            Scope::System => (String::new(), "system"),
        };
        sqlx::query!(
            "SELECT set_config('tenon.project_id', $1, true) AS project,
                    set_config('tenon.scope', $2, true) AS scope",
            project,
            scope,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed("set the scope of a transaction"))?;
        Ok(Self { transaction })
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

#[async_trait]
impl UnitOfWork for PgUnitOfWork {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(failed("commit"))
    }
}
