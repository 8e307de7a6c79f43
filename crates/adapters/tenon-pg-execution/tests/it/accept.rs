//! Taking work in: once by run id, once by key, all of a batch or nothing.

use std::collections::BTreeSet;

use bytes::Bytes;
use tenon_contract::grant::Grant;
use tenon_domain::{EndUserId, ProjectId};
use tenon_exec::ports::coordination::ReplyAddress;
use tenon_exec::ports::history::{HistoryReader, Payload, RunStatus};
use tenon_exec::ports::store::{Accept, Accepted, JobStore};
use tenon_telemetry::TraceContext;

use crate::fixture::{Fixture, Outcome, finish, once, result, steps};

#[tokio::test]
async fn a_job_is_read_back_as_it_was_accepted() -> Outcome {
    let f = Fixture::new().await?;
    let mut job = f.job();
    job.user = Some(EndUserId::new("ada"));
    job.grant = Some(Grant::from_text("r1.signed"));
    job.reply_to = Some(ReplyAddress("here".to_owned()));
    job.input = Payload::Inline(Bytes::from_static(b"{\"a\":\"\\u0000\"}"));
    f.accept(&[&job]).await?;
    let mut loaded = f.store.load(&[job.run]).await?;
    assert_eq!(loaded.len(), 1);
    // PostgreSQL keeps microseconds.
    let read = loaded.remove(0);
    assert_eq!(read.accepted_at.as_microsecond(), job.accepted_at.as_microsecond());
    assert_eq!(tenon_exec::ports::store::Job { accepted_at: job.accepted_at, ..read }, job);
    Ok(())
}

#[tokio::test]
async fn a_trace_goes_with_the_job_that_has_one() -> Outcome {
    let f = Fixture::new().await?;
    let (mut traced, plain, mut keyed) = (f.job(), f.job(), f.job());
    traced.trace = TraceContext::new([7; 16], [9; 8]);
    keyed.trace = TraceContext::new([1; 16], [2; 8]);
    f.accept(&[&traced, &plain]).await?;
    f.store.accept(&[Accept { job: keyed.clone(), once: once("k", 1) }]).await?;
    // A repeat after an unknown outcome leaves it as it is.
    let mut again = traced.clone();
    again.trace = TraceContext::new([3; 16], [3; 8]);
    f.accept(&[&again]).await?;
    for job in [&traced, &plain, &keyed] {
        let loaded = f.store.load(&[job.run]).await?;
        assert_eq!(loaded[0].trace, job.trace);
    }
    Ok(())
}

#[tokio::test]
async fn the_latest_steps_come_newest_first_without_their_values() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.open_job().await?;
    for step in ["a", "b", "c"] {
        f.commit(steps(&[result(&job, step, "1")])).await?;
    }
    let latest = f.reader.latest_steps(f.project, job.run, 2).await?;
    let names: Vec<&str> = latest.iter().map(|record| record.step.as_str()).collect();
    assert_eq!(names, ["c", "b"]);
    assert!(latest.iter().all(|record| record.output.is_none() && record.input.is_none()));
    let elsewhere = f.reader.latest_steps(ProjectId::new(), job.run, 2).await?;
    assert!(elsewhere.is_empty(), "another project sees nothing");
    Ok(())
}

#[tokio::test]
async fn a_run_id_is_accepted_once() -> Outcome {
    let f = Fixture::new().await?;
    let job = f.job();
    for _ in 0..2 {
        assert_eq!(f.accept(&[&job]).await?, [Accepted::New]);
    }
    assert_eq!(f.open().await?, BTreeSet::from([job.run]));
    Ok(())
}

#[tokio::test]
async fn a_key_names_the_run_that_has_it() -> Outcome {
    let f = Fixture::new().await?;
    let (first, second) = (f.job(), f.job());
    for (job, expected) in [(&first, Accepted::New), (&second, Accepted::Repeat(first.run))] {
        let item = Accept { job: job.clone(), once: once("k", 1) };
        assert_eq!(f.store.accept(&[item]).await?, [expected]);
    }
    assert_eq!(f.open().await?, BTreeSet::from([first.run]));
    Ok(())
}

#[tokio::test]
async fn a_key_with_other_content_is_a_conflict_and_accepts_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let first = Accept { job: f.job(), once: once("k", 1) };
    let second = Accept { job: f.job(), once: once("k", 2) };
    f.store.accept(std::slice::from_ref(&first)).await?;
    assert_eq!(f.store.accept(&[second]).await?, [Accepted::Conflict]);
    assert_eq!(f.open().await?, BTreeSet::from([first.job.run]));
    Ok(())
}

#[tokio::test]
async fn a_key_that_comes_twice_in_a_batch_is_accepted_once() -> Outcome {
    let f = Fixture::new().await?;
    let items: Vec<Accept> = (0..3).map(|_| Accept { job: f.job(), once: once("k", 1) }).collect();
    let outcomes = f.store.accept(&items).await?;
    let accepted = outcomes.iter().filter(|outcome| **outcome == Accepted::New).count();
    assert_eq!((accepted, f.open().await?.len()), (1, 1), "{outcomes:?}");
    Ok(())
}

#[tokio::test]
async fn a_repeat_after_an_unknown_outcome_is_new_again() -> Outcome {
    let f = Fixture::new().await?;
    let item = Accept { job: f.job(), once: once("k", 1) };
    for _ in 0..2 {
        assert_eq!(f.store.accept(std::slice::from_ref(&item)).await?, [Accepted::New]);
    }
    assert_eq!(f.open().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_key_of_another_project_is_another_key() -> Outcome {
    let f = Fixture::new().await?;
    let mine = Accept { job: f.job(), once: once("k", 1) };
    let mut theirs = Accept { job: f.job(), once: once("k", 2) };
    theirs.job.project = ProjectId::new();
    assert_eq!(f.store.accept(&[mine, theirs]).await?, [Accepted::New, Accepted::New]);
    Ok(())
}

#[tokio::test]
async fn open_jobs_come_in_pages_in_order() -> Outcome {
    let f = Fixture::new().await?;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(f.open_job().await?.run);
    }
    expected.sort();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = f.store.open_jobs(after, 3).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.run);
        seen.extend(page.iter().map(|job| job.run));
    }
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn a_replay_keeps_succeeded_results_only() -> Outcome {
    let f = Fixture::new().await?;
    let old = f.open_job().await?;
    let mut failed = result(&old, "bad", "null");
    failed.status = tenon_exec::ports::history::StepStatus::Failed;
    f.commit(steps(&[result(&old, "good", "1"), failed])).await?;
    f.commit(finish(&old, RunStatus::Failed)).await?;
    let mut replay = f.job();
    replay.replay_of = Some(old.run);
    f.store.accept_replay(&replay, true).await?;
    let kept: Vec<String> =
        f.results(replay.run).await?.iter().map(|result| result.step.to_string()).collect();
    assert_eq!(kept, ["good"]);
    assert_eq!(f.results(old.run).await?.len(), 2, "the old run lost results");
    Ok(())
}

#[tokio::test]
async fn a_replay_from_the_start_keeps_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let old = f.open_job().await?;
    f.commit(steps(&[result(&old, "good", "1")])).await?;
    f.commit(finish(&old, RunStatus::Succeeded)).await?;
    let mut replay = f.job();
    replay.replay_of = Some(old.run);
    f.store.accept_replay(&replay, false).await?;
    assert!(f.results(replay.run).await?.is_empty());
    let shown = f.reader.run(f.project, replay.run).await?.ok_or("it is open")?;
    assert_eq!(shown.replay_of, Some(old.run));
    Ok(())
}
