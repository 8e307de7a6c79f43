use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tenon_http_kit::{LayerSettings, ServeSettings, with_layers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::{Answer, PATIENCE, Server, routes};

const GET_OK: &[u8] = b"GET /ok HTTP/1.1\r\nhost: t\r\n\r\n";

async fn start(settings: ServeSettings) -> std::io::Result<Server> {
    Server::start(with_layers(routes(), &LayerSettings::default()), settings).await
}

fn impatient() -> ServeSettings {
    ServeSettings { header_read_timeout: Duration::from_millis(200), ..ServeSettings::default() }
}

#[tokio::test]
async fn http2_without_tls_is_served_on_the_same_port() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::with_defaults().await?;
    let io = TokioIo::new(server.connect().await?);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    let request = http::Request::get("http://t/ok").body(Empty::<bytes::Bytes>::new())?;
    let response = sender.send_request(request).await?;
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    assert_eq!(response.into_body().collect().await?.to_bytes(), "ok");
    Ok(())
}

#[tokio::test]
async fn a_connection_serves_many_requests() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let mut stream = server.connect().await?;
    let mut bytes = vec![0; 4_096];
    for _ in 0..3 {
        stream.write_all(GET_OK).await?;
        let count = stream.read(&mut bytes).await?;
        assert!(bytes[..count].starts_with(b"HTTP/1.1 200"));
    }
    Ok(())
}

#[tokio::test]
async fn whoever_sends_a_head_too_slowly_is_cut_off() -> std::io::Result<()> {
    let server = start(impatient()).await?;
    for start in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", b"GET /ok HTTP/1.1\r\nhost: t\r\nx: "] {
        let mut stream = server.connect().await?;
        stream.write_all(start).await?;
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .unwrap_or_else(|_| panic!("{:?} holds its connection", String::from_utf8_lossy(start)))
            .ok();
        assert!(!bytes.starts_with(b"HTTP/1.1 200"));
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_is_closed() -> std::io::Result<()> {
    let server = start(impatient()).await?;
    let mut stream = server.connect().await?;
    stream.write_all(GET_OK).await?;
    assert_eq!(Answer::read(&mut stream).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() -> std::io::Result<()> {
    let settings = ServeSettings { headers_max: 20, ..ServeSettings::default() };
    let server = start(settings).await?;
    let many: String = (0..30).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = server.send(format!("GET /ok HTTP/1.1\r\nhost: t\r\n{many}\r\n")).await?;
    assert_eq!(answer.status(), 431, "{answer:?}");
    let large = "y".repeat(64 << 10);
    let answer = server.send(format!("GET /ok HTTP/1.1\r\nhost: t\r\nx: {large}\r\n\r\n")).await?;
    assert_eq!(answer.status(), 431, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() -> std::io::Result<()> {
    let server = start(ServeSettings { connections_max: 1, ..ServeSettings::default() }).await?;
    let mut first = server.connect().await?;
    first.write_all(GET_OK).await?;
    let mut bytes = vec![0; 4_096];
    assert!(first.read(&mut bytes).await? > 0);
    let mut second = server.connect().await?;
    second.write_all(b"GET /ok HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await?;
    let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut bytes)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    assert_eq!(Answer::read(&mut second).await?.status(), 200);
    Ok(())
}

/// A server whose `/slow` answers after a while.
async fn slow_server(work: Duration, drain: Duration) -> std::io::Result<Server> {
    let slow = get(move || async move {
        tokio::time::sleep(work).await;
        "done"
    });
    let router = with_layers(Router::new().route("/slow", slow), &LayerSettings::default());
    Server::start(router, ServeSettings { drain_timeout: drain, ..ServeSettings::default() }).await
}

async fn begin_slow(server: &Server) -> std::io::Result<tokio::net::TcpStream> {
    let mut stream = server.connect().await?;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: t\r\n\r\n").await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(stream)
}

#[tokio::test]
async fn a_drain_lets_requests_in_work_end_and_takes_no_new_ones() -> std::io::Result<()> {
    let server = slow_server(Duration::from_millis(400), PATIENCE).await?;
    let mut idle = server.connect().await?;
    let mut stream = begin_slow(&server).await?;
    server.shutdown.cancel();
    let answer = Answer::read(&mut stream).await?;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "done"));
    assert_eq!(server.task.await.map(|report| report.cut_connections).ok(), Some(0));
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap_or(0), 0, "idle connections are closed");
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() -> std::io::Result<()> {
    let server = slow_server(Duration::from_secs(3_600), Duration::from_millis(200)).await?;
    let _stream = begin_slow(&server).await?;
    server.shutdown.cancel();
    let report = tokio::time::timeout(PATIENCE, server.task).await;
    let report = report.map_err(std::io::Error::other)?.map_err(std::io::Error::other)?;
    assert_eq!(report.cut_connections, 1);
    Ok(())
}
