//! The table against the data that it comes from, and against edges written by hand.

use super::blocks::SOURCES;
use super::*;

fn policy(allowed: &[&str], denied: &[&str]) -> AddressPolicy {
    let parse = |nets: &[&str]| nets.iter().map(|net| net.parse().expect("a network")).collect();
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
    let nat64 = policy(&["64:ff9b::/96", "2002::/16", "64:ff9b:1::/48", "::/96"], &[]);
    let check = |address: &str| nat64.check(address.parse().expect("an address"));
    assert!(check("64:ff9b::8.8.8.8").is_ok());
    assert!(check("2002:808:808::1").is_ok());
    for inner_private in [
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
        "::10.0.0.1",
        // RFC 6052 with prefixes of 48, 56 and 64 bits: 10.0.0.1 around the bits 64 to 71.
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:1:a:0:1::",
        "64:ff9b:1:1:a:0:100:0",
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
    assert_eq!(refused.to_string(), "10.0.0.1 may not be called: Private-Use");
}

/// First and last address of a block, worked out from its text alone.
fn range_of(block: &str) -> (bool, u128, u128) {
    let (first, length) = block.split_once('/').expect("a block has a length");
    let length: u32 = length.parse().expect("a length");
    let (is_v4, bits, first) = match first.parse().expect("an address") {
        IpAddr::V4(address) => (true, 32, u128::from(address.to_bits())),
        IpAddr::V6(address) => (false, 128, address.to_bits()),
    };
    let size = 1_u128.checked_shl(bits - length).map_or(u128::MAX, |size| size - 1);
    (is_v4, first, first + size)
}

fn address_of(is_v4: bool, bits: u128) -> Option<IpAddr> {
    if is_v4 {
        return u32::try_from(bits).ok().map(|bits| Ipv4Addr::from_bits(bits).into());
    }
    Some(Ipv6Addr::from_bits(bits).into())
}

#[test]
fn every_block_of_the_data_is_refused_and_what_lies_beside_it_only_if_it_is_special_too() {
    let ranges: Vec<_> = SOURCES
        .iter()
        .flat_map(|source| source.lines())
        .filter(|line| !line.starts_with('#'))
        .map(|line| range_of(line.split(',').next().expect("a first cell")))
        .collect();
    assert_eq!(ranges.len(), 26 + 25 + 6, "rows of the three files");
    assert_eq!(AddressPolicy::default().special.iter().count(), ranges.len());
    let is_special = |is_v4: bool, bits: u128| {
        let is_outside = !is_v4 && bits >> 125 != 1;
        is_outside
            || ranges
                .iter()
                .any(|(of_v4, first, last)| *of_v4 == is_v4 && (*first..=*last).contains(&bits))
    };
    let (mut refused, mut passed) = (0, 0);
    for (is_v4, first, last) in &ranges {
        let edges = [first.checked_sub(1), Some(*first), Some(*last), last.checked_add(1)];
        for bits in edges.into_iter().flatten() {
            let Some(address) = address_of(*is_v4, bits) else { continue };
            let is_refused = AddressPolicy::default().check(address).is_err();
            assert_eq!(is_refused, is_special(*is_v4, bits), "{address}");
            *(if is_refused { &mut refused } else { &mut passed }) += 1;
        }
    }
    assert!(refused > 120 && passed > 35, "{refused} refused, {passed} passed");
}

#[test]
fn a_tunnel_to_a_private_address_is_refused_also_where_tunnels_are_allowed() {
    let policy = policy(&["2001::/32", "2002::/16"], &[]);
    let check = |address: &str| policy.check(address.parse().expect("an address")).is_ok();
    // Teredo: the server 8.8.8.8 or 10.0.0.1, the client 8.8.4.4 or 127.0.0.1 turned over.
    assert!(check("2001:0:808:808:0:0:f7f7:fbfb"));
    assert!(!check("2001:0:808:808:0:0:80ff:fffe"));
    assert!(!check("2001:0:a00:1:0:0:f7f7:fbfb"));
    // ISATAP needs no allowance: its prefix is any public one.
    assert!(check("2606:4700::5efe:808:808"));
    assert!(!check("2606:4700::5efe:a00:1"));
    assert!(!check("2606:4700::200:5efe:7f00:1"));
}
