//! Rows of data keys. Rotation reads a page by primary key and puts it back in one statement.

use std::time::Duration;

use sqlx::PgPool;
use tenon_domain::{ProjectId, SecretId};
use tenon_vault::ports::WrappedKey;
use uuid::Uuid;

use crate::codes;
use crate::database::{Database, broken};

/// A page by id.
#[derive(Clone, Copy)]
pub(super) struct Page {
    /// Behind this id; `None`: from the first.
    pub(super) after: Option<Uuid>,
    pub(super) limit: u32,
}

struct DataKeyRow {
    id: Uuid,
    project_id: Uuid,
    secret_id: Uuid,
    version: i64,
    ring_key: Uuid,
    wrapped: Vec<u8>,
}

impl TryFrom<DataKeyRow> for WrappedKey {
    type Error = sqlx::Error;

    fn try_from(row: DataKeyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            project: ProjectId::from_uuid(row.project_id),
            secret: SecretId::from_uuid(row.secret_id),
            version: codes::count(row.version)?,
            ring_key: row.ring_key,
            wrapped: row.wrapped,
        })
    }
}

pub(super) async fn insert(database: &Database, key: &WrappedKey) -> Result<(), sqlx::Error> {
    let mut transaction = database.of_project(key.project).await?;
    sqlx::query!(
        "INSERT INTO data_key (project_id, id, secret_id, version, ring_key, wrapped)
         VALUES ($1, $2, $3, $4, $5, $6)",
        key.project.uuid(),
        key.id,
        key.secret.uuid(),
        i64::from(key.version),
        key.ring_key,
        key.wrapped,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

pub(super) async fn read(
    readers: &PgPool,
    project: ProjectId,
    id: Uuid,
) -> Result<Option<WrappedKey>, sqlx::Error> {
    sqlx::query_as!(
        DataKeyRow,
        "SELECT id, project_id, secret_id, version, ring_key, wrapped FROM data_key
         WHERE project_id = $1 AND id = $2",
        project.uuid(),
        id,
    )
    .fetch_optional(readers)
    .await?
    .map(TryInto::try_into)
    .transpose()
}

pub(super) async fn shred(
    database: &Database,
    project: ProjectId,
    secret: SecretId,
    keep: Option<Uuid>,
) -> Result<u64, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let done = sqlx::query!(
        "DELETE FROM data_key
         WHERE project_id = $1 AND secret_id = $2 AND id IS DISTINCT FROM $3",
        project.uuid(),
        secret.uuid(),
        keep,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected())
}

pub(super) async fn to_rewrap(
    database: &Database,
    project: ProjectId,
    current: Uuid,
    page: Page,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let rows = sqlx::query_as!(
        DataKeyRow,
        "SELECT id, project_id, secret_id, version, ring_key, wrapped FROM data_key
         WHERE project_id = $1 AND ring_key <> $2
           AND id > COALESCE($3, '00000000-0000-0000-0000-000000000000'::uuid)
         ORDER BY id LIMIT $4",
        project.uuid(),
        current,
        page.after,
        i64::from(page.limit),
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// `from[i]` is the ring key that `keys[i]` was under when it was read.
pub(super) async fn rewrap(
    database: &Database,
    project: ProjectId,
    from: &[Uuid],
    keys: &[WrappedKey],
) -> Result<u64, sqlx::Error> {
    if from.len() != keys.len() {
        return Err(broken("each re-wrapped key names the ring key that it was under"));
    }
    let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
    let rings: Vec<Uuid> = keys.iter().map(|key| key.ring_key).collect();
    let wrapped: Vec<&[u8]> = keys.iter().map(|key| key.wrapped.as_slice()).collect();
    let mut transaction = database.of_project(project).await?;
    let done = sqlx::query!(
        "UPDATE data_key d SET ring_key = new.ring_key, wrapped = new.wrapped
         FROM UNNEST($2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[])
              AS new (id, from_ring_key, ring_key, wrapped)
         WHERE d.project_id = $1 AND d.id = new.id AND d.ring_key = new.from_ring_key",
        project.uuid(),
        &ids,
        from,
        &rings,
        &wrapped as &[&[u8]],
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected())
}

pub(super) async fn old(
    readers: &PgPool,
    age: Duration,
    page: Page,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    let rows = sqlx::query_as!(
        DataKeyRow,
        "SELECT id, project_id, secret_id, version, ring_key, wrapped FROM data_key
         WHERE created_at < clock_timestamp() - make_interval(secs => $1)
           AND id > COALESCE($2, '00000000-0000-0000-0000-000000000000'::uuid)
         ORDER BY id LIMIT $3",
        age.as_secs_f64(),
        page.after,
        i64::from(page.limit),
    )
    .fetch_all(readers)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(super) async fn remove(
    database: &Database,
    project: ProjectId,
    id: Uuid,
) -> Result<(), sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    sqlx::query!("DELETE FROM data_key WHERE project_id = $1 AND id = $2", project.uuid(), id,)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
