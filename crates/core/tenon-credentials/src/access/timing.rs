//! When a token is renewed, and how long a failed renewal is left alone.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenon_contract::vault::SecretHead;

use crate::settings::RenewalSettings;

/// What the end of a token asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    No,
    /// It should be renewed; meanwhile it works.
    Soon,
    /// It has ended, or is about to.
    Now,
}

/// Spreads renewals over processes: each has a seed of its own.
#[derive(Default)]
pub(super) struct Jitter(RandomState);

impl Jitter {
    /// The same number in `0.0..1.0` for the same version of the same secret in this process, so
    /// that the moment does not move while it is waited for.
    pub(super) fn of(&self, head: &SecretHead) -> f64 {
        let hash = self.0.hash_one((head.secret, head.version));
        let bits = u32::try_from(hash >> 32).expect("32 bits are left");
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

/// What the end of a head's value asks for at `now`; `share` is from [`Jitter::of`].
pub(super) fn due(
    head: &SecretHead,
    share: f64,
    settings: &RenewalSettings,
    now: Timestamp,
) -> Due {
    let Some(end) = head.expires_at else { return Due::No };
    let left = end.duration_since(now);
    let life = end.duration_since(head.written_at).max(SignedDuration::ZERO);
    let margin = signed(settings.margin).min(life / 10);
    if left <= margin {
        Due::Now
    } else if left <= margin + early(life - margin, share, settings) {
        Due::Soon
    } else {
        Due::No
    }
}

/// How long before the end a value with so much life is renewed: the longer of the minimum and
/// the share, at most a third of the life; spread over its second half.
fn early(life: SignedDuration, share: f64, settings: &RenewalSettings) -> SignedDuration {
    let percent = i32::try_from(settings.early_percent.min(100)).expect("at most 100");
    let wanted = (life / 100).saturating_mul(percent).max(signed(settings.early_min));
    let most = wanted.min(life / 3);
    most.mul_f64(0.5 + share / 2.0)
}

/// The wait after so many failures in a row: doubling, with jitter over its second half.
pub(super) fn backoff(failures: u32, settings: &RenewalSettings) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let full = settings.backoff_min.saturating_mul(1 << doublings).min(settings.backoff_max);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

/// The pause before the next look at another process' renewal.
pub(super) fn poll_pause(looks: u32, settings: &RenewalSettings) -> Duration {
    let full = settings.poll_min.saturating_mul(1 << looks.min(16)).min(settings.poll_max);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use tenon_contract::vault::{SecretOwner, SecretState, Subject};
    use tenon_domain::{ProjectId, SecretId};

    use super::*;
    use crate::Settings;

    fn token(life_seconds: i64) -> SecretHead {
        let written_at = "2026-01-02T03:04:05Z".parse::<Timestamp>().expect("a time");
        SecretHead {
            secret: SecretId::new(),
            owner: SecretOwner { project: ProjectId::new(), subject: Subject::App },
            version: 1,
            state: SecretState::Valid,
            state_at: written_at,
            expires_at: Some(written_at + SignedDuration::from_secs(life_seconds)),
            written_at,
            refresh_failures: 0,
        }
    }

    fn settings() -> RenewalSettings {
        Settings::default().renewal
    }

    /// Seconds before its end at which a token is first `Soon`, to a tenth.
    fn renewed_before_end(life_seconds: i64, share: f64) -> f64 {
        let head = token(life_seconds);
        let end = head.expires_at.expect("it ends");
        (0..life_seconds * 10)
            .rev()
            .map(|tenth| SignedDuration::from_millis(tenth * 100))
            .take_while(|left| due(&head, share, &settings(), end - *left) == Due::No)
            .last()
            .map_or_else(|| panic!("never left alone"), |left| left.as_secs_f64())
    }

    #[test]
    fn an_hour_is_renewed_six_minutes_before_its_end_at_most() {
        let earliest = renewed_before_end(3_600, 1.0);
        let latest = renewed_before_end(3_600, 0.0);
        assert!((360.0..363.0).contains(&earliest), "{earliest}");
        assert!((180.0..183.0).contains(&latest), "{latest}");
    }

    #[test]
    fn a_short_life_is_used_for_two_thirds() {
        for life in [5, 30, 120] {
            let early = renewed_before_end(life, 0.999);
            assert!(early <= life as f64 * 0.4 + 0.1, "{life} s: {early} s before its end");
            let first_use = due(&token(life), 0.999, &settings(), token(life).written_at);
            assert_eq!(first_use, Due::No);
        }
    }

    #[test]
    fn what_has_ended_is_due_now_and_what_never_ends_is_not() {
        let head = token(3_600);
        let end = head.expires_at.expect("it ends");
        let at = |left| due(&head, 0.5, &settings(), end - SignedDuration::from_secs(left));
        assert_eq!(at(-1), Due::Now);
        assert_eq!(at(2), Due::Now);
        assert_eq!(at(3), Due::Soon);
        let endless = SecretHead { expires_at: None, ..head };
        assert_eq!(due(&endless, 0.5, &settings(), end), Due::No);
    }

    #[test]
    fn a_token_that_came_with_no_life_is_due_at_once() {
        let head = token(0);
        assert_eq!(due(&head, 0.5, &settings(), head.written_at), Due::Now);
    }

    #[test]
    fn processes_spread_over_the_second_half() {
        let head = token(3_600);
        let shares: Vec<f64> = (0..1_000).map(|_| Jitter::default().of(&head)).collect();
        let mean = shares.iter().sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "mean {mean}");
        for tenth in 0..10 {
            let from = f64::from(tenth) / 10.0;
            let in_bin = shares.iter().filter(|s| (from..from + 0.1).contains(*s)).count();
            assert!((50..160).contains(&in_bin), "{in_bin} of 1000 in tenth {tenth}");
        }
        let jitter = Jitter::default();
        assert!((jitter.of(&head) - jitter.of(&head)).abs() < f64::EPSILON);
    }

    #[test]
    fn waits_double_up_to_their_limit() {
        let settings = settings();
        for (failures, full) in [(1, 1), (2, 2), (5, 16), (30, 300), (u32::MAX, 300)] {
            for _ in 0..50 {
                let wait = backoff(failures, &settings).as_secs_f64();
                assert!((full as f64 * 0.5..=full as f64).contains(&wait), "{failures}: {wait}");
            }
        }
    }
}
