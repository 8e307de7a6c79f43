//! The rules of [`ArchiveStore`], each a function named by its rule, run on every adapter.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::{ArchiveStore, Error, Part, PartName, Place, Totals};
use tenon_exec::ports::blobs::BlobStore;
use uuid::Uuid;

/// Every rule, on one store. It may hold parts of other projects already. The blobs are those of
/// the same place.
pub async fn run(store: Arc<dyn ArchiveStore>, blobs: Arc<dyn BlobStore>) {
    values_come_back_each_by_its_place(&*store).await;
    parts_are_listed_by_project_and_day_in_order(&*store).await;
    a_place_that_is_not_the_values_is_refused(&*store).await;
    deleting_twice_is_no_error_and_nothing_is_left(&*store).await;
    the_sweep_of_segments_does_not_see_parts(&*store, &*blobs).await;
}

fn day(number: i8) -> Date {
    Date::new(2026, 3, number).expect("a day")
}

fn name(project: ProjectId, day: Date) -> PartName {
    let totals = Totals { runs: 1, steps: 2 };
    PartName { project, day, attempt: Uuid::now_v7(), number: 0, totals, is_last: true }
}

async fn put(store: &dyn ArchiveStore, name: PartName) {
    let values = [Bytes::from_static(b"first"), Bytes::new(), Bytes::from(vec![7; 100_000])];
    store.put(name, &values).await.expect("written");
    store.put(name, &values).await.expect("writing the same again is no error");
}

/// Empty ones and large ones, too.
pub async fn values_come_back_each_by_its_place(store: &dyn ArchiveStore) {
    let name = name(ProjectId::new(), day(1));
    put(store, name).await;
    let places = store.places(name).await.expect("read");
    let lens: Vec<u64> = places.iter().map(|place| place.len).collect();
    assert_eq!(lens, [5, 0, 100_000]);
    assert_eq!(store.value(name, places[0]).await.expect("read"), "first");
    assert_eq!(store.value(name, places[1]).await.expect("read"), "");
    assert_eq!(store.value(name, places[2]).await.expect("read"), vec![7; 100_000]);
}

/// By attempt, then by number; a project and a day have their own.
pub async fn parts_are_listed_by_project_and_day_in_order(store: &dyn ArchiveStore) {
    let (project, other) = (ProjectId::new(), ProjectId::new());
    assert!(store.days(project).await.expect("listed").is_empty());
    assert!(store.parts(project, day(2)).await.expect("listed").is_empty());
    let (first, later) = (name(project, day(2)), name(project, day(2)));
    let second = PartName { number: 11, totals: Totals { runs: 3, steps: 70 }, ..first };
    for part in [later, second, first, name(project, day(1)), name(other, day(3))] {
        put(store, part).await;
    }
    assert_eq!(store.days(project).await.expect("listed"), [day(1), day(2)]);
    let parts = store.parts(project, day(2)).await.expect("listed");
    assert!(parts.iter().all(|part| part.bytes >= 100_005), "{parts:?}");
    let names: Vec<PartName> = parts.iter().map(|part| part.name).collect();
    assert_eq!(names, [first, second, later]);
    let projects = store.projects().await.expect("listed");
    assert!(projects.is_sorted() && projects.contains(&project) && projects.contains(&other));
}

/// A place outside, a part that is not there: never bytes.
pub async fn a_place_that_is_not_the_values_is_refused(store: &dyn ArchiveStore) {
    let there = name(ProjectId::new(), day(1));
    put(store, there).await;
    let place = store.places(there).await.expect("read")[0];
    for wrong in [
        Place { crc32: !place.crc32, ..place },
        Place { offset: 1, ..place },
        Place { len: 4, ..place },
        Place { offset: 1 << 40, ..place },
    ] {
        let answer = store.value(there, wrong).await;
        assert!(matches!(answer, Err(Error::Damaged { .. })), "{wrong:?}: {answer:?}");
    }
    let missing = PartName { number: 1, ..there };
    assert!(matches!(store.places(missing).await, Err(Error::Missing { number: 1, .. })));
    assert!(matches!(store.value(missing, place).await, Err(Error::Missing { .. })));
}

/// A store may go on to list the folders of a day that is empty, but no part of it.
pub async fn deleting_twice_is_no_error_and_nothing_is_left(store: &dyn ArchiveStore) {
    let part = name(ProjectId::new(), day(1));
    put(store, part).await;
    store.delete(part).await.expect("deleted");
    store.delete(part).await.expect("deleted again");
    assert!(store.parts(part.project, part.day).await.expect("listed").is_empty());
    put(store, part).await;
    let parts: Vec<Part> = store.parts(part.project, part.day).await.expect("listed");
    assert_eq!(parts.len(), 1, "it can be written again");
}

/// What is in an archive is named by no row: it must not be looked at as if it had to be.
pub async fn the_sweep_of_segments_does_not_see_parts(
    store: &dyn ArchiveStore,
    blobs: &dyn BlobStore,
) {
    let before = blobs.segments(None, i64::MAX, 10_000).await.expect("listed");
    let part = name(ProjectId::new(), day(1));
    put(store, part).await;
    let after = blobs.segments(None, i64::MAX, 10_000).await.expect("listed");
    assert_eq!(after, before);
    assert_eq!(store.parts(part.project, part.day).await.expect("listed").len(), 1);
}
