//! The proxy of one link.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::net::sockopt::set_socket_linger;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::pump::{Ending, Pump};
use crate::{Direction, Toxic};

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// Nothing: connections are reset.
    Nowhere,
}

/// What is done to a link at the moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    to_server: Vec<Toxic>,
    to_client: Vec<Toxic>,
}

impl Faults {
    pub(crate) fn of(&self, direction: Direction) -> &[Toxic] {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

/// A proxy on a port of its own; stops when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    link: Arc<Link>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Link {
    upstream: Mutex<Upstream>,
    faults: watch::Sender<Arc<Faults>>,
    /// Cancelled to reset all connections that are open.
    connections: Mutex<CancellationToken>,
    rng: Mutex<StdRng>,
}

impl FaultProxy {
    /// Listens on a free port of the loopback address. `seed` decides which chunks faults hit.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: Upstream, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let link = Arc::new(Link {
            upstream: Mutex::new(upstream),
            faults: watch::channel(Arc::default()).0,
            connections: Mutex::new(stop.child_token()),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        });
        tokio::spawn(serve(listener, link.clone(), stop.clone()));
        Ok(Self { address, link, stop })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a fault; open connections have it too.
    pub fn add(&self, direction: Direction, toxic: Toxic) {
        self.link.faults.send_modify(|faults| {
            let faults = Arc::make_mut(faults);
            match direction {
                Direction::ToServer => faults.to_server.push(toxic),
                Direction::ToClient => faults.to_client.push(toxic),
            }
        });
    }

    /// Adds a fault in both directions.
    pub fn add_both(&self, toxic: Toxic) {
        self.add(Direction::ToServer, toxic);
        self.add(Direction::ToClient, toxic);
    }

    /// Takes all faults away. What waited passes.
    pub fn heal(&self) {
        self.link.faults.send_replace(Arc::default());
    }

    /// Leads elsewhere from now on; connections that are open are reset.
    pub fn redirect(&self, upstream: Upstream) {
        *self.link.upstream.lock() = upstream;
        self.reset();
    }

    /// Resets all open connections.
    pub fn reset(&self) {
        let mut connections = self.link.connections.lock();
        std::mem::replace(&mut *connections, self.stop.child_token()).cancel();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: TcpListener, link: Arc<Link>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, _)) => {
                tokio::spawn(pass(client, link.clone()));
            }
            // No descriptor was left for it: there will be.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection, to its end.
async fn pass(client: TcpStream, link: Arc<Link>) {
    let reset = link.connections.lock().clone();
    let upstream = link.upstream.lock().clone();
    match upstream {
        Upstream::Tcp(address) => match TcpStream::connect(address).await {
            Ok(server) => {
                let _ = server.set_nodelay(true);
                let (reader, writer) = server.into_split();
                relay(client, reader, writer, &link, reset).await;
            }
            Err(_) => reset_now(&client),
        },
        Upstream::Unix(path) => match UnixStream::connect(path).await {
            Ok(server) => {
                let (reader, writer) = server.into_split();
                relay(client, reader, writer, &link, reset).await;
            }
            Err(_) => reset_now(&client),
        },
        Upstream::Nowhere => reset_now(&client),
    }
}

/// Passes both directions until one ends. A reset is a reset for the client.
async fn relay<R, W>(
    client: TcpStream,
    server_reader: R,
    server_writer: W,
    link: &Link,
    reset: CancellationToken,
) where
    R: tokio::io::AsyncRead + Unpin + Send,
    W: tokio::io::AsyncWrite + Unpin + Send,
{
    let _ = client.set_nodelay(true);
    let seeds = {
        let mut rng = link.rng.lock();
        [StdRng::from_rng(&mut *rng), StdRng::from_rng(&mut *rng)]
    };
    let [there, back] = seeds;
    let (client_reader, client_writer) = client.into_split();
    let mut to_server = Pump::new(Direction::ToServer, link.faults.subscribe(), there);
    let mut to_client = Pump::new(Direction::ToClient, link.faults.subscribe(), back);
    let (mut client_reader, mut server_reader) = (client_reader, server_reader);
    let (mut client_writer, mut server_writer) = (client_writer, server_writer);
    let ending = {
        let there = to_server.run(&mut client_reader, &mut server_writer);
        let back = to_client.run(&mut server_reader, &mut client_writer);
        tokio::pin!(there, back);
        let mut is_half_closed = false;
        loop {
            tokio::select! {
                () = reset.cancelled() => break Ending::Reset,
                ending = &mut there, if !is_half_closed => match ending {
                    Ending::Closed => is_half_closed = true,
                    Ending::Reset => break Ending::Reset,
                },
                ending = &mut back => break ending,
            }
        }
    };
    if ending == Ending::Reset {
        let _ = set_socket_linger(client_writer.as_ref().as_fd(), Some(Duration::ZERO));
    }
}

/// Closes with RST: nobody waits for what was sent.
fn reset_now(client: &TcpStream) {
    let _ = set_socket_linger(client.as_fd(), Some(Duration::ZERO));
}
