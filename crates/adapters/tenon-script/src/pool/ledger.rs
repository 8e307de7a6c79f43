//! Who has which process, who waits, and who is next: the pool's decisions, without any I/O.
//!
//! A *place* is the right to have one process. The ledger counts places; whoever holds one must
//! hand it back through [`Ledger::free`] or [`Ledger::put_back`].

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use tenon_domain::ProjectId;

use crate::settings::Settings;

/// Whom a process belongs to. It never changes but from `Nobody`, while the process has seen no
/// code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A spare.
    Nobody,
    /// Parses anybody's code and runs none.
    Checks,
    /// Runs the code of this project.
    Project(ProjectId),
}

/// What a call gets when it asks for a process.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<P> {
    /// This process, already of the right owner.
    Process(P),
    /// A place: start a process. The process that was in it, if any, must go.
    Start(Option<P>),
    /// Stand in line.
    Wait,
    /// The line is full.
    Full,
}

/// What to do with a process that came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<P, W> {
    /// Give it to this call, which it may belong to from now on.
    Hand(P, W, Owner),
    /// End it and give its place to this call of another owner.
    Replace(P, W, Owner),
    /// Nothing; it is idle now.
    Idle,
}

struct Waiter<W> {
    since: Instant,
    ticket: W,
}

/// The books. `P` is a process, `W` a waiting call's ticket.
pub struct Ledger<P, W> {
    places_max: usize,
    places_per_owner_max: usize,
    waiters_max: usize,
    patience: std::time::Duration,
    /// Longest idle first.
    idle: Vec<(Owner, P)>,
    places: HashMap<Owner, usize>,
    places_taken: usize,
    waiters: HashMap<Owner, VecDeque<Waiter<W>>>,
    waiting: usize,
}

impl<P, W> Ledger<P, W> {
    /// Empty books.
    pub fn new(settings: &Settings) -> Self {
        Self {
            places_max: settings.children_max.max(2),
            places_per_owner_max: settings.children_per_project_max.max(1),
            waiters_max: settings.waiters_max,
            patience: settings.patience,
            idle: Vec::new(),
            places: HashMap::new(),
            places_taken: 0,
            waiters: HashMap::new(),
            waiting: 0,
        }
    }

    /// A call asks for a process. After [`Admission::Wait`] it stands in line with
    /// [`Ledger::wait`].
    pub fn admit(&mut self, owner: Owner) -> Admission<P> {
        if let Some(at) = self.idle.iter().rposition(|(idle, _)| *idle == owner) {
            return Admission::Process(self.idle.remove(at).1);
        }
        if self.has_room(owner) {
            if let Some(at) = self.idle.iter().position(|(idle, _)| *idle == Owner::Nobody) {
                self.move_place(Owner::Nobody, owner);
                return Admission::Process(self.idle.remove(at).1);
            }
            if self.places_taken < self.places_max {
                self.take_place(owner);
                return Admission::Start(None);
            }
            if !self.idle.is_empty() {
                let (other, process) = self.idle.remove(0);
                self.move_place(other, owner);
                return Admission::Start(Some(process));
            }
        }
        if self.waiting < self.waiters_max { Admission::Wait } else { Admission::Full }
    }

    /// Puts a call in line.
    pub fn wait(&mut self, owner: Owner, since: Instant, ticket: W) {
        self.waiting += 1;
        self.waiters.entry(owner).or_default().push_back(Waiter { since, ticket });
    }

    /// A waiting call gave up. Its ticket must match.
    pub fn give_up(&mut self, owner: Owner, is_mine: impl Fn(&W) -> bool) {
        if let Some(line) = self.waiters.get_mut(&owner) {
            let before = line.len();
            line.retain(|waiter| !is_mine(&waiter.ticket));
            self.waiting -= before - line.len();
            if line.is_empty() {
                self.waiters.remove(&owner);
            }
        }
    }

    /// A place for a spare process, when there is neither one nor anybody waiting for a place.
    pub fn take_spare_place(&mut self) -> bool {
        let is_wanted = self.places_taken < self.places_max
            && !self.places.contains_key(&Owner::Nobody)
            && self.waiting == 0;
        if is_wanted {
            self.take_place(Owner::Nobody);
        }
        is_wanted
    }

    /// A healthy process comes back from a call.
    pub fn put_back(&mut self, owner: Owner, process: P, now: Instant) -> Next<P, W> {
        let other = self.longest_waiting(owner);
        let own_waits = self.waiters.contains_key(&owner);
        if let Some((other, since)) = other
            && (!own_waits || now.saturating_duration_since(since) > self.patience)
            && let Some(ticket) = self.pop_waiter(other)
        {
            self.move_place(owner, other);
            if owner == Owner::Nobody {
                return Next::Hand(process, ticket, other);
            }
            return Next::Replace(process, ticket, other);
        }
        if let Some(ticket) = self.pop_waiter(owner) {
            return Next::Hand(process, ticket, owner);
        }
        self.idle.push((owner, process));
        Next::Idle
    }

    /// A place is empty; the call that gets it, if one waits.
    pub fn free(&mut self, owner: Owner) -> Option<(W, Owner)> {
        self.drop_place(owner);
        if self.places_taken >= self.places_max {
            return None;
        }
        let next = self.longest_waiting(Owner::Nobody)?.0;
        let ticket = self.pop_waiter(next)?;
        self.take_place(next);
        Some((ticket, next))
    }

    /// The idle processes.
    pub fn idle(&self) -> impl Iterator<Item = &P> {
        self.idle.iter().map(|(_, process)| process)
    }

    /// Whoever waits longest of those that may have one more place, besides `except`.
    fn longest_waiting(&self, except: Owner) -> Option<(Owner, Instant)> {
        let fronts = self.waiters.iter().filter(|(owner, _)| **owner != except);
        let fronts = fronts.filter(|(owner, _)| self.has_room(**owner));
        let fronts = fronts.filter_map(|(owner, line)| Some((*owner, line.front()?.since)));
        fronts.min_by_key(|(_, since)| *since)
    }

    fn pop_waiter(&mut self, owner: Owner) -> Option<W> {
        let line = self.waiters.get_mut(&owner)?;
        let waiter = line.pop_front()?;
        self.waiting -= 1;
        if line.is_empty() {
            self.waiters.remove(&owner);
        }
        Some(waiter.ticket)
    }

    fn has_room(&self, owner: Owner) -> bool {
        self.places.get(&owner).is_none_or(|taken| *taken < self.places_per_owner_max)
    }

    fn take_place(&mut self, owner: Owner) {
        self.places_taken += 1;
        *self.places.entry(owner).or_default() += 1;
    }

    fn drop_place(&mut self, owner: Owner) {
        self.places_taken -= 1;
        if let Some(taken) = self.places.get_mut(&owner) {
            *taken -= 1;
            if *taken == 0 {
                self.places.remove(&owner);
            }
        }
    }

    fn move_place(&mut self, from: Owner, to: Owner) {
        self.drop_place(from);
        self.take_place(to);
    }
}

#[cfg(test)]
mod tests;
