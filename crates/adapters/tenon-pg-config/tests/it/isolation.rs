//! Row-level security: the database itself keeps projects apart, whatever a query forgets.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_config::ports::Scope;
use tenon_config::{Batch, Choice, DesignChange, DisplayName, InstallationName, NewPortalLink};
use tenon_contract::secret::SecretBytes;
use tenon_domain::EndUserId;

use crate::accounts::Accounts;
use crate::fixture::{Fixture, Outcome, document};
use crate::installations::installed_document;

/// The tables that belong to a project.
const TENANT_TABLES: [&str; 19] = [
    "project",
    "api_key",
    "workflow",
    "workflow_version",
    "connected_user",
    "workflow_choice",
    "connector",
    "integration",
    "credential",
    "configuration",
    "user_revision",
    "connect_session",
    "signing_key",
    "project_secret",
    "event",
    "installation_started",
    "installation_signal",
    "project_portal",
    "portal_link",
];

/// Gives a project one row in every tenant table.
async fn fill(a: &Accounts) -> Outcome {
    let f = &a.f;
    a.configuration.link(f.project, a.fields("u1", "key")).await?;
    a.configuration.open_connect(f.project, a.connect("u1")).await?;
    a.configuration.create_signing_key(f.project).await?;
    let value = SecretBytes::from_text("a-secret-value".to_owned());
    a.configuration.create_secret(f.project, "KEY".parse()?, value).await?;
    let applied = f.configuration.apply(f.project, &[document("sync", 1)]).await?;
    let user = EndUserId::new("u1");
    let choice = Choice { user, workflow: applied[0].workflow, is_enabled: false };
    f.configuration.choose(f.project, &choice).await?;
    // Nobody is there to take what this says, so it waits.
    let own = installed_document();
    let batch = Batch { workflows: vec![own], ..Batch::default() };
    let applied = a.configuration.apply_batch(f.project, &batch).await?;
    let (user, place) = (EndUserId::new("u1"), InstallationName::default());
    let workflow = applied.workflows[0].workflow;
    a.configuration.enable_workflow(f.project, &user, workflow, &place).await?;
    let name = Some(Some("Acorn".to_owned()));
    let change = DesignChange { name, ..DesignChange::default() };
    a.configuration.change_portal_design(f.project, change).await?;
    let link = NewPortalLink {
        user,
        integration: None,
        redirect_url: None,
        meta: serde_json::Map::new(),
        ttl: None,
    };
    a.configuration.create_portal_link(f.project, link).await?;
    Ok(())
}

/// How many rows a transaction of the plain role sees, with no condition in the query.
async fn visible_rows(
    f: &Fixture,
    table: &str,
    settings: &str,
) -> Result<i64, Box<dyn std::error::Error>> {
    let mut connection = PgConnection::connect(&f.database.url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(settings.to_owned())).execute(&mut *transaction).await?;
    let query = format!("SELECT count(*) FROM {table}");
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *transaction).await?)
}

fn as_project(project: impl std::fmt::Display) -> String {
    format!("SET LOCAL tenon.project_id = '{project}'")
}

#[tokio::test]
async fn another_project_sees_no_row_of_any_table() -> Outcome {
    let a = Accounts::ready().await?;
    fill(&a).await?;
    let f = &a.f;
    let other = uuid::Uuid::new_v4();
    for table in TENANT_TABLES {
        assert_eq!(visible_rows(f, table, &as_project(other)).await?, 0, "{table}");
        assert_eq!(visible_rows(f, table, "SELECT 1").await?, 0, "{table} without a scope");
        assert!(visible_rows(f, table, &as_project(f.project)).await? > 0, "{table}: own rows");
    }
    for table in ["organisation", "team"] {
        assert_eq!(visible_rows(f, table, &as_project(f.project)).await?, 0, "{table}");
    }
    Ok(())
}

/// The test above proves something only if it fails without the policies.
#[tokio::test]
async fn without_the_policies_another_project_would_see_them() -> Outcome {
    let a = Accounts::ready().await?;
    fill(&a).await?;
    let f = &a.f;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    for table in TENANT_TABLES {
        let off =
            format!("DROP POLICY scope ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        sqlx::raw_sql(AssertSqlSafe(off)).execute(&mut superuser).await?;
        let seen = visible_rows(f, table, &as_project(uuid::Uuid::new_v4())).await?;
        assert!(seen > 0, "{table} is kept apart by something else than its policy");
    }
    Ok(())
}

#[tokio::test]
async fn every_table_with_a_project_forces_row_level_security() -> Outcome {
    let f = Fixture::new().await?;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
           AND c.relname <> '_sqlx_migrations'
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    )
    .fetch_all(&mut superuser)
    .await?;
    assert!(open.is_empty(), "{open:?}");
    Ok(())
}

#[tokio::test]
async fn a_unit_of_work_reads_and_writes_inside_its_scope_only() -> Outcome {
    let f = Fixture::new().await?;
    let other = f.other_project().await?;
    f.configuration.apply(f.project, &[document("sync", 1)]).await?;
    let mut work = f.store.begin(Scope::Project(other)).await?;
    assert!(work.workflows(f.project).await?.is_empty(), "rows of the first project are hidden");
    assert!(work.api_keys(f.project).await?.is_empty());
    assert_eq!(work.projects().await?, [other]);
    assert!(work.bump_revision(f.project).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_write_into_another_project_is_refused_by_the_policy() -> Outcome {
    let f = Fixture::new().await?;
    let other = f.other_project().await?;
    let mut connection = PgConnection::connect(&f.database.url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(as_project(other))).execute(&mut *transaction).await?;
    let insert = format!(
        "INSERT INTO connected_user (project_id, id, created_at) VALUES ('{}', 'u', now())",
        f.project
    );
    let error = sqlx::raw_sql(AssertSqlSafe(insert))
        .execute(&mut *transaction)
        .await
        .expect_err("the policy refuses it");
    assert!(error.to_string().contains("row-level security"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_scope_of_a_transaction_does_not_stay_on_its_connection() -> Outcome {
    let f = Fixture::new().await?;
    let mut connection = PgConnection::connect(&f.database.url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(as_project(f.project))).execute(&mut *transaction).await?;
    transaction.commit().await?;
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM project").fetch_one(&mut connection).await?;
    assert_eq!(seen, 0);
    Ok(())
}

#[tokio::test]
async fn ids_of_another_project_are_not_found() -> Outcome {
    let f = Fixture::new().await?;
    let other = f.other_project().await?;
    let applied = f.configuration.apply(f.project, &[document("sync", 1)]).await?;
    let key = f.configuration.create_api_key(f.project, &DisplayName::parse("ci")?).await?;
    let (workflow, version) = (applied[0].workflow, applied[0].version);
    assert!(f.configuration.workflow(other, workflow).await.is_err());
    assert!(f.configuration.versions(other, workflow).await.is_err());
    assert!(f.configuration.document(other, version).await.is_err());
    assert!(f.configuration.undeploy(other, workflow).await.is_err());
    assert!(f.configuration.revoke_api_key(other, key.key.id).await.is_err());
    let choice = Choice { user: EndUserId::new("u"), workflow, is_enabled: true };
    assert!(f.configuration.choose(other, &choice).await.is_err());
    assert!(f.configuration.users(other, Default::default()).await?.is_empty());
    Ok(())
}
