//! Free ports of the loopback device.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Cluster nodes of Redis listen on a second port, so much above the first.
const BUS_DISTANCE: u16 = 10_000;

/// So many free ports, all different. Another process may take one before it is used; whoever
/// needs it then says that it is taken.
///
/// # Errors
/// When the system has none left.
pub fn free(count: usize) -> io::Result<Vec<SocketAddr>> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    }
    held.iter().map(TcpListener::local_addr).collect()
}

/// The same for nodes of a Redis cluster, whose second port must be free as well.
///
/// # Errors
/// When the system has none left.
pub fn free_for_nodes(count: usize) -> io::Result<Vec<SocketAddr>> {
    let (mut held, mut found) = (Vec::new(), BTreeSet::new());
    while found.len() < count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let bus = address.port().checked_add(BUS_DISTANCE);
        if let Some(bus) = bus.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        {
            held.push(bus);
            found.insert(address);
        }
        // Kept until the end: the system would offer it again.
        held.push(listener);
    }
    Ok(found.into_iter().collect())
}
