//! What operators see of queues and workers, and change: [`QueueOperations`] over the other ports.
//!
//! A change is written to Postgres and announced; the leader tells the queue service. Without a
//! leader it waits for the next one, which says everything again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{Clock, QueueName};

use super::leading::ROUTE_TOPIC;
use super::load::age_of;
use super::view::source_text;
use crate::ports::coordination::Coordination;
use crate::ports::membership::{MemberId, Membership};
use crate::ports::operations::{Error, QueueOperations, QueueReport, WorkersReport};
use crate::ports::queue::{Depth, JobQueue, Shard, Source};
use crate::ports::routing::{Route, RouteChange, RoutingStore};

/// Pages of one shard that are read, at most.
const PAGES_MAX: usize = 40;

/// What operators see and change.
#[derive(Clone)]
pub struct Operations {
    /// The queues.
    pub queue: Arc<dyn JobQueue>,
    /// The truth about routes.
    pub routing: Arc<dyn RoutingStore>,
    /// Who is there.
    pub membership: Arc<dyn Membership>,
    /// Where changes are announced.
    pub coordination: Arc<dyn Coordination>,
    /// Wall time, for the ages of jobs.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl QueueOperations for Operations {
    async fn queues(&self, max: usize) -> Result<Vec<QueueReport>, Error> {
        let routes = self.routing.routes().await?;
        let mut routes: HashMap<QueueName, Route> =
            routes.into_iter().map(|route| (route.queue.clone(), route)).collect();
        let owners = self.owners().await?;
        let now_ms = self.clock.now().as_millisecond();
        let mut found: HashMap<QueueName, QueueReport> = HashMap::new();
        for shard in 0..self.queue.shards() {
            for page in 0..PAGES_MAX {
                let states = self.queue.overview(Shard(shard), page).await?;
                if states.is_empty() {
                    break;
                }
                for state in states {
                    let route = routes.remove(&state.queue);
                    let route = route
                        .or_else(|| found.get(&state.queue).map(|report| report.route.clone()))
                        .unwrap_or_else(|| Route::usual(state.queue.clone()));
                    let oldest = state.next.map_or(Duration::ZERO, |run| age_of(run, now_ms));
                    let owners = self.owners_of(&route, &owners);
                    let report = QueueReport {
                        queue: state.queue.clone(),
                        depth: state.depth,
                        oldest,
                        route,
                        owners,
                    };
                    found.insert(state.queue, report);
                }
            }
        }
        for route in routes.into_values() {
            let owners = self.owners_of(&route, &owners);
            let report = QueueReport {
                queue: route.queue.clone(),
                depth: Depth::default(),
                oldest: Duration::ZERO,
                route,
                owners,
            };
            found.insert(report.queue.clone(), report);
        }
        let mut queues: Vec<QueueReport> = found.into_values().collect();
        queues.sort_unstable_by_key(|report| {
            (std::cmp::Reverse(report.depth.ready), report.queue.clone())
        });
        queues.truncate(max);
        Ok(queues)
    }

    async fn queue(&self, queue: &QueueName) -> Result<QueueReport, Error> {
        let route = self.routing.route(queue).await?;
        self.report(route).await
    }

    async fn change(&self, queue: &QueueName, change: &RouteChange) -> Result<QueueReport, Error> {
        let route = self.routing.change_route(queue, change).await?;
        if let Err(error) = self.coordination.announce(&format!("{ROUTE_TOPIC}{queue}")).await {
            tracing::debug!(error = %error, "a change of a route was not announced");
        }
        self.report(route).await
    }

    async fn workers(&self) -> Result<WorkersReport, Error> {
        let members = self.membership.members().await?;
        Ok(WorkersReport { members, view: self.membership.view().await? })
    }
}

impl Operations {
    async fn report(&self, route: Route) -> Result<QueueReport, Error> {
        let depth = self.queue.depth(&route.queue).await?;
        let owners = self.owners_of(&route, &self.owners().await?);
        // The overview is the only place that says how old the next job is.
        let mut oldest = Duration::ZERO;
        if depth.ready > 0 {
            let now_ms = self.clock.now().as_millisecond();
            let shard = self.queue.shard_of(&route.queue);
            'pages: for page in 0..PAGES_MAX {
                let states = self.queue.overview(shard, page).await?;
                if states.is_empty() {
                    break;
                }
                for state in states {
                    if state.queue == route.queue {
                        oldest = state.next.map_or(Duration::ZERO, |run| age_of(run, now_ms));
                        break 'pages;
                    }
                }
            }
        }
        Ok(QueueReport { queue: route.queue.clone(), depth, oldest, route, owners })
    }

    /// Who owns which source, by the view.
    async fn owners(&self) -> Result<HashMap<String, Vec<String>>, Error> {
        let WorkersReport { members, view } = self.workers().await?;
        let Some(view) = view else { return Ok(HashMap::new()) };
        let addresses: HashMap<MemberId, String> =
            members.into_iter().map(|member| (member.id, member.address)).collect();
        let name = |id: &MemberId| addresses.get(id).cloned().unwrap_or_else(|| id.to_string());
        let distribution = view.distribution(self.queue.shards());
        let shared = distribution.shared.iter();
        let mut owners: HashMap<String, Vec<String>> = shared
            .map(|(source, ids)| (source_text(source), ids.iter().map(name).collect()))
            .collect();
        for (queue, ids) in distribution.reserved.iter().filter(|(_, ids)| !ids.is_empty()) {
            let source = Source::Dedicated(queue.clone());
            owners.insert(source_text(&source), ids.iter().map(name).collect());
        }
        Ok(owners)
    }

    fn owners_of(&self, route: &Route, owners: &HashMap<String, Vec<String>>) -> Vec<String> {
        let source = match route.is_dedicated {
            true => Source::Dedicated(route.queue.clone()),
            false => Source::Shared(self.queue.shard_of(&route.queue)),
        };
        owners.get(&source_text(&source)).cloned().unwrap_or_default()
    }
}
