use jiff::SignedDuration;
use tenon_testkit::fakes::FakeClock;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const PLACE: &str = "plan:{a}";

fn key(byte: u8) -> SecretBytes {
    SecretBytes::new(vec![byte; SEAL_KEY_BYTES_MIN])
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at("2027-01-15T08:00:00Z"))
}

fn sealer(byte: u8, others: &[SecretBytes], clock: &Arc<FakeClock>) -> Sealer {
    Sealer::new(&key(byte), others, DAY, clock.clone()).expect("the key is long enough")
}

fn text(opened: Option<Opened>) -> Option<Vec<u8>> {
    opened.map(|opened| opened.plaintext.to_vec())
}

#[test]
fn what_was_sealed_opens_in_its_place_and_shows_nothing() {
    let sealer = sealer(1, &[], &clock());
    let entry = sealer.seal(Kind::Plan, PLACE, b"hush hush");
    assert!(!entry.windows(4).any(|window| window == b"hush"));
    let opened = sealer.open(Kind::Plan, PLACE, &entry).expect("it opens");
    assert_eq!((&opened.plaintext[..], opened.is_current), (&b"hush hush"[..], true));
    assert_ne!(entry, sealer.seal(Kind::Plan, PLACE, b"hush hush"), "the nonce is new each time");
}

#[test]
fn it_opens_in_no_other_place_and_as_nothing_else() {
    let sealer = sealer(1, &[], &clock());
    let entry = sealer.seal(Kind::Plan, PLACE, b"hush");
    assert!(sealer.open(Kind::Plan, "plan:{b}", &entry).is_none());
    assert!(sealer.open(Kind::Value, PLACE, &entry).is_none());
    assert!(sealer.open(Kind::Version, PLACE, &entry).is_none());
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let sealer = sealer(1, &[], &clock());
    let entry = sealer.seal(Kind::Plan, PLACE, b"hush");
    for at in 0..entry.len() * 8 {
        let mut changed = entry.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(sealer.open(Kind::Plan, PLACE, &changed).is_none(), "bit {at}");
    }
    for length in 0..entry.len() {
        assert!(sealer.open(Kind::Plan, PLACE, &entry[..length]).is_none(), "{length} bytes");
    }
    let longer = [&entry[..], b"x"].concat();
    assert!(sealer.open(Kind::Plan, PLACE, &longer).is_none());
}

#[test]
fn another_key_opens_nothing_unless_it_knows_this_one() {
    let clock = clock();
    let entry = sealer(1, &[], &clock).seal(Kind::Plan, PLACE, b"hush");
    assert!(sealer(2, &[], &clock).open(Kind::Plan, PLACE, &entry).is_none());
    let both = sealer(2, &[key(1)], &clock);
    let opened = both.open(Kind::Plan, PLACE, &entry).expect("it is one of its keys");
    assert!(!opened.is_current, "it is to be sealed under the other one");
    let anew = both.seal(Kind::Plan, PLACE, b"hush");
    assert!(sealer(1, &[], &clock).open(Kind::Plan, PLACE, &anew).is_none());
    assert_eq!(
        text(sealer(1, &[key(2)], &clock).open(Kind::Plan, PLACE, &anew)),
        text(Some(opened))
    );
}

#[test]
fn an_entry_opens_in_its_epoch_and_the_next_and_never_again() {
    let clock = clock();
    let sealer = sealer(1, &[], &clock);
    let entry = sealer.seal(Kind::Plan, PLACE, b"hush");
    clock.advance(SignedDuration::from_hours(24));
    let opened = sealer.open(Kind::Plan, PLACE, &entry).expect("the epoch before is read");
    assert!(!opened.is_current);
    clock.advance(SignedDuration::from_hours(24));
    assert!(sealer.open(Kind::Plan, PLACE, &entry).is_none(), "two epochs later");
    let restarted = self::sealer(1, &[], &clock);
    assert!(restarted.open(Kind::Plan, PLACE, &entry).is_none(), "also after a restart");
}

#[test]
fn a_workflow_version_opens_as_long_as_it_may_lie_unused() {
    let clock = clock();
    let sealer = sealer(1, &[], &clock);
    let entry = sealer.seal(Kind::Version, PLACE, b"hush");
    clock.advance(SignedDuration::from_hours(24 * 30));
    let opened = sealer.open(Kind::Version, PLACE, &entry).expect("it may still be there");
    assert!(!opened.is_current);
    clock.advance(SignedDuration::from_hours(24 * 3));
    assert!(sealer.open(Kind::Version, PLACE, &entry).is_none());
}

#[test]
fn somebody_whose_clock_is_ahead_is_understood() {
    let (here, ahead) = (clock(), clock());
    ahead.advance(SignedDuration::from_hours(24));
    let entry = sealer(1, &[], &ahead).seal(Kind::Plan, PLACE, b"hush");
    assert!(sealer(1, &[], &here).open(Kind::Plan, PLACE, &entry).expect("it opens").is_current);
    ahead.advance(SignedDuration::from_hours(24));
    let entry = sealer(1, &[], &ahead).seal(Kind::Plan, PLACE, b"hush");
    assert!(sealer(1, &[], &here).open(Kind::Plan, PLACE, &entry).is_none(), "by two epochs");
}

#[test]
fn what_was_never_sealed_does_not_open() {
    let sealer = sealer(1, &[], &clock());
    for entry in [&b""[..], b"1", b"{\"revision\":1}", &[1; 64], &[0; 64]] {
        assert!(sealer.open(Kind::Plan, PLACE, entry).is_none());
    }
}

#[test]
fn weak_keys_are_refused() {
    let short = SecretBytes::new(vec![1; SEAL_KEY_BYTES_MIN - 1]);
    let made = Sealer::new(&short, &[], DAY, clock());
    assert_eq!(made.err(), Some(InvalidSealKey::Short));
    let made = Sealer::new(&key(1), &[short], DAY, clock());
    assert_eq!(made.err(), Some(InvalidSealKey::Short));
    let made = Sealer::new(&key(1), &[], Duration::from_millis(10), clock());
    assert_eq!(made.err(), Some(InvalidSealKey::Epoch));
}
