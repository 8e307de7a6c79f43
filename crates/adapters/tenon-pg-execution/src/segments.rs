//! Which blob segments the rows name.

use async_trait::async_trait;
use sqlx::postgres::PgPool;
use tenon_exec::ports::blobs::SegmentNames;
use tenon_exec::ports::store::Error;
use uuid::Uuid;

use crate::errors::store_error;
use crate::store::Store;

#[async_trait]
impl SegmentNames for Store {
    async fn named_among(&self, segments: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        named_among(self.pool(), segments).await.map_err(store_error("look for named segments"))
    }
}

/// Every column that holds a place is here; a test compares them with the schema. Each is asked by
/// a range of places, from the segment's id to the one after it, so that its index serves.
async fn named_among(pool: &PgPool, segments: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let from: Vec<Vec<u8>> = segments.iter().map(|segment| segment.as_bytes().to_vec()).collect();
    let to: Vec<Vec<u8>> = segments.iter().map(|segment| after(*segment)).collect();
    sqlx::query_scalar!(
        r#"SELECT asked.segment AS "segment!"
           FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS asked (segment, low, high)
           WHERE EXISTS (SELECT FROM step_result
                         WHERE output_blob >= asked.low AND output_blob < asked.high)
              OR EXISTS (SELECT FROM step_result
                         WHERE input_blob >= asked.low AND input_blob < asked.high)
              OR EXISTS (SELECT FROM run
                         WHERE input_blob >= asked.low AND input_blob < asked.high)
              OR EXISTS (SELECT FROM run
                         WHERE installation_blob >= asked.low AND installation_blob < asked.high)
              OR EXISTS (SELECT FROM job
                         WHERE input_blob >= asked.low AND input_blob < asked.high)
              OR EXISTS (SELECT FROM job
                         WHERE installation_blob >= asked.low AND installation_blob < asked.high)"#,
        segments,
        &from,
        &to,
    )
    .fetch_all(pool)
    .await
}

/// More than every place in the segment: a place is longer than its id by less than these bytes.
fn after(segment: Uuid) -> Vec<u8> {
    let mut bytes = segment.as_bytes().to_vec();
    bytes.extend([0xff; 21]);
    bytes
}
