//! Damage to parts of archives, what a crash leaves, and moving them to another store.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::civil::Date;
use tenon_blob::{Copied, Store, copy_part};
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::{ArchiveStore, Error, Part, PartName, Totals};
use uuid::Uuid;

use crate::disk::open;

fn name() -> PartName {
    PartName {
        project: ProjectId::new(),
        day: Date::new(2026, 3, 9).expect("a day"),
        attempt: Uuid::now_v7(),
        number: 0,
        totals: Totals { runs: 1, steps: 0 },
        is_last: true,
    }
}

async fn put(store: &Store, name: PartName) -> Part {
    let values = [Bytes::from_static(b"first"), Bytes::from_static(b"second")];
    store.put(name, &values).await.expect("written");
    store.parts(name.project, name.day).await.expect("listed")[0]
}

/// The only file of a part's day.
fn file(folder: &Path, name: &PartName) -> PathBuf {
    let day = folder.join(format!("archive/{}/{}", name.project, name.day));
    let mut files = std::fs::read_dir(day).expect("a folder");
    files.next().expect("a file").expect("its name").path()
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_found_by_the_check_of_a_whole_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let part = put(&store, name()).await;
    assert_eq!(store.check_part(&part).await.expect("sound"), 2);
    let file = file(folder.path(), &part.name);
    let whole = std::fs::read(&file).expect("the file");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&file, &bytes).expect("written");
        let checked = store.check_part(&part).await;
        assert!(matches!(checked, Err(Error::Damaged { .. })), "byte {at}: {checked:?}");
        std::fs::write(&file, &whole[..at]).expect("written");
        let checked = store.check_part(&part).await;
        assert!(matches!(checked, Err(Error::Damaged { .. })), "cut to {at}: {checked:?}");
    }
}

#[tokio::test]
async fn a_part_under_the_name_of_another_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let part = put(&store, name()).await;
    let other = put(&store, PartName { attempt: Uuid::now_v7(), ..name() }).await;
    let from = file(folder.path(), &part.name);
    std::fs::copy(from, file(folder.path(), &other.name)).expect("copied");
    assert!(matches!(store.places(other.name).await, Err(Error::Damaged { .. })));
    store.places(part.name).await.expect("that one is sound");
}

#[tokio::test]
async fn what_a_crash_left_of_a_part_is_not_listed_and_goes_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let part = put(&store, name()).await;
    let left = folder.path().join("archive").join(format!("{}.x.tmp", Uuid::new_v4()));
    std::fs::write(&left, b"half").expect("written");
    assert_eq!(store.projects().await.expect("listed"), [part.name.project]);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
    let opened = std::fs::File::options().write(true).open(&left).expect("the file");
    opened.set_modified(old).expect("its time is changed");
    open(folder.path()).await;
    assert!(!left.exists());
}

#[tokio::test]
async fn parts_are_moved_to_another_store_and_a_damaged_one_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let (from, to) = (open(&here).await, open(&there).await);
    let part = put(&from, name()).await;
    assert_eq!(copy_part(&from, &to, &part).await.expect("copied"), Copied::Written);
    assert_eq!(copy_part(&from, &to, &part).await.expect("copied"), Copied::Already);
    assert_eq!(to.check_part(&part).await.expect("sound"), 2);

    let copied = file(&there, &part.name);
    let mut bytes = std::fs::read(&copied).expect("the file");
    bytes[0] ^= 1;
    std::fs::write(&copied, &bytes).expect("written");
    assert_eq!(copy_part(&from, &to, &part).await.expect("copied"), Copied::Written, "mended");

    let bad = put(&from, name()).await;
    std::fs::write(file(&here, &bad.name), &bytes).expect("written");
    assert_eq!(copy_part(&from, &to, &bad).await.expect("looked at"), Copied::Damaged);
    let gone = Part { name: name(), bytes: 1 };
    assert_eq!(copy_part(&from, &to, &gone).await.expect("looked at"), Copied::Gone);
}
