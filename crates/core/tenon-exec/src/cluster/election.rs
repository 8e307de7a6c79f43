//! Who leads: a lease in the coordination service, and a term from Postgres.
//!
//! The lease lapses some seconds after its holder fell silent. The holder stops on its own a margin
//! before, by its own monotonic clock. Each time in office has a term, one higher than any before;
//! whatever a leader writes carries it, and what an older term writes is refused. So a leader
//! that was stopped for a while and wakes up does no harm: two leaders at once only make
//! workers change their minds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ports::coordination::Coordination;
use crate::ports::membership::{LEADER_LEASE, MemberId, Membership};
use crate::ports::routing::{RoutingStore, Term};
use crate::ports::store;

/// The announcement of a leader that stops: others need not wait for its lease to lapse.
pub const RESIGNED_TOPIC: &str = "leader:resigned";

/// When a leader is a leader.
#[derive(Debug, Clone)]
pub struct ElectionSettings {
    /// How long the lease holds without a renewal.
    pub lease_ttl: Duration,
    /// How often it is renewed, and asked for by the others.
    pub renew_interval: Duration,
    /// How long before the lease lapses its holder stops on its own.
    pub margin: Duration,
}

impl Default for ElectionSettings {
    fn default() -> Self {
        Self {
            lease_ttl: Duration::from_secs(3),
            renew_interval: Duration::from_millis(700),
            margin: Duration::from_secs(1),
        }
    }
}

/// What a leader does.
#[async_trait]
pub trait Lead: Send + Sync + 'static {
    /// Works for one term. Dropped at any await once the term is over; returning gives the
    /// office up.
    async fn lead(&self, term: Term);
}

/// One process's part in the election.
pub struct Election {
    /// Where the lease is.
    pub membership: Arc<dyn Membership>,
    /// Where the term is.
    pub routing: Arc<dyn RoutingStore>,
    /// For news of a leader that stops.
    pub coordination: Arc<dyn Coordination>,
    /// This process.
    pub me: MemberId,
    /// Times.
    pub settings: ElectionSettings,
}

/// Why a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process stops.
    Stopped,
    /// The lease was lost, or could not be renewed in time.
    Lost,
    /// The work returned.
    GivenUp,
}

impl Election {
    /// Stands for election until `stop`, and has `work` lead whenever this process is elected.
    /// `leads` shows the term while it leads.
    pub async fn run(
        &self,
        work: &dyn Lead,
        leads: watch::Sender<Option<Term>>,
        stop: CancellationToken,
    ) {
        let mut news = self.coordination.announcements();
        while !stop.is_cancelled() {
            let asked_at = Instant::now();
            if self.holds().await {
                match self.begin().await {
                    Ok(term) => {
                        leads.send_replace(Some(term));
                        let end = self.serve(term, asked_at, work, &stop).await;
                        leads.send_replace(None);
                        tracing::info!(term = term.0, ?end, "this process leads no more");
                    }
                    Err(error) => {
                        tracing::debug!(error = %error, "no term could be begun");
                    }
                }
                self.resign().await;
                // After a loss others go first.
                if stop.is_cancelled() {
                    return;
                }
                tokio::time::sleep(self.settings.renew_interval).await;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.settings.renew_interval) => {}
                () = resigned(&mut news) => {}
            }
        }
    }

    async fn holds(&self) -> bool {
        let ttl = self.settings.lease_ttl;
        let held = self.membership.hold_lease(LEADER_LEASE, self.me, ttl).await;
        held.unwrap_or_else(|error| {
            tracing::debug!(error = %error, "the leader's lease could not be asked for");
            false
        })
    }

    /// Draws a term above all that anybody may have seen: also above that of the view that is
    /// published, which a database restored from an old copy has forgotten.
    async fn begin(&self) -> Result<Term, store::Error> {
        let published = self.membership.view().await.ok().flatten();
        let followed = self.membership.members().await.unwrap_or_default();
        let followed = followed.iter().filter_map(|member| member.follows).map(|(term, _)| term);
        let above = published.map_or(0, |view| view.term.0).max(followed.max().unwrap_or(0));
        let term = self.routing.begin_term(Term(above)).await?;
        tracing::info!(term = term.0, "this process leads");
        Ok(term)
    }

    async fn serve(
        &self,
        term: Term,
        held_at: Instant,
        work: &dyn Lead,
        stop: &CancellationToken,
    ) -> End {
        tokio::select! {
            biased;
            () = stop.cancelled() => End::Stopped,
            () = self.keep(term, held_at) => End::Lost,
            () = work.lead(term) => End::GivenUp,
        }
    }

    /// Renews the lease; returns when it is lost or may be.
    async fn keep(&self, term: Term, held_at: Instant) {
        let holds_for = self.settings.lease_ttl.saturating_sub(self.settings.margin);
        let mut deadline = held_at + holds_for;
        loop {
            tokio::time::sleep_until(deadline.min(Instant::now() + self.settings.renew_interval))
                .await;
            let asked_at = Instant::now();
            match tokio::time::timeout_at(deadline, self.renew(term)).await {
                Ok(Some(true)) => deadline = asked_at + holds_for,
                Ok(Some(false)) => return,
                // Nobody answered: the lease may hold still, until the deadline.
                Ok(None) if Instant::now() < deadline => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Whether this process leads still; `None` when that cannot be found out now.
    async fn renew(&self, term: Term) -> Option<bool> {
        let ttl = self.settings.lease_ttl;
        let held = self.membership.hold_lease(LEADER_LEASE, self.me, ttl).await.ok()?;
        // Postgres away is no reason to stop: what is written there is checked there.
        let is_current = self.routing.term().await.map_or(true, |current| current == term);
        Some(held && is_current)
    }

    /// Lets others lead at once.
    async fn resign(&self) {
        let released = self.membership.release_lease(LEADER_LEASE, self.me).await;
        if matches!(released, Ok(true))
            && let Err(error) = self.coordination.announce(RESIGNED_TOPIC).await
        {
            tracing::debug!(error = %error, "the resignation was not announced");
        }
    }
}

/// Returns when a leader said that it stops.
async fn resigned(news: &mut broadcast::Receiver<String>) {
    loop {
        match news.recv().await {
            Ok(topic) if topic == RESIGNED_TOPIC => return,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
