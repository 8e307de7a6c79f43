//! Row-level security: the database itself keeps projects apart, whatever a query forgets.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_domain::ProjectId;
use tenon_exec::ports::calls::ProxyCallStore;
use tenon_exec::ports::history::{HistoryReader, RunFilter, RunStatus};
use tenon_exec::ports::store::{Accept, JobStore};
use tenon_pg_execution::CallAppender;

use crate::calls::{call, call_of_day};
use crate::fixture::{Fixture, Outcome, finish, once, result, steps};

/// The tables that belong to a project.
const TENANT_TABLES: [&str; 5] = ["job", "once_key", "run", "step_result", "proxy_call"];

/// Gives the project one row in every tenant table.
async fn fill(f: &Fixture) -> Outcome {
    let ended = f.open_job().await?;
    f.commit(steps(&[result(&ended, "a", "1")])).await?;
    f.commit(finish(&ended, RunStatus::Succeeded)).await?;
    f.store.accept(&[Accept { job: f.job(), once: once("k", 1) }]).await?;
    CallAppender::connect(&f.database.url)?.append(&[call(f, 0)]).await?;
    Ok(())
}

/// How many rows a transaction of the plain role sees, with no condition in the query.
async fn visible_rows(
    f: &Fixture,
    table: &str,
    setting: &str,
) -> Result<i64, Box<dyn std::error::Error>> {
    let mut connection = PgConnection::connect(&f.database.url).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(setting.to_owned())).execute(&mut *transaction).await?;
    let query = format!("SELECT count(*) FROM {table}");
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *transaction).await?)
}

fn as_project(project: ProjectId) -> String {
    format!("SET LOCAL tenon.project_id = '{project}'")
}

#[tokio::test]
async fn another_project_sees_no_row_of_any_table() -> Outcome {
    let f = Fixture::new().await?;
    fill(&f).await?;
    for table in TENANT_TABLES {
        assert_eq!(visible_rows(&f, table, &as_project(ProjectId::new())).await?, 0, "{table}");
        assert_eq!(visible_rows(&f, table, "SELECT 1").await?, 0, "{table} without a scope");
        assert_eq!(visible_rows(&f, table, &as_project(f.project)).await?, 1, "{table}: own rows");
    }
    Ok(())
}

/// The test above proves something only if it fails without the policies.
#[tokio::test]
async fn without_the_policies_another_project_would_see_them() -> Outcome {
    let f = Fixture::new().await?;
    fill(&f).await?;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    for table in TENANT_TABLES {
        let statement = format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut superuser).await?;
        assert_eq!(visible_rows(&f, table, &as_project(ProjectId::new())).await?, 1, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_partition_that_is_read_by_its_own_name_shows_nothing_to_another_project() -> Outcome {
    let f = Fixture::new().await?;
    fill(&f).await?;
    let day = jiff::Timestamp::now().strftime("%Y%m%d").to_string();
    // A run of long ago lies in the default partitions.
    let old = f.job_of_day(500);
    f.accept(&[&old]).await?;
    f.commit(steps(&[result(&old, "a", "1")])).await?;
    f.commit(finish(&old, RunStatus::Succeeded)).await?;
    CallAppender::connect(&f.database.url)?.append(&[call_of_day(f.project, 500, 0)]).await?;
    for partition in ["run", "step_result", "proxy_call"]
        .iter()
        .flat_map(|table| [format!("{table}_{day}"), format!("{table}_default")])
    {
        let seen = visible_rows(&f, &partition, &as_project(ProjectId::new())).await?;
        assert_eq!(seen, 0, "{partition}");
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_of_another_project_finds_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    f.commit(steps(&[result(&job, "a", "1")])).await?;
    for _ in 0..2 {
        let other = ProjectId::new();
        assert_eq!(f.reader.run(other, job.run).await?, None);
        assert_eq!(f.reader.input(other, job.run).await?, None);
        assert!(f.reader.steps(other, job.run, None, 10).await?.steps.is_empty());
        let list = f.reader.list(other, &RunFilter::default(), None, 10).await?;
        assert!(list.runs.is_empty());
        assert!(f.reader.run(f.project, job.run).await?.is_some());
        // The same of a run that has ended.
        f.commit(finish(&job, RunStatus::Succeeded)).await?;
    }
    Ok(())
}
