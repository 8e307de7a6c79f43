use tenon_config::{Error, Limits};

use crate::accounts::Accounts;
use crate::fixture::Outcome;

#[tokio::test]
async fn a_key_is_in_the_plan_until_it_is_revoked_and_its_private_half_nowhere() -> Outcome {
    let a = Accounts::with_limits(Limits { signing_keys_max: 1, ..Limits::default() }).await?;
    let new = a.configuration.create_signing_key(a.f.project).await?;
    let plan = a.f.cache.project_plan(a.f.project).ok_or("it is published")?;
    assert_eq!(plan.signing_keys.len(), 1);
    assert_eq!(plan.signing_keys[0].id, new.key.id);
    let private = std::str::from_utf8(new.private_pem.expose())?;
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let line = private.lines().nth(5).ok_or("it has lines")?;
    assert!(!a.dump().await?.contains(line));

    let refused = a.configuration.create_signing_key(a.f.project).await;
    assert!(matches!(refused, Err(Error::LimitReached { max: 1, .. })));
    a.configuration.revoke_signing_key(a.f.project, &new.key.id).await?;
    let plan = a.f.cache.project_plan(a.f.project).ok_or("it is published")?;
    assert!(plan.signing_keys.is_empty());
    let again = a.configuration.revoke_signing_key(a.f.project, &new.key.id).await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    Ok(())
}
