use tenon_config::ports::UserPage;
use tenon_config::{Choice, Error};
use tenon_domain::EndUserId;

use crate::fixture::{Fixture, Outcome, document};

#[tokio::test]
async fn a_user_is_made_known_once() -> Outcome {
    let f = Fixture::new().await?;
    let user = EndUserId::new("user@example.com");
    let first = f.configuration.ensure_user(f.project, &user).await?;
    let second = f.configuration.ensure_user(f.project, &user).await?;
    assert_eq!(first.id, second.id);
    assert_eq!(first.created_at.as_microsecond(), second.created_at.as_microsecond());
    assert_eq!(
        f.configuration.users(f.project, UserPage { after: None, limit: 9 }).await?.len(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn pages_of_users_go_on_behind_the_last_id() -> Outcome {
    let f = Fixture::new().await?;
    for id in ["b", "B", "ä", "a", "10", "9"] {
        f.configuration.ensure_user(f.project, &EndUserId::new(id)).await?;
    }
    let mut seen = Vec::new();
    let mut page = UserPage { after: None, limit: 4 };
    loop {
        let users = f.configuration.users(f.project, page.clone()).await?;
        let Some(last) = users.last() else { break };
        page.after = Some(last.id.clone());
        seen.extend(users.into_iter().map(|user| user.id.as_str().to_owned()));
    }
    assert_eq!(seen, ["10", "9", "B", "a", "b", "ä"]);
    Ok(())
}

#[tokio::test]
async fn a_choice_goes_before_the_default_and_a_disabled_user_before_both() -> Outcome {
    let f = Fixture::new().await?;
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let user = EndUserId::new("u1");
    let mut choice =
        Choice { user: user.clone(), workflow: applied[0].workflow, is_enabled: false };
    let is_enabled =
        |plan: &tenon_contract::plan::ProjectPlan| plan.is_enabled(&plan.workflows[0], Some(&user));
    assert!(is_enabled(&*f.plan().await?));
    f.configuration.choose(f.project, &choice).await?;
    assert!(!is_enabled(&*f.plan().await?));
    choice.is_enabled = true;
    f.configuration.choose(f.project, &choice).await?;
    assert!(is_enabled(&*f.plan().await?));
    assert_eq!(f.configuration.choices(f.project, &user).await?, [choice.clone()]);

    f.configuration.disable_user(f.project, &user).await?;
    assert!(!is_enabled(&*f.plan().await?));
    f.configuration.enable_user(f.project, &user).await?;
    assert!(is_enabled(&*f.plan().await?));
    Ok(())
}

#[tokio::test]
async fn a_choice_that_changes_nothing_publishes_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let choice =
        Choice { user: EndUserId::new("u"), workflow: applied[0].workflow, is_enabled: false };
    f.configuration.choose(f.project, &choice).await?;
    let revision = f.plan().await?.revision;
    f.configuration.choose(f.project, &choice).await?;
    assert_eq!(f.plan().await?.revision, revision);
    Ok(())
}

#[tokio::test]
async fn ids_that_cannot_be_stored_are_refused() -> Outcome {
    let f = Fixture::new().await?;
    for id in [String::new(), "x".repeat(256), "a\0b".to_owned()] {
        let outcome = f.configuration.ensure_user(f.project, &EndUserId::new(id)).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{outcome:?}");
    }
    Ok(())
}
