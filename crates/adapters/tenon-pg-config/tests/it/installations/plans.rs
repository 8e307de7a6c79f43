//! What is read of a user, and who a schedule runs for.

use super::*;

#[tokio::test]
async fn what_a_user_has_is_read_as_of_one_moment() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    let (p, c) = (s.project(), &s.configuration);
    let before = c.accounts(p, &s.user).await?;
    assert_eq!(before.revisions, c.revisions(p, &s.user).await?);
    assert_eq!((before.accounts.len(), before.accounts[0].configurations.len()), (1, 1));
    c.add_configuration(p, s.account, Some("team".into())).await?;
    s.enable(workflow).await?;
    let after = c.accounts(p, &s.user).await?;
    assert!(after.revisions.user > before.revisions.user);
    let [default, team] = &after.accounts[0].configurations[..] else {
        return Err("there are two".into());
    };
    assert!(default.is_default && default.workflow(workflow).enabled);
    assert!(!team.workflow(workflow).enabled);
    let nobody = EndUserId::new("nobody");
    assert_eq!(c.revisions(p, &nobody).await?.user, None);
    assert!(matches!(c.accounts(p, &nobody).await, Err(Error::NoSuchUser(_))));
    c.ensure_user(p, &nobody).await?;
    assert_eq!(c.revisions(p, &nobody).await?.user, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_user_with_metadata_only_has_a_plan() -> Outcome {
    let a = Accounts::new().await?;
    let (p, user) = (a.f.project, EndUserId::new("meta"));
    a.configuration.set_user_meta(p, &user, object(json!({"a": 1, "b": {"c": 2}}))).await?;
    let changed = a.configuration.set_user_meta(p, &user, object(json!({"a": null}))).await?;
    assert_eq!(Value::Object(changed.meta), json!({"b": {"c": 2}}));
    let plan = a.f.cache.user(p, &user).await?.ok_or("it is published")?;
    assert_eq!(Value::Object(plan.meta.clone()), json!({"b": {"c": 2}}));
    let revision = plan.revision;
    a.configuration.set_user_meta(p, &user, object(json!({"a": null}))).await?;
    let plan = a.f.cache.user(p, &user).await?.ok_or("it is published")?;
    assert_eq!(plan.revision, revision, "nothing changed");
    for refused in [json!({"x": "y".repeat(64 << 10)}), json!({"x": ["a\0b"]})] {
        let refused = a.configuration.set_user_meta(p, &user, object(refused)).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    let all = a.f.cache.clone();
    all.users.lock().expect("no test panics in it").clear();
    a.f.publisher.publish_all().await?;
    let plan = a.f.cache.user(p, &user).await?.ok_or("it is published again")?;
    assert_eq!(Value::Object(plan.meta.clone()), json!({"b": {"c": 2}}));
    Ok(())
}

#[tokio::test]
async fn a_schedule_runs_for_those_who_switched_it_on() -> Outcome {
    let clock = json!({"inputs": [], "triggers": [{"type": "schedule", "cron": "@daily"}]});
    let (s, workflow) = Stage::one(clock).await?;
    let (p, c) = (s.project(), &s.configuration);
    let users = async || -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let plan = s.a.f.cache.installations(p, workflow).await?;
        let plan = plan.ok_or("it is published")?;
        let compiled = s.a.f.reader.installations(p, workflow).await?.ok_or("it is compiled")?;
        assert_eq!(plan, compiled);
        Ok(plan.installations.iter().map(|one| one.user.to_string()).collect())
    };
    assert!(users().await?.is_empty(), "nobody yet");
    s.enable(workflow).await?;
    assert_eq!(users().await?, ["u"]);
    s.a.provider.give("bob");
    let second = c.link(p, s.a.fields("v", "key")).await?.id;
    let place = InstallationName::default();
    c.enable_workflow(p, &EndUserId::new("v"), workflow, &place).await?;
    assert_eq!(users().await?, ["u", "v"]);
    c.disable_user(p, &s.user).await?;
    assert_eq!(users().await?, ["v"]);
    c.enable_user(p, &s.user).await?;
    c.disconnect(p, second).await?;
    assert_eq!(users().await?, ["u"]);
    c.set_integration_active(p, s.a.integration, false).await?;
    assert!(users().await?.is_empty());
    assert_eq!(s.on(workflow).await?, None, "nothing is on for it");
    c.set_integration_active(p, s.a.integration, true).await?;
    assert_eq!(users().await?, ["u"]);

    s.a.f.cache.is_away.store(true, Ordering::Relaxed);
    s.disable(workflow).await?;
    s.a.f.cache.is_away.store(false, Ordering::Relaxed);
    s.a.f.publisher.publish_all().await?;
    s.a.f.publisher.repair().await?;
    assert!(users().await?.is_empty(), "what was not published is, by the next repair");
    Ok(())
}
