//! Several processes at once: one wins, and the others hear so.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tenon_domain::WorkflowId;
use tenon_exec::ports::history::RunStatus;
use tenon_exec::ports::queue::Generation;
use tenon_exec::ports::schedule::{ScheduleKey, ScheduleStore};
use tenon_exec::ports::store::{Accept, Accepted, JobStore};

use crate::fixture::{Fixture, Outcome, finish, once, result, steps};

/// Callers at once.
const CALLERS: usize = 8;

#[tokio::test]
async fn the_generation_is_raised_by_one_of_many() -> Outcome {
    let f = Fixture::new().await?;
    let from = f.store.generation().await?;
    let raised = join_all((0..CALLERS).map(|_| f.store.raise_generation(from))).await;
    for generation in raised {
        assert_eq!(generation?, Generation(from.0 + 1));
    }
    assert_eq!(f.store.generation().await?, Generation(from.0 + 1));
    Ok(())
}

#[tokio::test]
async fn a_tick_is_accepted_by_one_of_many() -> Outcome {
    let f = Fixture::new().await?;
    let key = ScheduleKey::of(WorkflowId::new(), "* * * * * *", "UTC");
    let now = Timestamp::now();
    f.store.last_tick(&key, now).await?;
    for n in 1..=5 {
        let tick = now + SignedDuration::from_secs(n);
        let jobs: Vec<_> = (0..CALLERS).map(|_| f.job()).collect();
        let tries = jobs.iter().map(|job| f.store.accept_tick(&key, tick, job));
        let accepted: Vec<bool> = join_all(tries).await.into_iter().collect::<Result<_, _>>()?;
        assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1);
    }
    assert_eq!(f.open().await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_tick_behind_the_last_one_is_not_accepted() -> Outcome {
    let f = Fixture::new().await?;
    let key = ScheduleKey::of(WorkflowId::new(), "* * * * * *", "UTC");
    let now = Timestamp::now();
    assert_eq!(f.store.last_tick(&key, now).await?.as_microsecond(), now.as_microsecond());
    let later = now + SignedDuration::from_secs(10);
    assert!(f.store.accept_tick(&key, later, &f.job()).await?);
    let between = now + SignedDuration::from_secs(5);
    assert!(!f.store.accept_tick(&key, between, &f.job()).await?);
    // A look at the schedule does not move it.
    let last = f.store.last_tick(&key, later + SignedDuration::from_secs(99)).await?;
    assert_eq!(last.as_microsecond(), later.as_microsecond());
    Ok(())
}

#[tokio::test]
async fn a_key_is_taken_by_one_of_many_and_the_others_hear_its_run() -> Outcome {
    let f = Fixture::new().await?;
    let items: Vec<Accept> =
        (0..CALLERS).map(|_| Accept { job: f.job(), once: once("k", 1) }).collect();
    let tries = items.iter().map(|item| f.store.accept(std::slice::from_ref(item)));
    let outcomes: Vec<Accepted> =
        join_all(tries).await.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let open = f.open().await?;
    assert_eq!(open.len(), 1);
    let winner = *open.first().ok_or("one run")?;
    for (item, outcome) in items.iter().zip(outcomes) {
        let expected =
            if item.job.run == winner { Accepted::New } else { Accepted::Repeat(winner) };
        assert_eq!(outcome, expected);
    }
    Ok(())
}

#[tokio::test]
async fn batches_with_the_same_keys_in_another_order_do_not_block_each_other() -> Outcome {
    let f = Fixture::new().await?;
    let batch = |is_reversed: bool| {
        let mut items: Vec<Accept> =
            (0..50).map(|n| Accept { job: f.job(), once: once(&format!("k{n}"), 1) }).collect();
        if is_reversed {
            items.reverse();
        }
        items
    };
    let batches: Vec<_> = (0..CALLERS).map(|n| batch(n % 2 == 0)).collect();
    for outcome in join_all(batches.iter().map(|items| f.store.accept(items))).await {
        outcome?;
    }
    assert_eq!(f.open().await?.len(), 50);
    Ok(())
}

#[tokio::test]
async fn a_result_and_an_end_are_committed_by_one_of_many() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let commits = (0..CALLERS).map(|n| {
        let mut batch = finish(&job, RunStatus::Succeeded);
        batch.steps = steps(&[result(&job, "a", &n.to_string())]).steps;
        f.commit(batch)
    });
    for outcome in join_all(commits).await {
        outcome?;
    }
    assert_eq!(f.results(job.run).await?.len(), 1);
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Succeeded));
    Ok(())
}
