//! Queues and workers, in memory.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::QueueName;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::{Member, MemberId, Wish};
use tenon_exec::ports::operations::{Error, QueueOperations, QueueReport, WorkersReport};
use tenon_exec::ports::queue::Depth;
use tenon_exec::ports::routing::{Route, RouteChange, RouteMode, Term};
use tenon_exec::ports::store;

use super::{World, uuid};

impl World {
    fn operations(&self) -> Result<(), Error> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(Error::Store(store::Error::Unavailable {
                action: "list routes",
                source: "hunter2".into(),
            })),
            false => Ok(()),
        }
    }

    fn report(&self, queue: &QueueName) -> QueueReport {
        let routes = self.routes.lock();
        let route = routes.get(queue).cloned().unwrap_or_else(|| Route::usual(queue.clone()));
        QueueReport {
            queue: queue.clone(),
            depth: Depth { ready: 4, delayed: 3, held: 2, running: 1 },
            oldest: Duration::from_millis(1_500),
            owners: vec!["host:1".to_owned()],
            route,
        }
    }
}

#[async_trait]
impl QueueOperations for World {
    async fn queues(&self, max: usize) -> Result<Vec<QueueReport>, Error> {
        self.operations()?;
        let queues: Vec<QueueName> = self.routes.lock().keys().take(max).cloned().collect();
        Ok(queues.iter().map(|queue| self.report(queue)).collect())
    }

    async fn queue(&self, queue: &QueueName) -> Result<QueueReport, Error> {
        self.operations()?;
        Ok(self.report(queue))
    }

    async fn change(&self, queue: &QueueName, change: &RouteChange) -> Result<QueueReport, Error> {
        self.operations()?;
        let mut routes = self.routes.lock();
        let route = routes.entry(queue.clone()).or_insert_with(|| Route::usual(queue.clone()));
        route.mode = change.mode.unwrap_or(route.mode);
        route.is_dedicated = route.mode == RouteMode::Dedicated;
        route.is_paused = change.is_paused.unwrap_or(route.is_paused);
        route.workers = change.workers.unwrap_or(route.workers);
        drop(routes);
        Ok(self.report(queue))
    }

    async fn workers(&self) -> Result<WorkersReport, Error> {
        self.operations()?;
        let member = Member {
            id: MemberId(uuid(6, 1)),
            address: "host:1".to_owned(),
            uptime_ms: 10,
            slots: 100,
            in_flight: 7,
            sources: vec!["shared:3".to_owned()],
            wish: Wish::Leave,
            follows: None,
        };
        let view = View {
            term: Term(3),
            number: 1,
            members: Vec::new(),
            leaving: Vec::new(),
            dedicated: Vec::new(),
            reserved_percent_max: 50,
            workers_min: 1,
            workers_desired: 5,
        };
        Ok(WorkersReport { members: vec![member], view: Some(view) })
    }
}
