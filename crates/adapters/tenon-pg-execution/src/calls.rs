//! The log of proxy calls: appended in batches by the proxy, read by the API.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};
use tenon_exec::ports::calls::{
    ProxyCall, ProxyCallFilter, ProxyCallId, ProxyCallPage, ProxyCallReader, ProxyCallRetention,
    ProxyCallStore,
};
use tenon_exec::ports::{history, store};
use uuid::Uuid;

use crate::errors::{history_error, store_error};
use crate::history::{Reader, first_id_at};
use crate::partitions;
use crate::store::Store;
use crate::time::PgTime;

/// How long the writer waits for its connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Batches are written one at a time.
const CONNECTIONS_MAX: u32 = 1;
/// The longest text of a column, in bytes; what callers send may be longer.
const TEXT_BYTES_MAX: usize = 2_048;

/// Appends calls, over a connection of its own, and does nothing else. It makes no tables: another
/// role's process has done so, or the calls wait until it has.
#[derive(Debug, Clone)]
pub struct CallAppender {
    pool: PgPool,
}

impl CallAppender {
    /// Connects lazily: the database may be away now.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("tenon-proxy-calls")
            .options([("tenon.scope", "system"), ("statement_timeout", "10000")]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The pool, for figures of its use.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

#[async_trait]
impl ProxyCallStore for CallAppender {
    async fn append(&self, calls: &[ProxyCall]) -> Result<(), store::Error> {
        append(&self.pool, calls).await.map_err(store_error("keep proxy calls"))
    }
}

#[async_trait]
impl ProxyCallRetention for Store {
    async fn drop_old_calls(
        &self,
        now: Timestamp,
        keep_days: u32,
    ) -> Result<Vec<String>, store::Error> {
        let dropped = partitions::drop_old_calls(self.pool(), now, keep_days).await;
        dropped.map_err(store_error("drop old proxy calls"))
    }
}

#[async_trait]
impl ProxyCallReader for Reader {
    async fn calls(
        &self,
        project: ProjectId,
        filter: &ProxyCallFilter,
        cursor: Option<ProxyCallId>,
        limit: usize,
    ) -> Result<ProxyCallPage, history::Error> {
        self.list_calls(project, filter, cursor, limit)
            .await
            .map_err(history_error("list proxy calls"))
    }
}

#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    projects: Vec<Uuid>,
    users: Vec<Option<String>>,
    integrations: Vec<Option<Uuid>>,
    credentials: Vec<Option<Uuid>>,
    methods: Vec<String>,
    hosts: Vec<String>,
    paths: Vec<String>,
    statuses: Vec<i16>,
    problems: Vec<Option<&'a str>>,
    started: Vec<PgTime>,
    durations: Vec<i64>,
    request_bytes: Vec<i64>,
    response_bytes: Vec<i64>,
    complete: Vec<bool>,
    attempts: Vec<i32>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, call: &'a ProxyCall) {
        let count = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.ids.push(call.id.uuid());
        self.projects.push(call.project.uuid());
        self.users.push(call.user.as_ref().map(|user| storable(user.as_str())));
        self.integrations.push(call.integration.map(IntegrationId::uuid));
        self.credentials.push(call.credential.map(CredentialId::uuid));
        self.methods.push(storable(&call.method));
        self.hosts.push(storable(&call.host));
        self.paths.push(storable(&call.path));
        self.statuses.push(i16::try_from(call.status).unwrap_or(i16::MAX));
        self.problems.push(call.problem.as_deref());
        self.started.push(PgTime(call.started_at));
        self.durations.push(i64::try_from(call.duration.as_micros()).unwrap_or(i64::MAX));
        self.request_bytes.push(count(call.request_bytes));
        self.response_bytes.push(count(call.response_bytes));
        self.complete.push(call.is_complete);
        self.attempts.push(i32::try_from(call.attempts).unwrap_or(i32::MAX));
    }
}

/// One odd call must not keep the others of its batch out: PostgreSQL refuses U+0000 in text, and
/// a path may be as long as a request's head.
fn storable(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text[..end].replace('\0', "\u{fffd}")
}

async fn append(pool: &PgPool, calls: &[ProxyCall]) -> Result<(), sqlx::Error> {
    let mut columns = Columns::default();
    for call in calls {
        columns.push(call);
    }
    // In the select list, as the results are: see `commit.rs`.
    sqlx::query!(
        "INSERT INTO proxy_call (call_id, project_id, user_id, integration_id, credential_id,
                                 method, host, path, status, problem, started_at, duration_us,
                                 request_bytes, response_bytes, is_complete, attempts)
         SELECT UNNEST($1::uuid[]), UNNEST($2::uuid[]), UNNEST($3::text[]), UNNEST($4::uuid[]),
                UNNEST($5::uuid[]), UNNEST($6::text[]), UNNEST($7::text[]), UNNEST($8::text[]),
                UNNEST($9::smallint[]), UNNEST($10::text[]), UNNEST($11::timestamptz[]),
                UNNEST($12::bigint[]), UNNEST($13::bigint[]), UNNEST($14::bigint[]),
                UNNEST($15::boolean[]), UNNEST($16::integer[])
         ON CONFLICT DO NOTHING",
        &columns.ids,
        &columns.projects,
        &columns.users as &[Option<String>],
        &columns.integrations as &[Option<Uuid>],
        &columns.credentials as &[Option<Uuid>],
        &columns.methods,
        &columns.hosts,
        &columns.paths,
        &columns.statuses,
        &columns.problems as &[Option<&str>],
        &columns.started as &[PgTime],
        &columns.durations,
        &columns.request_bytes,
        &columns.response_bytes,
        &columns.complete,
        &columns.attempts,
    )
    .execute(pool)
    .await
    .map(drop)
}

impl Reader {
    async fn list_calls(
        &self,
        project: ProjectId,
        filter: &ProxyCallFilter,
        cursor: Option<ProxyCallId>,
        limit: usize,
    ) -> Result<ProxyCallPage, sqlx::Error> {
        let mut transaction = self.of_project(project).await?;
        let statuses = filter.status_class.map(|class| class.saturating_mul(100));
        let status = |status: u16| i16::try_from(status).unwrap_or(i16::MAX);
        let rows = sqlx::query!(
            r#"SELECT call_id, user_id, integration_id, credential_id, method, host, path, status,
                      problem, started_at AS "started_at: PgTime", duration_us, request_bytes,
                      response_bytes, is_complete, attempts
               FROM proxy_call
               WHERE project_id = $1 AND call_id < $2 AND call_id >= $3
                 AND ($4::text IS NULL OR user_id = $4)
                 AND ($5::uuid IS NULL OR integration_id = $5)
                 AND ($6::smallint IS NULL OR status BETWEEN $6 AND $7)
               ORDER BY call_id DESC LIMIT $8"#,
            project.uuid(),
            cursor.map_or(Uuid::max(), ProxyCallId::uuid),
            filter.since.map_or(Uuid::nil(), first_id_at),
            filter.user.as_ref().map(EndUserId::as_str),
            filter.integration.map(IntegrationId::uuid),
            statuses.map(status),
            statuses.map(|first| status(first.saturating_add(99))),
            i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX),
        )
        .fetch_all(&mut *transaction)
        .await?;
        let has_more = rows.len() > limit;
        let count = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        let calls = rows.into_iter().take(limit).map(|row| ProxyCall {
            id: ProxyCallId::from_uuid(row.call_id),
            project,
            user: row.user_id.map(EndUserId::new),
            integration: row.integration_id.map(IntegrationId::from_uuid),
            credential: row.credential_id.map(CredentialId::from_uuid),
            method: row.method,
            host: row.host,
            path: row.path,
            status: u16::try_from(row.status).unwrap_or(0),
            problem: row.problem,
            started_at: row.started_at.into(),
            duration: Duration::from_micros(count(row.duration_us)),
            request_bytes: count(row.request_bytes),
            response_bytes: count(row.response_bytes),
            is_complete: row.is_complete,
            attempts: u32::try_from(row.attempts).unwrap_or(0),
        });
        let calls: Vec<ProxyCall> = calls.collect();
        let next = calls.last().filter(|_| has_more).map(|call| call.id);
        Ok(ProxyCallPage { calls, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_postgres_refuses_or_nobody_reads_is_cut() {
        assert_eq!(storable("/a/ü"), "/a/ü");
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        let long = "ü".repeat(TEXT_BYTES_MAX);
        assert_eq!(storable(&long).len(), TEXT_BYTES_MAX);
        assert!(storable(&format!("x{long}")).len() < TEXT_BYTES_MAX);
    }
}
