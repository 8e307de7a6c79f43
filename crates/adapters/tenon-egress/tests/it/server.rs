//! Servers that answer with exactly the bytes a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse};
use tenon_egress::{EgressSettings, HttpEgress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// A server; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Calls `serve` with each connection and its number, from 0.
    pub async fn start<F, T>(serve: F) -> Self
    where
        F: Fn(usize, Connection) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(number, Connection { stream }));
            }
        });
        Self { address, connections, task }
    }

    /// Reads each request and answers with the same bytes, keeping the connection.
    pub async fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |_, mut connection| {
            let answer = answer.clone();
            async move {
                while connection.request().await.is_some() {
                    connection.write(&answer).await;
                }
            }
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A connection on the server's side.
pub struct Connection {
    pub stream: TcpStream,
}

impl Connection {
    /// Reads one request, body and all; `None` when the client has gone.
    pub async fn request(&mut self) -> Option<String> {
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte).await {
                Ok(1) => read.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8(read).expect("a head in ASCII");
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().expect("a length"));
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(head + &String::from_utf8_lossy(&body))
    }

    /// Writes; that the client has gone is the client's right.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Ends with a reset instead of an orderly close.
    pub fn reset(self) {
        let socket = self.stream.into_std().expect("a socket");
        let socket = tokio::net::TcpSocket::from_std_stream(socket);
        socket.set_zero_linger().expect("linger can be set");
    }
}

/// A 200 with a body.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Settings that let loopback be called.
pub fn settings() -> EgressSettings {
    EgressSettings {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        ..EgressSettings::default()
    }
}

pub fn egress() -> HttpEgress {
    HttpEgress::new(settings()).expect("TLS can be set up")
}

pub fn get(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: Method::GET,
        url: Url::parse(url).expect("a URL"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        identity: None,
        timeout: Duration::from_secs(10),
        response_bytes_max: 1 << 20,
    }
}

pub async fn fetch(url: &str) -> Result<OutboundResponse, Error> {
    egress().send(get(url)).await
}
