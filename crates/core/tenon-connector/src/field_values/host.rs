//! Host names, strictly: what a person may put into one, and which names mean this network.

use std::net::IpAddr;

/// One label: letters, digits and hyphens in the middle.
pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A host name of two labels or more, in lower case, that is not an address. A last label of
/// digits, or one that reads as a hexadecimal number, would be read as an IPv4 address by URL
/// parsers.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let Some(last) = labels.last() else { return false };
    text.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && !last.bytes().all(|b| b.is_ascii_digit())
        && !last.starts_with("0x")
}

/// Whether a host is an address, or a name that means something only inside a network.
#[must_use]
pub fn is_private_host(host: &str) -> bool {
    const SUFFIXES: [&str; 12] = [
        "localhost",
        "local",
        "internal",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "test",
        "invalid",
        "arpa",
        "onion",
    ];
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() || !is_host(&host) {
        return true;
    }
    host.rsplit('.').next().is_some_and(|last| SUFFIXES.contains(&last))
}
