//! Which addresses may be called: public ones, and those of networks that the installation
//! allows by name.
//!
//! What is not public is data: `data/` holds the IANA special-purpose registries for IPv4 and
//! IPv6 and a few further blocks (see [`blocks`]). Every block of the registries is refused, also
//! the few that are globally reachable (anycast of protocols, AS112): no API lives there. Outside
//! of `2000::/3`, all of IPv6 is refused. It does not look names up; `lookup` does.

mod blocks;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

use self::blocks::Blocks;

/// Decides about addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    special: Arc<Blocks>,
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

/// An address that may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} may not be called: {kind}")]
pub struct ForbiddenAddress {
    /// The address; an IPv4 address mapped into IPv6 is shown as IPv4.
    pub address: IpAddr,
    /// What it is, for people: the name of its block in the registry.
    pub kind: &'static str,
}

/// The only range that IANA gives out for public use.
const V6_GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::from_bits(0x2000 << 112), 3);

impl AddressPolicy {
    /// Public addresses and those in `allowed`, but never those in `denied`.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>, denied: Vec<IpNet>) -> Self {
        Self { special: Arc::default(), allowed, denied }
    }

    /// Checks one address. An address that embeds IPv4 addresses is judged by all of them: its
    /// own block must be allowed, and so must every address inside.
    ///
    /// # Errors
    /// When the address is not public and not allowed, or denied.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        let address = address.to_canonical();
        let refuse = |kind| Err(ForbiddenAddress { address, kind });
        if self.denied.iter().any(|net| net.contains(&address)) {
            return refuse("this installation denies its network");
        }
        let is_allowed = self.allowed.iter().any(|net| net.contains(&address));
        if !is_allowed && let Some(kind) = self.special_block(address) {
            return refuse(kind);
        }
        embedded_v4(address).into_iter().try_for_each(|inner| self.check(IpAddr::V4(inner)))
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

    /// Why an address is not public.
    fn special_block(&self, address: IpAddr) -> Option<&'static str> {
        let outside = match address {
            IpAddr::V6(address) if !V6_GLOBAL_UNICAST.contains(&address) => {
                Some("outside of the public address range")
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        };
        self.special.name_of(address).or(outside)
    }
}

/// The IPv4 addresses that a translator or tunnel would take out of this address. Mapped
/// addresses are IPv4 already.
fn embedded_v4(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return Vec::new();
    };
    let bits = address.to_bits();
    // The 32 bits that begin at a bit, counted from the left.
    let at = |bit: u32| Ipv4Addr::from_bits((bits << bit >> 96) as u32);
    match (bits >> 112, bits >> 32) {
        // 6to4 (RFC 3056).
        (0x2002, _) => vec![at(16)],
        // Teredo (RFC 4380): its server, and its client with all bits turned over.
        (0x2001, _) if bits >> 96 == 0x2001_0000 => {
            vec![at(32), Ipv4Addr::from_bits(!at(96).to_bits())]
        }
        // IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765), NAT64 (RFC 6052).
        (_, 0) if bits > 1 => vec![at(96)],
        (_, 0xffff_0000) => vec![at(96)],
        (_, high) if high == 0x0064_ff9b << 64 => vec![at(96)],
        // NAT64 with a local prefix (RFC 8215): of /96, or of a shorter one, by which the address
        // is spread around the bits 64 to 71, which are zero.
        (_, high) if high >> 48 == 0x0064_ff9b_0001 => {
            if high & 0xffff_ffff_ffff == 0 {
                return vec![at(96)];
            }
            let spread = |head: u32| {
                let tail = head - 32;
                let upper = at(head).to_bits() >> tail << tail;
                Ipv4Addr::from_bits(upper | (at(72).to_bits() >> (32 - tail)))
            };
            vec![at(96), spread(48), spread(56), at(72)]
        }
        // ISATAP (RFC 5214), by its interface identifier.
        (_, high) if matches!(high & 0xffff_ffff, 0x5efe | 0x0200_5efe) => vec![at(96)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
