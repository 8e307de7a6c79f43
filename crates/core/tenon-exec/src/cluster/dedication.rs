//! Which queues get workers of their own: a queue of which much waits, for a while.
//!
//! Pure: it is told what waits and answers what should change. A queue goes over when it is both
//! deep and most of what waits at all, all the time for [`Rules::hold`]; it comes back when it has
//! been well below for [`Rules::cooldown`]. An operator's word stands above both.

use std::collections::HashMap;
use std::time::Duration;

use tenon_domain::QueueName;

use crate::ports::routing::{Route, RouteMode};

/// When a queue gets workers of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whether the leader decides at all.
    pub is_automatic: bool,
    /// At least so many jobs are ready.
    pub ready_min: u64,
    /// They are at least this part of all that is ready, in per cent.
    pub share_percent_min: u32,
    /// For so long.
    pub hold: Duration,
    /// How long a dedicated queue must have less than half of `ready_min` before it is shared again.
    pub cooldown: Duration,
    /// Queues that are dedicated automatically, at most.
    pub queues_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            is_automatic: true,
            ready_min: 20_000,
            share_percent_min: 50,
            hold: Duration::from_secs(5),
            cooldown: Duration::from_secs(60),
            queues_max: 4,
        }
    }
}

/// What should change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which queue.
    pub queue: QueueName,
    /// Whether it gets workers of its own.
    pub is_dedicated: bool,
}

/// Remembers since when queues are above or below their thresholds.
#[derive(Debug, Clone)]
pub struct Dedication {
    rules: Rules,
    above: HashMap<QueueName, Duration>,
    below: HashMap<QueueName, Duration>,
}

impl Dedication {
    /// Starts with nothing seen.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, above: HashMap::new(), below: HashMap::new() }
    }

    /// Takes a look into account: the ready jobs of the queues that have any, and the routes that
    /// are not usual. `now` is time since any start, on a clock that never goes back.
    pub fn look(
        &mut self,
        now: Duration,
        ready: &HashMap<QueueName, u64>,
        routes: &HashMap<QueueName, Route>,
    ) -> Vec<Change> {
        if !self.rules.is_automatic {
            return Vec::new();
        }
        let mut changes = self.returning(now, ready, routes);
        let dedicated = routes.values().filter(|route| is_by_leader(route)).count();
        let room = (self.rules.queues_max + changes.len()).saturating_sub(dedicated);
        changes.extend(self.leaving(now, ready, routes).into_iter().take(room));
        changes
    }

    /// Dedicated queues that have been calm for long enough.
    fn returning(
        &mut self,
        now: Duration,
        ready: &HashMap<QueueName, u64>,
        routes: &HashMap<QueueName, Route>,
    ) -> Vec<Change> {
        let is_calm = |route: &&Route| {
            is_by_leader(route)
                && ready.get(&route.queue).copied().unwrap_or(0) < self.rules.ready_min / 2
        };
        let calm: Vec<QueueName> =
            routes.values().filter(is_calm).map(|route| route.queue.clone()).collect();
        keep_since(&mut self.below, &calm, now);
        let cooldown = self.rules.cooldown;
        due(&self.below, now, cooldown).map(|queue| Change { queue, is_dedicated: false }).collect()
    }

    /// Shared queues that have flooded for long enough, the deepest first.
    fn leaving(
        &mut self,
        now: Duration,
        ready: &HashMap<QueueName, u64>,
        routes: &HashMap<QueueName, Route>,
    ) -> Vec<Change> {
        let may_leave = |queue: &QueueName| {
            routes.get(queue).is_none_or(|route| {
                route.mode == RouteMode::Automatic && !route.is_dedicated && !route.is_paused
            })
        };
        // What dedicated queues hold is no longer in anybody's way.
        let is_shared =
            |queue: &QueueName| routes.get(queue).is_none_or(|route| !route.is_dedicated);
        let shared: u64 =
            ready.iter().filter(|(queue, _)| is_shared(queue)).map(|(_, ready)| *ready).sum();
        let floods = |ready: u64| {
            ready >= self.rules.ready_min
                && u128::from(ready) * 100
                    >= u128::from(shared) * u128::from(self.rules.share_percent_min)
        };
        let flooding: Vec<QueueName> = ready
            .iter()
            .filter(|(queue, ready)| may_leave(queue) && floods(**ready))
            .map(|(queue, _)| queue.clone())
            .collect();
        keep_since(&mut self.above, &flooding, now);
        let mut leaving: Vec<QueueName> = due(&self.above, now, self.rules.hold).collect();
        leaving.sort_unstable_by_key(|queue| (std::cmp::Reverse(ready[queue]), queue.clone()));
        leaving.into_iter().map(|queue| Change { queue, is_dedicated: true }).collect()
    }
}

fn is_by_leader(route: &Route) -> bool {
    route.mode == RouteMode::Automatic && route.is_dedicated
}

/// Notes since when each of `queues` is in its state, and forgets the others.
fn keep_since(since: &mut HashMap<QueueName, Duration>, queues: &[QueueName], now: Duration) {
    since.retain(|queue, _| queues.contains(queue));
    for queue in queues {
        since.entry(queue.clone()).or_insert(now);
    }
}

fn due(
    since: &HashMap<QueueName, Duration>,
    now: Duration,
    wait: Duration,
) -> impl Iterator<Item = QueueName> {
    since.iter().filter(move |(_, at)| now >= **at + wait).map(|(queue, _)| queue.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn name(text: &str) -> QueueName {
        QueueName::new(text)
    }

    fn ready(queues: &[(&str, u64)]) -> HashMap<QueueName, u64> {
        queues.iter().map(|(queue, ready)| (name(queue), *ready)).collect()
    }

    fn routes(dedicated: &[&str]) -> HashMap<QueueName, Route> {
        let route =
            |queue: &&str| (name(queue), Route { is_dedicated: true, ..Route::usual(name(queue)) });
        dedicated.iter().map(route).collect()
    }

    fn over(queue: &str, is_dedicated: bool) -> Vec<Change> {
        vec![Change { queue: name(queue), is_dedicated }]
    }

    #[test]
    fn a_queue_that_floods_for_a_while_goes_over() {
        let mut dedication = Dedication::new(Rules::default());
        let flood = ready(&[("a", 30_000), ("b", 10)]);
        assert_eq!(dedication.look(SECOND, &flood, &routes(&[])), []);
        assert_eq!(dedication.look(SECOND * 5, &flood, &routes(&[])), []);
        assert_eq!(dedication.look(SECOND * 6, &flood, &routes(&[])), over("a", true));
    }

    #[test]
    fn a_pause_in_the_flood_begins_the_wait_anew() {
        let mut dedication = Dedication::new(Rules::default());
        let flood = ready(&[("a", 30_000)]);
        dedication.look(SECOND, &flood, &routes(&[]));
        dedication.look(SECOND * 4, &ready(&[("a", 100)]), &routes(&[]));
        assert_eq!(dedication.look(SECOND * 6, &flood, &routes(&[])), []);
    }

    #[test]
    fn a_deep_queue_among_deep_ones_stays() {
        let mut dedication = Dedication::new(Rules::default());
        let even = ready(&[("a", 30_000), ("b", 29_000), ("c", 29_000)]);
        for second in 0..30 {
            assert_eq!(dedication.look(SECOND * second, &even, &routes(&[])), []);
        }
    }

    #[test]
    fn a_calm_queue_comes_back_after_the_cooldown_and_not_before() {
        let mut dedication = Dedication::new(Rules::default());
        let calm = ready(&[("a", 9_000)]);
        assert_eq!(dedication.look(SECOND, &calm, &routes(&["a"])), []);
        assert_eq!(dedication.look(SECOND * 60, &calm, &routes(&["a"])), []);
        assert_eq!(dedication.look(SECOND * 61, &calm, &routes(&["a"])), over("a", false));
        // Between half and the whole threshold nothing happens in either direction.
        let mut dedication = Dedication::new(Rules::default());
        let between = ready(&[("a", 15_000)]);
        for second in 0..200 {
            assert_eq!(dedication.look(SECOND * second, &between, &routes(&["a"])), []);
        }
    }

    #[test]
    fn no_more_than_so_many_at_once_and_the_deepest_first() {
        let rules = Rules { queues_max: 2, share_percent_min: 1, ..Rules::default() };
        let mut dedication = Dedication::new(rules);
        let flood = ready(&[("a", 30_000), ("b", 50_000), ("c", 40_000)]);
        dedication.look(SECOND, &flood, &routes(&["x"]));
        assert_eq!(dedication.look(SECOND * 9, &flood, &routes(&["x"])), over("b", true));
    }

    #[test]
    fn an_operators_word_stands() {
        let mut dedication = Dedication::new(Rules::default());
        let mut fixed = routes(&["a"]);
        fixed.insert(name("b"), Route { mode: RouteMode::Shared, ..Route::usual(name("b")) });
        if let Some(route) = fixed.get_mut(&name("a")) {
            route.mode = RouteMode::Dedicated;
        }
        let flood = ready(&[("b", 100_000)]);
        for second in 0..200 {
            assert_eq!(dedication.look(SECOND * second, &flood, &fixed), []);
        }
    }
}
