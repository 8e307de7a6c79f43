//! The roles and the databases that Tenon uses in the embedded server.

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::cluster::SUPERUSER;
use super::{Database, PostgresError};

/// Creates what is missing. Running it twice changes nothing.
pub(super) async fn ensure(socket_dir: &Path) -> Result<(), PostgresError> {
    let failed = |action| move |source| PostgresError::Setup { action, source };
    let options = PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(5432)
        .username(SUPERUSER)
        .database("postgres")
        .disable_statement_logging();
    let mut connection =
        PgConnection::connect_with(&options).await.map_err(failed("connect as superuser"))?;
    for database in Database::ALL {
        ensure_role(&mut connection, database).await.map_err(failed("create the roles"))?;
        ensure_database(&mut connection, database).await.map_err(failed("create the databases"))?;
    }
    connection.close().await.map_err(failed("disconnect"))
}

/// The owner of a database: no superuser, and row security applies to it.
async fn ensure_role(connection: &mut PgConnection, database: Database) -> Result<(), sqlx::Error> {
    let exists = sqlx::query_scalar::<_, bool>(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1)",
    )
    .bind(database.role())
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        let statement = match database {
            Database::Config | Database::Execution => {
                "CREATE ROLE tenon LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
            }
            Database::VaultValues => {
                "CREATE ROLE tenon_vault_values \
                 LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
            }
            Database::VaultKeys => {
                "CREATE ROLE tenon_vault_keys \
                 LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
            }
        };
        sqlx::query(statement).execute(connection).await?;
    }
    Ok(())
}

async fn ensure_database(
    connection: &mut PgConnection,
    database: Database,
) -> Result<(), sqlx::Error> {
    let exists = sqlx::query_scalar::<_, bool>(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1)",
    )
    .bind(database.name())
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        let (create, revoke) = match database {
            Database::Config => (
                "CREATE DATABASE tenon_config OWNER tenon",
                "REVOKE CONNECT ON DATABASE tenon_config FROM PUBLIC",
            ),
            Database::Execution => (
                "CREATE DATABASE tenon_execution OWNER tenon",
                "REVOKE CONNECT ON DATABASE tenon_execution FROM PUBLIC",
            ),
            Database::VaultValues => (
                "CREATE DATABASE tenon_vault_values OWNER tenon_vault_values",
                "REVOKE CONNECT ON DATABASE tenon_vault_values FROM PUBLIC",
            ),
            Database::VaultKeys => (
                "CREATE DATABASE tenon_vault_keys OWNER tenon_vault_keys",
                "REVOKE CONNECT ON DATABASE tenon_vault_keys FROM PUBLIC",
            ),
        };
        sqlx::query(create).execute(&mut *connection).await?;
        sqlx::query(revoke).execute(connection).await?;
    }
    Ok(())
}

/// `postgres://<role>@localhost/<database>?host=<socket directory>`.
pub(super) fn url(socket_dir: &Path, database: Database) -> String {
    let host: String =
        url::form_urlencoded::byte_serialize(socket_dir.as_os_str().as_encoded_bytes())
            .map(|part| if part == "+" { "%20" } else { part })
            .collect();
    format!("postgres://{}@localhost/{}?host={host}", database.role(), database.name())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_url_names_the_socket_directory_whatever_is_in_its_path() {
        let folder = Path::new("/tmp/a b&c=d%/socket");
        let text = url(folder, Database::Config);
        let options = PgConnectOptions::from_str(&text).expect("a valid URL");
        assert_eq!(options.get_socket().map(std::path::PathBuf::as_path), Some(folder));
        assert_eq!(options.get_username(), "tenon");
        assert_eq!(options.get_database(), Some("tenon_config"));
    }
}
