//! When a failed step is tried again, and after how long.

use std::time::Duration;

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step's retry policy. The default is the published schedule: five retries, about
/// 10, 20, 30, 50 and 80 seconds after the attempt before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Retries after the first attempt; 0 turns retrying off.
    pub retries: u32,
    /// The delays between attempts.
    pub backoff: Backoff,
    /// How the delays are spread.
    pub jitter: Jitter,
    /// Answers that are tried again: a status (`429`) or a class (`"5xx"`).
    pub on_status: Vec<StatusPattern>,
    /// Wait as long as the answer's `Retry-After` asks, if that is longer than the backoff.
    pub honour_retry_after: bool,
}

/// How the delay grows with the attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Backoff {
    /// Delays in seconds, one a retry; the last one is used for all further retries.
    Schedule(Vec<f64>),
    /// `initial * factor^n` seconds, at most `max`.
    Exponential {
        /// Seconds before the first retry.
        initial: f64,
        /// Growth a retry.
        factor: f64,
        /// The longest delay, in seconds.
        max: f64,
    },
}

/// How a delay is spread, so that retries of many runs do not come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// The delay as it is.
    None,
    /// Uniform in ±20 % of the delay: keeps "about 10 s" true.
    Proportional,
    /// Uniform in 0 to the delay ("full jitter", AWS Architecture Blog, 2015).
    Full,
}

/// One status or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusPattern {
    /// Exactly this status.
    Exact(u16),
    /// A class such as `"5xx"`.
    Class(StatusClass),
}

/// A class of HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StatusClass {
    /// 400 to 499.
    #[serde(rename = "4xx")]
    ClientError,
    /// 500 to 599.
    #[serde(rename = "5xx")]
    ServerError,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 5,
            backoff: Backoff::Schedule(vec![10.0, 20.0, 30.0, 50.0, 80.0]),
            jitter: Jitter::Proportional,
            on_status: vec![
                StatusPattern::Exact(408),
                StatusPattern::Exact(425),
                StatusPattern::Exact(429),
                StatusPattern::Class(StatusClass::ServerError),
            ],
            honour_retry_after: true,
        }
    }
}

impl RetryPolicy {
    /// A policy that never retries.
    #[must_use]
    pub fn never() -> Self {
        Self { retries: 0, ..Self::default() }
    }

    /// Whether an answer with this status is tried again.
    #[must_use]
    pub fn covers(&self, status: u16) -> bool {
        self.on_status.iter().any(|pattern| pattern.matches(status))
    }

    /// How long to wait after `attempt` (counted from 1) failed; `None` when no retry is left.
    /// `retry_after` is what the answer asked for.
    pub fn delay_after(
        &self,
        attempt: u32,
        retry_after: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Option<Duration> {
        if attempt > self.retries {
            return None;
        }
        let base = self.backoff.delay(attempt);
        let spread = self.jitter.apply(base, rng);
        match retry_after {
            Some(asked) if self.honour_retry_after => Some(spread.max(asked)),
            _ => Some(spread),
        }
    }
}

impl Backoff {
    /// The delay after `attempt` (counted from 1), before jitter.
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let seconds = match self {
            Self::Schedule(delays) => {
                let index = (attempt.max(1) as usize - 1).min(delays.len().saturating_sub(1));
                delays.get(index).copied().unwrap_or(0.0)
            }
            Self::Exponential { initial, factor, max } => {
                let exponent = i32::try_from(attempt.max(1) - 1).unwrap_or(i32::MAX);
                (initial * factor.powi(exponent)).min(*max)
            }
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(86_400))
    }
}

impl Jitter {
    fn apply(self, delay: Duration, rng: &mut impl Rng) -> Duration {
        match self {
            Self::None => delay,
            Self::Proportional => delay.mul_f64(rng.random_range(0.8..=1.2)),
            Self::Full => delay.mul_f64(rng.random_range(0.0..=1.0)),
        }
    }
}

impl StatusPattern {
    fn matches(self, status: u16) -> bool {
        match self {
            Self::Exact(exact) => exact == status,
            Self::Class(StatusClass::ClientError) => (400..500).contains(&status),
            Self::Class(StatusClass::ServerError) => (500..600).contains(&status),
        }
    }
}
