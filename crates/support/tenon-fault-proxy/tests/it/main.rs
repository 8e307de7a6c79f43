//! The proxy between a client and a server that echoes.

use std::time::Duration;

use tenon_fault_proxy::{Direction, FaultProxy, Toxic, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for bytes that pass to arrive.
const MOMENT: Duration = Duration::from_millis(150);

struct Rig {
    proxy: FaultProxy,
    /// What reached the server.
    heard: mpsc::UnboundedReceiver<Vec<u8>>,
}

async fn rig() -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut chunk = vec![0; 4_096];
                while let Ok(count) = stream.read(&mut chunk).await {
                    if count == 0 || tell.send(chunk[..count].to_vec()).is_err() {
                        return;
                    }
                    if stream.write_all(&chunk[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let proxy = FaultProxy::start(Upstream::Tcp(address), 1).await.expect("a proxy");
    Rig { proxy, heard }
}

impl Rig {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.expect("the proxy listens")
    }

    async fn hears(&mut self) -> Vec<u8> {
        let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("the server hears in time").expect("the server runs")
    }
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let reading = stream.read_exact(&mut bytes);
    tokio::time::timeout(PATIENCE, reading).await.expect("in time").expect("an answer");
    bytes
}

/// Whether the connection ends without an answer.
async fn breaks(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.expect("in time");
    matches!(read, Err(_) | Ok(0))
}

#[tokio::test]
async fn without_faults_all_passes() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    let long = vec![7; 100_000];
    let (mut reader, mut writer) = stream.split();
    let mut back = vec![0; long.len()];
    let (sent, received) = tokio::join!(writer.write_all(&long), reader.read_exact(&mut back));
    sent.expect("sent");
    received.expect("received");
    assert_eq!(back, long);
}

#[tokio::test]
async fn a_black_hole_holds_what_is_sent_until_it_is_over() {
    let mut rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add(Direction::ToServer, Toxic::BlackHole);
    stream.write_all(b"late").await.expect("sent");
    tokio::time::sleep(MOMENT).await;
    assert!(rig.heard.try_recv().is_err(), "nothing passes");
    rig.proxy.heal();
    assert_eq!(rig.hears().await, b"late");
    assert_eq!(read(&mut stream, 4).await, b"late");
}

#[tokio::test]
async fn a_one_way_black_hole_lets_requests_through_and_no_answers() {
    let mut rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add(Direction::ToClient, Toxic::BlackHole);
    stream.write_all(b"x").await.expect("sent");
    assert_eq!(rig.hears().await, b"x");
    let mut byte = [0];
    let answer = tokio::time::timeout(MOMENT, stream.read(&mut byte)).await;
    assert!(answer.is_err(), "no answer comes: {answer:?}");
}

#[tokio::test]
async fn a_lost_answer_belongs_to_a_request_that_was_served() {
    let mut rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add(Direction::ToClient, Toxic::Lose { per_mille: 1_000 });
    stream.write_all(b"x").await.expect("sent");
    assert_eq!(rig.hears().await, b"x");
    assert!(breaks(&mut stream).await);
}

#[tokio::test]
async fn a_duplicate_comes_twice() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add(Direction::ToClient, Toxic::Duplicate { per_mille: 1_000 });
    stream.write_all(b"ab").await.expect("sent");
    assert_eq!(read(&mut stream, 4).await, b"abab");
}

#[tokio::test]
async fn data_ends_at_the_limit() {
    let mut rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add(Direction::ToServer, Toxic::LimitData { bytes: 3 });
    stream.write_all(b"abc").await.expect("sent");
    assert_eq!(rig.hears().await, b"abc");
    assert_eq!(read(&mut stream, 3).await, b"abc");
    stream.write_all(b"d").await.expect("sent");
    assert!(breaks(&mut stream).await);
}

#[tokio::test]
async fn slices_arrive_as_pieces() {
    let mut rig = rig().await;
    let mut stream = rig.connect().await;
    let pause = Duration::from_millis(30);
    rig.proxy.add(Direction::ToServer, Toxic::Slice { bytes: 2, pause });
    stream.write_all(b"abcdef").await.expect("sent");
    assert_eq!(read(&mut stream, 6).await, b"abcdef");
    assert!(rig.hears().await.len() < 6, "not in one piece");
}

#[tokio::test]
async fn latency_and_bandwidth_delay_and_lose_nothing() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    let (base, jitter) = (Duration::from_millis(20), Duration::from_millis(20));
    rig.proxy.add_both(Toxic::Latency { base, jitter });
    rig.proxy.add(Direction::ToServer, Toxic::Bandwidth { bytes_per_second: 1_000 });
    let began = tokio::time::Instant::now();
    stream.write_all(&[5; 100]).await.expect("sent");
    assert_eq!(read(&mut stream, 100).await, [5; 100]);
    assert!(began.elapsed() >= Duration::from_millis(140), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_timeout_ends_the_connection() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    rig.proxy.add_both(Toxic::Timeout(Duration::from_millis(50)));
    stream.write_all(b"x").await.expect("sent");
    assert!(breaks(&mut stream).await);
}

#[tokio::test]
async fn a_reset_hits_open_connections_and_later_ones_pass() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    stream.write_all(b"x").await.expect("sent");
    assert_eq!(read(&mut stream, 1).await, b"x");
    rig.proxy.reset();
    assert!(breaks(&mut stream).await);
    let mut stream = rig.connect().await;
    stream.write_all(b"y").await.expect("sent");
    assert_eq!(read(&mut stream, 1).await, b"y");
}

#[tokio::test]
async fn a_redirected_link_leads_elsewhere() {
    let (first, mut second) = (rig().await, rig().await);
    let mut stream = first.connect().await;
    stream.write_all(b"x").await.expect("sent");
    assert_eq!(read(&mut stream, 1).await, b"x");
    first.proxy.redirect(Upstream::Tcp(second.proxy.address()));
    assert!(breaks(&mut stream).await);
    let mut stream = first.connect().await;
    stream.write_all(b"z").await.expect("sent");
    assert_eq!(second.hears().await, b"z");
}

#[tokio::test]
async fn a_link_to_nowhere_breaks() {
    let rig = rig().await;
    rig.proxy.redirect(Upstream::Nowhere);
    let mut stream = rig.connect().await;
    assert!(breaks(&mut stream).await);
}

#[tokio::test]
async fn a_slow_close_comes_late() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    stream.write_all(b"x").await.expect("sent");
    read(&mut stream, 1).await;
    rig.proxy.add(Direction::ToServer, Toxic::SlowClose(MOMENT));
    let began = tokio::time::Instant::now();
    stream.shutdown().await.expect("half closed");
    assert!(breaks(&mut stream).await);
    assert!(began.elapsed() >= MOMENT);
}
