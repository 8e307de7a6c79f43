use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{SecretOwner, Subject};

use super::*;

fn now() -> Timestamp {
    "2027-01-02T03:04:05Z".parse().expect("a time")
}

fn head(project: ProjectId, version: u32) -> SecretHead {
    SecretHead {
        secret: SecretId::new(),
        owner: SecretOwner { project, subject: Subject::App },
        version,
        state: SecretState::Valid,
        state_at: now(),
        expires_at: None,
        written_at: now(),
        refresh_failures: 0,
    }
}

fn key(byte: u8) -> SharingKey {
    SharingKey { generation: Generation([byte; 16]), key: SecretBytes::new(vec![byte; 32]) }
}

fn opened(entry: &[u8], head: &SecretHead, key: &SharingKey) -> Option<Vec<u8>> {
    let entry = Entry::read(entry, head.owner.project, head.secret)?;
    entry.open(key).map(|value| value.to_vec())
}

#[test]
fn an_entry_opens_under_its_key_and_says_whose_it_is() {
    let head = head(ProjectId::new(), 3);
    let entry = seal(&head, now(), &key(1), b"hush hush").expect("a good key");
    assert!(!entry.windows(4).any(|window| window == b"hush"));
    let read = Entry::read(&entry, head.owner.project, head.secret).expect("it is one");
    assert_eq!((&read.head, read.seen_at), (&head, now()));
    assert_eq!(read.named().generation, key(1).generation);
    assert_eq!(opened(&entry, &head, &key(1)).as_deref(), Some(&b"hush hush"[..]));
    assert_eq!(opened(&entry, &head, &key(2)), None);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let head = head(ProjectId::new(), 3);
    let entry = seal(&head, now(), &key(1), b"hush").expect("a good key");
    for at in 0..entry.len() * 8 {
        let mut changed = entry.clone();
        changed[at / 8] ^= 1 << (at % 8);
        // The generation decides which key the vault gives; here the key stays the right one.
        assert_eq!(opened(&changed, &head, &key(1)), None, "bit {at}");
    }
    for length in 0..entry.len() {
        assert_eq!(opened(&entry[..length], &head, &key(1)), None, "{length} bytes");
    }
}

#[test]
fn an_entry_of_another_secret_or_project_is_none() {
    let head = head(ProjectId::new(), 3);
    let entry = seal(&head, now(), &key(1), b"hush").expect("a good key");
    assert!(Entry::read(&entry, ProjectId::new(), head.secret).is_none());
    assert!(Entry::read(&entry, head.owner.project, SecretId::new()).is_none());
}

#[test]
fn an_entry_that_claims_a_huge_head_is_none() {
    let head = head(ProjectId::new(), 3);
    let mut entry = seal(&head, now(), &key(1), b"hush").expect("a good key");
    entry[LENGTH_AT..HEAD_AT].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(Entry::read(&entry, head.owner.project, head.secret).is_none());
}
