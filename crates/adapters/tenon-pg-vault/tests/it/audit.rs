//! The audit: append-only, also for the role that owns it, and a chain that shows what a superuser
//! did to it.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_contract::vault::Purpose;
use tenon_domain::{ProjectId, RunId, SecretId, StepId};
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
    // PostgreSQL refuses U+0000 in text, so the second record cannot be written.
    let bad = AuditRecord { caller: "wor\0ker".to_owned(), ..record(project) };
    assert!(f.keys.append_audit(&[record(project), bad]).await.is_err());
    assert_eq!(f.keys.audit(project, 0, 10).await?, []);
    f.keys.append_audit(&[record(project)]).await?;
    let chain = f.keys.audit(project, 0, 10).await?;
    assert_eq!(chain.first().map(|(_, link)| link.number), Some(1), "the chain has no gap");
    Ok(())
}
