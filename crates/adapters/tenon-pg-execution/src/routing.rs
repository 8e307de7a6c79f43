//! The term of the leader, and the routes of queues.

use async_trait::async_trait;
use sqlx::postgres::PgPool;
use tenon_domain::QueueName;
use tenon_exec::ports::routing::{Route, RouteChange, RouteMode, RoutingStore, Term};
use tenon_exec::ports::store::Error;

use crate::errors::store_error;
use crate::store::Store;

/// A route as the table has it.
struct Row {
    queue: String,
    mode: String,
    is_dedicated: bool,
    is_paused: bool,
    workers: Option<i16>,
    since_ms: i64,
}

impl From<Row> for Route {
    fn from(row: Row) -> Self {
        Self {
            queue: QueueName::new(row.queue),
            // The table allows no others; a mode of later code is left to the leader.
            mode: RouteMode::of_name(&row.mode).unwrap_or_default(),
            is_dedicated: row.is_dedicated,
            is_paused: row.is_paused,
            workers: row.workers.and_then(|workers| u16::try_from(workers).ok()),
            since_ms: row.since_ms,
        }
    }
}

#[async_trait]
impl RoutingStore for Store {
    async fn begin_term(&self, above: Term) -> Result<Term, Error> {
        begin_term(self.pool(), above).await.map_err(store_error("begin a term"))
    }

    async fn term(&self) -> Result<Term, Error> {
        term(self.pool()).await.map_err(store_error("read the term"))
    }

    async fn routes(&self) -> Result<Vec<Route>, Error> {
        routes(self.pool()).await.map_err(store_error("list routes"))
    }

    async fn route(&self, queue: &QueueName) -> Result<Route, Error> {
        route(self.pool(), queue).await.map_err(store_error("read a route"))
    }

    async fn change_route(&self, queue: &QueueName, change: &RouteChange) -> Result<Route, Error> {
        change_route(self.pool(), queue, change).await.map_err(store_error("change a route"))
    }

    async fn decide_route(
        &self,
        term: Term,
        queue: &QueueName,
        is_dedicated: bool,
    ) -> Result<bool, Error> {
        decide_route(self.pool(), term, queue, is_dedicated)
            .await
            .map_err(store_error("decide a route"))
    }
}

/// Terms are below 2^63: one a second would take longer than the sun.
fn as_term(term: i64) -> Term {
    Term(u64::try_from(term).unwrap_or(0))
}

fn as_bigint(term: Term) -> i64 {
    i64::try_from(term.0).unwrap_or(i64::MAX - 1)
}

async fn begin_term(pool: &PgPool, above: Term) -> Result<Term, sqlx::Error> {
    let term = sqlx::query_scalar!(
        "INSERT INTO leader (term) VALUES ($1::bigint + 1)
         ON CONFLICT (only_row) DO UPDATE SET term = greatest(leader.term, $1) + 1
         RETURNING term",
        as_bigint(above),
    )
    .fetch_one(pool)
    .await?;
    Ok(as_term(term))
}

async fn term(pool: &PgPool) -> Result<Term, sqlx::Error> {
    let term = sqlx::query_scalar!("SELECT term FROM leader").fetch_optional(pool).await?;
    Ok(as_term(term.unwrap_or(0)))
}

async fn routes(pool: &PgPool) -> Result<Vec<Route>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT queue, mode, is_dedicated, is_paused, workers,
                  (extract(epoch FROM since) * 1000)::bigint AS "since_ms!"
           FROM queue_route
           WHERE mode <> 'automatic' OR is_dedicated OR is_paused OR workers IS NOT NULL
           ORDER BY queue
           LIMIT 100000"#,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Route::from).collect())
}

async fn route(pool: &PgPool, queue: &QueueName) -> Result<Route, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT queue, mode, is_dedicated, is_paused, workers,
                  (extract(epoch FROM since) * 1000)::bigint AS "since_ms!"
           FROM queue_route WHERE queue = $1"#,
        queue.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map_or_else(|| Route::usual(queue.clone()), Route::from))
}

async fn change_route(
    pool: &PgPool,
    queue: &QueueName,
    change: &RouteChange,
) -> Result<Route, sqlx::Error> {
    let workers =
        change.workers.flatten().map(|workers| i16::try_from(workers).unwrap_or(i16::MAX));
    let row = sqlx::query_as!(
        Row,
        r#"INSERT INTO queue_route AS r
               (queue, mode, is_dedicated, is_paused, workers, decided_by)
           VALUES ($1, coalesce($2, 'automatic'), coalesce($2 = 'dedicated', false),
                   coalesce($3, false), $5, 'operator')
           ON CONFLICT (queue) DO UPDATE SET
               mode = coalesce($2, r.mode),
               is_dedicated = CASE coalesce($2, r.mode)
                   WHEN 'dedicated' THEN true WHEN 'shared' THEN false ELSE r.is_dedicated END,
               is_paused = coalesce($3, r.is_paused),
               workers = CASE WHEN $4 THEN $5 ELSE r.workers END,
               decided_by = 'operator',
               since = CASE WHEN ($2 = 'dedicated' AND NOT r.is_dedicated)
                              OR ($2 = 'shared' AND r.is_dedicated)
                       THEN now() ELSE r.since END
           RETURNING queue, mode, is_dedicated, is_paused, workers,
                     (extract(epoch FROM since) * 1000)::bigint AS "since_ms!""#,
        queue.as_str(),
        change.mode.map(RouteMode::name),
        change.is_paused,
        change.workers.is_some(),
        workers,
    )
    .fetch_one(pool)
    .await?;
    Ok(row.into())
}

/// The row of the term is locked, so that no new term begins between the look at it and the write.
async fn decide_route(
    pool: &PgPool,
    term: Term,
    queue: &QueueName,
    is_dedicated: bool,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query!(
        "WITH current AS (SELECT term FROM leader WHERE term = $1 FOR SHARE)
         INSERT INTO queue_route AS r (queue, is_dedicated, decided_by)
         SELECT $2, $3, 'leader' FROM current
         ON CONFLICT (queue) DO UPDATE SET
             is_dedicated = $3,
             decided_by = 'leader',
             since = CASE WHEN r.is_dedicated = $3 THEN r.since ELSE now() END
         WHERE r.mode = 'automatic'",
        as_bigint(term),
        queue.as_str(),
        is_dedicated,
    )
    .execute(pool)
    .await?;
    Ok(noted.rows_affected() > 0)
}
