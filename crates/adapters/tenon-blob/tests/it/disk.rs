//! Damage on a disk, and segments of earlier versions.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tenon_blob::{Finding, Settings, Store};
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error};
use uuid::Uuid;

pub async fn open(folder: &Path) -> Store {
    let url = format!("file://{}", folder.display()).parse().expect("a place");
    Store::open(&url, &Settings::default()).await.expect("it opens")
}

pub fn path(folder: &Path, segment: Uuid) -> PathBuf {
    folder.join(format!("{:02x}/{segment}.seg", segment.as_bytes()[15]))
}

/// Writes a segment as versions before the index did: the values and nothing else.
pub fn write_unindexed(folder: &Path, values: &[&[u8]]) -> Vec<BlobRef> {
    let segment = Uuid::now_v7();
    let file = path(folder, segment);
    std::fs::create_dir_all(file.parent().expect("it has one")).expect("made");
    std::fs::write(file, values.concat()).expect("written");
    let mut offset = 0;
    let places = values.iter().map(|value| {
        let len = value.len() as u64;
        let place = BlobRef { segment, offset, len, crc32: crc32fast::hash(value) };
        offset += len;
        place
    });
    places.collect()
}

#[tokio::test]
async fn every_flipped_bit_is_found_by_the_check_of_a_whole_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let values = [Bytes::from_static(b"first"), Bytes::new(), Bytes::from_static(b"second")];
    let places = store.put_packed(&values).await.expect("stored");
    let segment = places[0].segment;
    let seen = store.inspect(segment).await.expect("inspected");
    assert_eq!((seen.finding, seen.values), (Finding::Sound, 3));
    let file = path(folder.path(), segment);
    let whole = std::fs::read(&file).expect("the file");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&file, &bytes).expect("written");
        let finding = store.inspect(segment).await.expect("inspected").finding;
        let offset = if at < 5 { 0 } else { 5 };
        let expected = match at {
            0..11 => Finding::BadValue { offset },
            // What does not end as a segment with an index does counts as one without.
            _ if at >= whole.len() - 8 => Finding::Unindexed,
            _ => Finding::BadIndex,
        };
        assert_eq!(finding, expected, "byte {at}");
        let (first, second) = (store.get(places[0]).await, store.get(places[2]).await);
        assert_eq!(matches!(first, Err(Error::Corrupt { .. })), at < 5, "byte {at}");
        assert_eq!(
            matches!(second, Err(Error::Corrupt { .. })),
            (5..11).contains(&at),
            "byte {at}"
        );
    }
    for len in 0..whole.len() {
        std::fs::write(&file, &whole[..len]).expect("written");
        let finding = store.inspect(segment).await.expect("inspected").finding;
        assert_ne!(finding, Finding::Sound, "cut to {len}");
    }
}

#[tokio::test]
async fn a_segment_under_another_name_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let place = store.put_packed(&[Bytes::from_static(b"value")]).await.expect("stored")[0];
    let other = Uuid::now_v7();
    let to = path(folder.path(), other);
    std::fs::create_dir_all(to.parent().expect("it has one")).expect("made");
    std::fs::rename(path(folder.path(), place.segment), to).expect("renamed");
    assert_eq!(store.inspect(other).await.expect("inspected").finding, Finding::BadIndex);
}

#[tokio::test]
async fn a_segment_of_an_earlier_version_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let places = write_unindexed(folder.path(), &[b"one", b"two"]);
    assert_eq!(store.get(places[1]).await.expect("read"), "two");
    let seen = store.inspect(places[0].segment).await.expect("inspected");
    assert_eq!(seen.finding, Finding::Unindexed);
}
