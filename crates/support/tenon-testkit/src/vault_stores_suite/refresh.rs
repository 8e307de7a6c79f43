//! Rules of the value store about claims, fences and who renews a value.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenon_contract::vault::{RefreshClaim, SecretState};
use tenon_domain::SecretId;
use tenon_vault::ports::{StateGuard, Written};

use super::values::{LONG, claim, committed, head_of, put};
use super::{Harness, now, owner, refreshed, version};

/// Ends before anybody looks again.
const SHORT: Duration = Duration::from_millis(1);

/// Then another one gets it, with a higher fence.
pub async fn a_claim_holds_until_its_end(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let first = claim(&values, &owner, secret, 1, SHORT).await;
    let second = claim(&values, &owner, secret, 1, LONG).await;
    assert!(second > first, "fence {second} came behind {first}");
    let third = values.claim(owner.project, secret, 1, LONG).await.expect("claiming works");
    let RefreshClaim::Busy { until } = third else { panic!("the third was told {third:?}") };
    let left = until.duration_since(Timestamp::now());
    assert!(left > SignedDuration::from_mins(30), "the claim would end in {left}");
    let head = head_of(&values, &owner, secret).await.expect("it is there");
    assert_eq!((head.version, head.state), (1, SecretState::Valid));
}

/// However many ask at once.
pub async fn one_of_many_claims_wins(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let claims = (0..16).map(|_| {
        let (values, project) = (values.clone(), owner.project);
        tokio::spawn(async move { values.claim(project, secret, 1, LONG).await })
    });
    let mut won = 0;
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.expect("a claim does not panic").expect("claiming works") {
            RefreshClaim::Claimed { .. } => won += 1,
            RefreshClaim::Busy { .. } => {}
            RefreshClaim::Changed => panic!("nothing had changed"),
        }
    }
    assert_eq!(won, 1);
}

/// Who is behind reads again; what does not work is not refreshed.
pub async fn only_a_current_and_valid_version_is_claimed(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    committed(&values, &owner, secret, &version(2)).await;
    for wrong in [1, 3] {
        let claim = values.claim(owner.project, secret, wrong, LONG).await;
        assert_eq!(claim.expect("claiming works"), RefreshClaim::Changed);
    }
    let guard = StateGuard::Version(2);
    let set = values.set_state(owner.project, secret, guard, &SecretState::Expired, now()).await;
    assert!(set.expect("setting works").is_some());
    let claim = values.claim(owner.project, secret, 2, LONG).await.expect("claiming works");
    assert_eq!(claim, RefreshClaim::Changed);
}

/// A token of an older refresh never takes the place of one of a newer refresh.
pub async fn a_higher_fence_wins(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let older = claim(&values, &owner, secret, 1, SHORT).await;
    let newer = claim(&values, &owner, secret, 1, LONG).await;
    let head = committed(&values, &owner, secret, &refreshed(2, newer)).await;
    for number in [2, 3] {
        let late = values.update(owner.project, secret, &refreshed(number, older)).await;
        assert_eq!(late.expect("updating works"), Written::Superseded);
    }
    let spoilt = StateGuard::Fence(older);
    let set = values.set_state(owner.project, secret, spoilt, &SecretState::Expired, now()).await;
    assert_eq!(set.expect("setting works"), None);
    assert_eq!(values.release(owner.project, secret, older).await.expect("releasing works"), None);
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
    // The claim has ended with the write.
    claim(&values, &owner, secret, 2, LONG).await;
}

/// The provider rotated for the one that was late; what a later claim ran into does not count.
pub async fn a_late_refresh_is_kept_where_nothing_newer_was_written(harness: &impl Harness) {
    let values = harness.values().await;
    let owner = owner();
    let invalid =
        SecretState::Invalid { code: "rejected".to_owned(), reason: "invalid_grant".to_owned() };
    // The later claim has not ended yet.
    let secret = SecretId::new();
    put(&values, secret, &owner).await;
    let older = claim(&values, &owner, secret, 1, SHORT).await;
    let newer = claim(&values, &owner, secret, 1, LONG).await;
    let head = committed(&values, &owner, secret, &refreshed(2, older)).await;
    let guard = StateGuard::Fence(newer);
    let set = values.set_state(owner.project, secret, guard, &invalid, now()).await;
    assert_eq!(set.expect("setting works"), None, "a refused old token spoils a new one");
    assert_eq!(values.release(owner.project, secret, newer).await.expect("releasing works"), None);
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
    // The later claim has ended badly.
    let secret = SecretId::new();
    put(&values, secret, &owner).await;
    let older = claim(&values, &owner, secret, 1, SHORT).await;
    let newer = claim(&values, &owner, secret, 1, LONG).await;
    let guard = StateGuard::Fence(newer);
    let set = values.set_state(owner.project, secret, guard, &invalid, now()).await;
    assert_eq!(set.expect("setting works").map(|head| head.state), Some(invalid));
    let head = committed(&values, &owner, secret, &refreshed(2, older)).await;
    assert_eq!(head.state, SecretState::Valid);
}

/// What a refresh brings belongs to the account as it was linked before.
pub async fn a_person_beats_a_refresh_in_flight(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    let head = committed(&values, &owner, secret, &version(2)).await;
    for number in [2, 3] {
        let late = values.update(owner.project, secret, &refreshed(number, fence)).await;
        assert_eq!(late.expect("updating works"), Written::Superseded);
    }
    let guard = StateGuard::Fence(fence);
    let set = values.set_state(owner.project, secret, guard, &SecretState::Expired, now()).await;
    assert_eq!(set.expect("setting works"), None);
    assert_eq!(values.release(owner.project, secret, fence).await.expect("releasing works"), None);
    assert_eq!(head_of(&values, &owner, secret).await, Some(head));
    let next = claim(&values, &owner, secret, 2, LONG).await;
    assert!(next > fence, "fence {next} came behind {fence}");
    let head = committed(&values, &owner, secret, &refreshed(3, next)).await;
    assert_eq!(head.version, 3);
    // A repeat after a lost answer is no older than what it wrote.
    committed(&values, &owner, secret, &refreshed(4, next)).await;
}

/// Once, and the next one may try.
pub async fn a_released_claim_counts_a_failure(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    for failures in 1..=2 {
        let fence = claim(&values, &owner, secret, 1, LONG).await;
        let head = values.release(owner.project, secret, fence).await.expect("releasing works");
        assert_eq!(head.map(|head| (head.refresh_failures, head.version)), Some((failures, 1)));
        let again = values.release(owner.project, secret, fence).await.expect("releasing works");
        assert_eq!(again, None);
    }
    let older = claim(&values, &owner, secret, 1, SHORT).await;
    claim(&values, &owner, secret, 1, LONG).await;
    let gone = values.release(owner.project, secret, older).await.expect("releasing works");
    assert_eq!(gone, None, "a claim that another one took over was released");
    let busy = values.claim(owner.project, secret, 1, LONG).await.expect("claiming works");
    assert!(matches!(busy, RefreshClaim::Busy { .. }), "it was {busy:?}");
}

/// It is how others learn that a refresher died, perhaps with the new token in its hands. A claim
/// that was ended by a write or a release does not count again.
pub async fn a_claim_that_lapsed_counts_a_failure(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    let failures = async || head_of(&values, &owner, secret).await.map(|it| it.refresh_failures);
    put(&values, secret, &owner).await;
    claim(&values, &owner, secret, 1, SHORT).await;
    assert_eq!(failures().await, Some(0));
    claim(&values, &owner, secret, 1, SHORT).await;
    assert_eq!(failures().await, Some(1));
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    assert_eq!(failures().await, Some(2));
    values.release(owner.project, secret, fence).await.expect("releasing works");
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    assert_eq!(failures().await, Some(3), "a claim that was given back counts twice");
    committed(&values, &owner, secret, &refreshed(2, fence)).await;
    claim(&values, &owner, secret, 2, LONG).await;
    assert_eq!(failures().await, Some(0), "a claim that was fulfilled counts");
}

/// And the claim has ended then.
pub async fn a_state_is_set_by_the_claim_that_holds(harness: &impl Harness) {
    let values = harness.values().await;
    let (secret, owner) = (SecretId::new(), owner());
    put(&values, secret, &owner).await;
    let fence = claim(&values, &owner, secret, 1, LONG).await;
    let guard = StateGuard::Fence(fence);
    let set = values.set_state(owner.project, secret, guard, &SecretState::Expired, now()).await;
    assert_eq!(set.expect("setting works").map(|head| head.state), Some(SecretState::Expired));
    assert_eq!(values.release(owner.project, secret, fence).await.expect("releasing works"), None);
}
