//! Calls at once, and the provider's limits of calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use http::Method;
use jiff::Timestamp;
use parking_lot::Mutex;
use tenon_contract::quota::{Bucket, QuotaError, Quotas, Taken};
use tokio::sync::Semaphore;

use crate::stage::{Provider, Stage, json, text};

/// Answers once it is let go.
async fn held(gate: Arc<Semaphore>) -> Provider {
    Provider::streaming(move |_, _| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.expect("open").forget();
            json(200, "{}")
        }
    })
    .await
}

#[tokio::test]
async fn calls_at_once_are_limited_for_each_account_and_each_project() {
    let gate = Arc::new(Semaphore::new(0));
    let provider = held(gate.clone()).await;
    let change = |settings: &mut tenon_proxy::ProxySettings| {
        settings.calls_per_credential_max = 2;
        settings.calls_per_project_max = 3;
    };
    let stage = Stage::with(&provider, change, None).await;
    let (client, path) = (stage.client(), stage.own("a"));
    let call = |account: &'static str| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move {
            client.call(Method::GET, &path, &[("x-tenon-credential", account)], "").await
        })
    };
    let first = [call("account-0"), call("account-0"), call("account-0")];
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = [call("account-1"), call("account-1")];
    tokio::time::sleep(Duration::from_millis(200)).await;
    gate.add_permits(10);
    let mut statuses = Vec::new();
    for answer in join_all(first.into_iter().chain(second)).await {
        let answer = answer.expect("no panic");
        if answer.status == 429 {
            assert_eq!(answer.json()["code"], "rate_limited");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[..3].iter().filter(|status| **status == 200).count(), 2);
    assert_eq!(statuses[3..].iter().filter(|status| **status == 200).count(), 1);
    // Slots come back with the last byte.
    assert_eq!(client.get(&path).await.status, 200);
}

/// Says what it is told to; keeps what it hears.
#[derive(Default)]
struct FakeQuotas {
    wait: Mutex<Option<Timestamp>>,
    blocked: Mutex<Vec<(String, Timestamp)>>,
    is_away: Mutex<bool>,
}

#[async_trait]
impl Quotas for FakeQuotas {
    async fn take(&self, _: &[Bucket]) -> Result<Taken, QuotaError> {
        if *self.is_away.lock() {
            return Err(QuotaError(Box::new(std::io::Error::other("away"))));
        }
        Ok(self.wait.lock().map_or(Taken::Granted, |until| Taken::Wait { until }))
    }

    async fn block(&self, key: &str, until: Timestamp) -> Result<(), QuotaError> {
        self.blocked.lock().push((key.to_owned(), until));
        Ok(())
    }
}

fn bucket() -> Bucket {
    Bucket { key: "bucket".to_owned(), limit: Some(10), window: Duration::from_secs(60), cost: 1 }
}

#[tokio::test]
async fn a_429_is_passed_on_and_blocks_the_bucket_for_everybody() {
    let provider = Provider::new(|_| text(429, &[("retry-after", "9")], "slow down")).await;
    let quotas = Arc::new(FakeQuotas::default());
    let stage = Stage::with(&provider, |_| {}, Some(quotas.clone())).await;
    *stage.accounts.bucket.lock() = Some(bucket());
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("9")));
    assert_eq!(answer.body, "slow down");
    assert_eq!(answer.header("x-tenon-source"), Some("provider"));
    {
        let blocked = quotas.blocked.lock();
        let [(key, until)] = blocked.as_slice() else { panic!("{blocked:?}") };
        assert_eq!(key, "bucket");
        let seconds = until.duration_since(Timestamp::now()).as_secs();
        assert!((7..=9).contains(&seconds), "{seconds}");
    }
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.json()["code"], "provider_rate_limited");
    assert!(answer.header("retry-after").is_some_and(|after| ["8", "9"].contains(&after)));
    assert_eq!(provider.seen().len(), 1, "the second call was not made");
}

#[tokio::test]
async fn an_empty_bucket_costs_no_request_and_a_lost_service_holds_nothing_up() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let quotas = Arc::new(FakeQuotas::default());
    let stage = Stage::with(&provider, |_| {}, Some(quotas.clone())).await;
    *stage.accounts.bucket.lock() = Some(bucket());
    *quotas.wait.lock() = Timestamp::now().checked_add(Duration::from_secs(5)).ok();
    let answer = stage.client().get(&stage.sdk("a")).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["meta"]["isIntegrationError"], true);
    assert!(provider.seen().is_empty());
    *quotas.wait.lock() = None;
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 200);
    *quotas.is_away.lock() = true;
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 200);
}
