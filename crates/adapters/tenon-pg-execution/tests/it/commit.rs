//! Results, suspends and ends: the first commit wins, and the end is the end.

use tenon_domain::ProjectId;
use tenon_exec::ports::history::{HistoryReader, RunFilter, RunStatus, StepStatus};
use tenon_exec::ports::queue::DueMs;
use tenon_exec::ports::store::{Batch, Iteration, JobStore, ResultScope};

use crate::fixture::{Fixture, Outcome, finish, output, result, steps, suspend};

#[tokio::test]
async fn the_first_result_of_an_attempt_wins() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    f.commit(steps(&[result(&job, "a", "1")])).await?;
    f.commit(steps(&[result(&job, "a", "2"), result(&job, "b", "3")])).await?;
    let results = f.results(job.run).await?;
    let outputs: Vec<&[u8]> = results.iter().map(output).collect();
    assert_eq!(outputs, [b"1", b"3"]);
    Ok(())
}

#[tokio::test]
async fn attempts_and_iterations_are_results_of_their_own() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let mut second = result(&job, "a", "2");
    second.attempt = 2;
    let mut inside = result(&job, "a", "3");
    inside.iteration = Iteration::from_slice(&[0]);
    f.commit(steps(&[result(&job, "a", "1"), second, inside])).await?;
    assert_eq!(f.results(job.run).await?.len(), 2);
    let scope = ResultScope::Iteration(Iteration::from_slice(&[0]));
    assert_eq!(f.store.results(job.run, scope).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn results_below_an_iteration_come_in_the_order_of_the_items() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let rows: Vec<_> = [[1, 300], [0, 2], [1, 256], [1, 2], [2, 0]]
        .iter()
        .map(|at| {
            let mut row = result(&job, "a", &format!("\"{}.{}\"", at[0], at[1]));
            row.iteration = Iteration::from_slice(at);
            row
        })
        .collect();
    f.commit(steps(&rows)).await?;
    let step = rows[0].step.clone();
    let scope = ResultScope::StepBelow(step, Iteration::from_slice(&[1]));
    let found = f.store.results(job.run, scope).await?;
    let outputs: Vec<&[u8]> = found.iter().map(output).collect();
    assert_eq!(outputs, [&b"\"1.2\""[..], b"\"1.256\"", b"\"1.300\""]);
    Ok(())
}

#[tokio::test]
async fn the_keys_of_iterations_are_those_of_the_last_attempts() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let mut first = result(&job, "a", "1");
    first.iteration = Iteration::from_slice(&[4]);
    first.status = StepStatus::Retrying;
    let mut second = first.clone();
    (second.attempt, second.status) = (2, StepStatus::Succeeded);
    f.commit(steps(&[first, second, result(&job, "root", "0")])).await?;
    let keys = f.store.results(job.run, ResultScope::IterationKeys).await?;
    let keys: Vec<_> =
        keys.iter().map(|key| (key.attempt, key.status, key.output.is_some())).collect();
    assert_eq!(keys, [(2, StepStatus::Succeeded, false)]);
    Ok(())
}

#[tokio::test]
async fn a_suspended_run_stays_open_until_its_time() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let due = jiff::Timestamp::now().as_millisecond() + 60_000;
    f.commit(suspend(&job, due)).await?;
    let open = f.store.open_jobs(None, 10).await?;
    assert_eq!(open[0].due, Some(DueMs(due)));
    assert!(f.store.load(&[job.run]).await?[0].has_progress, "its results would not be read");
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Waiting));
    Ok(())
}

#[tokio::test]
async fn a_run_ends_once() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    f.commit(finish(&job, RunStatus::Succeeded)).await?;
    f.commit(finish(&job, RunStatus::Failed)).await?;
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Succeeded));
    assert!(f.open().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_run_that_has_ended_is_not_suspended() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    f.commit(finish(&job, RunStatus::Failed)).await?;
    f.commit(suspend(&job, i64::from(u32::MAX) * 1_000)).await?;
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Failed));
    assert!(f.open().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn one_batch_is_one_transaction() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let mut broken = result(&job, "b", "1");
    // PostgreSQL refuses a null character in text.
    broken.step = tenon_domain::StepId::new("b\0");
    let batch =
        Batch { steps: vec![result(&job, "a", "1"), broken], ..finish(&job, RunStatus::Succeeded) };
    assert!(f.commit(batch).await.is_err());
    assert!(f.results(job.run).await?.is_empty());
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Queued));
    Ok(())
}

#[tokio::test]
async fn only_an_open_run_of_the_project_is_cancelled() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    assert!(!f.store.cancel(ProjectId::new(), job.run).await?);
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Queued));
    assert!(f.store.cancel(f.project, job.run).await?);
    assert!(!f.store.cancel(f.project, job.run).await?);
    f.commit(finish(&job, RunStatus::Succeeded)).await?;
    assert_eq!(f.status(job.run).await?, Some(RunStatus::Cancelled));
    Ok(())
}

#[tokio::test]
async fn crashes_are_counted_for_open_runs_only() -> Outcome {
    let f = Fixture::new().await?;
    let (open, ended) = (f.open_job().await?, f.open_job().await?);
    f.commit(finish(&ended, RunStatus::Succeeded)).await?;
    f.store.count_crashes(&[open.run, ended.run]).await?;
    assert_eq!(f.store.count_crashes(&[open.run, ended.run]).await?, [(open.run, 2)]);
    Ok(())
}

#[tokio::test]
async fn a_run_is_listed_once_whether_it_is_open_or_has_ended() -> Outcome {
    let f = Fixture::new().await?;
    let mut expected = Vec::new();
    for n in 0..6 {
        let job = f.open_job().await?;
        if n % 2 == 0 {
            f.commit(finish(&job, RunStatus::Succeeded)).await?;
        }
        expected.insert(0, job.run);
    }
    expected.sort();
    expected.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = f.reader.list(f.project, &RunFilter::default(), cursor, 4).await?;
        seen.extend(page.runs.iter().map(|run| run.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn a_pause_is_a_record_of_its_own_and_no_attempt() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    let record = |attempt, pauses, status| {
        let mut row = result(&job, "a", "1");
        (row.attempt, row.pauses, row.status) = (attempt, pauses, status);
        row
    };
    let rows = [
        record(1, 0, StepStatus::Waiting),
        record(2, 1, StepStatus::Waiting),
        record(3, 2, StepStatus::Retrying),
        record(4, 2, StepStatus::Succeeded),
    ];
    f.commit(steps(&rows)).await?;
    let read: Vec<_> = f.results(job.run).await?.iter().map(|it| (it.attempt, it.pauses)).collect();
    assert_eq!(read, [(1, 0), (2, 1), (3, 2), (4, 2)], "the engine counts on from there");
    let shown = f.reader.steps(f.project, job.run, None, 10).await?.steps;
    let shown: Vec<_> = shown.iter().map(|it| (it.attempt, it.status)).collect();
    let expected = [
        (1, StepStatus::Waiting),
        (1, StepStatus::Waiting),
        (1, StepStatus::Retrying),
        (2, StepStatus::Succeeded),
    ];
    assert_eq!(shown, expected, "people see attempts");
    let run = f.reader.run(f.project, job.run).await?.expect("an open run");
    assert_eq!(run.attempts, 2);
    let listed = f.reader.list(f.project, &RunFilter::default(), None, 5).await?.runs;
    assert_eq!(listed[0].attempts, 2);
    Ok(())
}
