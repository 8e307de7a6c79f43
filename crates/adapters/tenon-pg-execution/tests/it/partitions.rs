//! Retention: whole days go, but never under a run that is still open.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::store::JobStore;

use crate::fixture::{Fixture, Outcome, finish, result, steps};

/// Days that are kept.
const KEEP_DAYS: u32 = 30;

/// The name of a table's partition some days ago.
fn partition(table: &str, days_ago: i64) -> String {
    let day = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
    let day = day.to_zoned(TimeZone::UTC).date();
    format!("{table}_{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// Makes the partitions that there were some days ago.
async fn make_partitions(f: &Fixture, days_ago: i64) -> Outcome {
    let then = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
    f.store.maintain_partitions(then, Some(10_000)).await?;
    Ok(())
}

#[tokio::test]
async fn a_day_that_is_too_old_is_dropped_with_its_runs_and_results() -> Outcome {
    let f = Fixture::new().await?;
    make_partitions(&f, 40).await?;
    let (old, young) = (f.job_of_day(40), f.job());
    f.accept(&[&old, &young]).await?;
    for job in [&old, &young] {
        f.commit(steps(&[result(job, "a", "1")])).await?;
        f.commit(finish(job, RunStatus::Succeeded)).await?;
    }
    let dropped = f.store.maintain_partitions(Timestamp::now(), Some(KEEP_DAYS)).await?;
    for table in ["run", "step_result"] {
        assert!(dropped.contains(&partition(table, 40)), "{dropped:?}");
    }
    assert_eq!(f.status(old.run).await?, None);
    assert!(f.results(old.run).await?.is_empty());
    assert_eq!(f.status(young.run).await?, Some(RunStatus::Succeeded));
    assert_eq!(f.results(young.run).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_day_with_an_open_run_is_kept_until_that_has_ended() -> Outcome {
    let f = Fixture::new().await?;
    make_partitions(&f, 40).await?;
    let waiting = f.job_of_day(40);
    f.accept(&[&waiting]).await?;
    f.commit(steps(&[result(&waiting, "a", "1")])).await?;
    let dropped = f.store.maintain_partitions(Timestamp::now(), Some(KEEP_DAYS)).await?;
    assert!(!dropped.contains(&partition("step_result", 40)), "{dropped:?}");
    assert_eq!(f.results(waiting.run).await?.len(), 1);
    f.commit(finish(&waiting, RunStatus::Succeeded)).await?;
    let dropped = f.store.maintain_partitions(Timestamp::now(), Some(KEEP_DAYS)).await?;
    assert!(dropped.contains(&partition("step_result", 40)), "{dropped:?}");
    Ok(())
}

#[tokio::test]
async fn days_within_the_time_are_kept() -> Outcome {
    let f = Fixture::new().await?;
    make_partitions(&f, 29).await?;
    let dropped = f.store.maintain_partitions(Timestamp::now(), Some(KEEP_DAYS)).await?;
    assert!(!dropped.contains(&partition("run", 29)), "{dropped:?}");
    Ok(())
}

#[tokio::test]
async fn a_result_of_a_day_without_a_partition_is_not_lost() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.job_of_day(500);
    f.accept(&[&job]).await?;
    f.commit(steps(&[result(&job, "a", "1")])).await?;
    f.commit(finish(&job, RunStatus::Succeeded)).await?;
    assert_eq!(f.results(job.run).await?.len(), 1);
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Succeeded));
    Ok(())
}
