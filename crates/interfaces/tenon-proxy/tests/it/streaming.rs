//! Bodies that stream: bounded memory, the pace of the slower side, and what a caller that leaves
//! ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::stage::{AnyBody, KEY, Provider, Stage, json};

const MIB: usize = 1 << 20;

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = text.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a number");
    pages * 4_096
}

/// A provider whose answer has `count` blocks of 64 KiB; counts those that were taken.
async fn blocks(count: usize, taken: Arc<AtomicUsize>, dropped: Arc<Notify>) -> Provider {
    Provider::streaming(move |_, _| {
        let (taken, dropped) = (taken.clone(), dropped.clone());
        async move {
            let block = Bytes::from(vec![b'x'; 64 << 10]);
            let end = OnDrop(dropped);
            let frames = stream::iter(0..count).map(move |_| {
                let _ = &end;
                taken.fetch_add(1, Ordering::SeqCst);
                Ok(Frame::data(block.clone()))
            });
            Response::new(AnyBody::new(StreamBody::new(frames)))
        }
    })
    .await
}

use futures::StreamExt as _;

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn open(stage: &Stage, method: &str, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(stage.address).await.expect("it listens");
    let path = stage.own("a");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         X-Tenon-User: user-1\r\nConnection: close\r\n{head}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it takes it");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_download_takes_little_memory() {
    let count = 200 * MIB / (64 << 10);
    let taken = Arc::new(AtomicUsize::new(0));
    let provider = blocks(count, taken, Arc::default()).await;
    let stage = Stage::new(&provider).await;
    let mut stream = open(&stage, "GET", "").await;
    let mut buffer = vec![0; 256 << 10];
    let before = resident();
    let (mut read, mut most) = (0, 0);
    loop {
        let count = stream.read(&mut buffer).await.expect("it comes");
        if count == 0 {
            break;
        }
        read += count;
        most = most.max(resident().saturating_sub(before));
    }
    assert!(read > 200 * MIB, "{read}");
    assert!(most < 24 * MIB, "{} MiB more while 200 MiB passed", most / MIB);
    assert!(stage.calls.only().await.response_bytes == 200 * MIB as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_takes_little_memory() {
    let provider = Provider::streaming(|request, _| async move {
        let mut body = request.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.expect("it comes").into_data().map_or(0, |data| data.len());
        }
        json(200, length.to_string())
    })
    .await;
    let stage = Stage::new(&provider).await;
    let length = 200 * MIB;
    let mut stream = open(&stage, "POST", &format!("Content-Length: {length}\r\n")).await;
    let block = vec![b'x'; MIB];
    let before = resident();
    let mut most = 0;
    for _ in 0..200 {
        stream.write_all(&block).await.expect("it takes it");
        most = most.max(resident().saturating_sub(before));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with(&length.to_string()), "{answer}");
    assert!(most < 24 * MIB, "{} MiB more while 200 MiB passed", most / MIB);
    assert_eq!(stage.calls.only().await.request_bytes, length as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_slows_the_provider_down() {
    let taken = Arc::new(AtomicUsize::new(0));
    let provider = blocks(usize::MAX, taken.clone(), Arc::default()).await;
    let stage = Stage::new(&provider).await;
    let mut stream = open(&stage, "GET", "").await;
    let mut buffer = vec![0; 64 << 10];
    stream.read_exact(&mut buffer).await.expect("it comes");
    let mut before = usize::MAX;
    while before != taken.load(Ordering::SeqCst) {
        before = taken.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let written = before * (64 << 10);
    assert!(written < 40 * MIB, "{} MiB were written for nobody", written / MIB);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_providers_work() {
    let dropped = Arc::new(Notify::new());
    let provider = blocks(usize::MAX, Arc::default(), dropped.clone()).await;
    let stage = Stage::new(&provider).await;
    let mut stream = open(&stage, "GET", "").await;
    let mut buffer = vec![0; 64 << 10];
    stream.read_exact(&mut buffer).await.expect("it comes");
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), dropped.notified()).await.expect("it ended");
    let record = stage.calls.only().await;
    assert_eq!((record.status, record.is_complete), (200, false));
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_answer_ends_the_providers_work() {
    let (arrived, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (saw_arrival, saw_drop) = (arrived.clone(), dropped.clone());
    let provider = Provider::streaming(move |_, _| {
        let end = OnDrop(saw_drop.clone());
        saw_arrival.notify_one();
        async move {
            let _end = end;
            std::future::pending().await
        }
    })
    .await;
    let stage = Stage::new(&provider).await;
    let stream = open(&stage, "GET", "").await;
    arrived.notified().await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), dropped.notified()).await.expect("it ended");
    assert_eq!(stage.calls.only().await.status, 499);
}

#[tokio::test]
async fn an_upload_that_breaks_off_never_looks_whole() {
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    let provider = Provider::streaming(move |request, _| {
        let told = told.clone();
        async move {
            let outcome = request.into_body().collect().await;
            told.send(outcome.is_ok()).await.expect("listens");
            json(200, "{}")
        }
    })
    .await;
    let stage = Stage::new(&provider).await;
    let mut stream = open(&stage, "POST", "Content-Length: 1000000\r\n").await;
    stream.write_all(&vec![b'x'; 200 << 10]).await.expect("it takes it");
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    let is_whole = tokio::time::timeout(Duration::from_secs(5), tells.recv()).await;
    assert_eq!(is_whole.expect("it ended"), Some(false));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let provider = Provider::new(|_| json(200, "{}")).await;
    let change = |settings: &mut tenon_proxy::ProxySettings| settings.request_bytes_max = 150 << 10;
    let stage = Stage::with(&provider, change, None).await;
    let mut stream = open(&stage, "POST", "Content-Length: 1000000\r\n").await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut stream = open(&stage, "POST", "Transfer-Encoding: chunked\r\n").await;
    for _ in 0..4 {
        stream.write_all(b"10000\r\n").await.expect("it takes it");
        stream.write_all(&vec![b'x'; 64 << 10]).await.expect("it takes it");
        stream.write_all(b"\r\n").await.expect("it takes it");
    }
    let mut answer = String::new();
    // The rest of the body is not read, so the connection may be reset behind the answer.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(provider.seen().iter().all(|seen| seen.body.len() <= 150 << 10));
}
