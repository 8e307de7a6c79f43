//! The role and the databases that Tenon uses in the embedded server.

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::cluster::SUPERUSER;
use super::{Database, PostgresError};

/// The role that owns the databases: no superuser, and row security applies to it.
const ROLE: &str = "tenon";

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
    ensure_role(&mut connection).await.map_err(failed("create the role `tenon`"))?;
    for database in Database::ALL {
        ensure_database(&mut connection, database).await.map_err(failed("create the databases"))?;
    }
    connection.close().await.map_err(failed("disconnect"))
}

async fn ensure_role(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let exists = sqlx::query_scalar::<_, bool>(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1)",
    )
    .bind(ROLE)
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        let statement = "CREATE ROLE tenon LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS";
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
        let statement = match database {
            Database::Config => "CREATE DATABASE tenon_config OWNER tenon",
            Database::Execution => "CREATE DATABASE tenon_execution OWNER tenon",
        };
        sqlx::query(statement).execute(connection).await?;
    }
    Ok(())
}

/// `postgres://tenon@localhost/<database>?host=<socket directory>`.
pub(super) fn url(socket_dir: &Path, database: &str) -> String {
    let host: String =
        url::form_urlencoded::byte_serialize(socket_dir.as_os_str().as_encoded_bytes())
            .map(|part| if part == "+" { "%20" } else { part })
            .collect();
    format!("postgres://{ROLE}@localhost/{database}?host={host}")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_url_names_the_socket_directory_whatever_is_in_its_path() {
        let folder = Path::new("/tmp/a b&c=d%/socket");
        let text = url(folder, "tenon_config");
        let options = PgConnectOptions::from_str(&text).expect("a valid URL");
        assert_eq!(options.get_socket().map(std::path::PathBuf::as_path), Some(folder));
        assert_eq!(options.get_username(), "tenon");
        assert_eq!(options.get_database(), Some("tenon_config"));
    }
}
