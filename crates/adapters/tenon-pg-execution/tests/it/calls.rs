//! The log of proxy calls: what goes in comes out, for its own project, until its day is old.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};
use tenon_exec::ports::calls::{
    ProxyCall, ProxyCallFilter, ProxyCallId, ProxyCallReader, ProxyCallRetention, ProxyCallStore,
};
use tenon_exec::ports::store::JobStore;
use tenon_pg_execution::CallAppender;
use uuid::Uuid;

use crate::fixture::{Fixture, Outcome};

/// A call that ended some days ago, one second later for each further one.
pub fn call_of_day(project: ProjectId, days_ago: i64, number: u64) -> ProxyCall {
    let ended = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
    let millis = u64::try_from(ended.as_millisecond()).expect("after 1970") + 1_000 * number;
    let random = Uuid::new_v4().into_bytes();
    let mut counter = [0; 10];
    counter.copy_from_slice(&random[..10]);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &counter).into_uuid();
    ProxyCall {
        id: ProxyCallId::from_uuid(id),
        project,
        user: Some(EndUserId::new("user \"1\" ü")),
        integration: Some(IntegrationId::new()),
        credential: Some(CredentialId::new()),
        method: "POST".to_owned(),
        host: "api.example.com".to_owned(),
        path: "/v1/things/%20".to_owned(),
        status: 201,
        problem: None,
        started_at: Timestamp::from_microsecond(ended.as_microsecond()).expect("it was one"),
        duration: Duration::from_micros(1_234),
        request_bytes: 5 << 30,
        response_bytes: 7,
        is_complete: true,
        attempts: 2,
    }
}

pub fn call(f: &Fixture, number: u64) -> ProxyCall {
    call_of_day(f.project, 0, number)
}

async fn appender(f: &Fixture) -> CallAppender {
    CallAppender::connect(&f.database.url).expect("the URL is valid")
}

async fn all(
    f: &Fixture,
    filter: &ProxyCallFilter,
) -> Result<Vec<ProxyCall>, Box<dyn std::error::Error>> {
    Ok(f.reader.calls(f.project, filter, None, 100).await?.calls)
}

#[tokio::test]
async fn calls_come_back_as_they_went_newest_first() -> Outcome {
    let f = Fixture::new().await?;
    let first = call(&f, 0);
    let refused = ProxyCall {
        user: None,
        integration: None,
        credential: None,
        status: 401,
        problem: Some("unauthorized".to_owned()),
        is_complete: false,
        attempts: 0,
        ..call(&f, 5)
    };
    appender(&f).await.append(&[first.clone(), refused.clone()]).await?;
    assert_eq!(all(&f, &ProxyCallFilter::default()).await?, [refused, first]);
    Ok(())
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_may_be_written_again() -> Outcome {
    let f = Fixture::new().await?;
    let (log, batch) = (appender(&f).await, [call(&f, 0), call(&f, 1)]);
    log.append(&batch).await?;
    log.append(&batch).await?;
    assert_eq!(all(&f, &ProxyCallFilter::default()).await?.len(), 2);
    log.append(&[]).await?;
    Ok(())
}

#[tokio::test]
async fn one_odd_call_does_not_keep_the_others_out() -> Outcome {
    let f = Fixture::new().await?;
    let odd = ProxyCall {
        user: Some(EndUserId::new("a\0b")),
        path: "/x".repeat(10_000),
        request_bytes: u64::MAX,
        status: u16::MAX,
        duration: Duration::MAX,
        attempts: u32::MAX,
        ..call(&f, 1)
    };
    appender(&f).await.append(&[call(&f, 0), odd]).await?;
    let kept = all(&f, &ProxyCallFilter::default()).await?;
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].user, Some(EndUserId::new("a\u{fffd}b")));
    assert_eq!(kept[0].path.len(), 2_048);
    Ok(())
}

#[tokio::test]
async fn all_filters_hold_together() -> Outcome {
    let f = Fixture::new().await?;
    let wanted = call(&f, 9);
    let others = [
        ProxyCall { user: Some(EndUserId::new("user-2")), ..call(&f, 8) },
        ProxyCall { integration: None, ..call(&f, 7) },
        ProxyCall { status: 404, ..call(&f, 6) },
        ProxyCall { status: 300, ..call(&f, 5) },
        call_of_day(f.project, 2, 0),
    ];
    appender(&f).await.append(&others).await?;
    appender(&f).await.append(std::slice::from_ref(&wanted)).await?;
    let filter = ProxyCallFilter {
        user: wanted.user.clone(),
        integration: wanted.integration,
        status_class: Some(2),
        since: Some(Timestamp::now() - SignedDuration::from_hours(24)),
    };
    assert_eq!(all(&f, &filter).await?, [wanted]);
    let of = async |filter| Ok::<_, Box<dyn std::error::Error>>(all(&f, &filter).await?.len());
    let any = ProxyCallFilter::default;
    assert_eq!(of(ProxyCallFilter { status_class: Some(2), ..any() }).await?, 4);
    assert_eq!(of(ProxyCallFilter { status_class: Some(4), ..any() }).await?, 1);
    assert_eq!(of(ProxyCallFilter { since: filter.since, ..any() }).await?, 5);
    assert_eq!(of(ProxyCallFilter { user: filter.user.clone(), ..any() }).await?, 5);
    Ok(())
}

#[tokio::test]
async fn pages_miss_nothing_and_show_nothing_twice() -> Outcome {
    let f = Fixture::new().await?;
    let calls: Vec<ProxyCall> = (0..7).map(|number| call(&f, number)).collect();
    appender(&f).await.append(&calls).await?;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = f.reader.calls(f.project, &ProxyCallFilter::default(), cursor, 3).await?;
        seen.extend(page.calls);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.into_iter().rev().collect::<Vec<_>>(), calls);
    Ok(())
}

#[tokio::test]
async fn another_project_sees_nothing() -> Outcome {
    let f = Fixture::new().await?;
    appender(&f).await.append(&[call(&f, 0)]).await?;
    let page = f.reader.calls(ProjectId::new(), &ProxyCallFilter::default(), None, 10).await?;
    assert!(page.calls.is_empty());
    Ok(())
}

#[tokio::test]
async fn days_go_by_their_own_retention() -> Outcome {
    let f = Fixture::new().await?;
    let then = Timestamp::now() - SignedDuration::from_hours(24 * 40);
    f.store.maintain_partitions(then, Some(10_000)).await?;
    let (old, young) = (call_of_day(f.project, 40, 0), call(&f, 0));
    appender(&f).await.append(&[old, young.clone()]).await?;
    // The retention of runs leaves calls alone, and the other way round.
    let of_runs = f.store.maintain_partitions(Timestamp::now(), Some(30)).await?;
    assert!(!of_runs.iter().any(|name| name.starts_with("proxy_call")), "{of_runs:?}");
    assert_eq!(all(&f, &ProxyCallFilter::default()).await?.len(), 2);
    let of_calls = f.store.drop_old_calls(Timestamp::now(), 30).await?;
    let day = then.to_zoned(TimeZone::UTC).date();
    let name = format!("proxy_call_{:04}{:02}{:02}", day.year(), day.month(), day.day());
    assert!(of_calls.contains(&name), "{of_calls:?}");
    assert!(of_calls.iter().all(|name| name.starts_with("proxy_call")), "{of_calls:?}");
    assert_eq!(all(&f, &ProxyCallFilter::default()).await?, [young]);
    Ok(())
}

/// What a proxy in a process of its own needs, and all that it needs.
#[tokio::test]
async fn a_database_role_that_may_only_insert_is_enough() -> Outcome {
    let f = Fixture::new().await?;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    let role = format!("proxy_{}", Uuid::new_v4().simple());
    let database = sqlx::query("SELECT current_database()").fetch_one(&mut superuser).await?;
    let database: String = database.get(0);
    for statement in [
        format!("CREATE ROLE {role} LOGIN"),
        format!("GRANT CONNECT ON DATABASE {database} TO {role}"),
        format!("GRANT INSERT ON proxy_call TO {role}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut superuser).await?;
    }
    let (_, place) = f.database.url.split_once('@').ok_or("the URL has no user")?;
    let url = format!("postgres://{role}@{place}");
    CallAppender::connect(&url)?.append(&[call(&f, 0)]).await?;
    assert_eq!(all(&f, &ProxyCallFilter::default()).await?.len(), 1);
    let mut connection = PgConnection::connect(&url).await?;
    for statement in ["SELECT * FROM proxy_call", "DELETE FROM proxy_call", "SELECT * FROM job"] {
        let outcome = sqlx::query(statement).execute(&mut connection).await;
        assert!(outcome.is_err(), "{statement}");
    }
    Ok(())
}
