//! Rotation does what its tables are built for: updates stay inside their pages.

use std::time::Instant;

use sqlx::{Connection, PgConnection};
use tenon_vault::ports::{KeyStore, WrappedKey};

use crate::fixture::{Fixture, Outcome, data_key, ring_key};

const KEYS: usize = 4_000;
const PAGE: u32 = 1_000;

/// Prints its rate; the target of 10,000 keys a second is measured by `tenon bench`.
#[tokio::test]
async fn a_rotation_moves_every_key_once_and_touches_no_index() -> Outcome {
    let f = Fixture::new().await?;
    let old = ring_key(tenon_domain::ProjectId::new(), 1);
    f.keys.insert_ring_key(&old).await?;
    let mut superuser = PgConnection::connect(&f.keys_database.superuser_url).await?;
    sqlx::query(
        "INSERT INTO data_key (project_id, id, secret_id, version, ring_key, wrapped)
         SELECT $1, gen_random_uuid(), gen_random_uuid(), 1, $2, $3
         FROM generate_series(1, $4)",
    )
    .bind(old.project.uuid())
    .bind(old.id)
    .bind(data_key(&old).wrapped)
    .bind(i32::try_from(KEYS)?)
    .execute(&mut superuser)
    .await?;
    let new = ring_key(old.project, 2);
    f.keys.insert_ring_key(&new).await?;
    let start = Instant::now();
    let (mut after, mut moved) = (None, 0);
    loop {
        let page = f.keys.data_keys_to_rewrap(old.project, new.id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let from: Vec<_> = page.iter().map(|key| key.ring_key).collect();
        let keys: Vec<_> =
            page.into_iter().map(|key| WrappedKey { ring_key: new.id, ..key }).collect();
        moved += f.keys.rewrap_data_keys(old.project, &from, &keys).await?;
    }
    let rate = KEYS as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0} keys/s");
    assert_eq!(moved, KEYS as u64);
    assert!(f.keys.remove_ring_key(old.project, old.id).await?);
    f.keys.close().await;
    superuser.close().await?;
    let mut superuser = PgConnection::connect(&f.keys_database.superuser_url).await?;
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(&mut superuser).await?;
    let (updated, hot): (i64, i64) = sqlx::query_as(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'data_key'",
    )
    .fetch_one(&mut superuser)
    .await?;
    assert_eq!(updated, i64::try_from(KEYS)?);
    assert!(hot * 10 >= updated * 9, "{hot} of {updated} updates stayed inside their page");
    Ok(())
}
