//! Rows of ring keys.

use sqlx::PgPool;
use sqlx::error::ErrorKind;
use tenon_domain::ProjectId;
use tenon_vault::ports::RingKey;
use uuid::Uuid;

use crate::codes;
use crate::database::Database;
use crate::moment::Moment;

struct RingKeyRow {
    id: Uuid,
    project_id: Uuid,
    number: i64,
    root: String,
    wrapped: Vec<u8>,
    created_at: Moment,
}

impl TryFrom<RingKeyRow> for RingKey {
    type Error = sqlx::Error;

    fn try_from(row: RingKeyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            project: ProjectId::from_uuid(row.project_id),
            number: codes::count(row.number)?,
            root: row.root,
            wrapped: row.wrapped,
            created_at: row.created_at.0,
        })
    }
}

pub(super) async fn ring(
    database: &Database,
    project: ProjectId,
) -> Result<Vec<RingKey>, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let rows = sqlx::query_as!(
        RingKeyRow,
        r#"SELECT id, project_id, number, root, wrapped, created_at AS "created_at: Moment"
           FROM ring_key WHERE project_id = $1 ORDER BY number DESC"#,
        project.uuid(),
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(super) async fn insert(database: &Database, key: &RingKey) -> Result<bool, sqlx::Error> {
    let mut transaction = database.of_project(key.project).await?;
    let done = sqlx::query!(
        "INSERT INTO ring_key (project_id, id, number, root, wrapped, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (project_id, number) DO NOTHING",
        key.project.uuid(),
        key.id,
        i64::from(key.number),
        key.root,
        key.wrapped,
        Moment(key.created_at) as _,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn to_rewrap(
    readers: &PgPool,
    current: &str,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<RingKey>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RingKeyRow,
        r#"SELECT id, project_id, number, root, wrapped, created_at AS "created_at: Moment"
           FROM ring_key
           WHERE root <> $1 AND id > COALESCE($2, '00000000-0000-0000-0000-000000000000'::uuid)
           ORDER BY id LIMIT $3"#,
        current,
        after,
        i64::from(limit),
    )
    .fetch_all(readers)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(super) async fn rewrap(
    database: &Database,
    from: &str,
    key: &RingKey,
) -> Result<bool, sqlx::Error> {
    let mut transaction = database.of_project(key.project).await?;
    let done = sqlx::query!(
        "UPDATE ring_key SET root = $4, wrapped = $5
         WHERE project_id = $1 AND id = $2 AND root = $3",
        key.project.uuid(),
        key.id,
        from,
        key.root,
        key.wrapped,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// A key that is not there any more wraps nothing, so that is `true`: the removal is repeated
/// after a crash.
pub(super) async fn remove(
    database: &Database,
    project: ProjectId,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let done =
        sqlx::query!("DELETE FROM ring_key WHERE project_id = $1 AND id = $2", project.uuid(), id)
            .execute(&mut *transaction)
            .await;
    match done {
        Ok(_) => transaction.commit().await.map(|()| true),
        Err(sqlx::Error::Database(error)) if error.kind() == ErrorKind::ForeignKeyViolation => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn projects(readers: &PgPool) -> Result<Vec<ProjectId>, sqlx::Error> {
    let ids = sqlx::query_scalar!("SELECT DISTINCT project_id FROM ring_key ORDER BY project_id")
        .fetch_all(readers)
        .await?;
    Ok(ids.into_iter().map(ProjectId::from_uuid).collect())
}
