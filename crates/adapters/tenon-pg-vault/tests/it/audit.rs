//! The audit: append-only, also for the role that owns it, and a chain that shows what a superuser
//! did to it.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_contract::vault::Purpose;
use tenon_domain::{ProjectId, RunId, SecretId, StepId};
use tenon_pg_vault::{PgKeyStore, Settings};
use tenon_vault::audit::{AuditRecord, verify_chain};
use tenon_vault::ports::KeyStore;

use crate::fixture::{Fixture, Outcome};

/// A record, cut to microseconds as the service does.
pub fn record(project: ProjectId) -> AuditRecord {
    let micros = Timestamp::now().as_microsecond();
    AuditRecord {
        project,
        at: Timestamp::from_microsecond(micros).expect("now is a time"),
        caller: "worker".to_owned(),
        secret: SecretId::new(),
        version: 1,
        purpose: Purpose::Step,
        run: Some(RunId::new()),
        step: Some(StepId::new("send")),
        reference: None,
        is_granted: true,
    }
}

/// PostgreSQL refuses U+0000 in text, so it cannot be written.
fn bad_record(project: ProjectId) -> AuditRecord {
    AuditRecord { caller: "wor\0ker".to_owned(), ..record(project) }
}

#[tokio::test]
async fn no_row_can_be_changed_or_removed() -> Outcome {
    let f = Fixture::new().await?;
    let project = ProjectId::new();
    f.keys.append_audit(&[record(project)]).await?;
    let mut owner = PgConnection::connect(&f.keys_database.url).await?;
    for statement in ["UPDATE audit SET caller = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"] {
        let mut transaction = owner.begin().await?;
        let tried = format!("SET LOCAL tenon.scope = 'system'; {statement}");
        let error = sqlx::raw_sql(AssertSqlSafe(tried))
            .execute(&mut *transaction)
            .await
            .expect_err("the audit is append-only");
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(f.keys.audit(project, 0, 10).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_superuser_does_shows_in_the_chain() -> Outcome {
    let damages = [
        "UPDATE audit SET caller = 'nobody' WHERE number = 2",
        "UPDATE audit SET at = at + interval '1 microsecond' WHERE number = 2",
        "UPDATE audit SET is_granted = false WHERE number = 3",
        "UPDATE audit SET step_id = NULL WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = 1",
    ];
    for damage in damages {
        let f = Fixture::new().await?;
        let project = ProjectId::new();
        f.keys.append_audit(&[record(project), record(project), record(project)]).await?;
        verify_chain(&f.keys.audit(project, 0, 10).await?).expect("it is whole");
        let mut superuser = PgConnection::connect(&f.keys_database.superuser_url).await?;
        let statement = format!("ALTER TABLE audit DISABLE TRIGGER ALL; {damage}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut superuser).await?;
        let chain = f.keys.audit(project, 0, 10).await?;
        assert!(verify_chain(&chain).is_err(), "nobody noticed: {damage}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_is_written_whole_or_not_at_all() -> Outcome {
    let f = Fixture::new().await?;
    let project = ProjectId::new();
    assert!(f.keys.append_audit(&[record(project), bad_record(project)]).await.is_err());
    assert_eq!(f.keys.audit(project, 0, 10).await?, []);
    f.keys.append_audit(&[record(project)]).await?;
    // The same again, now that the store knows where the chain ends.
    assert!(f.keys.append_audit(&[record(project), bad_record(project)]).await.is_err());
    f.keys.append_audit(&[record(project)]).await?;
    assert_eq!(numbers(&f.keys, project).await?, [1, 2], "the chain has a gap");
    Ok(())
}

#[tokio::test]
async fn processes_that_take_turns_leave_one_chain() -> Outcome {
    let f = Fixture::new().await?;
    let other = PgKeyStore::new(&Settings::new(&f.keys_database.url))?;
    let (project, rare) = (ProjectId::new(), ProjectId::new());
    for turn in 0..12 {
        let keys = if turn % 3 == 0 { &other } else { &f.keys };
        // Once in a while a chain is among them that this process does not know.
        let second = if turn % 4 == 0 { rare } else { project };
        keys.append_audit(&[record(project), record(second)]).await?;
    }
    let chain = f.keys.audit(project, 0, 100).await?;
    assert_eq!(verify_chain(&chain).map(|head| head.number), Ok(21));
    let chain = f.keys.audit(rare, 0, 100).await?;
    assert_eq!(verify_chain(&chain).map(|head| head.number), Ok(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_append_at_once_leave_one_chain() -> Outcome {
    let f = Fixture::new().await?;
    let other = PgKeyStore::new(&Settings::new(&f.keys_database.url))?;
    let projects = [ProjectId::new(), ProjectId::new()];
    let mut tasks = Vec::new();
    for writer in 0..6 {
        let keys = if writer % 2 == 0 { f.keys.clone() } else { other.clone() };
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                keys.append_audit(&projects.map(record)).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    for project in projects {
        let chain = f.keys.audit(project, 0, 1_000).await?;
        assert_eq!(verify_chain(&chain).map(|head| head.number), Ok(150));
    }
    Ok(())
}

/// A store that remembers the end of a chain does not go on from a row that is not there.
#[tokio::test]
async fn a_chain_goes_on_from_what_is_there_after_the_database_was_put_back() -> Outcome {
    let f = Fixture::new().await?;
    let project = ProjectId::new();
    for _ in 0..3 {
        f.keys.append_audit(&[record(project)]).await?;
    }
    let mut superuser = PgConnection::connect(&f.keys_database.superuser_url).await?;
    let put_back = "ALTER TABLE audit DISABLE TRIGGER ALL; DELETE FROM audit WHERE number > 1";
    sqlx::raw_sql(put_back).execute(&mut superuser).await?;
    for _ in 0..2 {
        f.keys.append_audit(&[record(project)]).await?;
    }
    assert_eq!(numbers(&f.keys, project).await?, [1, 2, 3]);
    verify_chain(&f.keys.audit(project, 0, 10).await?).expect("it is whole");
    Ok(())
}

async fn numbers(keys: &PgKeyStore, project: ProjectId) -> anyhow::Result<Vec<i64>> {
    let chain = keys.audit(project, 0, 100).await?;
    Ok(chain.iter().map(|(_, link)| link.number).collect())
}
