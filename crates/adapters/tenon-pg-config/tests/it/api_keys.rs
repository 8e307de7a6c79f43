use sqlx::{Connection, PgConnection};
use tenon_config::{DisplayName, Error, Limits};

use crate::fixture::{Fixture, Outcome};

#[tokio::test]
async fn a_key_is_valid_until_it_is_revoked() -> Outcome {
    let f = Fixture::new().await?;
    let made = f.configuration.create_api_key(f.project, &DisplayName::parse("ci")?).await?;
    let plan = f.cache.project_plan(f.project).ok_or("it is published")?;
    assert_eq!(plan.authenticate(made.text.expose()), Some(made.key.id));

    f.configuration.revoke_api_key(f.project, made.key.id).await?;
    let plan = f.cache.project_plan(f.project).ok_or("it is published")?;
    assert_eq!(plan.authenticate(made.text.expose()), None);
    assert!(plan.authenticate(f.key.expose()).is_some(), "the other key stays");

    let listed = f.configuration.api_keys(f.project).await?;
    assert!(listed.iter().any(|key| key.id == made.key.id && key.revoked_at.is_some()));
    let again = f.configuration.revoke_api_key(f.project, made.key.id).await;
    assert!(matches!(again, Err(Error::NoSuchApiKey(_))), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn the_text_of_a_key_is_nowhere_in_the_database() -> Outcome {
    let f = Fixture::new().await?;
    let mut connection = PgConnection::connect(&f.database.superuser_url).await?;
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT k::text FROM api_key k").fetch_all(&mut connection).await?;
    assert_eq!(rows.len(), 1);
    // `tnn_<project>_<secret>`; the secret itself may hold underscores.
    let secret = f.key.expose().splitn(3, '_').nth(2).expect("a key has three parts");
    assert!(secret.len() > 20, "{secret}");
    assert!(!rows[0].contains(secret), "{}", rows[0]);
    Ok(())
}

#[tokio::test]
async fn there_is_a_limit_on_valid_keys() -> Outcome {
    let f = Fixture::with_limits(Limits { api_keys_max: 2, ..Limits::default() }).await?;
    let name = DisplayName::parse("ci")?;
    let second = f.configuration.create_api_key(f.project, &name).await?;
    let third = f.configuration.create_api_key(f.project, &name).await;
    assert!(matches!(third, Err(Error::LimitReached { max: 2, .. })));
    f.configuration.revoke_api_key(f.project, second.key.id).await?;
    assert!(f.configuration.create_api_key(f.project, &name).await.is_ok());
    Ok(())
}
