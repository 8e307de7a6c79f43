//! The change feed while writers are slow: a low number that commits late is not passed over.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_vault::ports::ValueStore;

use crate::fixture::{Fixture, Outcome, credential_owner, version};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_commits_late_is_waited_for() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let (late, early) = (f.put(&owner).await?.secret, f.put(&owner).await?.secret);
    let after = f.values.changes(0, 10).await?.last().map_or(0, |change| change.sequence);
    // A writer that draws its number first and commits last.
    let mut slow = PgConnection::connect(&f.values_database.url).await?;
    let mut transaction = slow.begin().await?;
    let statement = format!(
        "SET LOCAL tenon.scope = 'system'; UPDATE secret SET state = 3 WHERE id = '{late}'"
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    f.values.update(owner.project, early, &version(2)).await?;
    let values = f.values.clone();
    let follower = tokio::spawn(async move { values.changes(after, 10).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!follower.is_finished(), "the feed did not wait for the slow writer");
    transaction.commit().await?;
    let seen: Vec<_> = follower.await??.iter().map(|change| change.secret).collect();
    assert_eq!(seen, [late, early]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hangs_fails_the_feed_and_not_the_other_writers() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let (stuck, free) = (f.put(&owner).await?.secret, f.put(&owner).await?.secret);
    let mut slow = PgConnection::connect(&f.values_database.url).await?;
    let mut transaction = slow.begin().await?;
    let statement = format!(
        "SET LOCAL tenon.scope = 'system'; UPDATE secret SET state = 3 WHERE id = '{stuck}'"
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    assert!(f.values.changes(0, 10).await.is_err(), "the feed passed a number over");
    f.values.update(owner.project, free, &version(2)).await?;
    transaction.rollback().await?;
    assert_eq!(f.values.changes(0, 10).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_claim_is_no_change_of_the_head() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let secret = f.put(&owner).await?.secret;
    let after = f.values.changes(0, 10).await?.last().map_or(0, |change| change.sequence);
    f.values.claim(owner.project, secret, 1, Duration::from_secs(60)).await?;
    assert_eq!(f.values.changes(after, 10).await?, []);
    Ok(())
}
