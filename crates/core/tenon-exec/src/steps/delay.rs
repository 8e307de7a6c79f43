//! The delay step: until when a run waits. Waiting itself is the queue's.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenon_domain::workflow::steps::delay::DelayStep;
use tenon_expr::{Scope, Source};

use super::{Failure, FailureClass};

/// The longest delay: ten years, in seconds.
const SECONDS_MAX: f64 = 10.0 * 366.0 * 86_400.0;

/// The moment at which the run goes on.
///
/// # Errors
/// When the amount is not a number of at least zero, or the moment is not a time.
pub fn until(step: &DelayStep, scope: &dyn Scope, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(source) = &step.until {
        let value = eval("until", source, scope)?;
        return moment(&value);
    }
    let units: [(&str, &Option<Source>, f64); 4] = [
        ("seconds", &step.seconds, 1.0),
        ("minutes", &step.minutes, 60.0),
        ("hours", &step.hours, 3_600.0),
        ("days", &step.days, 86_400.0),
    ];
    for (field, source, seconds) in units {
        let Some(source) = source else { continue };
        let amount = number(field, &eval(field, source, scope)?)? * seconds;
        if !(0.0..=SECONDS_MAX).contains(&amount) {
            let message =
                format!("`{field}` asks for {amount} seconds; allowed are 0 to ten years");
            return Err(Failure::new("delay_range", message, FailureClass::Permanent));
        }
        let duration = SignedDuration::from_secs_f64(amount);
        return Ok(now.checked_add(duration).unwrap_or(Timestamp::MAX));
    }
    Ok(now)
}

fn eval(field: &str, source: &Source, scope: &dyn Scope) -> Result<Value, Failure> {
    source.eval(scope).map_err(|error| Failure::template(field, &error))
}

fn number(field: &str, value: &Value) -> Result<f64, Failure> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite()).ok_or_else(|| {
        let message = format!("`{field}` is {value}; it must be a number");
        Failure::new("delay_type", message, FailureClass::Permanent)
    })
}

fn moment(value: &Value) -> Result<Timestamp, Failure> {
    let parsed = value.as_str().and_then(|text| text.trim().parse::<Timestamp>().ok());
    parsed.ok_or_else(|| {
        let message =
            format!("`until` is {value}; it must be a time such as \"2030-01-31T09:00:00Z\"");
        Failure::new("delay_type", message, FailureClass::Permanent)
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;
    use tenon_expr::{EvalError, Reference};

    use super::*;

    struct Nothing;
    impl Scope for Nothing {
        fn get(&self, _: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
            Ok(None)
        }
    }

    fn delay(field: &str, value: Value) -> DelayStep {
        serde_json::from_value(json!({ field: value })).expect("a delay")
    }

    #[test]
    fn each_unit_counts_in_its_own_seconds() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        for (field, amount, expected) in [
            ("seconds", json!(90), "2026-01-01T00:01:30Z"),
            ("minutes", json!("2"), "2026-01-01T00:02:00Z"),
            ("hours", json!(1.5), "2026-01-01T01:30:00Z"),
            ("days", json!(400), "2027-02-05T00:00:00Z"),
        ] {
            let until = until(&delay(field, amount), &Nothing, now).expect("a moment");
            assert_eq!(until.to_string(), expected, "{field}");
        }
    }

    #[test]
    fn a_negative_or_endless_delay_fails() {
        let now = Timestamp::UNIX_EPOCH;
        for amount in [json!(-1), json!(1e12), json!("soon"), json!("{{step.nothing}}")] {
            assert!(until(&delay("seconds", amount), &Nothing, now).is_err());
        }
    }
}
