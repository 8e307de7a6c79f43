//! Which segments the rows name: every column, in every table, by an index.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use tenon_domain::{ConfigurationId, CredentialId};
use tenon_exec::ports::blobs::{BlobRef, SegmentNames};
use tenon_exec::ports::history::{Payload, RunStatus};
use tenon_exec::ports::store::{Installation, JobStore};
use tenon_testkit::postgres_server::TestDatabase;
use uuid::Uuid;

use crate::fixture::{Fixture, Outcome, finish, result, steps};

/// A place in a new segment.
fn place() -> (Uuid, Payload) {
    place_at(0)
}

fn place_at(offset: u64) -> (Uuid, Payload) {
    let segment = Uuid::now_v7();
    (segment, Payload::Blob(BlobRef { segment, offset, len: 70_000, crc32: 7 }))
}

async fn named(
    f: &Fixture,
    segments: &[Uuid],
) -> Result<BTreeSet<Uuid>, Box<dyn std::error::Error>> {
    Ok(f.store.named_among(segments).await?.into_iter().collect())
}

#[tokio::test]
async fn every_column_that_holds_a_place_is_looked_at() -> Outcome {
    let f = Fixture::new().await?;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         JOIN pg_class ON relname = table_name AND NOT relispartition
         WHERE table_schema = 'public' AND column_name LIKE '%blob%' ORDER BY 1, 2",
    )
    .fetch_all(f.store.pool())
    .await?;
    let known = [
        ("job", "input_blob"),
        ("job", "installation_blob"),
        ("run", "input_blob"),
        ("run", "installation_blob"),
        ("step_result", "input_blob"),
        ("step_result", "output_blob"),
    ];
    let known = known.map(|(table, column)| (table.to_owned(), column.to_owned()));
    assert_eq!(columns, known, "a new column belongs into `segments.rs` and a migration's index");
    Ok(())
}

#[tokio::test]
async fn what_jobs_runs_results_and_replays_name_is_named() -> Outcome {
    let f = Fixture::new().await?;
    let (input, input_payload) = place();
    let (installation, values) = place_at(u64::MAX);
    let mut job = f.job();
    job.input = input_payload;
    job.installation = Some(Installation {
        credential: CredentialId::new(),
        configuration: ConfigurationId::new(),
        values,
    });
    let unnamed: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    let mut asked = unnamed.clone();
    asked.extend([input, installation]);
    assert!(named(&f, &asked).await?.is_empty());
    f.accept(&[&job]).await?;
    assert_eq!(named(&f, &asked).await?, [input, installation].into(), "an open job");

    let (step_input, step_input_payload) = place();
    let (output, output_payload) = place();
    asked.extend([step_input, output]);
    let mut row = result(&job, "a", "1");
    row.input = Some(step_input_payload);
    row.output = Some(output_payload);
    f.commit(steps(&[row])).await?;
    f.commit(finish(&job, RunStatus::Succeeded)).await?;
    assert!(f.open().await?.is_empty());
    let all = BTreeSet::from([input, installation, step_input, output]);
    assert_eq!(named(&f, &asked).await?, all, "an ended run");

    let mut replay = f.job();
    replay.replay_of = Some(job.run);
    replay.input = Payload::Inline(Bytes::from_static(b"1"));
    f.store.accept_replay(&replay, true).await?;
    sqlx::query("DELETE FROM run WHERE run_id = $1")
        .bind(job.run.uuid())
        .execute(f.store.pool())
        .await?;
    sqlx::query("DELETE FROM step_result WHERE run_id = $1")
        .bind(job.run.uuid())
        .execute(f.store.pool())
        .await?;
    assert_eq!(named(&f, &asked).await?, [step_input, output].into(), "what the replay copied");
    Ok(())
}

#[tokio::test]
async fn neighbours_in_number_are_not_mixed_up() -> Outcome {
    let f = Fixture::new().await?;
    let (segment, payload) = place_at(u64::MAX);
    let mut job = f.job();
    job.input = payload;
    f.accept(&[&job]).await?;
    let number = segment.as_u128();
    let around = [number - 1, number, number + 1].map(Uuid::from_u128);
    assert_eq!(named(&f, &around).await?, [segment].into());
    Ok(())
}

/// Results in some days of partitions, one in 49 with a large value.
async fn fill(database: &TestDatabase, rows: i64, days: i64) -> Outcome {
    let pool = sqlx::PgPool::connect(&database.url).await?;
    let statement = "
        SET tenon.scope = 'system';
        SET synchronous_commit = off;";
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(statement).execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO step_result (run_id, project_id, step, iteration, attempt, kind, status,
                                  started_at, duration_us, output, output_blob, logs_dropped)
         SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint
                             - (i % $2) * 86400000), 12, '0')
                 || '7' || substr(md5(i::text), 1, 19))::uuid,
                '00000000-0000-0000-0000-000000000001', 's', '', 1, 'function', 0, now(), 1,
                CASE WHEN i % 49 = 0 THEN NULL ELSE '1'::bytea END,
                CASE WHEN i % 49 = 0
                     THEN decode(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint
                                             - (i % $2) * 86400000), 12, '0')
                                 || '7' || substr(md5((i / 1000)::text), 1, 19), 'hex')
                          || int8send(i) || int8send(1::bigint) || int4send(7)
                END, 0
         FROM generate_series(1, $1) AS i",
    )
    .bind(rows)
    .bind(days)
    .execute(&mut *connection)
    .await?;
    sqlx::raw_sql("ANALYZE step_result").execute(&mut *connection).await?;
    Ok(())
}

/// The measure of `docs/ops/blobs.md` is this test with TENON_TEST_ROWS=1000000.
#[tokio::test]
async fn a_page_of_segments_is_looked_up_by_indexes() -> Outcome {
    let f = Fixture::new().await?;
    let rows = std::env::var("TENON_TEST_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: i64 = rows.unwrap_or(60_000);
    let days = 30;
    for day in 0..days {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * day);
        f.store.maintain_partitions(then, Some(10_000)).await?;
    }
    fill(&f.database, rows, days).await?;
    let kept: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT encode(substring(output_blob FROM 1 FOR 16), 'hex')::uuid
         FROM step_result WHERE output_blob IS NOT NULL LIMIT 500",
    )
    .fetch_all(f.store.pool())
    .await?;
    assert_eq!(kept.len(), 500);
    let mut asked = kept.clone();
    asked.extend((0..500).map(|_| Uuid::now_v7()));
    let before = sequential_reads(&f).await?;
    let clock = Instant::now();
    let found = named(&f, &asked).await?;
    println!("{} segments looked up among {rows} results in {:?}", asked.len(), clock.elapsed());
    assert_eq!(found, kept.into_iter().collect());
    let read = sequential_reads(&f).await? - before;
    assert_eq!(read, 0, "rows were read one after another");
    Ok(())
}

/// Rows of results that scans without an index have read so far.
async fn sequential_reads(f: &Fixture) -> Result<i64, Box<dyn std::error::Error>> {
    // Statistics of a session are sent at most once a second unless it is asked to.
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(f.store.pool()).await?;
    let read: Option<i64> = sqlx::query_scalar(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
         WHERE relname LIKE 'step\\_result%' OR relname LIKE 'run\\_%'",
    )
    .fetch_one(f.store.pool())
    .await?;
    Ok(read.unwrap_or(0))
}
