//! When a schedule trigger ticks: cron in an IANA time zone, right over clock changes.
//!
//! Two kinds of schedule, told apart by how they are written:
//!
//! - **Fixed times**, such as `0 30 2 * * *`: seconds, minutes and hours without `*` and `/`.
//!   Each local time fires once. One that a clock change skips fires at the first instant after
//!   the gap; one that comes twice fires the first time only.
//! - **Intervals**, such as `0 */15 * * * *`: a `*` or `/` among seconds, minutes and hours. They
//!   fire at every instant whose local time matches, so they go on in elapsed time: a repeated
//!   hour fires again, a skipped one is not made up for.
//!
//! Ticks strictly increase, and no two are the same. What to do about ticks that were missed
//! while nothing was running is for the caller.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The longest cron text.
const CRON_BYTES_MAX: usize = 256;

/// Offset changes to look behind for an interval's next tick. Zones change at most a few times a
/// year, so this is more than a century.
const SEGMENTS_MAX: usize = 1_000;

/// A schedule that is known to be well-formed and to fire at least once.
#[derive(Debug, Clone)]
pub struct CronSchedule {
    cron: Cron,
    zone: TimeZone,
    is_interval: bool,
}

/// Why a schedule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Fix the cron expression.
    #[error("\"{cron}\" is not a cron expression: {reason}")]
    Cron {
        /// What was written.
        cron: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Fix the time zone.
    #[error("\"{0}\" is not an IANA time zone")]
    TimeZone(String),
    /// Such as 30 February.
    #[error("the schedule \"{0}\" never fires")]
    NeverFires(String),
}

impl CronSchedule {
    /// Parses six fields (seconds first) or five (at second 0), or `@hourly` and the like, in an
    /// IANA time zone.
    ///
    /// # Errors
    /// [`ScheduleError`] says which of the two is wrong, or that the schedule never fires.
    pub fn parse(cron: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        let refuse = |reason: String| ScheduleError::Cron { cron: cron.to_owned(), reason };
        if cron.len() > CRON_BYTES_MAX {
            return Err(ScheduleError::Cron {
                cron: format!("{}...", cron.chars().take(20).collect::<String>()),
                reason: format!("it is longer than {CRON_BYTES_MAX} bytes"),
            });
        }
        let parser =
            CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let parsed = parser.parse(cron).map_err(|error| refuse(error.to_string()))?;
        let zone = zone(time_zone)?;
        let schedule = Self { is_interval: is_interval(&parsed), cron: parsed, zone };
        if schedule.next_local(DateTime::constant(2000, 1, 1, 0, 0, 0, 0), true).is_none() {
            return Err(ScheduleError::NeverFires(cron.to_owned()));
        }
        Ok(schedule)
    }

    /// The first tick after a moment, never at it; `None` beyond the end of the calendar.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        if self.is_interval { self.next_interval(after) } else { self.next_fixed(after) }
    }

    /// All ticks after a moment, in order.
    pub fn ticks_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next_after(after), |tick| self.next_after(*tick))
    }

    /// Local times map to instants without ever going back, so the first local time whose instant
    /// is late enough is the tick. Local times up to that of `after` are not late enough.
    fn next_fixed(&self, after: Timestamp) -> Option<Timestamp> {
        let mut local = self.zone.to_datetime(after);
        loop {
            local = self.next_local(local, false)?;
            let instant = self.instant_of(local)?;
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// Goes through the stretches of time in which the offset is constant; in each of them local
    /// time is elapsed time.
    fn next_interval(&self, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut is_inclusive) = (after, false);
        for _ in 0..SEGMENTS_MAX {
            let offset = self.zone.to_offset(from);
            let local = self.next_local(offset.to_datetime(from), is_inclusive)?;
            let instant = offset.to_timestamp(local).ok()?;
            match self.zone.following(from).next() {
                Some(change) if change.timestamp() <= instant => {
                    (from, is_inclusive) = (change.timestamp(), true);
                }
                _ => return Some(instant),
            }
        }
        None
    }

    fn next_local(&self, from: DateTime, is_inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, is_inclusive).ok()
    }

    fn instant_of(&self, local: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
            AmbiguousOffset::Gap { before, after } => self.end_of_gap(local, before, after),
        }
    }

    /// The instant at which the clock jumped over `local`.
    fn end_of_gap(&self, local: DateTime, before: Offset, after: Offset) -> Option<Timestamp> {
        // Counted with the old offset, a skipped local time lies after the jump by less than
        // the jump's length.
        let beyond = before.to_timestamp(local).ok()?;
        let jump = SignedDuration::from_secs(i64::from(after.seconds() - before.seconds()));
        self.zone
            .preceding(beyond.checked_add(SignedDuration::from_secs(1)).ok()?)
            .take_while(|change| change.timestamp() > beyond - jump)
            .find(|change| change.offset() == after)
            .map(|change| change.timestamp())
            .or(Some(beyond))
    }
}

fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let refused = || ScheduleError::TimeZone(name.to_owned());
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let zone = TimeZone::get(name).map_err(|_| refused())?;
    if zone.is_unknown() { Err(refused()) } else { Ok(zone) }
}

fn is_interval(cron: &Cron) -> bool {
    let fields: Vec<&str> = cron.as_str().split_whitespace().collect();
    let times = fields.len().saturating_sub(3);
    fields.iter().take(times).any(|field| field.contains(['*', '/']))
}
