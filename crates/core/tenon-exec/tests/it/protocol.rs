//! The protocol between database, queue and workers, model-checked: every order of events that a
//! few workers, a few jobs and a few faults can come in.
//!
//! The model holds what the promises rest on and nothing else: rows, places, leases, fences and
//! generations, and messages that arrive late. Each guard can be taken out; what then breaks says
//! what the guard is for. That the code does as the model is what the queue suite is for.

mod model;

use stateright::{Checker, HasDiscoveries, Model};

use self::model::{Faults, Guards, Protocol};

const ALL: Guards = Guards {
    row_is_checked: true,
    fresh_jobs_age: true,
    young_jobs_are_left_alone: true,
    overdue_work_is_given_up: true,
    generation_is_checked: true,
    known_jobs_keep_their_place: true,
    rebuild_waits_for_workers: true,
    missing_jobs_are_pushed: true,
    leases_are_reaped: true,
};

/// What is broken first without a guard, if anything is.
fn broken(guards: Guards, faults: Faults) -> Vec<&'static str> {
    let protocol = Protocol { workers: 2, jobs: 1, guards, faults };
    let checker = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let mut broken: Vec<_> = checker.spawn_bfs().join().discoveries().into_keys().collect();
    broken.sort_unstable();
    broken
}

fn assert_holds(protocol: Protocol) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} deep", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

const FAULTS: Faults = Faults { flushes: 1, crashes: 1, stalls: 1, late: 1 };

#[test]
fn one_job_and_three_workers_come_through_every_fault() {
    assert_holds(Protocol { workers: 3, jobs: 1, guards: ALL, faults: FAULTS });
}

#[test]
fn two_jobs_and_two_workers_come_through_a_forgetful_queue_and_a_crash() {
    let faults = Faults { stalls: 0, late: 0, ..FAULTS };
    assert_holds(Protocol { workers: 2, jobs: 2, guards: ALL, faults });
}

#[test]
fn without_reading_the_row_finished_work_is_begun_again() {
    let guards = Guards { row_is_checked: false, ..ALL };
    assert_eq!(broken(guards, FAULTS), [model::NOT_AGAIN]);
}

#[test]
fn without_ageing_a_late_push_begins_finished_work_again() {
    let guards = Guards { fresh_jobs_age: false, ..ALL };
    let faults = Faults { late: 1, ..Faults::default() };
    assert_eq!(broken(guards, faults), [model::NOT_AGAIN]);
}

#[test]
fn without_an_age_a_rebuild_begins_again_what_its_acceptor_is_about_to_push() {
    let guards = Guards { young_jobs_are_left_alone: false, ..ALL };
    let faults = Faults { flushes: 1, ..Faults::default() };
    assert!(broken(guards, faults).contains(&model::NOT_AGAIN));
}

#[test]
fn without_its_own_clock_a_paused_worker_goes_on_beside_another() {
    let guards = Guards { overdue_work_is_given_up: false, ..ALL };
    let faults = Faults { stalls: 1, ..Faults::default() };
    assert!(broken(guards, faults).contains(&model::ONE_AT_A_TIME));
}

#[test]
fn without_the_check_of_the_generation_fences_go_back() {
    let guards = Guards { generation_is_checked: false, ..ALL };
    let faults = Faults { flushes: 1, crashes: 1, ..Faults::default() };
    assert!(broken(guards, faults).contains(&model::FENCES_GROW));
}

#[test]
fn without_known_places_a_job_that_runs_is_handed_out_again() {
    let guards = Guards { known_jobs_keep_their_place: false, ..ALL };
    let faults = Faults { late: 1, ..Faults::default() };
    assert_eq!(broken(guards, faults), [model::ONE_AT_A_TIME]);
}

#[test]
fn without_the_grace_a_rebuild_hands_out_what_a_live_worker_holds() {
    let guards = Guards { rebuild_waits_for_workers: false, ..ALL };
    let faults = Faults { flushes: 1, ..Faults::default() };
    assert!(broken(guards, faults).contains(&model::ONE_AT_A_TIME));
}

#[test]
fn without_the_sweep_a_lost_push_is_lost_work() {
    let guards = Guards { missing_jobs_are_pushed: false, ..ALL };
    let faults = Faults { crashes: 1, ..Faults::default() };
    assert_eq!(broken(guards, faults), [model::ENDS]);
}

#[test]
fn without_reaping_the_jobs_of_a_dead_worker_stay_with_it() {
    let guards = Guards { leases_are_reaped: false, ..ALL };
    let faults = Faults { crashes: 1, ..Faults::default() };
    assert_eq!(broken(guards, faults), [model::ENDS]);
}
