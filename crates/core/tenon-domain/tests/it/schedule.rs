//! Ticks over a year of clock changes, compared with a search through every minute.

use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tenon_domain::workflow::{CronSchedule, ScheduleError};

const ZONES: [&str; 5] =
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"];

/// A schedule, written by hand as what it means: minutes, hours, whether only Sundays, and which
/// kind it is.
struct Meaning {
    cron: &'static str,
    minutes: &'static [i64],
    hours: &'static [i64],
    only_sundays: bool,
    is_interval: bool,
}

const EVERY_HOUR: &[i64] =
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

const MEANINGS: [Meaning; 10] = [
    Meaning {
        cron: "30 2 * * *",
        minutes: &[30],
        hours: &[2],
        only_sundays: false,
        is_interval: false,
    },
    Meaning {
        cron: "0 15 2 * * *",
        minutes: &[15],
        hours: &[2],
        only_sundays: false,
        is_interval: false,
    },
    Meaning {
        cron: "45 1 * * *",
        minutes: &[45],
        hours: &[1],
        only_sundays: false,
        is_interval: false,
    },
    Meaning {
        cron: "0,30 1,2,3 * * *",
        minutes: &[0, 30],
        hours: &[1, 2, 3],
        only_sundays: false,
        is_interval: false,
    },
    Meaning {
        cron: "0 2 * * SUN",
        minutes: &[0],
        hours: &[2],
        only_sundays: true,
        is_interval: false,
    },
    Meaning {
        cron: "0 0 * * *",
        minutes: &[0],
        hours: &[0],
        only_sundays: false,
        is_interval: false,
    },
    Meaning {
        cron: "0 * * * *",
        minutes: &[0],
        hours: EVERY_HOUR,
        only_sundays: false,
        is_interval: true,
    },
    Meaning {
        cron: "0 */15 * * * *",
        minutes: &[0, 15, 30, 45],
        hours: EVERY_HOUR,
        only_sundays: false,
        is_interval: true,
    },
    Meaning {
        cron: "*/20 1-3 * * *",
        minutes: &[0, 20, 40],
        hours: &[1, 2, 3],
        only_sundays: false,
        is_interval: true,
    },
    Meaning {
        cron: "10 */2 * * SUN",
        minutes: &[10],
        hours: &[0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22],
        only_sundays: true,
        is_interval: true,
    },
];

/// A time on the wall, in minutes since 1 January 1970 00:00 there.
type Shown = i64;

impl Meaning {
    fn matches(&self, shown: Shown) -> bool {
        // 1 January 1970 was a Thursday.
        let is_sunday = (shown.div_euclid(24 * 60) + 4) % 7 == 0;
        self.minutes.contains(&(shown % 60))
            && self.hours.contains(&(shown / 60 % 24))
            && (is_sunday || !self.only_sundays)
    }
}

/// Every minute of a year, and what the clock on the wall shows: `shown[n]` at `start + n`.
struct Year {
    start: i64,
    shown: Vec<Shown>,
}

impl Year {
    fn of(zone: &TimeZone) -> Self {
        let start = minutes(at("2025-12-31T00:00:00Z"));
        let shown = (start..start + 367 * 24 * 60)
            .map(|minute| minute + i64::from(zone.to_offset(moment(minute)).seconds()) / 60)
            .collect();
        Self { start, shown }
    }

    fn ticks(&self, meaning: &Meaning) -> BTreeSet<Timestamp> {
        let mut ticks = BTreeSet::new();
        let mut latest = self.shown[0];
        for (minute, shown) in (self.start..).zip(self.shown.iter().copied()) {
            let fires = if meaning.is_interval {
                meaning.matches(shown)
            } else {
                // The times since the latest one that was shown: none while times are repeated,
                // more than one after a gap.
                (latest + 1..=shown).any(|shown| meaning.matches(shown))
            };
            if fires {
                ticks.insert(moment(minute));
            }
            latest = latest.max(shown);
        }
        ticks
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("it is a moment")
}

fn minutes(instant: Timestamp) -> i64 {
    instant.as_second() / 60
}

fn moment(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).expect("it is in range")
}

#[test]
fn ticks_of_a_year_are_those_of_the_oracle() {
    for name in ZONES {
        let zone = TimeZone::get(name).expect("it is a time zone");
        let year = Year::of(&zone);
        let start = zone.to_timestamp(date(2026, 1, 1).at(0, 0, 0, 0)).expect("it is in range");
        let end = zone.to_timestamp(date(2026, 12, 31).at(0, 0, 0, 0)).expect("it is in range");
        for meaning in &MEANINGS {
            let schedule = CronSchedule::parse(meaning.cron, name).expect("it is a schedule");
            let before = start - SignedDuration::from_secs(1);
            let found: Vec<Timestamp> =
                schedule.ticks_after(before).take_while(|tick| *tick < end).collect();
            assert!(found.is_sorted_by(|a, b| a < b), "{} in {name}", meaning.cron);
            let expected: Vec<Timestamp> = year.ticks(meaning).range(start..end).copied().collect();
            assert_eq!(found, expected, "{} in {name}", meaning.cron);
        }
    }
}

/// Asking at any moment gives the first of the ticks that comes later.
#[test]
fn the_next_tick_does_not_depend_on_where_one_asks() {
    for (name, around) in [
        ("America/New_York", "2026-03-08T05:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T13:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T14:00:00Z"),
    ] {
        let start = at(around);
        for meaning in &MEANINGS {
            let schedule = CronSchedule::parse(meaning.cron, name).expect("it is a schedule");
            let ticks: Vec<Timestamp> =
                schedule.ticks_after(start - SignedDuration::from_secs(1)).take(400).collect();
            for minute in 0..300 {
                for millis in [0, 500] {
                    let asked = start
                        + SignedDuration::from_mins(minute)
                        + SignedDuration::from_millis(millis);
                    let expected = ticks.iter().find(|tick| **tick > asked).copied();
                    assert_eq!(
                        schedule.next_after(asked),
                        expected,
                        "{} in {name} at {asked}",
                        meaning.cron
                    );
                }
            }
        }
    }
}

fn day(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = CronSchedule::parse(cron, zone).expect("it is a schedule");
    let zone = TimeZone::get(zone).expect("it is a time zone");
    let local = |tick: Timestamp| zone.to_datetime(tick).time().to_string();
    schedule.ticks_after(at(from)).take(count).map(local).collect()
}

#[test]
fn a_skipped_time_fires_once_after_the_gap() {
    // 8 March 2026: from 02:00 to 03:00.
    assert_eq!(
        day("30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", 2),
        ["03:00:00", "02:30:00"]
    );
    // Two skipped times, and one that is at the gap's end anyway: one tick.
    assert_eq!(
        day("0,30 2,3 * * *", "America/New_York", "2026-03-08T05:00:00Z", 3),
        ["03:00:00", "03:30:00", "02:00:00"]
    );
    // 4 October 2026: from 02:00 to 02:30.
    assert_eq!(
        day("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z", 2),
        ["02:30:00", "02:15:00"]
    );
}

#[test]
fn a_repeated_time_fires_once_when_it_is_fixed_and_twice_in_an_interval() {
    // 1 November 2026: from 02:00 back to 01:00.
    let start = "2026-11-01T04:59:00Z";
    assert_eq!(day("30 1 * * *", "America/New_York", start, 2), ["01:30:00", "01:30:00"]);
    let schedule = CronSchedule::parse("30 1 * * *", "America/New_York").expect("it is a schedule");
    let ticks: Vec<String> =
        schedule.ticks_after(at(start)).take(2).map(|tick| tick.to_string()).collect();
    assert_eq!(ticks, ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    assert_eq!(
        day("*/30 * * * *", "America/New_York", start, 6),
        ["01:00:00", "01:30:00", "01:00:00", "01:30:00", "02:00:00", "02:30:00"]
    );
}

#[test]
fn seconds_and_a_day_that_a_zone_skipped() {
    assert_eq!(
        day("*/25 * * * * *", "UTC", "2026-01-01T00:00:00Z", 4),
        ["00:00:25", "00:00:50", "00:01:00", "00:01:25"]
    );
    // Samoa had no 30 December 2011.
    let schedule = CronSchedule::parse("0 8 * * *", "Pacific/Apia").expect("it is a schedule");
    let ticks: Vec<String> = schedule
        .ticks_after(at("2011-12-29T00:00:00Z"))
        .take(3)
        .map(|tick| tick.to_string())
        .collect();
    assert_eq!(ticks, ["2011-12-29T18:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T18:00:00Z"]);
}

#[test]
fn a_leap_day_is_waited_for() {
    let schedule = CronSchedule::parse("0 0 29 2 *", "Europe/Berlin").expect("it is a schedule");
    let next = schedule.next_after(at("2026-03-01T00:00:00Z"));
    assert_eq!(next.map(|tick| tick.to_string()).as_deref(), Some("2028-02-28T23:00:00Z"));
    let every_minute =
        CronSchedule::parse("* * 29 2 *", "Europe/Berlin").expect("it is a schedule");
    assert_eq!(every_minute.next_after(at("2026-03-01T00:00:00Z")), next);
}

#[test]
fn what_is_wrong_is_told_apart() {
    let parse = |cron: &str, zone: &str| CronSchedule::parse(cron, zone).expect_err("it is wrong");
    assert!(matches!(parse("61 * * * *", "UTC"), ScheduleError::Cron { .. }));
    assert!(matches!(parse("", "UTC"), ScheduleError::Cron { .. }));
    assert!(matches!(parse(&"1,".repeat(200), "UTC"), ScheduleError::Cron { .. }));
    assert_eq!(parse("* * * * *", "Nowhere"), ScheduleError::TimeZone("Nowhere".to_owned()));
    assert_eq!(parse("0 0 31 4 *", "UTC"), ScheduleError::NeverFires("0 0 31 4 *".to_owned()));
}
