//! Leaves a host alone that failed too often, and bounds how much is repeated.
//!
//! Both are kept for each integration, in this process only: a host that one project's app
//! overloads is not closed to another's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tenon_domain::IntegrationId;
use tokio::time::Instant;

use crate::settings::ProxySettings;

/// Integrations that are remembered; beyond, all start anew.
const INTEGRATIONS_MAX: usize = 100_000;

/// What is known of integrations and their hosts.
#[derive(Default)]
pub(crate) struct Health {
    integrations: RwLock<HashMap<IntegrationId, Arc<Integration>>>,
}

/// What is known of one integration.
#[derive(Default)]
pub(crate) struct Integration {
    hosts: RwLock<HashMap<String, Arc<Breaker>>>,
    /// Repetitions that may be made, in thousandths.
    budget: AtomicI64,
}

/// One host of one integration.
#[derive(Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    since: Option<Instant>,
    closed_until: Option<Instant>,
    is_probing: bool,
}

/// Leave for one call. A call that ends without a word counts neither way.
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    is_probe: bool,
}

impl Health {
    pub(crate) fn integration(&self, id: IntegrationId) -> Arc<Integration> {
        if let Some(known) = self.integrations.read().get(&id) {
            return known.clone();
        }
        let mut integrations = self.integrations.write();
        if integrations.len() >= INTEGRATIONS_MAX {
            integrations.clear();
        }
        integrations.entry(id).or_default().clone()
    }
}

impl Integration {
    /// Leave for one call to a host.
    ///
    /// # Errors
    /// When the host is left alone, and for how long still.
    pub(crate) fn enter(&self, host: &str, settings: &ProxySettings) -> Result<Pass, Duration> {
        self.breaker(host, settings.breaker_hosts_max).enter()
    }

    fn breaker(&self, host: &str, hosts_max: usize) -> Arc<Breaker> {
        if let Some(known) = self.hosts.read().get(host) {
            return known.clone();
        }
        let mut hosts = self.hosts.write();
        if hosts.len() >= hosts_max {
            hosts.retain(|_, breaker| breaker.0.lock().failures > 0);
            if hosts.len() >= hosts_max {
                hosts.clear();
            }
        }
        hosts.entry(host.to_owned()).or_default().clone()
    }

    /// Every call saves a little for repetitions.
    pub(crate) fn save(&self, settings: &ProxySettings) {
        let max = i64::from(settings.retry_budget_max) * 1_000;
        if self.budget.load(Ordering::Relaxed) < max {
            let saved = i64::from(settings.retry_budget_percent) * 10;
            self.budget.fetch_add(saved, Ordering::Relaxed);
        }
    }

    /// Takes one repetition from what was saved.
    pub(crate) fn spend(&self) -> bool {
        let spent = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
            (saved >= 1_000).then(|| saved - 1_000)
        });
        spent.is_ok()
    }
}

impl Breaker {
    fn enter(self: Arc<Self>) -> Result<Pass, Duration> {
        let mut state = self.0.lock();
        let Some(until) = state.closed_until else {
            drop(state);
            return Ok(Pass { breaker: self, is_probe: false });
        };
        let now = Instant::now();
        if until > now {
            return Err(until - now);
        }
        if state.is_probing {
            // Somebody is finding out; it will be known soon.
            return Err(Duration::from_secs(1));
        }
        state.is_probing = true;
        drop(state);
        Ok(Pass { breaker: self, is_probe: true })
    }
}

impl Pass {
    /// The host answered.
    pub(crate) fn succeed(&self) {
        let mut state = self.breaker.0.lock();
        if state.failures > 0 {
            *state = State { is_probing: state.is_probing, ..State::default() };
        }
    }

    /// The host could not be reached, or said that it cannot answer.
    pub(crate) fn fail(&self, settings: &ProxySettings) {
        let now = Instant::now();
        let mut state = self.breaker.0.lock();
        if state.since.is_none_or(|since| now - since > settings.breaker_window) && !self.is_probe {
            (state.failures, state.since) = (0, Some(now));
        }
        state.failures = state.failures.saturating_add(1);
        if self.is_probe || state.failures >= settings.breaker_failures {
            state.closed_until = Some(now + settings.breaker_pause);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.0.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ProxySettings {
        ProxySettings { breaker_failures: 3, ..ProxySettings::default() }
    }

    fn fail(integration: &Integration, host: &str) {
        integration.enter(host, &settings()).map(|pass| pass.fail(&settings())).expect("open");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_fails_is_left_alone_then_probed_by_one_call() {
        let (integration, settings) = (Integration::default(), settings());
        for _ in 0..3 {
            fail(&integration, "a");
        }
        let wait = integration.enter("a", &settings).map(drop).expect_err("left alone");
        assert_eq!(wait, settings.breaker_pause);
        assert!(integration.enter("b", &settings).is_ok(), "another host is not");
        tokio::time::advance(settings.breaker_pause).await;
        let probe = integration.enter("a", &settings).expect("one call probes");
        assert!(integration.enter("a", &settings).is_err(), "and no second one");
        probe.fail(&settings);
        drop(probe);
        assert!(integration.enter("a", &settings).is_err(), "left alone again");
        tokio::time::advance(settings.breaker_pause).await;
        integration.enter("a", &settings).map(|probe| probe.succeed()).expect("probes");
        for _ in 0..2 {
            fail(&integration, "a");
        }
        assert!(integration.enter("a", &settings).is_ok(), "the count began anew");
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_and_in_time_count() {
        let (integration, settings) = (Integration::default(), settings());
        for _ in 0..10 {
            fail(&integration, "a");
            fail(&integration, "a");
            integration.enter("a", &settings).map(|pass| pass.succeed()).expect("open");
        }
        for _ in 0..10 {
            fail(&integration, "a");
            fail(&integration, "a");
            tokio::time::advance(settings.breaker_window + Duration::from_secs(1)).await;
        }
        assert!(integration.enter("a", &settings).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_abandoned_lets_the_next_one_probe() {
        let (integration, settings) = (Integration::default(), settings());
        for _ in 0..3 {
            fail(&integration, "a");
        }
        tokio::time::advance(settings.breaker_pause).await;
        drop(integration.enter("a", &settings).expect("probes"));
        assert!(integration.enter("a", &settings).is_ok());
    }

    #[test]
    fn a_tenth_of_the_calls_may_be_repeated() {
        let (integration, settings) = (Integration::default(), settings());
        let mut repeated = 0;
        for _ in 0..1_000 {
            integration.save(&settings);
            repeated += u32::from(integration.spend());
        }
        assert_eq!(repeated, 100);
        for _ in 0..1_000 {
            integration.save(&settings);
        }
        let saved = (0..1_000).filter(|_| integration.spend()).count();
        assert_eq!(saved, 10, "no more than the limit is saved up");
    }

    #[test]
    fn hosts_do_not_grow_without_bound() {
        let settings = ProxySettings { breaker_hosts_max: 4, ..settings() };
        let integration = Integration::default();
        for number in 0..100 {
            drop(integration.enter(&format!("host-{number}"), &settings).expect("open"));
        }
        assert!(integration.hosts.read().len() <= 4);
    }
}
