//! What runs were accepted with, from the job to history; ticks in parts.

use bytes::Bytes;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tenon_domain::{ConfigurationId, CredentialId, ProjectId, WorkflowId};
use tenon_exec::ports::blobs::BlobRef;
use tenon_exec::ports::history::{HistoryReader, Payload, RunFilter, RunStatus};
use tenon_exec::ports::schedule::{ScheduleKey, ScheduleStore, TickPart, TickProgress};
use tenon_exec::ports::store::{Installation, InstallationScope, Job, JobStore};
use uuid::Uuid;

use crate::fixture::{Fixture, Outcome, finish};

/// U+0000 is in it, as users can write it.
const VALUES: &[u8] = b"{\"settings\":{\"a\":\"\\u0000\"}}";

fn installation() -> Installation {
    Installation {
        credential: CredentialId::new(),
        configuration: ConfigurationId::new(),
        values: Payload::Inline(Bytes::from_static(VALUES)),
    }
}

fn job(f: &Fixture, installation: &Installation) -> Job {
    Job { installation: Some(installation.clone()), ..f.job() }
}

#[tokio::test]
async fn an_installation_stays_with_its_run_to_the_end_and_beyond() -> Outcome {
    let f = Fixture::new().await?;
    let inline = installation();
    let blob = BlobRef { segment: Uuid::new_v4(), offset: 7, len: 70_000, crc32: 5 };
    let large = Installation { values: Payload::Blob(blob), ..installation() };
    let jobs = [job(&f, &inline), job(&f, &large), f.job(), job(&f, &inline)];
    f.accept(&jobs.each_ref()).await?;
    for job in &jobs {
        let read = f.store.load(&[job.run]).await?.remove(0).installation;
        assert_eq!(read, job.installation);
        assert_eq!(f.reader.installation(f.project, job.run).await?, job.installation);
    }
    for job in &jobs[..3] {
        f.commit(finish(job, RunStatus::Succeeded)).await?;
    }
    assert!(f.store.cancel(f.project, jobs[3].run).await?);
    for job in &jobs {
        assert_eq!(f.reader.installation(f.project, job.run).await?, job.installation);
        let shown = f.reader.run(f.project, job.run).await?.ok_or("it has ended")?;
        let expected = job.installation.as_ref();
        assert_eq!(shown.credential, expected.map(|it| it.credential));
        assert_eq!(shown.configuration, expected.map(|it| it.configuration));
        assert_eq!(f.reader.installation(ProjectId::new(), job.run).await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn runs_are_listed_by_account_and_configuration_open_and_ended() -> Outcome {
    let f = Fixture::new().await?;
    let mine = installation();
    let sibling = Installation { configuration: ConfigurationId::new(), ..mine.clone() };
    let jobs = [job(&f, &mine), job(&f, &sibling), job(&f, &installation()), f.job()];
    let again = job(&f, &mine);
    f.accept(&[&jobs[0], &jobs[1], &jobs[2], &jobs[3], &again]).await?;
    f.commit(finish(&jobs[0], RunStatus::Succeeded)).await?;
    let list = async |credential, configuration| {
        let filter = RunFilter { credential, configuration, ..RunFilter::default() };
        let page = f.reader.list(f.project, &filter, None, 10).await?;
        let mut runs: Vec<_> = page.runs.into_iter().map(|run| run.id).collect();
        runs.sort();
        Ok::<_, tenon_exec::ports::history::Error>(runs)
    };
    let sorted = |mut runs: Vec<_>| {
        runs.sort();
        runs
    };
    let of_account = sorted(vec![jobs[0].run, jobs[1].run, again.run]);
    assert_eq!(list(Some(mine.credential), None).await?, of_account);
    let of_configuration = sorted(vec![jobs[0].run, again.run]);
    assert_eq!(list(None, Some(mine.configuration)).await?, of_configuration);
    assert_eq!(list(Some(mine.credential), Some(CONFIGURATION)).await?, []);
    assert_eq!(list(None, None).await?.len(), 5);
    Ok(())
}

const CONFIGURATION: ConfigurationId = ConfigurationId::from_uuid(Uuid::max());

#[tokio::test]
async fn open_runs_of_an_installation_end_as_cancelled_and_others_stay() -> Outcome {
    let f = Fixture::new().await?;
    let mine = installation();
    let sibling = Installation { configuration: ConfigurationId::new(), ..mine.clone() };
    let jobs = [job(&f, &mine), job(&f, &mine), job(&f, &sibling), job(&f, &installation())];
    let plain = f.job();
    f.accept(&[&jobs[0], &jobs[1], &jobs[2], &jobs[3], &plain]).await?;
    let now = Timestamp::now() + SignedDuration::from_secs(1);
    let cancel = async |project, scope, until| {
        let mut runs = f.store.cancel_installation(project, scope, until).await?;
        runs.sort();
        Ok::<_, tenon_exec::ports::store::Error>(runs)
    };
    let workflow = InstallationScope::Workflow(mine.configuration, jobs[0].workflow);
    assert_eq!(cancel(ProjectId::new(), workflow, now).await?, []);
    let before = now - SignedDuration::from_mins(1);
    assert_eq!(cancel(f.project, workflow, before).await?, [], "accepted since");
    assert_eq!(cancel(f.project, workflow, now).await?, [jobs[0].run]);
    assert_eq!(f.status(jobs[0].run).await?, Some(RunStatus::Cancelled));
    assert_eq!(cancel(f.project, workflow, now).await?, [], "once");
    let configuration = InstallationScope::Configuration(mine.configuration);
    assert_eq!(cancel(f.project, configuration, now).await?, [jobs[1].run]);
    let account = InstallationScope::Account(mine.credential);
    assert_eq!(cancel(f.project, account, now).await?, [jobs[2].run]);
    assert_eq!(f.open().await?, [jobs[3].run, plain.run].into());
    Ok(())
}

/// A schedule and its next tick.
async fn ticking(f: &Fixture) -> Result<(ScheduleKey, Timestamp), Box<dyn std::error::Error>> {
    let key = ScheduleKey::of(WorkflowId::new(), "* * * * * *", "UTC");
    let now = Timestamp::now().round(jiff::Unit::Second)?;
    f.store.last_tick(&key, now).await?;
    Ok((key, now + SignedDuration::from_secs(10)))
}

#[tokio::test]
async fn a_part_of_a_tick_is_accepted_by_one_of_many_and_only_where_it_begins() -> Outcome {
    let f = Fixture::new().await?;
    let (key, tick) = ticking(&f).await?;
    assert_eq!(f.store.tick_progress(&key, tick).await?, TickProgress::Untouched);
    let [first, second] = [ConfigurationId::new(), ConfigurationId::new()];
    let parts = [
        TickPart { tick, after: None, through: Some(first) },
        TickPart { tick, after: Some(first), through: Some(second) },
        TickPart { tick, after: Some(second), through: None },
    ];
    let progress =
        [TickProgress::Through(first), TickProgress::Through(second), TickProgress::Done];
    for (index, (part, expected)) in parts.iter().zip(progress).enumerate() {
        let early = parts[(index + 1) % 3];
        assert!(!f.store.accept_tick_part(&key, early, &[f.job()]).await?, "out of order");
        let jobs: Vec<[Job; 2]> = (0..8).map(|_| [f.job(), f.job()]).collect();
        let tries = jobs.iter().map(|jobs| f.store.accept_tick_part(&key, *part, jobs));
        let accepted: Vec<bool> = join_all(tries).await.into_iter().collect::<Result<_, _>>()?;
        assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1);
        assert_eq!(f.store.tick_progress(&key, tick).await?, expected);
        assert_eq!(f.open().await?.len(), 2 * (index + 1));
    }
    assert_eq!(f.store.last_tick(&key, Timestamp::now()).await?, tick);
    assert!(!f.store.accept_tick_part(&key, parts[0], &[f.job()]).await?, "it is behind");
    Ok(())
}

#[tokio::test]
async fn a_tick_that_was_left_behind_does_not_stop_the_next_one() -> Outcome {
    let f = Fixture::new().await?;
    let (key, tick) = ticking(&f).await?;
    let left = TickPart { tick, after: None, through: Some(ConfigurationId::new()) };
    assert!(f.store.accept_tick_part(&key, left, &[f.job()]).await?);
    let next = tick + SignedDuration::from_secs(10);
    assert_eq!(f.store.tick_progress(&key, next).await?, TickProgress::Untouched);
    let whole = TickPart { tick: next, after: None, through: None };
    assert!(f.store.accept_tick_part(&key, whole, &[]).await?, "also where nobody is left");
    assert_eq!(f.store.tick_progress(&key, tick).await?, TickProgress::Done);
    assert_eq!(f.store.last_tick(&key, tick).await?, next);
    Ok(())
}
