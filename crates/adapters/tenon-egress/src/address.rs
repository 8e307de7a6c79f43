//! Which addresses may be called: public ones, and those of networks that the installation
//! allows by name.
//!
//! The table is the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its
//! updates), multicast, and what clouds keep for themselves. Registry entries that are globally
//! reachable but lie inside a refused block (`192.0.0.9/32`, `2001:4:112::/48`) are refused too:
//! no API lives there. It does not look names up; `lookup` does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Decides about addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

/// An address that may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}")]
pub struct ForbiddenAddress {
    /// The address; an IPv4 address mapped into IPv6 is shown as IPv4.
    pub address: IpAddr,
    /// What it is, for people.
    pub kind: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(bits: u128, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix)
}

/// IPv4 blocks that are not public.
const V4_BLOCKS: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "an address of \"this network\""),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "a shared carrier address"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(168, 63, 129, 16, 32), "a cloud platform's own address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "an address for protocol assignments"),
    (v4(192, 0, 2, 0, 24), "a documentation address"),
    (v4(192, 88, 99, 0, 24), "a 6to4 relay address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "a benchmarking address"),
    (v4(198, 51, 100, 0, 24), "a documentation address"),
    (v4(203, 0, 113, 0, 24), "a documentation address"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// IPv6 blocks inside the global unicast range that are not public.
const V6_BLOCKS: &[(Ipv6Net, &str)] = &[
    (v6(0x2001 << 112, 23), "an address for protocol assignments"),
    (v6(0x2001_0db8 << 96, 32), "a documentation address"),
    (v6(0x2002 << 112, 16), "a 6to4 address"),
    (v6(0x3fff << 112, 20), "a documentation address"),
];

/// The only range that IANA gives out for public use.
const V6_GLOBAL_UNICAST: Ipv6Net = v6(0x2000 << 112, 3);

/// Blocks outside the global unicast range, for a clear message. Everything outside is refused,
/// listed here or not.
const V6_NAMED: &[(Ipv6Net, &str)] = &[
    (v6(1, 128), "a loopback address"),
    (v6(0, 128), "the unspecified address"),
    (v6(0, 96), "an address that embeds IPv4"),
    (v6(0xffff_0000 << 32, 96), "an address that embeds IPv4"),
    (v6(0x0064_ff9b << 96, 96), "an address that embeds IPv4"),
    (v6(0x0064_ff9b_0001 << 80, 48), "an address that embeds IPv4"),
    (v6(0x0100 << 112, 64), "a discard address"),
    (v6((0x0100 << 112) | (1 << 64), 64), "a dummy address"),
    (v6(0x5f00 << 112, 16), "a segment routing address"),
    (v6(0xfc00 << 112, 7), "a private address"),
    (v6(0xfe80 << 112, 10), "a link-local address"),
    (v6(0xfec0 << 112, 10), "a site-local address"),
    (v6(0xff00 << 112, 8), "a multicast address"),
];

impl AddressPolicy {
    /// Public addresses and those in `allowed`, but never those in `denied`.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>, denied: Vec<IpNet>) -> Self {
        Self { allowed, denied }
    }

    /// Checks one address. An address that embeds an IPv4 address is judged by both: its own
    /// block must be allowed, and so must the address inside.
    ///
    /// # Errors
    /// When the address is not public and not allowed, or denied.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        let address = address.to_canonical();
        let refuse = |kind| Err(ForbiddenAddress { address, kind });
        if self.denied.iter().any(|net| net.contains(&address)) {
            return refuse("in a network that this installation denies");
        }
        let is_allowed = self.allowed.iter().any(|net| net.contains(&address));
        if !is_allowed && let Some(kind) = special_block(address) {
            return refuse(kind);
        }
        match embedded_v4(address) {
            Some(inner) => self.check(IpAddr::V4(inner)),
            None => Ok(()),
        }
    }

    /// Checks all addresses of a name: one that is refused refuses the name, so that a mixed
    /// answer cannot be used to pick the private one.
    ///
    /// # Errors
    /// For the first address that is refused.
    pub fn check_all(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<(), ForbiddenAddress> {
        addresses.into_iter().try_for_each(|address| self.check(address))
    }
}

/// Why an address is not public.
fn special_block(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => find(V4_BLOCKS, |net| net.contains(&address)),
        IpAddr::V6(address) if V6_GLOBAL_UNICAST.contains(&address) => {
            find(V6_BLOCKS, |net| net.contains(&address))
        }
        IpAddr::V6(address) => Some(
            find(V6_NAMED, |net| net.contains(&address))
                .unwrap_or("outside the public address range"),
        ),
    }
}

fn find<N>(blocks: &[(N, &'static str)], holds: impl Fn(&N) -> bool) -> Option<&'static str> {
    blocks.iter().find(|(net, _)| holds(net)).map(|(_, kind)| *kind)
}

/// The IPv4 address that a translator or tunnel would take out of this address: IPv4-compatible,
/// SIIT (`::ffff:0:a.b.c.d`), NAT64 with the well-known or a local-use /96 prefix, 6to4.
/// Mapped addresses are IPv4 already.
fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32);
    let is_low_v4 = match bits >> 32 {
        0 => bits > 1,
        0xffff_0000 => true,
        high => high == 0x0064_ff9b << 64 || high >> 48 == 0x0064_ff9b_0001,
    };
    if is_low_v4 {
        return Some(low);
    }
    (bits >> 112 == 0x2002).then(|| Ipv4Addr::from_bits((bits >> 80) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allowed: &[&str], denied: &[&str]) -> AddressPolicy {
        let parse =
            |nets: &[&str]| nets.iter().map(|net| net.parse().expect("a network")).collect();
        AddressPolicy::new(parse(allowed), parse(denied))
    }

    fn is_public(address: &str) -> bool {
        AddressPolicy::default().check(address.parse().expect("an address")).is_ok()
    }

    /// first, last, the public neighbours below and above (none where the neighbour is special
    /// itself).
    const EDGES: &[(&str, &str, Option<&str>, Option<&str>)] = &[
        ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
        ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
        ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
        ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
        ("168.63.129.16", "168.63.129.16", Some("168.63.129.15"), Some("168.63.129.17")),
        ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
        ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
        ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
        ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
        ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
        ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
        ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
        ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
        ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
        ("224.0.0.0", "239.255.255.255", Some("223.255.255.255"), None),
        ("240.0.0.0", "255.255.255.255", None, None),
        ("::", "::ffff:ffff", None, None),
        ("::ffff:0:0:0", "::ffff:0:ffff:ffff", None, None),
        ("64:ff9b::", "64:ff9b::ffff:ffff", None, None),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", None, None),
        ("100::", "100::ffff:ffff:ffff:ffff", None, None),
        ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", None, None),
        (
            "2001::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some("2001:200::"),
        ),
        (
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some("2001:db9::"),
        ),
        (
            "2002::",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some("2003::"),
        ),
        (
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some("3fff:1000::"),
        ),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("fd00:ec2::254", "fd00:ec2::254", None, None),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        // Everything outside the global unicast range.
        ("::1:0:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, Some("2000::")),
        (
            "4000::",
            "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            None,
        ),
    ];

    #[test]
    fn special_blocks_are_refused_up_to_their_edges() {
        for (first, last, below, above) in EDGES {
            assert!(!is_public(first), "{first}");
            assert!(!is_public(last), "{last}");
            for neighbour in [below, above].into_iter().flatten() {
                assert!(is_public(neighbour), "{neighbour}");
            }
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"] {
            assert!(is_public(address), "{address}");
        }
    }

    #[test]
    fn a_mapped_address_is_judged_as_ipv4() {
        assert!(is_public("::ffff:8.8.8.8"));
        for address in ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"] {
            assert!(!is_public(address), "{address}");
        }
        let loopback = policy(&["127.0.0.0/8"], &[]);
        assert!(loopback.check("::ffff:127.0.0.1".parse().expect("an address")).is_ok());
    }

    #[test]
    fn a_translated_address_needs_both_of_its_parts_allowed() {
        let nat64 = policy(&["64:ff9b::/96", "2002::/16", "64:ff9b:1::/96", "::/96"], &[]);
        let check = |address: &str| nat64.check(address.parse().expect("an address"));
        assert!(check("64:ff9b::8.8.8.8").is_ok());
        assert!(check("2002:808:808::1").is_ok());
        for inner_private in [
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "::10.0.0.1",
        ] {
            assert!(check(inner_private).is_err(), "{inner_private}");
        }
    }

    #[test]
    fn an_allowed_network_opens_exactly_itself() {
        let policy = policy(&["10.1.0.0/16", "::1/128"], &[]);
        let check = |address: &str| policy.check(address.parse().expect("an address")).is_ok();
        assert!(check("10.1.255.255"));
        assert!(check("::1"));
        assert!(!check("10.2.0.0"));
        assert!(!check("10.0.255.255"));
        assert!(!check("127.0.0.1"));
    }

    #[test]
    fn a_denied_network_wins_over_an_allowed_one_and_over_public() {
        let policy = policy(&["10.0.0.0/8"], &["10.9.0.0/16", "8.8.8.0/24"]);
        let check = |address: &str| policy.check(address.parse().expect("an address")).is_ok();
        assert!(check("10.8.0.1"));
        assert!(!check("10.9.0.1"));
        assert!(!check("8.8.8.8"));
        assert!(!check("::ffff:8.8.8.8"));
    }

    #[test]
    fn one_refused_address_refuses_the_name() {
        let addresses = ["8.8.8.8", "10.0.0.1"].map(|text| text.parse().expect("an address"));
        let refused = AddressPolicy::default().check_all(addresses).expect_err("refused");
        assert_eq!(refused.to_string(), "10.0.0.1 is a private address");
    }
}
