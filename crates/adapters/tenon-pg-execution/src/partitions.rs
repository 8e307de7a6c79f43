//! A partition a day of `run` and `step_result`, bounded by run ids, and of `proxy_call`, bounded
//! by its own.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, PgExecutor};
use uuid::Uuid;

/// Days ahead for which partitions are made.
const DAYS_AHEAD: i64 = 7;
/// The partitioned tables.
const TABLES: [&str; 3] = ["run", "step_result", "proxy_call"];
/// Those of them that hold runs, and go together.
pub const RUN_TABLES: [&str; 2] = ["run", "step_result"];

/// Makes the partitions from yesterday to a week ahead.
pub async fn make(pool: &PgPool, now: Timestamp) -> Result<(), sqlx::Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    for table in TABLES {
        close(pool, &format!("{table}_default")).await?;
    }
    for ahead in -1..=DAYS_AHEAD {
        let Ok(day) = today.checked_add(ahead.days()) else { continue };
        let Ok(next) = day.tomorrow() else { continue };
        for table in TABLES {
            // Names and bounds are made here from a date: there is nothing to inject.
            let statement = format!(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF {table} FOR VALUES FROM ('{}') TO ('{}')",
                name(table, day),
                first_id(day),
                first_id(next),
            );
            match sqlx::query(AssertSqlSafe(statement)).execute(pool).await {
                Ok(_) => close(pool, &name(table, day)).await?,
                Err(error) if is_raced(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The policies of a table bind whoever names the table, not whoever names a partition of it. A
/// partition gets none of its own: under its own name it shows nothing to anybody.
async fn close(pool: &PgPool, partition: &str) -> Result<(), sqlx::Error> {
    // As above: the name is made here.
    let statement = format!(
        "DO $$ BEGIN
             IF EXISTS (SELECT 1 FROM pg_class
                        WHERE oid = to_regclass('{partition}') AND NOT relforcerowsecurity) THEN
                 ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY;
                 ALTER TABLE {partition} FORCE ROW LEVEL SECURITY;
             END IF;
         END $$"
    );
    sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(drop)
}

/// The days before the last `keep_days` that there are partitions of, oldest first. `names` is a
/// regular expression that their names fit.
async fn days_before(
    pool: &PgPool,
    names: &str,
    now: Timestamp,
    keep_days: u32,
) -> Result<Vec<Date>, sqlx::Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let Ok(oldest_kept) = today.checked_sub(i64::from(keep_days).days()) else {
        return Ok(Vec::new());
    };
    let existing = sqlx::query_scalar!(
        r#"SELECT relname AS "relname!" FROM pg_class
           WHERE relkind = 'r' AND relname ~ $1 ORDER BY relname"#,
        names,
    )
    .fetch_all(pool)
    .await?;
    let days = existing.iter().filter_map(|table| day_of(table));
    Ok(days.filter(|day| *day < oldest_kept).collect())
}

/// Drops partitions whose day is older than `keep_days` and that no open run belongs to.
/// Answers the names of what was dropped.
pub async fn drop_old(
    pool: &PgPool,
    now: Timestamp,
    keep_days: u32,
) -> Result<Vec<String>, sqlx::Error> {
    let mut dropped = Vec::new();
    for day in expired_days(pool, now, keep_days).await? {
        for table in RUN_TABLES {
            dropped.push(drop_partition(pool, table, day).await?);
        }
    }
    Ok(dropped)
}

/// Forgets keys under which work was accepted.
pub async fn drop_old_keys(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM once_key WHERE created_at < now() - interval '2 days'")
        .execute(pool)
        .await
        .map(drop)
}

/// The days that [`drop_old`] would drop, oldest first.
pub async fn expired_days(
    pool: &PgPool,
    now: Timestamp,
    keep_days: u32,
) -> Result<Vec<Date>, sqlx::Error> {
    let mut expired = Vec::new();
    for day in days_before(pool, "^run_[0-9]{8}$", now, keep_days).await? {
        if !has_open_runs(pool, day).await? {
            expired.push(day);
        }
    }
    Ok(expired)
}

/// Drops the days of proxy calls before the last `keep_days`. Answers the names of what was dropped.
pub async fn drop_old_calls(
    pool: &PgPool,
    now: Timestamp,
    keep_days: u32,
) -> Result<Vec<String>, sqlx::Error> {
    let mut dropped = Vec::new();
    for day in days_before(pool, "^proxy_call_[0-9]{8}$", now, keep_days).await? {
        dropped.push(drop_partition(pool, "proxy_call", day).await?);
    }
    Ok(dropped)
}

async fn drop_partition(pool: &PgPool, table: &str, day: Date) -> Result<String, sqlx::Error> {
    let name = name(table, day);
    // As in `make`: the name is made here.
    let statement = format!("DROP TABLE IF EXISTS {name}");
    sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
    Ok(name)
}

/// A run that waits for years keeps its day's results.
pub async fn has_open_runs(executor: impl PgExecutor<'_>, day: Date) -> Result<bool, sqlx::Error> {
    let (first, next) = ids_of(day);
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM job WHERE run_id >= $1 AND run_id < $2) AS "exists!""#,
        first,
        next,
    )
    .fetch_one(executor)
    .await
}

/// The smallest run id of a day, and that of the next day.
pub fn ids_of(day: Date) -> (Uuid, Uuid) {
    (first_id(day), day.tomorrow().map_or(Uuid::max(), first_id))
}

/// The name of a table's partition.
pub fn name(table: &str, day: Date) -> String {
    format!("{table}_{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

fn day_of(table: &str) -> Option<Date> {
    let digits = table.rsplit('_').next()?;
    let (year, rest) = digits.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// The smallest UUID v7 of a day: 48 bits of milliseconds, the rest zero (RFC 9562, 5.7).
fn first_id(day: Date) -> Uuid {
    let midnight =
        day.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond());
    let millis = u128::try_from(midnight).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

/// Another process made the same partition at the same moment, or the default partition holds
/// rows of that day already and goes on holding them.
fn is_raced(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P07" | "23505" | "42P17" | "23514"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_day_lie_in_its_bounds() {
        let id = Uuid::now_v7();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let tomorrow = today.tomorrow().expect("a day");
        assert!(first_id(today) <= id && id < first_id(tomorrow));
    }

    #[test]
    fn a_partition_name_tells_its_day() {
        let day = Date::new(2026, 3, 9).expect("a day");
        assert_eq!(day_of(&name("run", day)), Some(day));
        assert_eq!(day_of("run_default"), None);
    }
}
