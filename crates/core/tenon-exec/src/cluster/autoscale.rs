//! How many workers there should be: from what waits, how long, and how busy they are.
//!
//! Each look gives a vote. More workers are wanted only when every vote of the last seconds said
//! so, fewer only when every vote of the last minutes did; each change is a bounded step, and after it
//! nothing changes for a while. So a load that comes and goes faster than the window for less
//! keeps the workers that its peaks need, instead of starting and stopping them.

use std::collections::VecDeque;
use std::time::Duration;

/// When workers are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// At least so many.
    pub workers_min: u32,
    /// At most so many.
    pub workers_max: u32,
    /// Ready jobs that one worker is expected to have before it.
    pub jobs_per_worker: u64,
    /// The oldest ready job should not be older.
    pub age_max: Duration,
    /// The share of slots that should be in use, in per cent, 1 to 100.
    pub utilisation_percent: u32,
    /// How long all votes must ask for more.
    pub up_window: Duration,
    /// How long all votes must ask for less.
    pub down_window: Duration,
    /// The wait after any change before there are more.
    pub up_cooldown: Duration,
    /// The wait after any change before there are less.
    pub down_cooldown: Duration,
    /// Workers that one change adds, at most.
    pub up_step_max: u32,
    /// Workers that one change takes away, at most.
    pub down_step_max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            workers_min: 1,
            workers_max: 16,
            jobs_per_worker: 5_000,
            age_max: Duration::from_secs(10),
            utilisation_percent: 70,
            up_window: Duration::from_secs(4),
            down_window: Duration::from_secs(120),
            up_cooldown: Duration::from_secs(10),
            down_cooldown: Duration::from_secs(60),
            up_step_max: 4,
            down_step_max: 1,
        }
    }
}

/// What was seen in one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Jobs that could start now, in queues that are not paused.
    pub ready: u64,
    /// The age of the oldest of them.
    pub oldest: Duration,
    /// Workers that are there.
    pub workers: u32,
    /// Runs that they can execute at once.
    pub slots: u64,
    /// Runs that they execute.
    pub in_flight: u64,
}

/// Keeps the votes. `now` is time since any start, on a clock that never goes back.
#[derive(Debug, Clone)]
pub struct Autoscaler {
    rules: Rules,
    votes: VecDeque<(Duration, u32)>,
    desired: u32,
    changed_at: Option<Duration>,
}

impl Autoscaler {
    /// Starts from the workers that are there.
    #[must_use]
    pub fn new(rules: Rules, workers: u32) -> Self {
        let desired = workers.clamp(rules.workers_min, rules.workers_max);
        Self { rules, votes: VecDeque::new(), desired, changed_at: None }
    }

    /// How many workers there should be.
    #[must_use]
    pub fn desired(&self) -> u32 {
        self.desired
    }

    /// Takes a look into account and answers how many workers there should be from now on.
    pub fn look(&mut self, now: Duration, seen: &Seen) -> u32 {
        let vote = wanted(&self.rules, seen, self.desired);
        self.votes.push_back((now, vote));
        let horizon = self.rules.up_window.max(self.rules.down_window);
        while self.votes.len() > 1 && self.votes[1].0 + horizon <= now {
            self.votes.pop_front();
        }
        if let Some(least) = self.agreed(now, self.rules.up_window, |all| all.min())
            && least > self.desired
            && self.is_cool(now, self.rules.up_cooldown)
        {
            self.change(now, least.min(self.desired.saturating_add(self.rules.up_step_max)));
        } else if let Some(most) = self.agreed(now, self.rules.down_window, |all| all.max())
            && most < self.desired
            && self.is_cool(now, self.rules.down_cooldown)
        {
            self.change(now, most.max(self.desired.saturating_sub(self.rules.down_step_max)));
        }
        self.desired
    }

    /// What the votes of a window come to; `None` while they do not reach back that far.
    fn agreed(
        &self,
        now: Duration,
        window: Duration,
        pick: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Option<u32>,
    ) -> Option<u32> {
        let since = now.checked_sub(window)?;
        // The vote that held at the beginning of the window counts too.
        let first = self.votes.iter().rposition(|(at, _)| *at <= since)?;
        pick(&mut self.votes.iter().skip(first).map(|(_, vote)| *vote))
    }

    fn is_cool(&self, now: Duration, cooldown: Duration) -> bool {
        self.changed_at.is_none_or(|at| now >= at + cooldown)
    }

    fn change(&mut self, now: Duration, desired: u32) {
        self.desired = desired;
        self.changed_at = Some(now);
    }
}

/// What one look asks for: the most that any of the three reasons does.
fn wanted(rules: &Rules, seen: &Seen, desired: u32) -> u32 {
    let by_depth = seen.ready.div_ceil(rules.jobs_per_worker.max(1));
    // Something waits too long although the workers that were asked for are there: one more.
    let is_late = seen.ready > 0 && seen.oldest > rules.age_max && seen.workers >= desired;
    let by_age = if is_late { u64::from(desired) + 1 } else { 0 };
    let slots_each = seen.slots / u64::from(seen.workers.max(1));
    let target = slots_each.saturating_mul(u64::from(rules.utilisation_percent.clamp(1, 100)));
    let by_use = (seen.in_flight.saturating_mul(100)).div_ceil(target.max(1));
    let by_use = if slots_each == 0 { 0 } else { by_use };
    let most = by_depth.max(by_age).max(by_use);
    u32::try_from(most).unwrap_or(u32::MAX).clamp(rules.workers_min, rules.workers_max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules() -> Rules {
        Rules { workers_min: 1, workers_max: 10, ..Rules::default() }
    }

    fn flood(scaler: &Autoscaler) -> Seen {
        Seen { ready: 1_000_000, workers: scaler.desired(), ..Seen::default() }
    }

    fn quiet(scaler: &Autoscaler) -> Seen {
        Seen { workers: scaler.desired(), ..Seen::default() }
    }

    #[test]
    fn a_flood_brings_the_most_and_quiet_the_fewest() {
        let mut scaler = Autoscaler::new(rules(), 1);
        let mut now = Duration::ZERO;
        for _ in 0..60 {
            now += SECOND;
            let seen = flood(&scaler);
            scaler.look(now, &seen);
        }
        assert_eq!(scaler.desired(), 10);
        for _ in 0..120 + 10 * 60 {
            now += SECOND;
            let seen = quiet(&scaler);
            scaler.look(now, &seen);
        }
        assert_eq!(scaler.desired(), 1);
    }

    #[test]
    fn a_moment_of_load_changes_nothing() {
        let mut scaler = Autoscaler::new(rules(), 1);
        for second in 1..60_u64 {
            let seen = if second % 10 < 3 { flood(&scaler) } else { quiet(&scaler) };
            assert_eq!(scaler.look(SECOND * second as u32, &seen), 1);
        }
    }

    #[test]
    fn a_late_job_brings_one_worker_after_the_other() {
        let mut scaler = Autoscaler::new(rules(), 2);
        for second in 1..=16_u32 {
            let workers = scaler.desired();
            let oldest = Duration::from_secs(30);
            scaler.look(SECOND * second, &Seen { ready: 5, oldest, workers, ..Seen::default() });
        }
        assert_eq!(scaler.desired(), 4);
        // Not while the one that was asked for is not there yet.
        let oldest = Duration::from_secs(30);
        let seen = Seen { ready: 5, oldest, workers: 3, ..Seen::default() };
        assert_eq!(wanted(&rules(), &seen, 4), 1);
    }

    #[test]
    fn busy_workers_get_company() {
        let seen = Seen { workers: 2, slots: 200, in_flight: 190, ..Seen::default() };
        assert_eq!(wanted(&rules(), &seen, 2), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_square_wave_does_not_make_it_flap(
            period in 10_u32..110,
            duty in 20_u32..80,
        ) {
            let mut scaler = Autoscaler::new(rules(), 1);
            let mut falls = 0;
            let mut before = scaler.desired();
            for second in 1..1_200_u32 {
                let is_high = second % period < period * duty / 100;
                let seen = if is_high { flood(&scaler) } else { quiet(&scaler) };
                let desired = scaler.look(SECOND * second, &seen);
                falls += u32::from(desired < before);
                before = desired;
            }
            // Quiet never lasts as long as the window for less.
            prop_assert_eq!(falls, 0);
        }

        #[test]
        fn it_stays_within_its_bounds_and_steps(
            looks in proptest::collection::vec((0_u64..100_000, 0_u64..60, 0_u64..4_000), 1..400),
        ) {
            let rules = rules();
            let mut scaler = Autoscaler::new(rules.clone(), 3);
            let mut last = (Duration::ZERO, scaler.desired());
            for (number, (ready, oldest, in_flight)) in looks.into_iter().enumerate() {
                let now = SECOND * u32::try_from(number).expect("few");
                let workers = scaler.desired();
                let oldest = Duration::from_secs(oldest);
                let slots = u64::from(workers) * 1_000;
                let seen = Seen { ready, oldest, workers, slots, in_flight };
                let desired = scaler.look(now, &seen);
                prop_assert!((rules.workers_min..=rules.workers_max).contains(&desired));
                if desired > last.1 {
                    prop_assert!(desired - last.1 <= rules.up_step_max);
                }
                if desired < last.1 {
                    prop_assert!(last.1 - desired <= rules.down_step_max);
                }
                if desired != last.1 {
                    prop_assert!(last.0.is_zero() || now - last.0 >= rules.up_cooldown);
                    last = (now, desired);
                }
            }
        }
    }
}
