//! A day is dropped when all of it is in an archive that was read back, and not before.

mod late;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenon_domain::{EndUserId, ProjectId, RunId, SystemClock};
use tenon_exec::archive::{Archiver, Limits, Lines, Pass, Reader};
use tenon_exec::ports::archive::{ArchiveSource, Totals};
use tenon_exec::ports::blobs::BlobStore;
use tenon_exec::ports::history::{HistoryReader, Payload, RunStatus, StepError, StepStatus};
use tenon_exec::ports::store::{Iteration, Job, JobStore, StepRow};
use tenon_testkit::fakes::{Fate, MemoryArchive, MemoryBlobs};

use self::late::Late;
use crate::fixture::{Fixture, Outcome, finish, result, steps};

/// How long ago the day of these tests is: the only one of those made that is too old.
const DAYS_AGO: i64 = 40;
const KEEP_DAYS: u32 = 39;

/// Makes partitions from [`DAYS_AGO`] on, which is a day before what is given.
async fn make_partitions(f: &Fixture) -> Outcome {
    let then = Timestamp::now() - SignedDuration::from_hours(24 * (DAYS_AGO - 1));
    f.store.maintain_partitions(then, None).await?;
    Ok(())
}

/// A database with an old day, and stores beside it.
struct Bench {
    f: Fixture,
    archive: Arc<MemoryArchive>,
    blobs: Arc<MemoryBlobs>,
    archiver: Archiver,
}

fn limits() -> Limits {
    Limits {
        is_on: true,
        runs_days: KEEP_DAYS,
        archive_days: 365,
        part_bytes_max: 16 << 20,
        interval: Duration::from_secs(600),
    }
}

impl Bench {
    async fn new(limits: Limits) -> Result<Self, Box<dyn std::error::Error>> {
        let f = Fixture::new().await?;
        make_partitions(&f).await?;
        let (archive, blobs) = <(Arc<MemoryArchive>, Arc<MemoryBlobs>)>::default();
        let archiver = Archiver::new(
            Arc::new(f.store.clone()),
            archive.clone(),
            blobs.clone(),
            Arc::new(SystemClock),
            limits,
        );
        Ok(Self { f, archive, blobs, archiver })
    }

    /// An ended run of the old day with these step records.
    async fn ended(
        &self,
        change: impl FnOnce(&mut Job),
        rows: impl FnOnce(&Job) -> Vec<StepRow>,
    ) -> Result<Job, Box<dyn std::error::Error>> {
        let mut job = self.f.job_of_day(DAYS_AGO);
        change(&mut job);
        self.f.accept(&[&job]).await?;
        self.f.commit(steps(&rows(&job))).await?;
        self.f.commit(finish(&job, RunStatus::Succeeded)).await?;
        Ok(job)
    }

    async fn plain(&self) -> Result<Job, Box<dyn std::error::Error>> {
        self.ended(|_| {}, |job| vec![result(job, "a", "1"), result(job, "b", "2")]).await
    }

    async fn is_in_database(&self, job: &Job) -> Result<bool, Box<dyn std::error::Error>> {
        Ok(self.f.status(job.run).await?.is_some() && !self.f.results(job.run).await?.is_empty())
    }

    /// The lines of a run in the archive.
    async fn lines(
        &self,
        project: ProjectId,
        run: RunId,
    ) -> Result<Option<Vec<Value>>, Box<dyn std::error::Error>> {
        let reader = Reader::new(self.archive.clone());
        match reader.run(project, run).await? {
            Some(lines) => Ok(Some(all(lines).await?)),
            None => Ok(None),
        }
    }
}

async fn all(mut lines: Lines) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let mut values = Vec::new();
    while let Some(block) = lines.next().await? {
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            assert!(line.ends_with(b"\n"), "every line has its end");
            values.push(serde_json::from_slice(line)?);
        }
    }
    Ok(values)
}

#[tokio::test]
async fn a_day_is_archived_whole_then_dropped() -> Outcome {
    let mut bench = Bench::new(limits()).await?;
    let large = json!({ "text": "x".repeat(100_000) }).to_string();
    let blobs = bench.blobs.put_packed(&[Bytes::from(large.clone()), Bytes::from("{\n}")]).await?;
    let of_user = |job: &mut Job| {
        job.user = Some(EndUserId::new("user-17"));
        job.input = Payload::Blob(blobs[1]);
    };
    let rows = |job: &Job| {
        let mut failed = result(job, "b", "null");
        failed.status = StepStatus::Retrying;
        failed.output = None;
        let message = "no\nluck".to_owned();
        failed.error = Some(StepError { code: "http_status".into(), message, step: None });
        failed.logs = Some(Bytes::from_static(b"[{\"level\":\"warn\",\"message\":\"m\"}]"));
        let mut again = result(job, "b", "2");
        (again.attempt, again.output) = (2, Some(Payload::Blob(blobs[0])));
        let mut inner = result(job, "a", "[1,2]");
        inner.iteration = Iteration::from_slice(&[3, 256]);
        inner.input = Some(Payload::Inline(Bytes::from_static(b"{\"a\":1.10}")));
        vec![failed, again, inner]
    };
    let job = bench.ended(of_user, rows).await?;
    let other = bench.plain().await?;
    let shown = bench.f.reader.run(bench.f.project, job.run).await?.expect("it is in history");

    let pass = bench.archiver.pass().await?;
    let totals = Totals { runs: 2, steps: 5 };
    assert_eq!(pass, Pass { days: 1, totals, ..Pass::default() });
    for job in [&job, &other] {
        assert!(!bench.is_in_database(job).await?, "the day is dropped");
    }
    let lines = bench.lines(bench.f.project, job.run).await?.expect("it is archived");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert_eq!(lines[0]["record"], "run");
    assert_eq!(lines[0]["run"]["user"], "user-17");
    assert_eq!(lines[0]["run"]["status"], "succeeded");
    assert_eq!(lines[0]["run"]["attempts"], shown.attempts);
    assert_eq!(lines[0]["run"]["created_at"], shown.created_at.to_string());
    assert_eq!(lines[0]["input"], json!({}), "the trigger's data");
    let mut steps: Vec<&Value> = lines[1..].iter().collect();
    steps.sort_by_key(|line| line["seq"].as_i64());
    let steps: Vec<&Value> = steps.into_iter().map(|line| &line["step"]).collect();
    assert_eq!(steps[0]["error"]["message"], "no\nluck");
    assert_eq!(steps[0]["logs"], json!([{ "level": "warn", "message": "m" }]));
    assert_eq!(
        steps[1]["output"],
        serde_json::from_str::<Value>(&large)?,
        "copied from its segment"
    );
    assert_eq!((&steps[1]["attempt"], &steps[0]["status"]), (&json!(2), &json!("retrying")));
    assert_eq!(steps[2]["iteration"], json!([3, 256]));
    assert_eq!(steps[2]["input"].to_string(), "{\"a\":1.1}");

    let days = Reader::new(bench.archive.clone()).days(bench.f.project, None, 10).await?;
    assert_eq!((days.len(), days[0].totals, days[0].parts), (1, totals, 1));
    let day = Reader::new(bench.archive.clone()).day(bench.f.project, days[0].day).await?;
    assert_eq!(all(day.expect("the day")).await?.len(), 7);
    let again = bench.archiver.pass().await?;
    assert_eq!(again, Pass::default(), "there is nothing left to do");
    Ok(())
}

#[tokio::test]
async fn a_day_whose_archive_cannot_be_read_back_is_not_dropped() -> Outcome {
    for fate in [Fate::Lost, Fate::Damaged, Fate::Replaced] {
        let mut bench = Bench::new(limits()).await?;
        let job = bench.plain().await?;
        bench.archive.set_fate(fate);
        let pass = bench.archiver.pass().await?;
        assert_eq!((pass.days, pass.days_kept), (0, 1), "{fate:?}");
        assert!(bench.is_in_database(&job).await?, "{fate:?}");

        bench.archive.set_fate(Fate::Kept);
        let pass = bench.archiver.pass().await?;
        assert_eq!((pass.days, pass.days_kept), (1, 0), "{fate:?}");
        assert!(!bench.is_in_database(&job).await?, "{fate:?}");
        assert_eq!(bench.lines(bench.f.project, job.run).await?.map(|lines| lines.len()), Some(3));
    }
    Ok(())
}

#[tokio::test]
async fn a_crash_amid_a_day_leaves_it_in_the_database_and_the_next_pass_starts_anew() -> Outcome {
    // A part for each megabyte of what cannot be compressed.
    let mut bench = Bench::new(Limits { part_bytes_max: 1 << 20, ..limits() }).await?;
    let random = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + u8::try_from(state >> 59).expect("five bits") % 26)
        };
        json!((0..700_000).map(|_| next()).collect::<String>()).to_string()
    };
    let rows = |job: &Job| {
        let row = |n: u64| result(job, &format!("s{n}"), &random(n));
        (0..12).map(row).collect::<Vec<_>>()
    };
    let job = bench.ended(|_| {}, rows).await?;
    let other = bench.plain().await?;
    bench.archive.set_fate(Fate::SecondFails);
    assert_eq!(bench.archiver.pass().await?.days_kept, 1);
    assert!(bench.is_in_database(&job).await?);
    let left = bench.archive.names();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(bench.lines(bench.f.project, job.run).await?, None, "half an attempt is none");

    bench.archive.set_fate(Fate::Kept);
    assert_eq!(bench.archiver.pass().await?.totals, Totals { runs: 2, steps: 14 });
    let names = bench.archive.names();
    assert!(names.len() > 2 && !names.contains(&left[0]), "{names:?}");
    let totals = |f: fn(&Totals) -> u64| names.iter().map(|name| f(&name.totals)).sum::<u64>();
    assert_eq!((totals(|t| t.runs), totals(|t| t.steps)), (2, 14));
    let lines = bench.lines(bench.f.project, job.run).await?.expect("it is archived");
    assert_eq!(lines.len(), 13, "a run that goes over parts is found whole");
    let own = bench.lines(bench.f.project, other.run).await?.expect("it is archived");
    assert_eq!(own.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_whole_archive_is_not_written_again_when_only_the_drop_was_missing() -> Outcome {
    let mut bench = Bench::new(limits()).await?;
    let job = bench.plain().await?;
    let blocker = bench.f.job_of_day(DAYS_AGO);
    bench.archiver.pass().await?;
    let written = bench.archive.names();
    // As if the process had ended between archiving and dropping: the rows are there again.
    make_partitions(&bench.f).await?;
    bench.f.accept(&[&job]).await?;
    bench.f.commit(steps(&[result(&job, "a", "1"), result(&job, "b", "2")])).await?;
    bench.f.commit(finish(&job, RunStatus::Succeeded)).await?;
    // A day with an open run is not even looked at.
    bench.f.accept(&[&blocker]).await?;
    assert_eq!(bench.archiver.pass().await?, Pass::default());
    bench.f.store.cancel(bench.f.project, blocker.run).await?;
    sqlx::query("DELETE FROM run WHERE run_id = $1")
        .bind(blocker.run.uuid())
        .execute(bench.f.store.pool())
        .await?;
    assert_eq!(bench.archiver.pass().await?.days, 1);
    assert_eq!(bench.archive.names(), written);
    Ok(())
}

#[tokio::test]
async fn rows_that_came_after_the_archive_keep_the_day() -> Outcome {
    let bench = Bench::new(limits()).await?;
    bench.plain().await?;
    let day = bench.f.store.expired_days(Timestamp::now(), KEEP_DAYS).await?[0];
    // An archiver that sees the day as it was, while the database goes on.
    let source = Arc::new(Late::new(bench.f.store.clone(), bench.f.job_of_day(DAYS_AGO)));
    let mut archiver = Archiver::new(
        source.clone(),
        bench.archive.clone(),
        bench.blobs.clone(),
        Arc::new(SystemClock),
        limits(),
    );
    let pass = archiver.pass().await?;
    assert_eq!((pass.days, pass.days_kept), (0, 1));
    let late = source.run();
    assert!(bench.f.status(late).await?.is_some(), "the run that came late is there");
    let pass = archiver.pass().await?;
    assert_eq!((pass.days, pass.days_kept), (1, 0), "the second look saw it");
    let lines = bench.lines(bench.f.project, late).await?.expect("it is archived");
    assert_eq!(lines[0]["run"]["id"], late.to_string());
    let days = Reader::new(bench.archive.clone()).days(bench.f.project, None, 10).await?;
    assert_eq!((days.len(), days[0].day, days[0].totals.runs), (1, day, 2));
    Ok(())
}

#[tokio::test]
async fn a_value_that_cannot_be_read_keeps_its_day_and_no_other() -> Outcome {
    let mut bench = Bench::new(limits()).await?;
    let lost = bench.blobs.put_packed(&[Bytes::from_static(b"1")]).await?[0];
    let rows = |job: &Job| {
        let mut row = result(job, "a", "1");
        row.output = Some(Payload::Blob(lost));
        vec![row]
    };
    let job = bench.ended(|_| {}, rows).await?;
    bench.blobs.delete(lost.segment).await?;
    let then = Timestamp::now() - SignedDuration::from_hours(24 * (DAYS_AGO + 20));
    bench.f.store.maintain_partitions(then, None).await?;
    let older = bench.f.job_of_day(DAYS_AGO + 20);
    bench.f.accept(&[&older]).await?;
    bench.f.commit(finish(&older, RunStatus::Succeeded)).await?;
    let pass = bench.archiver.pass().await?;
    assert_eq!((pass.days_kept, pass.totals.runs), (1, 1));
    assert!(bench.is_in_database(&job).await?);
    assert!(bench.lines(bench.f.project, older.run).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn projects_are_apart_and_who_has_no_turn_does_nothing() -> Outcome {
    let mut bench = Bench::new(limits()).await?;
    let own = bench.plain().await?;
    let other = ProjectId::new();
    let foreign = bench
        .ended(
            |job| job.project = other,
            |job| vec![StepRow { project: other, ..result(job, "a", "1") }],
        )
        .await?;
    let held = bench.f.store.turn().await?.expect("nobody has it");
    assert_eq!(bench.archiver.pass().await?, Pass::default());
    assert!(bench.is_in_database(&own).await?);
    held.release().await;
    assert_eq!(bench.archiver.pass().await?.totals, Totals { runs: 2, steps: 3 });
    assert!(bench.lines(other, foreign.run).await?.is_some());
    assert_eq!(bench.lines(bench.f.project, foreign.run).await?, None, "another project's run");
    assert_eq!(bench.lines(other, own.run).await?, None);
    Ok(())
}

#[tokio::test]
async fn an_archive_ends_after_its_time_and_also_where_archiving_is_off() -> Outcome {
    let mut bench = Bench::new(limits()).await?;
    let job = bench.plain().await?;
    bench.archiver.pass().await?;
    assert!(bench.lines(bench.f.project, job.run).await?.is_some());
    let ending = Limits { is_on: false, archive_days: 35, ..limits() };
    let clock = Arc::new(SystemClock);
    let source = Arc::new(bench.f.store.clone());
    let (archive, blobs) = (bench.archive.clone(), bench.blobs.clone());
    let mut later = Archiver::new(source, archive, blobs, clock, ending);
    assert_eq!(later.pass().await?, Pass { ended: 1, ..Pass::default() });
    assert!(bench.archive.names().is_empty());
    Ok(())
}
