//! The natives of `libraries.date`: calendar arithmetic in any IANA time zone.
//!
//! The time zone database is the one in the executable: the process has no files.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, SpanTotal, Timestamp, Unit, Zoned};
use rquickjs::{Ctx, Exception, Result};
use serde_json::{Map, Value};

use super::native::Natives;

/// Adds the functions of this module.
pub fn add_to(native: &Natives<'_, '_>) -> Result<()> {
    native.add("toIso", |ctx: Ctx<'_>, text: String, zone: String| {
        or_throw(&ctx, moment(&text, &zone).map(|zoned| iso(&zoned)))
    })?;
    native.add("inZone", |ctx: Ctx<'_>, text: String, zone: String| {
        let text =
            moment(&text, &zone).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string());
        or_throw(&ctx, text)
    })?;
    native.add("parse", |ctx: Ctx<'_>, text: String, pattern: String, zone: String| {
        or_throw(&ctx, parse(&text, &pattern, &zone).map(|zoned| iso(&zoned)))
    })?;
    native.add("format", |ctx: Ctx<'_>, text: String, pattern: String, zone: String| {
        let format = |zoned: Zoned| strtime::format(&pattern, &zoned).map_err(|e| e.to_string());
        or_throw(&ctx, moment(&text, &zone).and_then(format))
    })?;
    native.add("add", |ctx: Ctx<'_>, text: String, span: String, sign: i32, zone: String| {
        or_throw(&ctx, add(&text, &span, sign, &zone))
    })?;
    native.add("diff", |ctx: Ctx<'_>, from: String, to: String, unit: String, zone: String| {
        or_throw(&ctx, difference(&from, &to, &unit, &zone))
    })?;
    native.add("startOf", |ctx: Ctx<'_>, text: String, unit: String, zone: String| {
        or_throw(&ctx, start_of(&text, &unit, &zone))
    })?;
    native.add("millis", |ctx: Ctx<'_>, text: String| {
        or_throw(&ctx, moment(&text, "UTC").map(|zoned| millis(&zoned)))
    })
}

fn or_throw<T>(ctx: &Ctx<'_>, result: std::result::Result<T, String>) -> Result<T> {
    result.map_err(|message| Exception::throw_range(ctx, &message))
}

/// Moments carry milliseconds, as those of JavaScript do.
fn millis(zoned: &Zoned) -> f64 {
    zoned.timestamp().as_millisecond() as f64
}

fn iso(zoned: &Zoned) -> String {
    zoned.timestamp().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn zone_of(name: &str) -> std::result::Result<TimeZone, String> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| format!("there is no time zone {name:?}"))
}

/// Reads ISO 8601 text. Without an offset it is local time in the zone.
fn moment(text: &str, zone: &str) -> std::result::Result<Zoned, String> {
    let zone = zone_of(zone)?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.to_zoned(zone));
    }
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .map_err(|_| format!("{text:?} is not an ISO 8601 date"))?;
    local.to_zoned(zone).map_err(|error| error.to_string())
}

/// Reads text by a pattern of `%` directives.
fn parse(text: &str, pattern: &str, zone: &str) -> std::result::Result<Zoned, String> {
    let wrong = |error: jiff::Error| format!("{text:?} is not {pattern:?}: {error}");
    let parsed = strtime::parse(pattern, text).map_err(wrong)?;
    let zone = zone_of(zone)?;
    if let Ok(at) = parsed.to_timestamp() {
        return Ok(at.to_zoned(zone));
    }
    let local = parsed
        .to_datetime()
        .or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)))
        .map_err(wrong)?;
    local.to_zoned(zone).map_err(wrong)
}

fn unit_of(name: &str) -> std::result::Result<Unit, String> {
    Ok(match name.strip_suffix('s').unwrap_or(name) {
        "year" => Unit::Year,
        "month" => Unit::Month,
        "week" => Unit::Week,
        "day" => Unit::Day,
        "hour" => Unit::Hour,
        "minute" => Unit::Minute,
        "second" => Unit::Second,
        "millisecond" => Unit::Millisecond,
        _ => return Err(format!("there is no unit {name:?}")),
    })
}

fn add(text: &str, span: &str, sign: i32, zone: &str) -> std::result::Result<String, String> {
    let units: Map<String, Value> = serde_json::from_str(span)
        .map_err(|_| "the span is an object like {days: 1}".to_owned())?;
    let mut span = Span::new();
    for (name, amount) in &units {
        let amount = amount.as_i64().ok_or_else(|| format!("{name} is not a whole number"))?;
        let wrong = |error: jiff::Error| error.to_string();
        let amount = amount.checked_mul(i64::from(sign)).ok_or("the span is too large")?;
        span = match unit_of(name)? {
            Unit::Year => span.try_years(amount).map_err(wrong)?,
            Unit::Month => span.try_months(amount).map_err(wrong)?,
            Unit::Week => span.try_weeks(amount).map_err(wrong)?,
            Unit::Day => span.try_days(amount).map_err(wrong)?,
            Unit::Hour => span.try_hours(amount).map_err(wrong)?,
            Unit::Minute => span.try_minutes(amount).map_err(wrong)?,
            Unit::Second => span.try_seconds(amount).map_err(wrong)?,
            _ => span.try_milliseconds(amount).map_err(wrong)?,
        };
    }
    let moved = moment(text, zone)?.checked_add(span).map_err(|error| error.to_string())?;
    Ok(iso(&moved))
}

/// How many whole units lie between two moments; negative when `to` is earlier.
fn difference(from: &str, to: &str, unit: &str, zone: &str) -> std::result::Result<f64, String> {
    let (from, to) = (moment(from, zone)?, moment(to, zone)?);
    let unit = unit_of(unit)?;
    let span = from.until((unit, &to)).map_err(|error| error.to_string())?;
    let total = span.total(SpanTotal::from(unit).relative(&from)).map_err(|e| e.to_string())?;
    // Negative zero has no place in a result.
    Ok(total.trunc() + 0.0)
}

fn start_of(text: &str, unit: &str, zone: &str) -> std::result::Result<String, String> {
    let at = moment(text, zone)?;
    let (date, time) = (at.date(), at.time());
    let midnight = jiff::civil::Time::midnight();
    let local = match unit_of(unit)? {
        Unit::Year => Date::new(date.year(), 1, 1).map(|first| first.to_datetime(midnight)),
        Unit::Month => Ok(date.first_of_month().to_datetime(midnight)),
        Unit::Week => {
            let since_monday = date.weekday().to_monday_zero_offset();
            date.checked_sub(Span::new().days(since_monday)).map(|day| day.to_datetime(midnight))
        }
        Unit::Day => Ok(date.to_datetime(midnight)),
        unit => {
            let minute = if unit == Unit::Hour { 0 } else { time.minute() };
            let second = if unit == Unit::Second { time.second() } else { 0 };
            return cut_time(&at, minute, second);
        }
    };
    let start = local.and_then(|local| local.to_zoned(at.time_zone().clone()));
    Ok(iso(&start.map_err(|error| error.to_string())?))
}

/// Goes back within the hour, which keeps the offset where a clock change repeats the hour.
fn cut_time(at: &Zoned, minute: i8, second: i8) -> std::result::Result<String, String> {
    let time = at.time();
    let back = Span::new()
        .minutes(time.minute() - minute)
        .seconds(time.second() - second)
        .nanoseconds(time.subsec_nanosecond());
    Ok(iso(&at.checked_sub(back).map_err(|error| error.to_string())?))
}
