//! The ledger's rules, with numbers for processes and letters for calls.

use std::time::Duration;

use super::*;
use crate::settings::RunnerCommand;

fn ledger(places: usize, per_owner: usize) -> Ledger<u32, char> {
    let runner = RunnerCommand { program: "none".into(), args: Vec::new() };
    Ledger::new(&Settings {
        children_max: places,
        children_per_project_max: per_owner,
        waiters_max: 3,
        patience: Duration::from_millis(50),
        ..Settings::new(runner)
    })
}

fn project() -> Owner {
    Owner::Project(ProjectId::new())
}

#[test]
fn a_project_gets_its_own_process_back() {
    let mut books = ledger(4, 2);
    let (a, b) = (project(), project());
    let now = Instant::now();
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(b), Admission::Start(None));
    assert_eq!(books.put_back(a, 1, now), Next::Idle);
    assert_eq!(books.put_back(b, 2, now), Next::Idle);
    assert_eq!(books.admit(a), Admission::Process(1));
    assert_eq!(books.admit(b), Admission::Process(2));
}

#[test]
fn a_process_of_another_project_is_replaced_never_shared() {
    let mut books = ledger(2, 2);
    let (a, b) = (project(), project());
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.put_back(a, 1, Instant::now()), Next::Idle);
    assert_eq!(books.admit(b), Admission::Start(Some(1)));
}

#[test]
fn a_spare_goes_to_the_first_that_asks() {
    let mut books = ledger(2, 2);
    assert!(books.take_spare_place());
    assert!(!books.take_spare_place(), "one spare is enough");
    assert_eq!(books.put_back(Owner::Nobody, 1, Instant::now()), Next::Idle);
    let a = project();
    assert_eq!(books.admit(a), Admission::Process(1));
    assert!(books.take_spare_place(), "and then there is none");
}

#[test]
fn one_project_leaves_room_for_the_others() {
    let mut books = ledger(4, 2);
    let a = project();
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(a), Admission::Wait);
    assert_eq!(books.admit(project()), Admission::Start(None));
}

#[test]
fn the_line_is_bounded_and_leaving_it_makes_room() {
    let mut books = ledger(2, 1);
    let a = project();
    assert_eq!(books.admit(a), Admission::Start(None));
    for ticket in ['x', 'y', 'z'] {
        assert_eq!(books.admit(a), Admission::Wait);
        books.wait(a, Instant::now(), ticket);
    }
    assert_eq!(books.admit(a), Admission::Full);
    books.give_up(a, |ticket| *ticket == 'y');
    assert_eq!(books.admit(a), Admission::Wait);
    assert_eq!(books.put_back(a, 1, Instant::now()), Next::Hand(1, 'x', a));
    assert_eq!(books.put_back(a, 1, Instant::now()), Next::Hand(1, 'z', a));
}

#[test]
fn the_same_project_goes_first_until_another_lost_patience() {
    let mut books = ledger(2, 2);
    let (a, b) = (project(), project());
    let start = Instant::now();
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(a), Admission::Start(None));
    books.wait(b, start, 'b');
    books.wait(a, start, 'x');
    books.wait(a, start, 'y');
    let soon = start + Duration::from_millis(10);
    assert_eq!(books.put_back(a, 1, soon), Next::Hand(1, 'x', a));
    let late = start + Duration::from_millis(60);
    assert_eq!(books.put_back(a, 1, late), Next::Replace(1, 'b', b));
    assert_eq!(books.put_back(a, 2, late), Next::Hand(2, 'y', a));
}

#[test]
fn an_empty_place_goes_to_whoever_waits_longest() {
    let mut books = ledger(2, 1);
    let (a, b, c) = (project(), project(), project());
    let start = Instant::now();
    assert_eq!(books.admit(a), Admission::Start(None));
    assert_eq!(books.admit(b), Admission::Start(None));
    books.wait(a, start, 'a');
    books.wait(c, start + Duration::from_millis(1), 'c');
    assert_eq!(books.free(b), Some(('c', c)), "a has all that it may have");
    assert_eq!(books.free(a), Some(('a', a)));
    assert_eq!(books.free(a), None);
    assert!(books.take_spare_place());
}

#[test]
fn a_spare_that_comes_up_late_goes_to_whoever_waits() {
    let mut books = ledger(2, 1);
    let a = project();
    assert!(books.take_spare_place());
    assert_eq!(books.admit(project()), Admission::Start(None));
    assert_eq!(books.admit(a), Admission::Wait);
    books.wait(a, Instant::now(), 'a');
    assert_eq!(books.put_back(Owner::Nobody, 1, Instant::now()), Next::Hand(1, 'a', a));
    assert_eq!(books.put_back(a, 1, Instant::now()), Next::Idle);
    assert_eq!(books.admit(a), Admission::Process(1));
}
