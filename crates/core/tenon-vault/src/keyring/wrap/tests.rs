use tenon_domain::SecretId;

use super::*;
use crate::envelope::FreshKey;

fn row(project: ProjectId) -> WrappedKey {
    WrappedKey {
        id: Uuid::nil(),
        project,
        secret: SecretId::new(),
        version: 3,
        ring_key: Uuid::nil(),
        wrapped: Vec::new(),
    }
}

/// A wrapped key with the ring key that wraps it.
fn wrapped(install: InstallId) -> (OpenRingKey, WrappedKey, [u8; KEY_BYTES]) {
    let ring = OpenRingKey::new(ProjectId::new(), Uuid::now_v7(), &[5; KEY_BYTES]);
    let fresh = FreshKey::generate();
    let key = fresh.key();
    let mut row = WrappedKey { id: key.id(), ..row(ring.project) };
    ring.wrap(install, &mut row, key, &[9; HASH_BYTES], fresh.wrap_nonce());
    (ring, row, *key.expose())
}

#[test]
fn a_wrapped_key_comes_back_with_its_digest() {
    let install = InstallId::from_uuid(Uuid::new_v4());
    let (ring, row, key) = wrapped(install);
    assert_eq!(row.ring_key, ring.id);
    let unwrapped = ring.unwrap(install, &row).expect("it was wrapped just now");
    assert_eq!((unwrapped.key.expose(), unwrapped.key.id()), (&key, row.id));
    assert_eq!(unwrapped.digest, [9; HASH_BYTES]);
}

#[test]
fn every_flipped_bit_cut_and_extension_of_a_wrapped_key_is_found() {
    let install = InstallId::from_uuid(Uuid::new_v4());
    let (ring, row, _) = wrapped(install);
    for bit in 0..row.wrapped.len() * 8 {
        let mut changed = row.clone();
        changed.wrapped[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.unwrap(install, &changed).is_err(), "bit {bit} may be flipped");
    }
    for length in 0..row.wrapped.len() {
        let cut = WrappedKey { wrapped: row.wrapped[..length].to_vec(), ..row.clone() };
        assert!(ring.unwrap(install, &cut).is_err(), "it opens when cut to {length}");
    }
    let mut longer = row.clone();
    longer.wrapped.push(0);
    assert!(ring.unwrap(install, &longer).is_err());
}

#[test]
fn a_wrapped_key_unwraps_only_in_its_row_ring_and_installation() {
    let install = InstallId::from_uuid(Uuid::new_v4());
    let (ring, row, _) = wrapped(install);
    let elsewhere = [
        WrappedKey { id: Uuid::now_v7(), ..row.clone() },
        WrappedKey { project: ProjectId::new(), ..row.clone() },
        WrappedKey { secret: SecretId::new(), ..row.clone() },
        WrappedKey { version: row.version + 1, ..row.clone() },
    ];
    for row in elsewhere {
        assert!(ring.unwrap(install, &row).is_err(), "it opens as {row:?}");
    }
    let other = InstallId::from_uuid(Uuid::new_v4());
    assert!(ring.unwrap(other, &row).is_err());
    // The same key material under another id or for another tenant is another ring key.
    let renamed = OpenRingKey::new(ring.project, Uuid::now_v7(), &[5; KEY_BYTES]);
    assert!(renamed.unwrap(install, &row).is_err());
    let foreign = OpenRingKey::new(ProjectId::new(), ring.id, &[5; KEY_BYTES]);
    let moved = WrappedKey { project: foreign.project, ..row.clone() };
    assert!(foreign.unwrap(install, &moved).is_err());
    let other_key = OpenRingKey::new(ring.project, ring.id, &[6; KEY_BYTES]);
    assert!(other_key.unwrap(install, &row).is_err());
}
