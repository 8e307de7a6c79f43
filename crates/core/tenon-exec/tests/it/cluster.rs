//! Many processes as one, in one process: the leader, workers that follow, and what happens when
//! one of them goes. Time costs nothing here.

mod election;
mod following;
mod idle_exit;
mod leading;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tenon_exec::assignment::Duty;
use tenon_exec::cluster::election::{Election, ElectionSettings, Lead};
use tenon_exec::cluster::following::{Activity, Following, FollowingSettings};
use tenon_exec::cluster::leading::{Leading, LeadingSettings};
use tenon_exec::cluster::terms::UsualTerms;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::{Error, Member, MemberId, Membership};
use tenon_exec::ports::queue::{Generation, JobQueue};
use tenon_exec::ports::routing::Term;
use tenon_local::{LocalCoordination, LocalMembership, LocalQueue};
use tenon_testkit::fakes::{MemoryRouting, RuntimeClock};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bench::START;

const SHARDS: u16 = 4;

/// What all processes share.
struct World {
    membership: Arc<LocalMembership>,
    routing: Arc<MemoryRouting>,
    coordination: Arc<LocalCoordination>,
    queue: Arc<LocalQueue>,
    clock: Arc<RuntimeClock>,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(RuntimeClock::at(START));
        let queue = Arc::new(LocalQueue::with_shards(clock.clone(), SHARDS));
        queue.install_generation(Generation(1)).await.expect("in memory");
        Self {
            membership: Arc::new(LocalMembership::new()),
            routing: Arc::new(MemoryRouting::default()),
            coordination: Arc::new(LocalCoordination::new()),
            queue,
            clock,
        }
    }

    fn leading(&self, settings: LeadingSettings) -> Leading {
        Leading {
            queue: self.queue.clone(),
            membership: self.membership.clone(),
            routing: self.routing.clone(),
            terms: Arc::new(UsualTerms),
            coordination: self.coordination.clone(),
            clock: self.clock.clone(),
            settings,
            published: watch::Sender::new(None),
        }
    }

    /// A process that stands for election, over a link that can be cut.
    fn stand(&self, work: impl Lead) -> Candidate {
        let link = Arc::new(Link { to: self.membership.clone(), is_cut: AtomicBool::new(false) });
        let election = Election {
            membership: link.clone(),
            routing: self.routing.clone(),
            coordination: self.coordination.clone(),
            me: MemberId::draw(),
            settings: ElectionSettings::default(),
        };
        let (leads, term) = watch::channel(None);
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move { election.run(&work, leads, token).await });
        Candidate { link, term, stop, task }
    }

    /// A worker that follows.
    fn follow(&self, settings: FollowingSettings) -> Follower {
        let activity = Arc::new(Busyness::default());
        self.follow_with(activity.clone(), activity, settings)
    }

    fn follow_with(
        &self,
        activity: Arc<dyn Activity>,
        busyness: Arc<Busyness>,
        settings: FollowingSettings,
    ) -> Follower {
        let link = Arc::new(Link { to: self.membership.clone(), is_cut: AtomicBool::new(false) });
        let (sender, duty) = watch::channel(Arc::default());
        let may_exit = CancellationToken::new();
        let following = Following {
            membership: link.clone(),
            routing: self.routing.clone(),
            coordination: self.coordination.clone(),
            me: MemberId::draw(),
            address: "host:1".to_owned(),
            shards: SHARDS,
            activity,
            duty: sender,
            may_exit: may_exit.clone(),
            settings,
        };
        let (me, stop) = (following.me, CancellationToken::new());
        let token = stop.clone();
        let task = tokio::spawn(async move { following.run(token).await });
        Follower { me, link, duty, busyness, may_exit, stop, task }
    }

    async fn view(&self) -> View {
        self.membership.view().await.expect("in memory").expect("a leader published")
    }
}

/// A process that may lead.
struct Candidate {
    link: Arc<Link>,
    term: watch::Receiver<Option<Term>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    fn leads(&self) -> Option<Term> {
        *self.term.borrow()
    }

    /// Returns when it leads.
    async fn elected(&mut self) -> Term {
        let elected = self.term.wait_for(Option::is_some).await.expect("it runs");
        elected.expect("it was waited for")
    }

    /// It is gone without a word.
    fn kill(&self) {
        self.task.abort();
    }
}

/// A worker's follower.
struct Follower {
    me: MemberId,
    link: Arc<Link>,
    duty: watch::Receiver<Arc<Duty>>,
    busyness: Arc<Busyness>,
    may_exit: CancellationToken,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Follower {
    fn duty(&self) -> Arc<Duty> {
        self.duty.borrow().clone()
    }
}

/// What a worker does, as the test says.
#[derive(Debug, Default)]
struct Busyness {
    in_flight: AtomicUsize,
    claimed: AtomicU64,
}

impl Activity for Busyness {
    fn slots(&self) -> usize {
        100
    }

    fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::SeqCst)
    }
}

/// A connection to the service of members that can be cut.
struct Link {
    to: Arc<LocalMembership>,
    is_cut: AtomicBool,
}

impl Link {
    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), Error> {
        match self.is_cut.load(Ordering::SeqCst) {
            true => Err(Error { action: "answer", source: "the test cut the link".into() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Membership for Link {
    async fn beat(&self, member: &Member, ttl: Duration) -> Result<(), Error> {
        self.check()?;
        self.to.beat(member, ttl).await
    }

    async fn leave(&self, member: MemberId) -> Result<(), Error> {
        self.check()?;
        self.to.leave(member).await
    }

    async fn members(&self) -> Result<Vec<Member>, Error> {
        self.check()?;
        self.to.members().await
    }

    async fn hold_lease(&self, name: &str, owner: MemberId, ttl: Duration) -> Result<bool, Error> {
        self.check()?;
        self.to.hold_lease(name, owner, ttl).await
    }

    async fn release_lease(&self, name: &str, owner: MemberId) -> Result<bool, Error> {
        self.check()?;
        self.to.release_lease(name, owner).await
    }

    async fn publish_view(&self, view: &View) -> Result<bool, Error> {
        self.check()?;
        self.to.publish_view(view).await
    }

    async fn view(&self) -> Result<Option<View>, Error> {
        self.check()?;
        self.to.view().await
    }
}

/// Leads by waiting.
struct Idle;

#[async_trait]
impl Lead for Idle {
    async fn lead(&self, _: Term) {
        std::future::pending().await
    }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
