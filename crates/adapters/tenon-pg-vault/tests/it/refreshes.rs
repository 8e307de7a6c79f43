//! What the suite does not say of claims: a refresher that died is counted.

use std::time::Duration;

use tenon_contract::vault::{RefreshClaim, SecretState};
use tenon_vault::ports::{StateGuard, ValueStore};

use crate::fixture::{Fixture, Outcome, credential_owner};

#[tokio::test]
async fn taking_over_a_claim_that_lapsed_counts_a_failure() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let secret = f.put(&owner).await?.secret;
    let first = f.values.claim(owner.project, secret, 1, Duration::from_millis(1)).await?;
    assert_eq!(first, RefreshClaim::Claimed { fence: 1 });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let second = f.values.claim(owner.project, secret, 1, Duration::from_secs(60)).await?;
    assert_eq!(second, RefreshClaim::Claimed { fence: 2 });
    let head = f.values.head(owner.project, secret).await?.expect("it is there");
    assert_eq!(head.refresh_failures, 1);
    // One that was given back is counted by giving it back, and not again.
    let released = f.values.release(owner.project, secret, 2).await?.expect("it holds");
    assert_eq!(released.refresh_failures, 2);
    f.values.claim(owner.project, secret, 1, Duration::from_secs(60)).await?;
    let head = f.values.head(owner.project, secret).await?.expect("it is there");
    assert_eq!(head.refresh_failures, 2);
    Ok(())
}

#[tokio::test]
async fn a_reason_with_a_null_character_is_kept() -> Outcome {
    let f = Fixture::new().await?;
    let owner = credential_owner();
    let head = f.put(&owner).await?;
    let state = SecretState::Invalid { code: "rejected".into(), reason: "bad\0token".into() };
    let guard = StateGuard::Version(1);
    let set = f.values.set_state(owner.project, head.secret, guard, &state, head.state_at).await?;
    let Some(SecretState::Invalid { reason, .. }) = set.map(|head| head.state) else {
        anyhow::bail!("the state was not set");
    };
    assert_eq!(reason, "bad\u{fffd}token");
    Ok(())
}
