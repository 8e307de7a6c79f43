//! The blocks that are not public, read from `data/`.
//!
//! The data is compiled in and checked by tests; what it means is decided by the parent.

use std::net::IpAddr;

use ipnet::IpNet;

/// The sources, in the order in which ties are decided.
pub(super) const SOURCES: [&str; 3] = [
    include_str!("../../data/iana-ipv4-special-registry.csv"),
    include_str!("../../data/iana-ipv6-special-registry.csv"),
    include_str!("../../data/further-blocks.csv"),
];

/// Blocks with their names, the smallest first: the name that says most is found.
#[derive(Debug)]
pub(super) struct Blocks(Vec<(IpNet, &'static str)>);

impl Blocks {
    /// The name of the smallest block that an address is in.
    pub(super) fn name_of(&self, address: IpAddr) -> Option<&'static str> {
        self.0.iter().find(|(net, _)| net.contains(&address)).map(|(_, name)| *name)
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &(IpNet, &'static str)> {
        self.0.iter()
    }
}

impl Default for Blocks {
    fn default() -> Self {
        let mut blocks: Vec<_> = SOURCES.into_iter().flat_map(rows).collect();
        blocks.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Self(blocks)
    }
}

/// The rows of a file: comments and empty lines are passed over.
fn rows(source: &'static str) -> impl Iterator<Item = (IpNet, &'static str)> {
    source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let mut cells = line.split(',');
        let block = cells.next().expect("split gives one part at least");
        let block: IpNet = block.parse().expect("a test reads every row");
        (block.trunc(), cells.next().expect("a test reads every row"))
    })
}
