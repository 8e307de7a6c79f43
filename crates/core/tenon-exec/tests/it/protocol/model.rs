//! States and steps of the model.

use stateright::{Model, Property};

/// Accepted work ends.
pub const ENDS: &str = "accepted work ends";
/// A run has one result.
pub const ONE_RESULT: &str = "a run has one result";
/// What has ended is not begun again.
pub const NOT_AGAIN: &str = "what has ended is not begun again";
/// Two workers that can act are never at work on the same job.
pub const ONE_AT_A_TIME: &str = "two workers are never at work on the same job";
/// Each claim of a job has a higher fence than the one before.
pub const FENCES_GROW: &str = "fences grow";

/// What keeps the promises; each can be taken out.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// A worker reads the row of a job that it did not just accept itself.
    pub row_is_checked: bool,
    /// A job that is old enough for the sweep is read back, also by who accepted it.
    pub fresh_jobs_age: bool,
    /// What is pushed anew is old enough that its acceptor's own push is over.
    pub young_jobs_are_left_alone: bool,
    /// A worker gives up what it holds when it could not extend the lease in time, by its own clock.
    pub overdue_work_is_given_up: bool,
    /// Every call names its generation, and another one is refused.
    pub generation_is_checked: bool,
    /// Pushing what the queue knows changes nothing.
    pub known_jobs_keep_their_place: bool,
    /// After the queue forgot, live workers re-assert their leases before anything is pushed.
    pub rebuild_waits_for_workers: bool,
    /// The sweep pushes open jobs that the queue does not know.
    pub missing_jobs_are_pushed: bool,
    /// Leases that lapsed are taken back.
    pub leases_are_reaped: bool,
}

/// How often what may go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// The queue forgets everything.
    pub flushes: u8,
    /// A worker dies, and comes back as another process.
    pub crashes: u8,
    /// A worker stands still while time passes.
    pub stalls: u8,
    /// A push arrives at any later time.
    pub late: u8,
}

/// The model.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// Workers, each also a process that accepts work.
    pub workers: usize,
    /// Jobs, all accepted by the first worker.
    pub jobs: usize,
    /// Guards in place.
    pub guards: Guards,
    /// Faults that may happen.
    pub faults: Faults,
}

/// Generation and counter.
type Fence = (u8, u8);

/// The fence of what is no longer extended.
const NO_LEASE: Fence = (0, 0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    /// Not accepted yet.
    None,
    Open,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Unknown,
    Ready { is_recovered: bool },
    Running { fence: Fence, has_lapsed: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    /// Claimed; the row is not read yet.
    Claimed { is_recovered: bool },
    /// Between the first step's beginning and the last one's end.
    AtWork,
    /// Done, but not in the database.
    Uncommitted,
    /// In the database; the queue is to be told.
    Committed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    fence: Fence,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Worker {
    /// It stands still, for longer than a lease: nothing happens in it, but time passes for others.
    is_stalled: bool,
    generation: u8,
    held: Vec<Option<Held>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Queue {
    generation: u8,
    counter: u8,
    places: Vec<Place>,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    rows: Vec<Row>,
    results: Vec<u8>,
    truth: u8,
    queue: Option<Queue>,
    workers: Vec<Worker>,
    /// Who still has the job in memory from accepting it.
    fresh: Vec<Option<usize>>,
    /// The push of the acceptance, while it may still be made.
    to_push: Vec<bool>,
    /// Pushes on their way.
    late: Vec<bool>,
    /// Old enough for the sweep.
    is_old: Vec<bool>,
    /// All open jobs are to be pushed: the queue forgot.
    is_rebuilding: bool,
    last_fence: Vec<Fence>,
    faults: Faults,
    was_begun_again: bool,
    fence_went_back: bool,
}

/// One step of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Accept(usize),
    Push(usize),
    PushLate(usize),
    Arrive(usize),
    GrowOld(usize),
    Claim(usize, usize),
    ClaimUnheard(usize, usize),
    Begin(usize, usize),
    Work(usize, usize),
    Commit(usize, usize),
    Ack(usize, usize),
    Beat(usize),
    Adopt(usize),
    Lapse(usize),
    Reap(usize),
    Flush,
    Raise,
    Rebuild(usize),
    Rebuilt,
    Repair(usize),
    Crash(usize),
    Stall(usize),
    Wake(usize),
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let worker = Worker { is_stalled: false, generation: 1, held: vec![None; self.jobs] };
        let places = vec![Place::Unknown; self.jobs];
        vec![State {
            rows: vec![Row::None; self.jobs],
            results: vec![0; self.jobs],
            truth: 1,
            queue: Some(Queue { generation: 1, counter: 0, places }),
            workers: vec![worker; self.workers],
            fresh: vec![None; self.jobs],
            to_push: vec![false; self.jobs],
            late: vec![false; self.jobs],
            is_old: vec![false; self.jobs],
            is_rebuilding: false,
            last_fence: vec![(0, 0); self.jobs],
            faults: self.faults,
            was_begun_again: false,
            fence_went_back: false,
        }]
    }

    fn actions(&self, _: &State, steps: &mut Vec<Step>) {
        use Step::{
            Accept, Ack, Adopt, Arrive, Beat, Begin, Claim, ClaimUnheard, Commit, Crash, Flush,
            GrowOld, Lapse, Push, PushLate, Raise, Reap, Rebuild, Rebuilt, Repair, Stall, Wake,
            Work,
        };
        steps.extend([Flush, Raise, Rebuilt]);
        for job in 0..self.jobs {
            steps.extend([Accept(job), Push(job), PushLate(job), Arrive(job), GrowOld(job)]);
            steps.extend([Lapse(job), Reap(job), Rebuild(job), Repair(job)]);
            for worker in 0..self.workers {
                steps.extend([Claim(worker, job), ClaimUnheard(worker, job), Begin(worker, job)]);
                steps.extend([Work(worker, job), Commit(worker, job), Ack(worker, job)]);
            }
        }
        for worker in 0..self.workers {
            steps.extend([Beat(worker), Adopt(worker), Crash(worker), Stall(worker), Wake(worker)]);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.take(&mut state, step)?;
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::eventually(ENDS, |_, state: &State| {
                state.rows.iter().all(|row| *row == Row::Ended)
            }),
            Property::always(ONE_RESULT, |_, state: &State| {
                state.results.iter().all(|count| *count <= 1)
            }),
            Property::always(NOT_AGAIN, |_, state: &State| !state.was_begun_again),
            Property::always(ONE_AT_A_TIME, |model: &Self, state: &State| {
                (0..model.jobs).all(|job| state.at_work(job) <= 1)
            }),
            Property::always(FENCES_GROW, |_, state: &State| !state.fence_went_back),
        ]
    }
}

impl State {
    /// Workers that can act and are at work on a job.
    fn at_work(&self, job: usize) -> usize {
        let can_act = self.workers.iter().filter(|it| !it.is_stalled);
        can_act.filter(|it| it.held[job].is_some_and(|held| held.phase == Phase::AtWork)).count()
    }

    /// A queue and a worker that may talk to each other.
    fn talk(&mut self, worker: usize, guards: Guards) -> Option<(&mut Queue, &mut Worker)> {
        let queue = self.queue.as_mut()?;
        let worker = &mut self.workers[worker];
        let agrees = !guards.generation_is_checked || queue.generation == worker.generation;
        (!worker.is_stalled && agrees).then_some((queue, worker))
    }
}

impl Protocol {
    /// Changes the state; `None` when the step cannot be taken now.
    fn take(&self, state: &mut State, step: Step) -> Option<()> {
        let guards = self.guards;
        match step {
            Step::Accept(job) => {
                require(state.rows[job] == Row::None)?;
                state.rows[job] = Row::Open;
                state.fresh[job] = Some(0);
                state.to_push[job] = true;
            }
            Step::Push(job) => {
                require(std::mem::take(&mut state.to_push[job]))?;
                let generation = state.workers[0].generation;
                require(!state.workers[0].is_stalled)?;
                self.push(state.queue.as_mut()?, generation, job, false);
            }
            Step::PushLate(job) => {
                require(std::mem::take(&mut state.to_push[job]))?;
                spend(&mut state.faults.late)?;
                state.late[job] = true;
            }
            Step::Arrive(job) => {
                require(std::mem::take(&mut state.late[job]))?;
                // Sent under the generation of then, which is the first one.
                self.push(state.queue.as_mut()?, 1, job, false);
            }
            Step::GrowOld(job) => {
                require(state.rows[job] != Row::None)?;
                state.is_old[job] = true;
                // A push that could not be made by now is given up.
                state.to_push[job] = false;
                if guards.fresh_jobs_age {
                    state.fresh[job] = None;
                }
            }
            Step::Claim(worker, job) => self.claim(state, worker, job, true)?,
            Step::ClaimUnheard(worker, job) => {
                spend(&mut state.faults.late)?;
                self.claim(state, worker, job, false)?;
            }
            Step::Begin(worker, job) => self.begin(state, worker, job)?,
            Step::Work(worker, job) => {
                let held = free_hand(state, worker, job)?;
                require(held.phase == Phase::AtWork)?;
                held.phase = Phase::Uncommitted;
            }
            Step::Commit(worker, job) => {
                require(!state.workers[worker].is_stalled)?;
                let held = state.workers[worker].held[job].as_mut()?;
                require(held.phase == Phase::Uncommitted)?;
                held.phase = Phase::Committed;
                if state.rows[job] == Row::Open {
                    state.rows[job] = Row::Ended;
                    state.results[job] += 1;
                }
            }
            Step::Ack(worker, job) => {
                require(!state.workers[worker].is_stalled)?;
                let held = state.workers[worker].held[job]?;
                require(held.phase == Phase::Committed)?;
                state.workers[worker].held[job] = None;
                if let Some((queue, _)) = state.talk(worker, guards) {
                    release(queue, job, held.fence);
                }
            }
            Step::Beat(worker) => self.beat(state, worker)?,
            Step::Adopt(worker) => {
                let generation = state.queue.as_ref()?.generation;
                let worker = &mut state.workers[worker];
                require(!worker.is_stalled)?;
                worker.generation = worker.generation.max(generation);
            }
            Step::Lapse(job) => self.lapse(state, job)?,
            Step::Reap(job) => {
                require(guards.leases_are_reaped)?;
                let place = &mut state.queue.as_mut()?.places[job];
                require(matches!(place, Place::Running { has_lapsed: true, .. }))?;
                *place = Place::Ready { is_recovered: true };
            }
            Step::Flush => {
                require(state.queue.is_some())?;
                spend(&mut state.faults.flushes)?;
                state.queue = None;
            }
            Step::Raise => {
                require(state.queue.is_none())?;
                state.truth += 1;
                let places = vec![Place::Unknown; self.jobs];
                state.queue = Some(Queue { generation: state.truth, counter: 0, places });
                state.is_rebuilding = true;
            }
            Step::Rebuild(job) => {
                require(state.is_rebuilding && state.rows[job] == Row::Open)?;
                require(state.is_old[job] || !guards.young_jobs_are_left_alone)?;
                require(!guards.rebuild_waits_for_workers || !will_reassert(state, job))?;
                let truth = state.truth;
                self.push(state.queue.as_mut()?, truth, job, true);
            }
            Step::Rebuilt => {
                let queue = state.queue.as_ref()?;
                let is_due = |job: &usize| state.rows[*job] == Row::Open && state.is_old[*job];
                let mut due = (0..self.jobs).filter(is_due);
                require(due.all(|job| queue.places[job] != Place::Unknown))?;
                require(std::mem::take(&mut state.is_rebuilding))?;
            }
            Step::Repair(job) => {
                require(guards.missing_jobs_are_pushed && !state.is_rebuilding)?;
                require(state.rows[job] == Row::Open)?;
                require(state.is_old[job] || !guards.young_jobs_are_left_alone)?;
                require(!guards.rebuild_waits_for_workers || !will_reassert(state, job))?;
                let truth = state.truth;
                let queue = state.queue.as_mut()?;
                require(queue.places[job] == Place::Unknown)?;
                self.push(queue, truth, job, true);
            }
            Step::Crash(worker) => {
                spend(&mut state.faults.crashes)?;
                state.workers[worker] =
                    Worker { is_stalled: false, generation: 0, held: vec![None; self.jobs] };
                if worker == 0 {
                    state.to_push.fill(false);
                    state.fresh.fill(None);
                }
            }
            Step::Stall(worker) => {
                spend(&mut state.faults.stalls)?;
                state.workers[worker].is_stalled = true;
            }
            Step::Wake(worker) => {
                let worker = &mut state.workers[worker];
                require(std::mem::take(&mut worker.is_stalled))?;
                if guards.overdue_work_is_given_up {
                    worker.held.iter_mut().for_each(give_up);
                    for held in worker.held.iter_mut().flatten() {
                        held.fence = NO_LEASE;
                    }
                }
            }
        }
        Some(())
    }

    fn push(&self, queue: &mut Queue, generation: u8, job: usize, is_recovered: bool) {
        if self.guards.generation_is_checked && queue.generation != generation {
            return;
        }
        if queue.places[job] == Place::Unknown || !self.guards.known_jobs_keep_their_place {
            queue.places[job] = Place::Ready { is_recovered };
        }
    }

    fn claim(&self, state: &mut State, worker: usize, job: usize, is_heard: bool) -> Option<()> {
        let (queue, worker) = state.talk(worker, self.guards)?;
        let Place::Ready { is_recovered } = queue.places[job] else { return None };
        require(worker.held[job].is_none())?;
        queue.counter += 1;
        let fence = (worker.generation, queue.counter);
        queue.places[job] = Place::Running { fence, has_lapsed: false };
        if is_heard {
            worker.held[job] = Some(Held { fence, phase: Phase::Claimed { is_recovered } });
        }
        state.fence_went_back |= fence <= state.last_fence[job];
        state.last_fence[job] = fence;
        Some(())
    }

    fn begin(&self, state: &mut State, worker: usize, job: usize) -> Option<()> {
        let row = state.rows[job];
        let is_fresh = state.fresh[job] == Some(worker);
        let held = free_hand(state, worker, job)?;
        let Phase::Claimed { is_recovered } = held.phase else { return None };
        let is_read = self.guards.row_is_checked && (is_recovered || !is_fresh);
        if is_read && row == Row::Ended {
            held.phase = Phase::Committed;
        } else {
            held.phase = Phase::AtWork;
            state.was_begun_again |= row == Row::Ended;
        }
        if is_fresh {
            state.fresh[job] = None;
        }
        Some(())
    }

    fn beat(&self, state: &mut State, worker: usize) -> Option<()> {
        let guards = self.guards;
        let (queue, worker) = state.talk(worker, guards)?;
        for (place, slot) in queue.places.iter_mut().zip(&mut worker.held) {
            let Some(held) = *slot else { continue };
            match place {
                Place::Running { fence, has_lapsed } if *fence == held.fence => {
                    *has_lapsed = false;
                }
                Place::Unknown if held.fence != NO_LEASE && held.fence.0 < queue.generation => {
                    *place = Place::Running { fence: held.fence, has_lapsed: false };
                }
                _ => give_up(slot),
            }
        }
        Some(())
    }

    /// A lease lapses only when its holder is gone or stands still: one that can act has
    /// extended it, or has given up before, by its own clock.
    fn lapse(&self, state: &mut State, job: usize) -> Option<()> {
        let queue = state.queue.as_mut()?;
        let Place::Running { fence, has_lapsed } = &mut queue.places[job] else { return None };
        let is_theirs = |held: &Held| held.fence == *fence;
        for worker in &mut state.workers {
            if worker.is_stalled {
                continue;
            }
            // One that agrees on the generation has extended it. Everybody else has given up by
            // now: they cannot extend what they hold, or have heard that it is lost.
            let extends = worker.generation == queue.generation;
            require(!extends || !worker.held[job].as_ref().is_some_and(is_theirs))?;
            give_up(&mut worker.held[job]);
        }
        *has_lapsed = true;
        Some(())
    }
}

/// What a worker holds and may go on with.
fn free_hand(state: &mut State, worker: usize, job: usize) -> Option<&mut Held> {
    let worker = &mut state.workers[worker];
    require(!worker.is_stalled)?;
    worker.held[job].as_mut()
}

/// Whether a worker that can act holds a lease that the queue forgot and will re-assert it.
fn will_reassert(state: &State, job: usize) -> bool {
    let Some(queue) = &state.queue else { return false };
    queue.places[job] == Place::Unknown
        && state.workers.iter().any(|worker| {
            !worker.is_stalled
                && worker.held[job].is_some_and(|held| held.fence.0 < queue.generation)
        })
}

/// What is done may still be committed; nothing else is begun.
fn give_up(slot: &mut Option<Held>) {
    if slot.is_some_and(|held| matches!(held.phase, Phase::Claimed { .. } | Phase::AtWork)) {
        *slot = None;
    }
}

fn release(queue: &mut Queue, job: usize, fence: Fence) {
    if matches!(queue.places[job], Place::Running { fence: held, .. } if held == fence) {
        queue.places[job] = Place::Unknown;
    }
}

fn require(holds: bool) -> Option<()> {
    holds.then_some(())
}

fn spend(budget: &mut u8) -> Option<()> {
    *budget = budget.checked_sub(1)?;
    Some(())
}
