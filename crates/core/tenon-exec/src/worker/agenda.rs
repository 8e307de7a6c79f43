//! Which source a worker claims from next.
//!
//! Sources that may have work stand in a line and take turns: whoever was claimed from and has
//! more goes to its end. Three things put a source there: news of a push, the time at which a
//! delayed job falls due, and a look at everything now and then, for news that were missed.
//! Spare sources stand aside for a moment first, so that their owner comes before us.
//!
//! Pure: time comes in as arguments, nothing here waits.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::assignment::Duty;
use crate::ports::queue::{News, Source};

/// How long a spare source is left to its owner.
const SPARE_DELAY: Duration = Duration::from_millis(25);
/// How often every own source is looked at, news or not.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often every spare one is.
const SPARE_LOOK_INTERVAL: Duration = Duration::from_secs(4);
/// Times at which sources are looked at again; beyond, the regular look finds them.
const TIMES_MAX: usize = 10_000;

/// The line, and what will join it.
#[derive(Debug)]
pub(super) struct Agenda {
    duty: Arc<Duty>,
    own: HashSet<Source>,
    never: HashSet<Source>,
    line: VecDeque<Source>,
    in_line: HashSet<Source>,
    times: BinaryHeap<Reverse<(Instant, Source)>>,
    looks_at: Instant,
    looks_at_spare: Instant,
}

impl Agenda {
    /// An agenda that looks at everything at once.
    pub(super) fn new(duty: Arc<Duty>, now: Instant) -> Self {
        let mut agenda = Self {
            duty: Arc::default(),
            own: HashSet::new(),
            never: HashSet::new(),
            line: VecDeque::new(),
            in_line: HashSet::new(),
            times: BinaryHeap::new(),
            looks_at: now,
            looks_at_spare: now + SPARE_DELAY,
        };
        agenda.set_duty(duty, now);
        agenda
    }

    /// Serves other sources from now on, and looks at all of them.
    pub(super) fn set_duty(&mut self, duty: Arc<Duty>, now: Instant) {
        self.own = duty.own.iter().cloned().collect();
        self.never = duty.never.iter().cloned().collect();
        self.duty = duty;
        let never = &self.never;
        self.line.retain(|source| !never.contains(source));
        self.in_line.retain(|source| !never.contains(source));
        self.looks_at = now;
        self.looks_at_spare = self.looks_at_spare.min(now + SPARE_LOOK_INTERVAL);
    }

    /// Takes in what was pushed.
    pub(super) fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::Nothing => {}
            News::Any => {
                self.looks_at = now;
                self.looks_at_spare = self.looks_at_spare.min(now + SPARE_DELAY);
            }
            News::Of(sources) => {
                for source in sources {
                    if self.own.contains(&source) {
                        self.line_up(source);
                    } else {
                        self.at(now + SPARE_DELAY, source);
                    }
                }
            }
        }
    }

    /// Looks at a source now.
    pub(super) fn line_up(&mut self, source: Source) {
        if !self.never.contains(&source) && self.in_line.insert(source.clone()) {
            self.line.push_back(source);
        }
    }

    /// Looks at a source at a time.
    pub(super) fn at(&mut self, time: Instant, source: Source) {
        if self.times.len() < TIMES_MAX && !self.never.contains(&source) {
            self.times.push(Reverse((time, source)));
        }
    }

    /// The source whose turn it is; it leaves the line.
    pub(super) fn next(&mut self, now: Instant) -> Option<Source> {
        self.advance(now);
        let source = self.line.pop_front()?;
        self.in_line.remove(&source);
        Some(source)
    }

    /// Sources that stand in line, the next one first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Source> {
        self.line.iter()
    }

    /// When somebody joins the line next, whatever is heard.
    pub(super) fn wakes_at(&self) -> Instant {
        let timed = self.times.peek().map(|Reverse((time, _))| *time);
        let look = self.looks_at.min(self.looks_at_spare);
        timed.map_or(look, |time| time.min(look))
    }

    fn advance(&mut self, now: Instant) {
        while let Some(Reverse((time, _))) = self.times.peek()
            && *time <= now
        {
            if let Some(Reverse((_, source))) = self.times.pop() {
                self.line_up(source);
            }
        }
        let duty = self.duty.clone();
        if self.looks_at <= now {
            self.looks_at = now + LOOK_INTERVAL;
            duty.own.iter().cloned().for_each(|source| self.line_up(source));
        }
        if self.looks_at_spare <= now {
            self.looks_at_spare = now + SPARE_LOOK_INTERVAL;
            duty.spare.iter().cloned().for_each(|source| self.line_up(source));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::queue::Shard;

    fn shard(number: u16) -> Source {
        Source::Shared(Shard(number))
    }

    fn duty(own: &[u16], spare: &[u16], never: &[u16]) -> Arc<Duty> {
        let of = |numbers: &[u16]| numbers.iter().copied().map(shard).collect();
        Arc::new(Duty { own: of(own), spare: of(spare), never: of(never) })
    }

    /// An agenda whose first look at everything is over.
    fn settled(duty: Arc<Duty>) -> (Agenda, Instant) {
        let start = Instant::now();
        let mut agenda = Agenda::new(duty, start);
        let now = start + SPARE_DELAY;
        while agenda.next(now).is_some() {}
        (agenda, now)
    }

    #[test]
    fn who_has_more_goes_to_the_end_of_the_line() {
        let (mut agenda, now) = settled(duty(&[1, 2], &[], &[]));
        agenda.hear(News::Of(vec![shard(1)]), now);
        agenda.hear(News::Of(vec![shard(2)]), now);
        assert_eq!(agenda.next(now), Some(shard(1)));
        agenda.line_up(shard(1));
        agenda.hear(News::Of(vec![shard(1)]), now);
        assert_eq!(agenda.next(now), Some(shard(2)));
        assert_eq!(agenda.next(now), Some(shard(1)));
        assert_eq!(agenda.next(now), None, "once in line, however often it is heard of");
    }

    #[test]
    fn a_spare_source_is_left_to_its_owner_for_a_moment() {
        let (mut agenda, now) = settled(duty(&[1], &[2], &[3]));
        agenda.hear(News::Of(vec![shard(2), shard(3), shard(4)]), now);
        assert_eq!(agenda.next(now), None);
        assert_eq!(agenda.wakes_at(), now + SPARE_DELAY);
        let later = now + SPARE_DELAY;
        assert_eq!(agenda.next(later), Some(shard(2)));
        assert_eq!(agenda.next(later), Some(shard(4)), "one in neither list is spare too");
        assert_eq!(agenda.next(later), None, "what others keep to themselves is not touched");
    }

    #[test]
    fn missed_news_are_found_by_the_regular_look() {
        let (mut agenda, now) = settled(duty(&[1], &[2], &[]));
        assert_eq!(agenda.next(now + LOOK_INTERVAL), Some(shard(1)));
        assert_eq!(agenda.next(now + LOOK_INTERVAL), None);
        let later = now + SPARE_LOOK_INTERVAL;
        assert_eq!(agenda.next(later), Some(shard(1)));
        assert_eq!(agenda.next(later), Some(shard(2)));
    }

    #[test]
    fn a_due_time_puts_its_source_in_line() {
        let (mut agenda, now) = settled(duty(&[1], &[], &[]));
        let due = now + Duration::from_millis(200);
        agenda.at(due, shard(1));
        assert_eq!(agenda.wakes_at(), due);
        assert_eq!(agenda.next(due - Duration::from_millis(1)), None);
        assert_eq!(agenda.next(due), Some(shard(1)));
    }

    #[test]
    fn another_duty_is_looked_at_at_once_and_what_is_left_to_others_leaves_the_line() {
        let (mut agenda, now) = settled(duty(&[1], &[], &[]));
        agenda.line_up(shard(1));
        agenda.set_duty(duty(&[2], &[], &[1]), now);
        assert_eq!(agenda.next(now), Some(shard(2)));
        assert_eq!(agenda.next(now), None);
    }
}
