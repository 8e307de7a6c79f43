//! Members, leases and the view of one process, by its monotonic clock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::{Error, MEMBERS_MAX, Member, MemberId, Membership};
use tokio::time::Instant;

/// Who is there, in this process.
#[derive(Debug, Default)]
pub struct LocalMembership {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<MemberId, (Member, Instant)>,
    leases: HashMap<String, (MemberId, Instant)>,
    view: Option<View>,
}

impl LocalMembership {
    /// Starts with nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, as a Redis that was emptied.
    pub fn forget(&self) {
        *self.state.lock() = State::default();
    }
}

#[async_trait]
impl Membership for LocalMembership {
    async fn beat(&self, member: &Member, ttl: Duration) -> Result<(), Error> {
        let until = Instant::now() + ttl;
        self.state.lock().members.insert(member.id, (member.clone(), until));
        Ok(())
    }

    async fn leave(&self, member: MemberId) -> Result<(), Error> {
        self.state.lock().members.remove(&member);
        Ok(())
    }

    async fn members(&self) -> Result<Vec<Member>, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.members.retain(|_, (_, until)| *until > now);
        Ok(state.members.values().take(MEMBERS_MAX).map(|(member, _)| member.clone()).collect())
    }

    async fn hold_lease(&self, name: &str, owner: MemberId, ttl: Duration) -> Result<bool, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let is_anothers =
            state.leases.get(name).is_some_and(|(holder, until)| *holder != owner && *until > now);
        if !is_anothers {
            state.leases.insert(name.to_owned(), (owner, now + ttl));
        }
        Ok(!is_anothers)
    }

    async fn release_lease(&self, name: &str, owner: MemberId) -> Result<bool, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let held = state.leases.get(name);
        let is_held = held.is_some_and(|(holder, until)| *holder == owner && *until > now);
        if is_held {
            state.leases.remove(name);
        }
        Ok(is_held)
    }

    async fn publish_view(&self, view: &View) -> Result<bool, Error> {
        let mut state = self.state.lock();
        let is_late = state.view.as_ref().is_some_and(|known| known.order() > view.order());
        if !is_late {
            state.view = Some(view.clone());
        }
        Ok(!is_late)
    }

    async fn view(&self) -> Result<Option<View>, Error> {
        Ok(self.state.lock().view.clone())
    }
}
