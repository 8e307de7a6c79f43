//! Functions on moments. A moment is a text: RFC 3339, or a date with or without a time, which
//! is then in UTC. There is no `now`: the result of an expression depends on its values only.

use std::borrow::Cow;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Arguments, Function, Kind, Parameter, owned};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::{float, moment_of_text};

/// The longest format, in bytes; one directive writes at most some 255.
const FORMAT_BYTES_MAX: usize = 256;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "date_format",
        parameters: &[
            Parameter::required("moment", Kind::Text),
            Parameter::required("format", Kind::Text),
            Parameter::optional("zone", Kind::Text),
        ],
        summary: "The moment as `strftime` writes it, in an IANA time zone (`UTC`).",
        examples: &[
            (r#"date_format("2026-03-01T23:30:00Z", "%d.%m.%Y")"#, r#""01.03.2026""#),
            (
                r#"date_format("2026-03-01T23:30:00Z", "%F %R", "Europe/Berlin")"#,
                r#""2026-03-02 00:30""#,
            ),
        ],
        run: date_format,
    },
    Function {
        name: "date_add",
        parameters: &[
            Parameter::required("moment", Kind::Text),
            Parameter::required("seconds", Kind::Number),
        ],
        summary: "The moment so many seconds later, RFC 3339 in UTC.",
        examples: &[
            (r#"date_add("2026-02-28", 86400)"#, r#""2026-03-01T00:00:00Z""#),
            (r#"date_add("1970-01-01", 1767225600)"#, r#""2026-01-01T00:00:00Z""#),
        ],
        run: date_add,
    },
    Function {
        name: "date_parse",
        parameters: &[
            Parameter::required("text", Kind::Text),
            Parameter::required("format", Kind::Text),
        ],
        summary: "The moment that a text in a `strptime` format names, RFC 3339 in UTC.",
        examples: &[
            (r#"date_parse("01.03.2026", "%d.%m.%Y")"#, r#""2026-03-01T00:00:00Z""#),
            (
                r#"date_parse("Sun, 01 Mar 2026 12:00:00 +0100", "%a, %d %b %Y %T %z")"#,
                r#""2026-03-01T11:00:00Z""#,
            ),
        ],
        run: date_parse,
    },
    Function {
        name: "unix",
        parameters: &[
            Parameter::required("moment", Kind::Text),
            Parameter::optional("unit", Kind::Text),
        ],
        summary: "The `seconds` (usual) or `milliseconds` from 1970 to the moment.",
        examples: &[
            (r#"unix("2026-01-01")"#, "1767225600"),
            (r#"unix("2026-01-01T00:00:00.5Z", "milliseconds")"#, "1767225600500"),
        ],
        run: unix,
    },
];

fn date_parse<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let format = arguments.text(1);
    if format.len() > FORMAT_BYTES_MAX {
        return Err(arguments.wrong(1, &format!("is longer than {FORMAT_BYTES_MAX} bytes")));
    }
    let misfit = || arguments.wrong(0, "is no date or time in this format");
    let parsed = strtime::parse(format, arguments.text(0)).map_err(|_| misfit())?;
    // A moment where the format holds an offset, else a date with or without a time, in UTC.
    let moment = match parsed.to_timestamp() {
        Ok(moment) => moment,
        Err(_) => {
            let date = parsed.to_date().map_err(|_| misfit())?;
            let local = date.to_datetime(parsed.to_time().unwrap_or_default());
            TimeZone::UTC.to_timestamp(local).map_err(|_| misfit())?
        }
    };
    Ok(owned(moment.to_string()))
}

fn unix<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let moment = moment(&arguments)?;
    match arguments.text_or(1, "seconds") {
        "seconds" => Ok(owned(moment.as_second())),
        "milliseconds" => Ok(owned(moment.as_millisecond())),
        _ => Err(arguments.wrong(1, "must be \"seconds\" or \"milliseconds\"")),
    }
}

fn moment(arguments: &Arguments<'_>) -> Result<Timestamp, EvalError> {
    moment_of_text(arguments.text(0)).ok_or_else(|| {
        arguments
            .wrong(0, "is no date or time")
            .with_help("write it as 2026-03-01 or 2026-03-01T12:00:00Z")
    })
}

fn date_format<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let moment = moment(&arguments)?;
    let format = arguments.text(1);
    if format.len() > FORMAT_BYTES_MAX {
        return Err(arguments.wrong(1, &format!("is longer than {FORMAT_BYTES_MAX} bytes")));
    }
    let zone = match arguments.value(2) {
        Value::String(name) => TimeZone::get(name)
            .map_err(|_| arguments.wrong(2, "is no IANA time zone, such as `Europe/Berlin`"))?,
        _ => TimeZone::UTC,
    };
    let text = strtime::format(format, &moment.to_zoned(zone))
        .map_err(|_| arguments.wrong(1, "is no valid format; write `%%` for a percent sign"))?;
    Ok(owned(text))
}

fn date_add<'a>(arguments: Arguments<'a>, _: &Budget) -> Result<Cow<'a, Value>, EvalError> {
    let moment = moment(&arguments)?;
    let seconds = arguments.number(1);
    let out_of_range = || arguments.wrong(1, "leads outside the years -9999 to 9999");
    let span = match seconds.as_i64() {
        Some(whole) => SignedDuration::from_secs(whole),
        None => SignedDuration::try_from_secs_f64(float(seconds)).map_err(|_| out_of_range())?,
    };
    let later = moment.checked_add(span).map_err(|_| out_of_range())?;
    Ok(owned(later.to_string()))
}
