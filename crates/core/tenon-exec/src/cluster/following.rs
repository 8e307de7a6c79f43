//! A worker's part: it beats, follows the view, and leaves when it has been idle for long.
//!
//! Of two views that of the later term counts, and of one term the later one; anything older is
//! ignored. Without any view the worker serves everything, a moment later than an owner would. When
//! no view has come for a while it keeps its duty and also looks at what was left to others, because
//! they may be gone. Which queues are dedicated it then asks of Postgres.
//!
//! # Leaving when idle
//!
//! A worker with nothing in hand, and no job claimed, for the set time asks to leave by a mark on its
//! beat. The leader lets it go by a view that no longer counts it, and only while enough are
//! left; two idle workers that ask at once are both answered by the same leader, so the last one
//! stays. Without a leader nobody leaves. When the worker reads that it may go it looks at all its
//! sources once more, and only if that brought nothing it stops.
//!
//! A push that comes in between strands no job. It is in one of three places in time:
//!
//! - before the last look: the last look finds it, the worker takes back its wish and runs it;
//! - between the last look and the end of the claim loop: the worker may claim it still; then the
//!   ordinary stop lets it reach the end of its step, or gives it back, or its lease lapses;
//! - after: the worker does not claim. The news of a push go to all workers, not to the owner
//!   alone, and those who are not the owner look too, a moment later. One that misses the news finds the
//!   job by its regular look at what is spare, within seconds. The new owner was made owner by
//!   the very view that let the worker go.
//!
//! So nothing depends on who hears of it first, and there is no moment in which a source is
//! nobody's: being an owner means to be early, not to be alone. The one exception is a dedicated queue
//! that is left to its own workers: it stays theirs until a view is published without them, and that
//! view names others, or makes the queue everybody's.

use std::sync::Arc;
use std::time::Duration;

use tenon_domain::QueueName;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::leading::VIEW_TOPIC;
use super::view::{View, duty_without_view, source_text};
use crate::assignment::Duty;
use crate::ports::coordination::{Coordination, MISSED_TOPIC};
use crate::ports::membership::{MEMBER_SOURCES_MAX, Member, MemberId, Membership, Wish};
use crate::ports::queue::Source;
use crate::ports::routing::{RoutingStore, Term};

/// How a worker follows.
#[derive(Debug, Clone)]
pub struct FollowingSettings {
    /// How often it beats and reads the view.
    pub beat_interval: Duration,
    /// How long a beat holds.
    pub member_ttl: Duration,
    /// After how long without a new view it looks at what was left to others.
    pub stale_after: Duration,
    /// After how long without work it asks to leave; never when `None`.
    pub idle_exit: Option<Duration>,
    /// How long it waits for an answer before it takes its wish back.
    pub leave_patience: Duration,
    /// How long the last look may take to bring something.
    pub last_look: Duration,
}

impl Default for FollowingSettings {
    fn default() -> Self {
        Self {
            beat_interval: Duration::from_secs(1),
            member_ttl: Duration::from_secs(3),
            stale_after: Duration::from_secs(8),
            idle_exit: None,
            leave_patience: Duration::from_secs(10),
            last_look: Duration::from_millis(500),
        }
    }
}

/// What a worker does at the moment.
pub trait Activity: Send + Sync + 'static {
    /// Runs that it can execute at once.
    fn slots(&self) -> usize;
    /// Runs in hand.
    fn in_flight(&self) -> usize;
    /// Jobs claimed since it started.
    fn claimed(&self) -> u64;
}

/// A worker's part.
pub struct Following {
    /// Where it beats, and where the view is.
    pub membership: Arc<dyn Membership>,
    /// Which queues are dedicated, where no view says so.
    pub routing: Arc<dyn RoutingStore>,
    /// For news of a view.
    pub coordination: Arc<dyn Coordination>,
    /// This process.
    pub me: MemberId,
    /// The machine and process, for people.
    pub address: String,
    /// Into how many shards queues are divided.
    pub shards: u16,
    /// What the worker does.
    pub activity: Arc<dyn Activity>,
    /// What it is to serve.
    pub duty: watch::Sender<Arc<Duty>>,
    /// Fired when the process may end because it is idle.
    pub may_exit: CancellationToken,
    /// Times.
    pub settings: FollowingSettings,
}

/// What was followed so far.
struct State {
    started: Instant,
    view: Option<View>,
    /// When the view was found to be a new one, by this process's clock.
    view_at: Instant,
    /// Dedicated queues by Postgres, while no view says which.
    dedicated: Vec<QueueName>,
    /// What the duty was computed from.
    served: Option<Basis>,
    claimed: u64,
    active_at: Instant,
    leaving: Leaving,
}

/// What a duty follows from.
#[derive(PartialEq)]
struct Basis {
    view: Option<View>,
    is_fresh: bool,
    dedicated: Vec<QueueName>,
}

/// How far a worker is with leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    No,
    /// It asked, at a time.
    Asked(Instant),
    /// It may go, and looks once more since a time.
    LastLook(Instant),
    /// It goes.
    Gone,
}

impl Following {
    /// Follows until `stop`, then says that the worker stops. The caller forgets the member with
    /// [`Membership::leave`] when its work has ended.
    pub async fn run(&self, stop: CancellationToken) {
        let mut news = self.coordination.announcements();
        let now = Instant::now();
        let mut state = State {
            started: now,
            view: None,
            view_at: now,
            dedicated: Vec::new(),
            served: None,
            claimed: self.activity.claimed(),
            active_at: now,
            leaving: Leaving::No,
        };
        loop {
            self.look_around(&mut state).await;
            let wait = match state.leaving {
                Leaving::LastLook(_) => self.settings.last_look.min(self.settings.beat_interval),
                _ => self.settings.beat_interval,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                () = view_changed(&mut news) => {}
            }
        }
        self.beat(&state, Wish::Stopping).await;
    }

    async fn look_around(&self, state: &mut State) {
        self.note_activity(state);
        self.beat(state, wish(state)).await;
        self.read_view(state).await;
        self.consider_leaving(state);
        self.follow(state);
    }

    fn note_activity(&self, state: &mut State) {
        let claimed = self.activity.claimed();
        if claimed != state.claimed || self.activity.in_flight() > 0 {
            state.claimed = claimed;
            state.active_at = Instant::now();
            if state.leaving != Leaving::Gone {
                state.leaving = Leaving::No;
            }
        }
    }

    async fn beat(&self, state: &State, wish: Wish) {
        let sources =
            self.duty.borrow().own.iter().take(MEMBER_SOURCES_MAX).map(source_text).collect();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let uptime = state.started.elapsed().as_millis();
        let member = Member {
            id: self.me,
            address: self.address.clone(),
            uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
            slots: small(self.activity.slots()),
            in_flight: small(self.activity.in_flight()),
            sources,
            wish,
            follows: state.view.as_ref().map(|view| (view.term.0, view.number)),
        };
        if let Err(error) = self.membership.beat(&member, self.settings.member_ttl).await {
            tracing::debug!(error = %error, "a beat of this worker was lost");
        }
    }

    async fn read_view(&self, state: &mut State) {
        match self.membership.view().await {
            Ok(Some(view)) => {
                let is_newer = state.view.as_ref().is_none_or(|known| view.order() > known.order());
                if is_newer {
                    state.view = Some(view);
                    state.view_at = Instant::now();
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(error = %error, "the view could not be read"),
        }
        if state.view.is_none() || !self.is_fresh(state) {
            match self.routing.routes().await {
                Ok(routes) => {
                    let dedicated = routes.into_iter().filter(|route| route.is_dedicated);
                    state.dedicated = dedicated.map(|route| route.queue).collect();
                }
                Err(error) => tracing::debug!(error = %error, "the routes could not be read"),
            }
        }
    }

    fn is_fresh(&self, state: &State) -> bool {
        state.view.is_some() && state.view_at.elapsed() < self.settings.stale_after
    }

    fn consider_leaving(&self, state: &mut State) {
        let Some(after) = self.settings.idle_exit else { return };
        let Some(view) = &state.view else { return };
        let now = Instant::now();
        state.leaving = match state.leaving {
            Leaving::No => {
                let is_above_min = view.members.len() > view.workers_min as usize;
                let is_idle = state.active_at.elapsed() >= after;
                match is_idle && is_above_min && self.is_fresh(state) {
                    true => Leaving::Asked(now),
                    false => Leaving::No,
                }
            }
            Leaving::Asked(_) if view.leaving.contains(&self.me) => Leaving::LastLook(now),
            Leaving::Asked(at) if at.elapsed() >= self.settings.leave_patience => {
                // Not this time; it asks again after as long a wait.
                state.active_at = now;
                Leaving::No
            }
            Leaving::LastLook(at) if at.elapsed() >= self.settings.last_look => {
                tracing::info!("this worker had nothing to do and stops");
                self.may_exit.cancel();
                Leaving::Gone
            }
            same => same,
        };
    }

    /// Hands the worker its duty, where it changed.
    fn follow(&self, state: &mut State) {
        match state.leaving {
            // The worker looks at all that it owns when it is told its duty. It keeps what it had.
            Leaving::LastLook(at) if at.elapsed() < self.settings.last_look / 2 => {
                return self.duty.send_modify(|_| {});
            }
            Leaving::LastLook(_) | Leaving::Gone => return,
            Leaving::No | Leaving::Asked(_) => {}
        }
        let is_fresh = self.is_fresh(state);
        let timeless = |view: &View| View { term: Term(0), number: 0, ..view.clone() };
        let basis = Basis {
            view: state.view.as_ref().map(timeless),
            is_fresh,
            dedicated: state.dedicated.clone(),
        };
        if state.served.as_ref() == Some(&basis) {
            return;
        }
        let duty = match &basis.view {
            Some(view) => {
                let mut duty = view.duty(self.me, self.shards, is_fresh);
                if !is_fresh {
                    add_missing(&mut duty, &basis.dedicated);
                }
                duty
            }
            None => duty_without_view(self.shards, &basis.dedicated),
        };
        state.served = Some(basis);
        self.duty.send_if_modified(|current| {
            let is_new = **current != duty;
            if is_new {
                *current = Arc::new(duty);
            }
            is_new
        });
    }
}

/// Serves dedicated queues that the view did not know.
fn add_missing(duty: &mut Duty, dedicated: &[QueueName]) {
    for queue in dedicated {
        let source = Source::Dedicated(queue.clone());
        if !duty.own.contains(&source) && !duty.spare.contains(&source) {
            duty.spare.push(source);
        }
    }
}

fn wish(state: &State) -> Wish {
    match state.leaving {
        Leaving::No => Wish::Stay,
        Leaving::Asked(_) | Leaving::LastLook(_) | Leaving::Gone => Wish::Leave,
    }
}

/// Returns when there is a view that says something new, or may be.
async fn view_changed(news: &mut broadcast::Receiver<String>) {
    loop {
        match news.recv().await {
            Ok(topic) if topic == VIEW_TOPIC || topic == MISSED_TOPIC => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
