//! Moving to another store.

use bytes::Bytes;
use tenon_blob::{Copied, Settings, Store, copy_segment};
use tenon_exec::ports::blobs::BlobStore;
use tenon_testkit::object_servers;

use crate::disk;

/// Copies everything and counts what became of it.
async fn copy_all(from: &Store, to: &Store) -> Vec<Copied> {
    let mut outcomes = Vec::new();
    for segment in from.segments(None, i64::MAX, 1_000).await.expect("listed") {
        outcomes.push(copy_segment(from, to, &segment).await.expect("both stores answer"));
    }
    outcomes
}

async fn moves_and_goes_on_where_it_was(to: Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let from = disk::open(folder.path()).await;
    let mut places = from.put_packed(&[Bytes::from_static(b"one")]).await.expect("stored");
    assert_eq!(copy_all(&from, &to).await, [Copied::Written]);
    let values = [Bytes::from(vec![7; 100_000]), Bytes::new()];
    places.extend(from.put_packed(&values).await.expect("stored"));
    places.extend(disk::write_unindexed(folder.path(), &[b"old one", b"old two"]));
    let bad = from.put_packed(&[Bytes::from_static(b"bad")]).await.expect("stored")[0];
    let file = disk::path(folder.path(), bad.segment);
    let mut bytes = std::fs::read(&file).expect("the file");
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let expected = [Copied::Already, Copied::Written, Copied::Written, Copied::Damaged];
    assert_eq!(copy_all(&from, &to).await, expected);
    for place in places {
        let (there, here) = (to.get(place).await, from.get(place).await);
        assert_eq!(there.expect("it was moved"), here.expect("it is still here"));
    }
    let again = copy_all(&from, &to).await;
    assert_eq!((again[0], again[1], again[3]), (Copied::Already, Copied::Already, Copied::Damaged));
}

#[tokio::test]
async fn to_another_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    moves_and_goes_on_where_it_was(disk::open(folder.path()).await).await;
}

#[tokio::test]
async fn to_a_bucket() {
    let Some(server) = object_servers::fake_gcs().await else { return };
    let settings =
        Settings { credentials_file: Some(server.credentials.clone()), ..Settings::default() };
    let url = server.url("moved").parse().expect("a place");
    moves_and_goes_on_where_it_was(Store::open(&url, &settings).await.expect("it opens")).await;
}
