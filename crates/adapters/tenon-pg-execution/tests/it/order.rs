//! The order of a job: the same for the sweep, a worker, history and a replay.

use tenon_domain::{ConfigurationId, CredentialId, ProjectId};
use tenon_exec::ports::history::{HistoryReader, Payload, RunStatus};
use tenon_exec::ports::queue::{Lane, LaneRule, Priority};
use tenon_exec::ports::store::{Installation, InstallationScope, Job, JobOrder, JobStore};

use crate::fixture::{Fixture, Outcome, finish};

fn orders() -> [JobOrder; 5] {
    let lane = |rule| Some(Lane { key: *b"0123456789abcdef", rule });
    [
        JobOrder::default(),
        JobOrder { priority: Priority::High, lane: None },
        JobOrder { priority: Priority::Low, lane: lane(LaneRule::InOrder) },
        JobOrder { priority: Priority::Normal, lane: lane(LaneRule::AtMost(1)) },
        JobOrder { priority: Priority::Normal, lane: lane(LaneRule::AtMost(10_000)) },
    ]
}

#[tokio::test]
async fn an_order_stays_with_its_run_to_the_end_and_beyond() -> Outcome {
    let f = Fixture::new().await?;
    let credential = CredentialId::new();
    let installation = Installation {
        credential,
        configuration: ConfigurationId::new(),
        values: Payload::Inline(bytes::Bytes::from_static(b"{}")),
    };
    let jobs: Vec<Job> = orders().into_iter().map(|order| Job { order, ..f.job() }).collect();
    let of_account: Vec<Job> = orders()
        .into_iter()
        .map(|order| Job { order, installation: Some(installation.clone()), ..f.job() })
        .collect();
    let all: Vec<&Job> = jobs.iter().chain(&of_account).collect();
    f.accept(&all).await?;
    let open = f.store.open_jobs(None, 100).await?;
    for job in &all {
        assert_eq!(f.store.load(&[job.run]).await?.remove(0).order, job.order);
        let swept = open.iter().find(|open| open.run == job.run).map(|open| open.order);
        assert_eq!(swept, Some(job.order), "the sweep pushes it as it was pushed first");
        assert_eq!(f.reader.order(f.project, job.run).await?, Some(job.order));
    }
    for job in &jobs[..3] {
        f.commit(finish(job, RunStatus::Failed)).await?;
    }
    for job in &jobs[3..] {
        assert!(f.store.cancel(f.project, job.run).await?);
    }
    let scope = InstallationScope::Account(credential);
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let ended = f.store.cancel_installation(f.project, scope, until).await?;
    assert_eq!(ended.len(), of_account.len());
    for job in &all {
        assert_eq!(f.reader.order(f.project, job.run).await?, Some(job.order), "ended");
        assert_eq!(f.reader.order(ProjectId::new(), job.run).await?, None, "another project");
    }
    Ok(())
}

#[tokio::test]
async fn a_replay_is_accepted_with_its_order() -> Outcome {
    let f = Fixture::new().await?;
    let order = orders()[2];
    let old = Job { order, ..f.job() };
    f.accept(&[&old]).await?;
    f.commit(finish(&old, RunStatus::Failed)).await?;
    let again = Job { replay_of: Some(old.run), order, ..f.job() };
    f.store.accept_replay(&again, true).await?;
    assert_eq!(f.store.load(&[again.run]).await?.remove(0).order, order);
    Ok(())
}

#[tokio::test]
async fn an_earlier_job_of_a_lane_is_seen_while_it_is_open() -> Outcome {
    let f = Fixture::new().await?;
    let (in_order, at_most) = (orders()[2], orders()[3]);
    let lane = in_order.lane.ok_or("it has one")?;
    let [first, second, third] = [2, 1, 0].map(|day| Job { order: in_order, ..f.job_of_day(day) });
    let unordered = Job { order: at_most, ..f.job_of_day(9) };
    f.accept(&[&first, &second, &third, &unordered]).await?;
    assert!(!f.store.has_earlier(f.project, lane, first.run).await?);
    assert!(f.store.has_earlier(f.project, lane, second.run).await?);
    f.commit(finish(&first, RunStatus::Failed)).await?;
    assert!(!f.store.has_earlier(f.project, lane, second.run).await?);
    assert!(f.store.has_earlier(f.project, lane, third.run).await?);
    assert!(!f.store.has_earlier(ProjectId::new(), lane, third.run).await?);
    Ok(())
}
