//! Terms and routes, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_domain::QueueName;
use tenon_exec::ports::routing::{Route, RouteChange, RouteMode, RoutingStore, Term};
use tenon_exec::ports::store::Error;

use super::Presence;

/// A [`RoutingStore`] that keeps what it is told.
#[derive(Debug, Default)]
pub struct MemoryRouting {
    state: Mutex<State>,
    presence: Presence,
}

#[derive(Debug, Default)]
struct State {
    term: u64,
    routes: BTreeMap<QueueName, Route>,
}

impl MemoryRouting {
    /// Makes it answer, or not.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    /// Goes back to an earlier term, as a database restored from an old copy.
    pub fn restore(&self, term: Term) {
        self.state.lock().term = term.0;
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

fn is_usual(route: &Route) -> bool {
    *route == Route { since_ms: route.since_ms, ..Route::usual(route.queue.clone()) }
}

#[async_trait]
impl RoutingStore for MemoryRouting {
    async fn begin_term(&self, above: Term) -> Result<Term, Error> {
        self.check("begin a term")?;
        let mut state = self.state.lock();
        state.term = state.term.max(above.0) + 1;
        Ok(Term(state.term))
    }

    async fn term(&self) -> Result<Term, Error> {
        self.check("read the term")?;
        Ok(Term(self.state.lock().term))
    }

    async fn routes(&self) -> Result<Vec<Route>, Error> {
        self.check("list routes")?;
        let state = self.state.lock();
        Ok(state.routes.values().filter(|route| !is_usual(route)).cloned().collect())
    }

    async fn route(&self, queue: &QueueName) -> Result<Route, Error> {
        self.check("read a route")?;
        let route = self.state.lock().routes.get(queue).cloned();
        Ok(route.unwrap_or_else(|| Route::usual(queue.clone())))
    }

    async fn change_route(&self, queue: &QueueName, change: &RouteChange) -> Result<Route, Error> {
        self.check("change a route")?;
        let mut state = self.state.lock();
        let usual = Route::usual(queue.clone());
        let route = state.routes.entry(queue.clone()).or_insert(usual);
        route.mode = change.mode.unwrap_or(route.mode);
        route.is_dedicated = match route.mode {
            RouteMode::Dedicated => true,
            RouteMode::Shared => false,
            RouteMode::Automatic => route.is_dedicated,
        };
        route.is_paused = change.is_paused.unwrap_or(route.is_paused);
        route.workers = change.workers.unwrap_or(route.workers);
        Ok(route.clone())
    }

    async fn decide_route(
        &self,
        term: Term,
        queue: &QueueName,
        is_dedicated: bool,
    ) -> Result<bool, Error> {
        self.check("decide a route")?;
        let mut state = self.state.lock();
        if state.term != term.0 {
            return Ok(false);
        }
        let usual = Route::usual(queue.clone());
        let route = state.routes.entry(queue.clone()).or_insert(usual);
        if route.mode != RouteMode::Automatic {
            return Ok(false);
        }
        route.is_dedicated = is_dedicated;
        Ok(true)
    }
}
