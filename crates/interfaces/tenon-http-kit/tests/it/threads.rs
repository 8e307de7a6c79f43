//! Connections on threads of their own.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tenon_http_kit::{ConnectionThreads, ServeSettings, serve_on};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::wire::PATIENCE;

/// Answers with the thread that it runs on, before and after it has waited.
async fn thread() -> String {
    let name = || std::thread::current().name().unwrap_or("none").to_owned();
    let before = name();
    tokio::time::sleep(Duration::from_millis(5)).await;
    format!("[{before} {}]", name())
}

async fn ask(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n").await?;
    let mut text = String::new();
    while !text.ends_with(']') {
        let mut bytes = [0; 1_024];
        let count = stream.read(&mut bytes).await?;
        assert_ne!(count, 0, "the server went away after {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    Ok(body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_stays_on_its_thread() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, shutdown) = (listener.local_addr()?, CancellationToken::new());
    let (router, stop) = (Router::new().route("/", get(thread)), shutdown.clone());
    let server = tokio::spawn(async move {
        let threads = ConnectionThreads::start(2)?;
        std::io::Result::Ok(
            serve_on(&threads, listener, router, ServeSettings::default(), stop).await,
        )
    });

    let mut streams = Vec::new();
    let mut places = BTreeSet::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await?;
        let place = ask(&mut stream).await?;
        for _ in 0..3 {
            assert_eq!(ask(&mut stream).await?, place);
        }
        places.insert(place);
        streams.push(stream);
    }
    let expected = (0..2).map(|it| format!("[connections-{it} connections-{it}]"));
    assert_eq!(places, expected.collect());

    shutdown.cancel();
    let report = tokio::time::timeout(PATIENCE, server).await??;
    assert_eq!(report?.cut_connections, 0);
    Ok(())
}
