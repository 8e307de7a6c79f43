//! The work of the leader, in rounds: it looks at members and queues, decides which queues are
//! dedicated and how many workers there should be, tells the queues their terms, and publishes the
//! view.
//!
//! All of it may be done twice, by two leaders or by none: a view of an older term is refused, so
//! is a decision about a route, and terms are said again from what Postgres holds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{Clock, QueueName};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::autoscale::{self, Autoscaler, Seen};
use super::dedication::{self, Dedication};
use super::election::Lead;
use super::load::Load;
use super::terms::TermsOf;
use super::view::{DedicatedQueue, Distribution, View, ViewMember};
use crate::metrics;
use crate::ports::coordination::Coordination;
use crate::ports::membership::{Member, MemberId, Membership, Wish};
use crate::ports::queue::{Generation, JobQueue, Terms};
use crate::ports::routing::{Route, RoutingStore, Term};

/// The announcement of a view that says something new.
pub const VIEW_TOPIC: &str = "cluster:view";
/// What the announcement of a changed route begins with; the queue follows.
pub const ROUTE_TOPIC: &str = "route:";
/// How long news may gather before they are acted on.
const NEWS_PAUSE: Duration = Duration::from_millis(50);
/// Terms told to the queue service in one call.
const TERMS_BATCH: usize = 500;

/// How the leader works.
#[derive(Debug, Clone)]
pub struct LeadingSettings {
    /// The time between two rounds.
    pub round_interval: Duration,
    /// The time between two samples of the queues.
    pub sample_interval: Duration,
    /// The time between two readings of routes and terms, where no change was announced.
    pub refresh_interval: Duration,
    /// When queues are dedicated.
    pub dedication: dedication::Rules,
    /// Workers of a dedicated queue, where nothing else was said.
    pub dedicated_workers: u16,
    /// Of all workers, at most so many belong to dedicated queues, in per cent.
    pub reserved_percent_max: u32,
    /// How many workers there should be.
    pub autoscale: autoscale::Rules,
}

impl Default for LeadingSettings {
    fn default() -> Self {
        Self {
            round_interval: Duration::from_secs(1),
            sample_interval: Duration::from_secs(2),
            refresh_interval: Duration::from_secs(5),
            dedication: dedication::Rules::default(),
            dedicated_workers: 1,
            reserved_percent_max: 50,
            autoscale: autoscale::Rules::default(),
        }
    }
}

/// What the leader works with.
#[derive(Clone)]
pub struct Leading {
    /// The queues.
    pub queue: Arc<dyn JobQueue>,
    /// Who is there, and where the view goes.
    pub membership: Arc<dyn Membership>,
    /// The truth about routes.
    pub routing: Arc<dyn RoutingStore>,
    /// What the owners of queues ask.
    pub terms: Arc<dyn TermsOf>,
    /// For news.
    pub coordination: Arc<dyn Coordination>,
    /// Wall time, for the ages of jobs.
    pub clock: Arc<dyn Clock>,
    /// Rules.
    pub settings: LeadingSettings,
    /// The view of this process's last round, for who shows it.
    pub published: watch::Sender<Option<View>>,
}

#[async_trait]
impl Lead for Leading {
    async fn lead(&self, term: Term) {
        let mut news = self.coordination.announcements();
        let mut office = Office::new(self, term);
        metrics::LEADER.set(1.0);
        let _no_longer = Resigned;
        loop {
            if !office.round().await {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.settings.round_interval) => {}
                () = concerns_the_leader(&mut news) => {
                    office.is_stale = true;
                    // Many plans may change at once.
                    tokio::time::sleep(NEWS_PAUSE).await;
                }
            }
        }
    }
}

/// Takes the mark of the leader off, however its work ends.
struct Resigned;

impl Drop for Resigned {
    fn drop(&mut self) {
        metrics::LEADER.set(0.0);
    }
}

/// Returns when a route or the limits of a project changed, or may have.
async fn concerns_the_leader(news: &mut broadcast::Receiver<String>) {
    loop {
        match news.recv().await {
            Ok(topic) if topic.starts_with(ROUTE_TOPIC) || topic.starts_with("plan:") => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// One term of a leader.
struct Office<'a> {
    parts: &'a Leading,
    term: Term,
    started: Instant,
    number: u64,
    dedication: Dedication,
    autoscaler: Option<Autoscaler>,
    routes: HashMap<QueueName, Route>,
    asked: HashMap<QueueName, Terms>,
    /// What the queue service was told, and its generation then.
    told: HashMap<QueueName, Terms>,
    told_generation: Option<Generation>,
    /// Whether routes and terms may have changed since they were read.
    is_stale: bool,
    read_at: Option<Instant>,
    sampled_at: Option<Instant>,
    granted: BTreeSet<MemberId>,
    before: Option<View>,
    distribution: Distribution,
}

impl<'a> Office<'a> {
    fn new(parts: &'a Leading, term: Term) -> Self {
        Self {
            parts,
            term,
            started: Instant::now(),
            number: 0,
            dedication: Dedication::new(parts.settings.dedication.clone()),
            autoscaler: None,
            routes: HashMap::new(),
            asked: HashMap::new(),
            told: HashMap::new(),
            told_generation: None,
            is_stale: true,
            read_at: None,
            sampled_at: None,
            granted: BTreeSet::new(),
            before: None,
            distribution: Distribution::default(),
        }
    }

    /// One round. Answers whether this process leads still, as far as it can see.
    async fn round(&mut self) -> bool {
        self.refresh().await;
        let members = match self.parts.membership.members().await {
            Ok(members) => members,
            Err(error) => {
                tracing::debug!(error = %error, "the members could not be listed");
                return true;
            }
        };
        let is_due = |at: Instant| at.elapsed() >= self.parts.settings.sample_interval;
        if self.sampled_at.is_none_or(is_due) {
            self.sampled_at = Some(Instant::now());
            self.sample(&members).await;
        }
        self.tell_terms().await;
        self.publish(&members).await
    }

    /// Reads routes and terms where they may have changed.
    async fn refresh(&mut self) {
        let is_due = |at: Instant| at.elapsed() >= self.parts.settings.refresh_interval;
        if !self.is_stale && !self.read_at.is_none_or(is_due) {
            return;
        }
        match self.parts.routing.routes().await {
            Ok(routes) => {
                self.routes =
                    routes.into_iter().map(|route| (route.queue.clone(), route)).collect();
                self.read_at = Some(Instant::now());
                self.is_stale = false;
            }
            Err(error) => tracing::debug!(error = %error, "the routes could not be read"),
        }
        match self.parts.terms.terms().await {
            Ok(terms) => self.asked = terms,
            Err(error) => tracing::debug!(error = %error, "the queues' terms could not be read"),
        }
    }

    /// Looks at the queues, and decides what follows.
    async fn sample(&mut self, members: &[Member]) {
        let now_ms = self.parts.clock.now().as_millisecond();
        let load = match Load::sample(&*self.parts.queue, now_ms).await {
            Ok(load) => load,
            Err(error) => {
                tracing::debug!(error = %error, "the queues could not be looked at");
                return;
            }
        };
        let now = self.started.elapsed();
        // Without the routes it is not known what operators decided.
        if self.read_at.is_some() {
            for change in self.dedication.look(now, &load.ready, &self.routes) {
                self.decide(change).await;
            }
        }
        let seen = seen(members, &load);
        let rules = &self.parts.settings.autoscale;
        let scaler =
            self.autoscaler.get_or_insert_with(|| Autoscaler::new(rules.clone(), seen.workers));
        scaler.look(now, &seen);
    }

    async fn decide(&mut self, change: dedication::Change) {
        let dedication::Change { queue, is_dedicated } = change;
        let decided = self.parts.routing.decide_route(self.term, &queue, is_dedicated).await;
        match decided {
            Ok(true) => {
                tracing::info!(queue = %queue, is_dedicated, "a queue is routed anew");
                let usual = Route::usual(queue.clone());
                self.routes.entry(queue).or_insert(usual).is_dedicated = is_dedicated;
            }
            // An operator was faster, or another leader is there: the truth is read again.
            Ok(false) => self.is_stale = true,
            Err(error) => tracing::debug!(error = %error, "a route could not be noted"),
        }
    }

    /// Tells the queue service what it was not told yet, or has forgotten.
    async fn tell_terms(&mut self) {
        let Ok(generation) = self.parts.queue.generation().await else { return };
        if generation.is_none() || self.read_at.is_none() {
            return;
        }
        if generation != self.told_generation {
            self.told.clear();
            self.told_generation = generation;
        }
        let wanted = self.wanted_terms();
        let mut changed: Vec<(QueueName, Terms)> = wanted
            .iter()
            .filter(|(queue, terms)| self.told.get(*queue) != Some(*terms))
            .map(|(queue, terms)| (queue.clone(), terms.clone()))
            .collect();
        let gone = self.told.keys().filter(|queue| !wanted.contains_key(*queue));
        changed.extend(gone.map(|queue| (queue.clone(), Terms::default())));
        for part in changed.chunks(TERMS_BATCH) {
            if let Err(error) = self.parts.queue.set_terms(part).await {
                tracing::debug!(error = %error, "the queues could not be told their terms");
                return;
            }
            for (queue, terms) in part {
                self.told.insert(queue.clone(), terms.clone());
            }
        }
        self.told.retain(|queue, _| wanted.contains_key(queue));
    }

    /// What queues with terms of their own are to be served by.
    fn wanted_terms(&self) -> HashMap<QueueName, Terms> {
        let usual =
            |terms: &Terms| Terms { is_dedicated: false, is_paused: false, ..terms.clone() };
        let mut wanted: HashMap<QueueName, Terms> =
            self.asked.iter().map(|(queue, terms)| (queue.clone(), usual(terms))).collect();
        for route in self.routes.values() {
            let terms = wanted.entry(route.queue.clone()).or_default();
            terms.is_dedicated = route.is_dedicated;
            terms.is_paused = route.is_paused;
        }
        wanted
    }

    /// Publishes what this round came to. Answers whether it was taken.
    async fn publish(&mut self, members: &[Member]) -> bool {
        self.number += 1;
        let view = self.view(members);
        match self.parts.membership.publish_view(&view).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(term = self.term.0, "a later leader is there");
                return false;
            }
            Err(error) => {
                tracing::debug!(error = %error, "the view could not be published");
                return true;
            }
        }
        let is_new = self.before.as_ref().is_none_or(|before| !before.says_the_same(&view));
        if is_new {
            let distribution = view.distribution(self.parts.queue.shards());
            let moves = distribution.moves_since(&self.distribution);
            metrics::ASSIGNMENT_MOVES.add(moves as u64);
            self.distribution = distribution;
            if let Err(error) = self.parts.coordination.announce(VIEW_TOPIC).await {
                tracing::debug!(error = %error, "the view was not announced");
            }
        }
        metrics::MEMBERS.set(members.len() as f64);
        metrics::WORKERS_DESIRED.set(f64::from(view.workers_desired));
        self.parts.published.send_replace(Some(view.clone()));
        self.before = Some(view);
        true
    }

    fn view(&mut self, members: &[Member]) -> View {
        let settings = &self.parts.settings;
        let scaler = self.autoscaler.as_ref();
        let workers_min = settings.autoscale.workers_min;
        let workers_desired = scaler.map_or(workers_min, Autoscaler::desired);
        self.grant_leave(members, workers_desired.max(workers_min));
        let serves =
            |member: &&Member| member.wish != Wish::Stopping && !self.granted.contains(&member.id);
        let members = members.iter().filter(serves);
        let mut dedicated: Vec<DedicatedQueue> = self
            .routes
            .values()
            .filter(|route| route.is_dedicated)
            .map(|route| DedicatedQueue {
                queue: route.queue.clone(),
                workers: route.workers.unwrap_or(settings.dedicated_workers),
            })
            .collect();
        dedicated.sort_unstable_by(|one, other| one.queue.cmp(&other.queue));
        View {
            term: self.term,
            number: self.number,
            members: members
                .map(|member| ViewMember { id: member.id, weight: member.slots.max(1) })
                .collect(),
            leaving: self.granted.iter().copied().collect(),
            dedicated,
            reserved_percent_max: settings.reserved_percent_max,
            workers_min,
            workers_desired,
        }
    }

    /// Lets workers go that asked to, as long as enough are left, those that run longest last.
    fn grant_leave(&mut self, members: &[Member], workers: u32) {
        let asks = |id: &MemberId| {
            members.iter().any(|member| member.id == *id && member.wish == Wish::Leave)
        };
        self.granted.retain(asks);
        let present = members.iter().filter(|member| member.wish != Wish::Stopping).count();
        let left = present - self.granted.len();
        let spare = left.saturating_sub(usize::try_from(workers).unwrap_or(usize::MAX));
        let mut asking: Vec<&Member> = members
            .iter()
            .filter(|member| member.wish == Wish::Leave && !self.granted.contains(&member.id))
            .collect();
        asking.sort_unstable_by_key(|member| (member.uptime_ms, member.id));
        self.granted.extend(asking.into_iter().take(spare).map(|member| member.id));
    }
}

/// What the autoscaler is to look at.
fn seen(members: &[Member], load: &Load) -> Seen {
    let working = members.iter().filter(|member| member.wish != Wish::Stopping);
    let working: Vec<&Member> = working.collect();
    Seen {
        ready: load.startable,
        oldest: load.oldest,
        workers: u32::try_from(working.len()).unwrap_or(u32::MAX),
        slots: working.iter().map(|member| u64::from(member.slots)).sum(),
        in_flight: working.iter().map(|member| u64::from(member.in_flight)).sum(),
    }
}
