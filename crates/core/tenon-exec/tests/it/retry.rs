//! How long a step waits for its next attempt.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tenon_domain::retry::{Backoff, Jitter, RetryPolicy};

const DRAWS: usize = 10_000;
/// Kolmogorov-Smirnov: a right distribution is farther off in one of 10,000 samples.
const DISTANCE_MAX: f64 = 2.23 / 100.0;

/// The greatest distance between the drawn delays and a uniform distribution.
fn distance(jitter: Jitter, low: f64, high: f64) -> f64 {
    let policy = RetryPolicy { jitter, ..RetryPolicy::default() };
    let mut rng = StdRng::seed_from_u64(7);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| policy.delay_after(1, None, &mut rng).expect("a retry is left").as_secs_f64())
        .collect();
    drawn.sort_by(f64::total_cmp);
    let count = f64::from(u32::try_from(DRAWS).expect("few"));
    let mut farthest: f64 = 0.0;
    for (index, delay) in drawn.iter().enumerate() {
        let index = f64::from(u32::try_from(index).expect("few"));
        let expected = ((delay - low) / (high - low)).clamp(0.0, 1.0);
        farthest = farthest.max((expected - index / count).abs());
        farthest = farthest.max(((index + 1.0) / count - expected).abs());
    }
    assert!(drawn[0] >= low && drawn[DRAWS - 1] <= high, "{} {}", drawn[0], drawn[DRAWS - 1]);
    farthest
}

#[test]
fn jitter_is_uniform_over_its_range() {
    for (jitter, low, high) in [(Jitter::Proportional, 8.0, 12.0), (Jitter::Full, 0.0, 10.0)] {
        let farthest = distance(jitter, low, high);
        assert!(farthest < DISTANCE_MAX, "{jitter:?} is {farthest} off");
    }
}

#[test]
fn the_published_schedule_is_the_default_and_ends_after_five_retries() {
    let policy = RetryPolicy { jitter: Jitter::None, ..RetryPolicy::default() };
    let mut rng = StdRng::seed_from_u64(0);
    let delays: Vec<Option<u64>> = (1..=6)
        .map(|attempt| policy.delay_after(attempt, None, &mut rng).map(|delay| delay.as_secs()))
        .collect();
    assert_eq!(delays, [Some(10), Some(20), Some(30), Some(50), Some(80), None]);
}

#[test]
fn exponential_backoff_grows_to_its_limit_and_never_overflows() {
    let backoff = Backoff::Exponential { initial: 1.0, factor: 2.0, max: 5.0 };
    let delays: Vec<u64> = (1..=4).map(|attempt| backoff.delay(attempt).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 5]);
    assert_eq!(backoff.delay(u32::MAX), Duration::from_secs(5));
    let odd = Backoff::Exponential { initial: -1.0, factor: 0.0, max: f64::INFINITY };
    assert_eq!(odd.delay(3), Duration::ZERO);
}

#[test]
fn a_longer_retry_after_wins_where_it_is_honoured() {
    let mut policy = RetryPolicy { jitter: Jitter::None, ..RetryPolicy::default() };
    let mut rng = StdRng::seed_from_u64(0);
    let mut after = |policy: &RetryPolicy, seconds| {
        policy.delay_after(1, Some(Duration::from_secs(seconds)), &mut rng).map(|d| d.as_secs())
    };
    assert_eq!(after(&policy, 25), Some(25));
    assert_eq!(after(&policy, 3), Some(10), "never sooner than the backoff");
    policy.honour_retry_after = false;
    assert_eq!(after(&policy, 25), Some(10));
    policy.retries = 0;
    policy.honour_retry_after = true;
    assert_eq!(after(&policy, 25), None, "no retry is left to wait for");
}
