//! Whose a connection is (Linux).

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The process among `pids` that has this end of a TCP connection on IPv4.
#[must_use]
pub fn owner(end: SocketAddr, pids: impl Iterator<Item = u32>) -> Option<u32> {
    let inode = inode(end)?;
    let target = format!("socket:[{inode}]");
    let mut pids = pids;
    pids.find(|pid| {
        let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        links
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|to| to.as_os_str() == &*target)
    })
}

fn inode(end: SocketAddr) -> Option<u64> {
    let IpAddr::V4(address) = end.ip() else { return None };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.octets()), end.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&local))?;
    row.split_whitespace().nth(9)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_belongs_to_this_process_and_to_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stream = TcpStream::connect(address).expect("it listens");
        let end = stream.local_addr().expect("an address");
        let me = std::process::id();
        assert_eq!(super::owner(end, [1, me].into_iter()), Some(me));
        drop((stream, listener));
        assert_eq!(super::owner(end, [me].into_iter()), None);
    }
}
