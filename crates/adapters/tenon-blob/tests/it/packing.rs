//! How many objects a number of large values becomes.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use tenon_blob::{Finding, Settings, Store};
use tenon_exec::ports::blobs::BlobStore;

const VALUES: usize = 1_000;
const VALUE_BYTES: usize = 66_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_with_one_large_value_each_share_few_segments() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { segment_bytes_max: 8 << 20, ..Settings::default() };
    let url = format!("file://{}", folder.path().display()).parse().expect("a place");
    let store = Arc::new(Store::open(&url, &settings).await.expect("it opens"));
    let callers = (0..VALUES).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let value = Bytes::from(vec![caller as u8; VALUE_BYTES]);
            let place = store.put_packed(std::slice::from_ref(&value)).await.expect("stored")[0];
            assert_eq!(store.get(place).await.expect("read"), value);
        })
    });
    for outcome in join_all(callers).await {
        outcome.expect("no caller fails");
    }
    let segments = store.segments(None, i64::MAX, VALUES).await.expect("listed");
    println!("{VALUES} values of {VALUE_BYTES} bytes in {} segments", segments.len());
    // Eight are full; the first writers go alone, and the last take what is left.
    assert!(segments.len() <= VALUES / 10, "{} segments", segments.len());
    let mut values = 0;
    for segment in &segments {
        assert!(segment.bytes <= settings.segment_bytes_max + 10_000, "{segment:?}");
        let seen = store.inspect(segment.id).await.expect("inspected");
        assert_eq!(seen.finding, Finding::Sound);
        values += seen.values;
    }
    assert_eq!(values, VALUES);
}
