//! Providers that fail: what is tried again, what is left alone, what the caller hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tokio::net::TcpListener;

use crate::stage::{Provider, Stage, json, text};

/// Fails `failures` times with a status, then answers.
async fn failing(failures: usize, status: u16, headers: &'static [(&str, &str)]) -> Provider {
    let count = Arc::new(AtomicUsize::new(0));
    Provider::new(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) < failures {
            return text(status, headers, "");
        }
        json(200, "{}")
    })
    .await
}

/// Lets repetitions be saved up beforehand.
async fn saving(stage: &Stage) {
    for _ in 0..30 {
        assert_eq!(stage.client().get(&stage.own("warm")).await.status, 200);
    }
}

/// Answers `warm`; everything else fails `failures` times.
async fn failing_when_asked(failures: usize, status: u16) -> (Provider, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let provider = Provider::new(move |seen| {
        if seen.target.ends_with("/warm") {
            return json(200, "{}");
        }
        let number = counter.fetch_add(1, Ordering::SeqCst);
        if number < failures { text(status, &[], "") } else { json(200, "{}") }
    })
    .await;
    (provider, count)
}

#[tokio::test]
async fn idempotent_calls_are_repeated_after_a_503() {
    let (provider, count) = failing_when_asked(2, 503).await;
    let stage = Stage::new(&provider).await;
    saving(&stage).await;
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 200);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_post_a_500_and_a_provider_that_says_when_are_not_repeated() {
    let (provider, count) = failing_when_asked(9, 503).await;
    let stage = Stage::new(&provider).await;
    saving(&stage).await;
    let answer = stage.client().call(Method::POST, &stage.own("a"), &[], "x").await;
    assert_eq!((answer.status.as_u16(), count.load(Ordering::SeqCst)), (503, 1));

    let (provider, count) = failing_when_asked(9, 500).await;
    let stage = Stage::new(&provider).await;
    saving(&stage).await;
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 500);
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let provider = failing(9, 503, &[("retry-after", "60")]).await;
    let stage = Stage::new(&provider).await;
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("60")));
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn repetitions_are_bounded_by_what_was_saved() {
    let (provider, count) = failing_when_asked(usize::MAX, 503).await;
    let stage = Stage::with(&provider, |settings| settings.breaker_failures = 1_000, None).await;
    for _ in 0..100 {
        assert_eq!(stage.client().get(&stage.own("a")).await.status, 503);
    }
    let repeated = count.load(Ordering::SeqCst) - 100;
    assert_eq!(repeated, 10, "a tenth of the calls");
}

#[tokio::test]
async fn a_host_that_fails_is_left_alone_then_tried_again() {
    let (provider, count) = failing_when_asked(5, 503).await;
    let change = |settings: &mut tenon_proxy::ProxySettings| {
        settings.breaker_failures = 5;
        settings.breaker_pause = Duration::from_millis(300);
        settings.retry_budget_percent = 0;
    };
    let stage = Stage::with(&provider, change, None).await;
    for _ in 0..5 {
        assert_eq!(stage.client().get(&stage.own("a")).await.status, 503);
    }
    for _ in 0..20 {
        let answer = stage.client().get(&stage.own("a")).await;
        assert_eq!(answer.json()["code"], "provider_paused");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(count.load(Ordering::SeqCst), 5, "no call reached it meanwhile");
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 200);
    assert_eq!(stage.client().get(&stage.own("a")).await.status, 200);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    drop(listener);
    stage.accounts.base.lock().set_port(Some(address.port())).expect("a port");
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json()["code"], "provider_unreachable");
    let answer = stage.client().get(&stage.sdk("a")).await;
    assert_eq!(answer.json()["meta"]["isIntegrationError"], true);
}

#[tokio::test]
async fn a_provider_that_is_silent_is_a_504() {
    let provider = Provider::streaming(|_, _| std::future::pending()).await;
    let change = |settings: &mut tenon_proxy::ProxySettings| {
        settings.head_timeout = Duration::from_millis(100);
    };
    let stage = Stage::with(&provider, change, None).await;
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["code"], "provider_timeout");
    let record = stage.calls.only().await;
    assert_eq!((record.status, record.problem), (504, Some("provider_timeout")));
}

#[tokio::test]
async fn a_private_address_is_not_called_whatever_the_connector_says() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let stage = Stage::new(&provider).await;
    *stage.accounts.base.lock() = "http://169.254.169.254/base".parse().expect("a URL");
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["code"], "proxy_target");
}
