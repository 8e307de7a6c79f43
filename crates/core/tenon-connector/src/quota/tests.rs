use serde_json::json;

use super::*;
use crate::samples::connector;

#[test]
fn a_call_draws_from_the_block_and_every_quota_that_counts_it() {
    let sample = connector(json!({"proxy": {
        "base_url": [{"url": "https://api.example.com"}],
        "rate_limit": {"scope": "app"},
        "quotas": [
            {"limit": 10, "window_seconds": 1},
            {"limit": 100, "window_seconds": 60, "scope": "app", "path_prefix": "/search"},
            {"limit": 5, "window_seconds": 60, "methods": ["POST"]},
        ],
    }}));
    let caller = Caller {
        project: ProjectId::from_uuid(uuid::Uuid::from_u128(1)),
        integration: IntegrationId::from_uuid(uuid::Uuid::from_u128(2)),
        credential: CredentialId::from_uuid(uuid::Uuid::from_u128(3)),
    };
    let limits = |method: Method, path: &str| {
        let buckets = buckets(&sample, &caller, &method, path);
        buckets.iter().map(|bucket| bucket.limit).collect::<Vec<_>>()
    };
    assert_eq!(limits(Method::GET, "/x"), [None, Some(10)]);
    assert_eq!(limits(Method::GET, "/search/y"), [None, Some(10), Some(100)]);
    assert_eq!(limits(Method::POST, "/search"), [None, Some(10), Some(100), Some(5)]);

    let keys = |caller: &Caller| {
        let buckets = buckets(&sample, caller, &Method::POST, "/search");
        buckets.into_iter().map(|bucket| bucket.key).collect::<Vec<_>>()
    };
    let own = keys(&caller);
    assert_eq!(own[0], block_key(&sample, &caller));
    let other = CredentialId::from_uuid(uuid::Uuid::from_u128(4));
    let others = keys(&Caller { credential: other, ..caller });
    // Of the app: shared; of the credential: not.
    assert_eq!((&own[0], &own[2]), (&others[0], &others[2]));
    assert!(own[1] != others[1] && own[3] != others[3] && own[1] != own[3]);
}
