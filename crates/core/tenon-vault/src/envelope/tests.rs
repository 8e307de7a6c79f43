use proptest::prelude::*;
use tenon_domain::{CredentialId, EndUserId, ProjectId};

use super::*;

fn install() -> InstallId {
    InstallId::from_uuid(Uuid::from_u128(1))
}

fn credential(user: &str) -> SecretOwner {
    let subject =
        Subject::Credential { credential: CredentialId::new(), user: EndUserId::new(user) };
    SecretOwner { project: ProjectId::new(), subject }
}

/// An envelope with the key that opens it and the secret it is for.
fn sealed(owner: &SecretOwner, plaintext: &[u8]) -> (Vec<u8>, DataKey, SecretId) {
    let key = FreshKey::generate();
    let reader = key.reader();
    let secret = SecretId::new();
    let binding = Binding { install: install(), owner, secret, version: 1 };
    (seal(key, &binding, plaintext), reader, secret)
}

#[test]
fn an_envelope_gives_back_what_was_sealed() {
    let owner = credential("user-1");
    for length in [0, 1, 15, 16, 17, 1024, 256 << 10] {
        let plaintext: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let (envelope, key, secret) = sealed(&owner, &plaintext);
        assert_eq!(envelope.len(), length + OVERHEAD_BYTES);
        assert_eq!(data_key_of(&envelope), Some(key.id));
        let binding = Binding { install: install(), owner: &owner, secret, version: 1 };
        let opened = open(&key, &binding, &envelope).expect("nothing was changed");
        assert_eq!(opened.expose(), plaintext);
    }
}

#[test]
fn a_fresh_key_has_an_id_of_now_and_shares_nothing_with_the_next() {
    let (one, two) = (FreshKey::generate(), FreshKey::generate());
    assert_eq!(one.key.id.get_version_num(), 7);
    let (seconds, _) = one.key.id.get_timestamp().expect("the version has a time").to_unix();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_secs();
    assert!(now.abs_diff(seconds) < 60, "{seconds} is not {now}");
    assert_ne!(one.key.id, two.key.id);
    assert_ne!(one.key.bytes[..], two.key.bytes[..]);
    assert_ne!(one.nonce, two.nonce);
    assert_ne!(one.wrap_nonce, two.wrap_nonce);
    // Each part was drawn, and none is a copy of another.
    assert_ne!(one.key.bytes[..NONCE_BYTES], one.nonce);
    assert_ne!(one.nonce, one.wrap_nonce);
    assert!(one.key.bytes.windows(8).all(|part| part != [0; 8]), "a part was not drawn");
}

#[test]
fn nothing_of_a_value_is_in_its_envelope_and_no_two_are_alike() {
    let owner = credential("user-1");
    let plaintext = b"xoxb-a-canary-that-is-long-enough";
    let (one, ..) = sealed(&owner, plaintext);
    let (two, ..) = sealed(&owner, plaintext);
    for envelope in [&one, &two] {
        assert!(!envelope.windows(8).any(|part| plaintext.windows(8).any(|it| it == part)));
    }
    assert_ne!(one[SEALED_AT..], two[SEALED_AT..]);
}

/// At least 100,000 ways to change an envelope: every bit, every cut, every extension by one byte,
/// many pairs of bits, bytes of another envelope in its place.
#[test]
fn no_change_of_an_envelope_opens() {
    let owner = credential("user-1");
    let mut tried = 0_u32;
    for round in 0..8_u8 {
        let plaintext = vec![round; 24 + usize::from(round)];
        let (envelope, key, secret) = sealed(&owner, &plaintext);
        let (other, ..) = sealed(&owner, &plaintext);
        let binding = Binding { install: install(), owner: &owner, secret, version: 1 };
        let bound = binding.bound(key.id);
        let mut refuse = |changed: &[u8]| {
            assert!(open_bound(&key, &bound, changed).is_err(), "it opens as {changed:?}");
            tried += 1;
        };
        let bits = envelope.len() * 8;
        let mut changed = envelope.clone();
        for bit in 0..bits {
            changed[bit / 8] ^= 1 << (bit % 8);
            refuse(&changed);
            // A second bit besides, all over the envelope.
            for second in (bit + 1..bits).step_by(37) {
                changed[second / 8] ^= 1 << (second % 8);
                refuse(&changed);
                changed[second / 8] ^= 1 << (second % 8);
            }
            changed[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..envelope.len() {
            refuse(&envelope[..length]);
            refuse(&envelope[length + 1..]);
            let mut spliced = envelope.clone();
            spliced[length..].copy_from_slice(&other[length..]);
            // The last bytes of two envelopes may be the same by chance.
            if spliced != envelope {
                refuse(&spliced);
            }
        }
        for byte in 0..=255 {
            refuse(&[&envelope[..], &[byte]].concat());
            refuse(&[&[byte], &envelope[..]].concat());
        }
        refuse(&other);
        assert!(open_bound(&key, &bound, &envelope).is_ok(), "the test itself damaged it");
    }
    assert!(tried >= 100_000, "only {tried} changes were tried");
}

#[test]
fn an_envelope_opens_only_where_it_belongs() {
    let owner = credential("user-1");
    let (envelope, key, secret) = sealed(&owner, b"token");
    let home = Binding { install: install(), owner: &owner, secret, version: 1 };
    let Subject::Credential { credential: id, .. } = owner.subject.clone() else {
        panic!("the owner is a credential")
    };
    let subjects = [
        Subject::Credential { credential: id, user: EndUserId::new("user-2") },
        Subject::Credential { credential: id, user: EndUserId::new("user-1 ") },
        Subject::Credential { credential: CredentialId::new(), user: EndUserId::new("user-1") },
        Subject::App,
        Subject::Session,
        Subject::Project,
    ];
    let mut owners: Vec<SecretOwner> = subjects
        .map(|subject| SecretOwner { project: owner.project, subject })
        .into_iter()
        .collect();
    owners.push(SecretOwner { project: ProjectId::new(), ..owner.clone() });
    let mut elsewhere: Vec<Binding<'_>> =
        owners.iter().map(|owner| Binding { owner, ..home }).collect();
    elsewhere.push(Binding { install: InstallId::from_uuid(Uuid::from_u128(2)), ..home });
    elsewhere.push(Binding { secret: SecretId::new(), ..home });
    elsewhere.push(Binding { version: 2, ..home });
    elsewhere.push(Binding { version: 0, ..home });
    for binding in elsewhere {
        let opened = open(&key, &binding, &envelope);
        assert_eq!(opened.err(), Some(EnvelopeError::Forged), "it opens at {binding:?}");
    }
    assert!(open(&key, &home, &envelope).is_ok());
}

#[test]
fn kinds_of_owners_are_not_confused_with_one_another() {
    let project = ProjectId::new();
    let owners = [Subject::App, Subject::Session, Subject::Project]
        .map(|subject| SecretOwner { project, subject });
    for (index, owner) in owners.iter().enumerate() {
        let (envelope, key, secret) = sealed(owner, b"value");
        for (other_index, other) in owners.iter().enumerate() {
            let binding = Binding { install: install(), owner: other, secret, version: 1 };
            assert_eq!(open(&key, &binding, &envelope).is_ok(), index == other_index);
        }
    }
}

#[test]
fn another_key_does_not_open_it_even_under_the_same_id() {
    let owner = credential("user-1");
    let (envelope, key, secret) = sealed(&owner, b"token");
    let binding = Binding { install: install(), owner: &owner, secret, version: 1 };
    let other = DataKey { id: key.id, bytes: FreshKey::generate().key.bytes };
    assert_eq!(open(&other, &binding, &envelope).err(), Some(EnvelopeError::Forged));
    let renamed = DataKey { id: Uuid::now_v7(), bytes: key.bytes.clone() };
    assert_eq!(open(&renamed, &binding, &envelope).err(), Some(EnvelopeError::Forged));
}

/// GCM alone lets one ciphertext and tag open under two keys. This builds such a pair and shows
/// that the cipher takes it under both and the envelope under one.
#[test]
fn a_ciphertext_that_opens_under_two_keys_opens_under_the_one_it_is_committed_to() {
    let owner = credential("user-1");
    let secret = SecretId::new();
    let binding = Binding { install: install(), owner: &owner, secret, version: 1 };
    let one = FreshKey::generate().reader();
    let two = DataKey { id: one.id, bytes: FreshKey::generate().key.bytes };
    let bound = binding.bound(one.id);
    let nonce = [4; NONCE_BYTES];
    let ciphers = [&one, &two].map(|key| Cipher::new(&key.bytes));
    // The tag of a ciphertext block `x` is `tag(0) + x * h2` in GF(2^128), for each key.
    let tag_of = |cipher: &Cipher, block: u128| {
        let mut stream = Vec::new();
        cipher.seal(nonce, bound.tlv.as_slice(), &[0; 16], &mut stream);
        let plaintext = block ^ to_block(&stream[..16]);
        let mut sealed = Vec::new();
        cipher.seal(nonce, bound.tlv.as_slice(), &plaintext.to_be_bytes(), &mut sealed);
        assert_eq!(to_block(&sealed[..16]), block);
        to_block(&sealed[16..])
    };
    let zero = ciphers.each_ref().map(|cipher| tag_of(cipher, 0));
    let h2 = [0, 1].map(|index: usize| tag_of(&ciphers[index], ONE) ^ zero[index]);
    let block = times(zero[0] ^ zero[1], inverse(h2[0] ^ h2[1]));
    let tag = tag_of(&ciphers[0], block);
    assert_eq!(tag, tag_of(&ciphers[1], block), "the collision was built wrongly");

    let sealed = [block.to_be_bytes(), tag.to_be_bytes()].concat();
    for cipher in &ciphers {
        let opened = cipher.open(nonce, bound.tlv.as_slice(), &sealed, &mut [0; 16]);
        assert_eq!(opened, Ok(()), "the cipher alone is expected to take it");
    }
    let mut envelope = vec![VERSION, AES_256_GCM];
    envelope.extend_from_slice(one.id.as_bytes());
    envelope.push(12);
    envelope.extend_from_slice(&nonce);
    envelope.extend_from_slice(&32_u32.to_be_bytes());
    envelope.extend_from_slice(&sealed);
    for (committed, other) in [(&one, &two), (&two, &one)] {
        let whole = [&envelope[..], &commitment(committed, &bound)].concat();
        assert!(open(committed, &binding, &whole).is_ok());
        assert_eq!(open(other, &binding, &whole).err(), Some(EnvelopeError::Forged));
    }
}

/// The one of GCM's field, whose bits run the other way.
const ONE: u128 = 1 << 127;

fn to_block(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.try_into().expect("a block has 16 bytes"))
}

/// The product in GCM's field (NIST SP 800-38D, 6.3).
fn times(x: u128, y: u128) -> u128 {
    const R: u128 = 0xe1 << 120;
    let (mut z, mut v) = (0, y);
    for bit in (0..128).rev() {
        if (x >> bit) & 1 == 1 {
            z ^= v;
        }
        v = if v & 1 == 1 { (v >> 1) ^ R } else { v >> 1 };
    }
    z
}

/// `x` to the power of 2^128 - 2.
fn inverse(x: u128) -> u128 {
    let (mut power, mut product) = (times(x, x), ONE);
    for _ in 0..127 {
        product = times(product, power);
        power = times(power, power);
    }
    assert_eq!(times(x, product), ONE);
    product
}

#[test]
fn an_envelope_of_version_1_stays_readable() {
    // Written once and kept: a release that cannot read it loses every stored secret.
    let project = ProjectId::from_uuid(Uuid::from_u128(0x11));
    let credential = CredentialId::from_uuid(Uuid::from_u128(0x22));
    let user = EndUserId::new("user-1");
    let owner = SecretOwner { project, subject: Subject::Credential { credential, user } };
    let secret = SecretId::from_uuid(Uuid::from_u128(0x33));
    let binding = Binding { install: install(), owner: &owner, secret, version: 7 };
    let key = DataKey { id: Uuid::from_u128(0x44), bytes: Zeroizing::new([0x55; KEY_BYTES]) };
    let envelope = from_hex(GOLDEN);
    let opened = open(&key, &binding, &envelope).expect("version 1 is readable");
    assert_eq!(opened.expose(), b"golden");
}

const GOLDEN: &str = concat!(
    "0101000000000000000000000000000000440c000102030405060708090a0b000000166a51ffc9b9",
    "3f521e99e10dbc66483d19576b474a9b33dfc3df87656a6ade6b78fa715d2ec31768cc7bf88cd526",
    "3d24a5056a9a1ccda7",
);

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("it is hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_give_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let owner = credential("user-1");
        let secret = SecretId::new();
        let binding = Binding { install: install(), owner: &owner, secret, version: 1 };
        let key = FreshKey::generate().reader();
        prop_assert!(open(&key, &binding, &bytes).is_err());
        // A plausible head in front gets further into the reading.
        let mut plausible = vec![VERSION, AES_256_GCM];
        plausible.extend_from_slice(key.id.as_bytes());
        plausible.push(12);
        plausible.extend_from_slice(&bytes);
        prop_assert!(open(&key, &binding, &plausible).is_err());
    }

    #[test]
    fn different_places_have_different_bytes(
        one in any::<(u8, u8, String, u32)>(),
        two in any::<(u8, u8, String, u32)>(),
    ) {
        let bytes = |(project, kind, user, version): &(u8, u8, String, u32)| {
            let project = ProjectId::from_uuid(Uuid::from_u128(u128::from(*project)));
            let credential = CredentialId::from_uuid(Uuid::from_u128(9));
            let subject = match kind % 4 {
                0 => Subject::App,
                1 => Subject::Session,
                2 => Subject::Project,
                _ => Subject::Credential { credential, user: EndUserId::new(user.clone()) },
            };
            let owner = SecretOwner { project, subject };
            let secret = SecretId::from_uuid(Uuid::from_u128(5));
            let binding = Binding { install: install(), owner: &owner, secret, version: *version };
            (binding.bound(Uuid::nil()).tlv.as_slice().to_vec(), owner.clone(), *version)
        };
        let (one, two) = (bytes(&one), bytes(&two));
        prop_assert_eq!(one.0 == two.0, (&one.1, one.2) == (&two.1, two.2));
    }
}
