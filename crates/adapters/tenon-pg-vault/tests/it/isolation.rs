//! Walls: between the two databases, and between the projects inside each.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_domain::ProjectId;
use tenon_testkit::postgres_server::TestDatabase;
use tenon_vault::ports::{KeyStore, ValueStore};

use crate::audit::record;
use crate::fixture::{Fixture, Outcome, as_role, credential_owner, data_key, ring_key, role_of};

const VALUE_TABLES: [&str; 1] = ["secret"];
const KEY_TABLES: [&str; 3] = ["ring_key", "data_key", "audit"];

/// Gives a project one row in every tenant table of both databases.
async fn fill(f: &Fixture) -> anyhow::Result<ProjectId> {
    let owner = credential_owner();
    f.put(&owner).await?;
    let ring = ring_key(owner.project, 1);
    f.keys.insert_ring_key(&ring).await?;
    f.keys.insert_data_key(&data_key(&ring)).await?;
    f.keys.append_audit(&[record(owner.project)]).await?;
    Ok(owner.project)
}

fn tables(f: &Fixture) -> Vec<(&TestDatabase, &'static str)> {
    let values = VALUE_TABLES.iter().map(|table| (&f.values_database, *table));
    values.chain(KEY_TABLES.iter().map(|table| (&f.keys_database, *table))).collect()
}

/// How many rows a transaction of the plain role sees, with no condition in the query.
async fn visible_rows(url: &str, table: &str, setting: &str) -> anyhow::Result<i64> {
    let mut connection = PgConnection::connect(url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(setting.to_owned())).execute(&mut *transaction).await?;
    let query = format!("SELECT count(*) FROM {table}");
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *transaction).await?)
}

fn as_project(project: ProjectId) -> String {
    format!("SET LOCAL tenon.project_id = '{project}'")
}

#[tokio::test]
async fn the_role_of_one_database_cannot_read_the_other() -> Outcome {
    let f = Fixture::new().await?;
    let values_role = role_of(&f.values_database.url)?;
    let keys_role = role_of(&f.keys_database.url)?;
    for (database, role, tables) in [
        (&f.keys_database, values_role, &KEY_TABLES[..]),
        (&f.values_database, keys_role, &VALUE_TABLES[..]),
    ] {
        let url = as_role(&database.url, role)?;
        let error = PgConnection::connect(&url).await.expect_err("it may not even connect");
        assert!(error.to_string().contains("permission denied"), "{error}");
        // And where an operator lets it connect, the tables are still closed.
        let mut superuser = PgConnection::connect(&database.superuser_url).await?;
        let grant = format!(
            "DO $$ BEGIN
                 EXECUTE format('GRANT CONNECT ON DATABASE %I TO {role}', current_database());
             END $$"
        );
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut superuser).await?;
        for table in tables {
            let setting = "SET LOCAL tenon.scope = 'system'";
            let error = visible_rows(&url, table, setting).await.expect_err("it is closed");
            assert!(error.to_string().contains("permission denied"), "{table}: {error}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_project_sees_no_row_of_any_table() -> Outcome {
    let f = Fixture::new().await?;
    let project = fill(&f).await?;
    for (database, table) in tables(&f) {
        let rows = async |setting: &str| visible_rows(&database.url, table, setting).await;
        assert_eq!(rows(&as_project(ProjectId::new())).await?, 0, "{table}");
        assert_eq!(rows("SELECT 1").await?, 0, "{table} without a scope");
        assert_eq!(rows(&as_project(project)).await?, 1, "{table}: own rows");
    }
    Ok(())
}

/// The test above proves something only if it fails without the policies.
#[tokio::test]
async fn without_the_policies_another_project_would_see_them() -> Outcome {
    let f = Fixture::new().await?;
    fill(&f).await?;
    for (database, table) in tables(&f) {
        let mut superuser = PgConnection::connect(&database.superuser_url).await?;
        let off = format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        sqlx::raw_sql(AssertSqlSafe(off)).execute(&mut superuser).await?;
        let seen = visible_rows(&database.url, table, &as_project(ProjectId::new())).await?;
        assert_eq!(seen, 1, "{table} is kept apart by something else than its policy");
    }
    Ok(())
}

#[tokio::test]
async fn every_table_forces_row_level_security() -> Outcome {
    let f = Fixture::new().await?;
    for database in [&f.values_database, &f.keys_database] {
        let mut superuser = PgConnection::connect(&database.superuser_url).await?;
        let open: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
               AND c.relname <> '_sqlx_migrations'
               AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        )
        .fetch_all(&mut superuser)
        .await?;
        assert!(open.is_empty(), "{open:?}");
    }
    Ok(())
}

/// A pooled connection serves one project after the other.
#[tokio::test]
async fn the_scope_of_a_transaction_does_not_stay_on_its_connection() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    f.put(&owner).await?;
    let mut connection = PgConnection::connect(&f.values_database.url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(as_project(owner.project))).execute(&mut *transaction).await?;
    transaction.commit().await?;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM secret").fetch_one(&mut connection).await?;
    assert_eq!(left, 0, "the scope stayed");
    Ok(())
}

#[tokio::test]
async fn one_database_cannot_serve_as_both() -> Outcome {
    let f = Fixture::new().await?;
    let settings = tenon_pg_vault::Settings::new(&f.values_database.url);
    let keys = tenon_pg_vault::PgKeyStore::new(&settings)?;
    assert!(keys.migrate().await.is_err(), "values and keys are in one database");
    Ok(())
}

#[tokio::test]
async fn a_deleted_secret_leaves_no_name_and_no_bytes() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let head = f.put(&owner).await?;
    assert!(f.values.delete(owner.project, head.secret).await?);
    let mut superuser = PgConnection::connect(&f.values_database.superuser_url).await?;
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM secret
         WHERE user_id IS NOT NULL OR credential_id IS NOT NULL OR envelope IS NOT NULL",
    )
    .fetch_one(&mut superuser)
    .await?;
    assert_eq!(left, 0, "the tombstone names a person or holds a value");
    Ok(())
}
