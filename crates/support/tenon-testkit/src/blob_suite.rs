//! The rules of [`BlobStore`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test calls [`run`], or the rules that hold for it. The rules of one store run one
//! after another over one server: a server of S3 takes seconds to start.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use rand::RngCore as _;
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error, begun_ms};
use uuid::Uuid;

/// Every rule, on one store. It may hold segments already.
pub async fn run(store: Arc<dyn BlobStore>) {
    packed_values_come_back_each_by_its_place(&*store).await;
    many_callers_at_once_get_their_own_values(store.clone()).await;
    a_place_that_is_not_the_values_is_refused(&*store).await;
    segments_are_listed_in_order_and_in_pages(&*store).await;
    a_young_segment_is_not_listed_as_old(&*store).await;
    deleting_twice_is_no_error_and_the_value_is_gone(&*store).await;
    a_value_larger_than_a_segment_comes_back(&*store).await;
}

fn random(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    rand::rng().fill_bytes(&mut bytes);
    Bytes::from(bytes)
}

async fn put(store: &dyn BlobStore, values: &[Bytes]) -> Vec<BlobRef> {
    store.put_packed(values).await.expect("the values are stored")
}

/// Empty ones and large ones, too.
pub async fn packed_values_come_back_each_by_its_place(store: &dyn BlobStore) {
    let values = [Bytes::from_static(b"one"), Bytes::new(), random(100_000), random(1)];
    let places = put(store, &values).await;
    assert_eq!(places.len(), values.len());
    for (place, value) in places.iter().zip(&values) {
        assert_eq!(store.get(*place).await.expect("it is read"), *value);
    }
    assert!(put(store, &[]).await.is_empty(), "of nothing nothing is written");
}

/// Values of callers at the same moment may share a segment, and are not mixed up.
pub async fn many_callers_at_once_get_their_own_values(store: Arc<dyn BlobStore>) {
    let callers = (0..24).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let values: Vec<Bytes> = (0..=caller % 3).map(|_| random(70_000)).collect();
            let places = put(&*store, &values).await;
            for (place, value) in places.iter().zip(&values) {
                assert_eq!(store.get(*place).await.expect("it is read"), *value);
            }
            places.len()
        })
    });
    let outcomes = futures::future::join_all(callers).await;
    let values: usize = outcomes.into_iter().map(|places| places.expect("no caller fails")).sum();
    assert_eq!(values, 48);
}

/// A wrong range, a wrong checksum, a range outside of the segment: never bytes.
pub async fn a_place_that_is_not_the_values_is_refused(store: &dyn BlobStore) {
    let place = put(store, &[random(1_000), random(1_000)]).await[1];
    let wrong = [
        BlobRef { crc32: place.crc32 ^ 1, ..place },
        BlobRef { offset: place.offset - 1, ..place },
        BlobRef { len: place.len - 1, ..place },
        BlobRef { len: place.len + 1, ..place },
        BlobRef { offset: 1 << 40, ..place },
        BlobRef { len: 1 << 50, ..place },
        BlobRef { len: u64::MAX, ..place },
    ];
    for wrong in wrong {
        let answer = store.get(wrong).await;
        assert!(matches!(answer, Err(Error::Corrupt { .. })), "{wrong:?}: {answer:?}");
    }
    let segment = Uuid::now_v7();
    let answer = store.get(BlobRef { segment, ..place }).await;
    assert!(matches!(answer, Err(Error::Missing { segment: missing }) if missing == segment));
}

/// All of them, each once, whatever the size of a page.
pub async fn segments_are_listed_in_order_and_in_pages(store: &dyn BlobStore) {
    let mut written = BTreeSet::new();
    for _ in 0..5 {
        written.extend(put(store, &[random(10)]).await.iter().map(|place| place.segment));
    }
    let all = store.segments(None, i64::MAX, 10_000).await.expect("listed");
    assert!(all.is_sorted_by_key(|segment| segment.id));
    assert!(all.iter().all(|segment| segment.bytes > 0 && segment.written_ms > 0));
    let ids: BTreeSet<Uuid> = all.iter().map(|segment| segment.id).collect();
    assert!(written.is_subset(&ids), "what was written is listed");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = store.segments(after, i64::MAX, 2).await.expect("listed");
        paged.extend(page.iter().copied());
        after = page.last().map(|segment| segment.id);
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(paged, all);
}

/// Age counts from the moment that the id tells, and from when the store wrote it.
pub async fn a_young_segment_is_not_listed_as_old(store: &dyn BlobStore) {
    let segment = put(store, &[random(10)]).await[0].segment;
    let listed = store.segments(None, begun_ms(segment), 10_000).await.expect("listed");
    assert!(listed.iter().all(|found| found.id != segment));
    let listed = store.segments(None, begun_ms(segment) + 3_600_000, 10_000).await.expect("listed");
    assert!(listed.iter().any(|found| found.id == segment));
}

/// Whoever was second to delete it has nothing to repair.
pub async fn deleting_twice_is_no_error_and_the_value_is_gone(store: &dyn BlobStore) {
    let place = put(store, &[random(10)]).await[0];
    store.delete(place.segment).await.expect("deleted");
    store.delete(place.segment).await.expect("deleted again");
    assert!(matches!(store.get(place).await, Err(Error::Missing { .. })));
    let all = store.segments(None, i64::MAX, 10_000).await.expect("listed");
    assert!(all.iter().all(|segment| segment.id != place.segment));
}

/// Adapters' tests set the sizes so that it goes in several parts.
pub async fn a_value_larger_than_a_segment_comes_back(store: &dyn BlobStore) {
    let values = [random(10), random(18 << 20), random(10)];
    let places = put(store, &values).await;
    for (place, value) in places.iter().zip(&values) {
        assert!(store.get(*place).await.expect("it is read") == *value, "another value came back");
    }
}
