//! On and off: under which rules, and what execution is told of it.

use super::*;

#[tokio::test]
async fn a_workflow_is_switched_on_once_it_has_what_it_requires() -> Outcome {
    let (s, workflow) = Stage::one(json!({})).await?;
    let refused = s.enable(workflow).await;
    let Err(Error::Installation(InstallationFault::SettingsMissing(missing))) = refused else {
        return Err(format!("{refused:?}").into());
    };
    assert_eq!((missing[0].workflow, missing[0].fault.input.as_str()), (Some(workflow), "list"));
    assert_eq!(s.on(workflow).await?, None);

    s.set(workflow, json!({"list": "a"})).await?;
    assert_eq!(s.on(workflow).await?, None, "values alone switch nothing on");
    s.enable(workflow).await?;
    assert_eq!(s.on(workflow).await?, Some(json!({"list": "a", "n": 3})), "the default is there");
    let compiled = s.a.f.reader.user(s.project(), &s.user).await?.ok_or("it is compiled")?;
    assert_eq!(*compiled, *s.plan().await?);
    let refused = s.set(workflow, json!({"list": null})).await;
    assert!(matches!(refused, Err(Error::Installation(_))), "what is on keeps it: {refused:?}");
    s.disable(workflow).await?;
    assert_eq!(s.on(workflow).await?, None);
    s.set(workflow, json!({"list": ""})).await?;
    Ok(())
}

#[tokio::test]
async fn only_the_first_time_starts_a_run() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    s.enable(workflow).await?;
    s.enable(workflow).await?;
    let default = s.default_configuration().await?;
    assert_eq!(s.execution.runs(), [(workflow, default)]);
    let fired = s.execution.runs.lock().expect("no test panics in it")[0].clone();
    let plan = s.plan().await?;
    assert!(fired.user_revision <= plan.revision, "the plan that shows it was there before");
    assert_eq!((fired.user, fired.credential), (s.user.clone(), s.account));

    s.disable(workflow).await?;
    s.disable(workflow).await?;
    let ended = EndedInstallation::Workflow { configuration: default, workflow };
    assert_eq!(s.execution.ended(), [ended], "open runs are cancelled, once");
    s.enable(workflow).await?;
    assert_eq!(s.execution.runs().len(), 1);

    s.configuration.add_configuration(s.project(), s.account, Some("team".into())).await?;
    let team = SettingsName::parse("ext:team");
    let place = InstallationName { configuration: Some(team), ..InstallationName::default() };
    s.configuration.enable_workflow(s.project(), &s.user, workflow, &place).await?;
    assert_eq!(s.execution.runs().len(), 2, "another configuration is another first time");
    Ok(())
}

#[tokio::test]
async fn switches_at_once_start_one_run() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    let (one, two, three) =
        tokio::join!(s.enable(workflow), s.enable(workflow), s.enable(workflow));
    one.and(two).and(three)?;
    s.configuration.relay_signals().await?;
    assert_eq!(s.execution.runs().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_process_left_behind_is_handed_over_by_another() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    // A process that commits, and dies before it says so.
    let dead = &s.a.configuration;
    let place = InstallationName::default();
    dead.enable_workflow(s.project(), &s.user, workflow, &place).await?;
    assert!(s.execution.runs().is_empty());

    s.execution.is_away.store(true, Ordering::Relaxed);
    assert_eq!(s.configuration.relay_signals().await?, 0);
    s.execution.is_away.store(false, Ordering::Relaxed);
    let (one, two) = tokio::join!(s.configuration.relay_signals(), s.configuration.relay_signals());
    assert!(one? + two? >= 1);
    assert_eq!(s.execution.runs().len(), 1, "neither lost nor doubled");
    let calls = s.execution.calls.load(Ordering::Relaxed);
    assert_eq!(s.configuration.relay_signals().await?, 0);
    assert_eq!(s.execution.calls.load(Ordering::Relaxed), calls, "it is not handed over again");
    Ok(())
}

#[tokio::test]
async fn the_end_of_an_account_does_not_overtake_its_beginning() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    s.execution.is_away.store(true, Ordering::Relaxed);
    s.enable(workflow).await?;
    let uninstalled =
        s.configuration.uninstall_integration(s.project(), &s.user, CONNECTOR, None).await;
    uninstalled?;
    s.execution.is_away.store(false, Ordering::Relaxed);
    assert_eq!(s.configuration.relay_signals().await?, 2);
    assert_eq!(s.execution.runs().len(), 1);
    assert_eq!(s.execution.ended(), [EndedInstallation::Account { credential: s.account }]);
    assert!(s.plan().await?.credentials.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() -> Outcome {
    let pro = json!({"operator": "$stringExactlyMatches",
                     "variable": "{{user.meta.plan}}", "argument": "pro"});
    let (s, workflow) = Stage::one(json!({"inputs": [], "portal": {"permissions": pro}})).await?;
    let (p, c) = (s.project(), &s.configuration);
    let fault = |outcome: Result<(), Error>| match outcome {
        Err(Error::Installation(fault)) => Some(fault),
        _ => None,
    };
    assert_eq!(fault(s.enable(workflow).await), Some(InstallationFault::NotPermitted));
    c.set_user_meta(p, &s.user, object(json!({"plan": "pro"}))).await?;
    s.enable(workflow).await?;
    assert!(s.on(workflow).await?.is_some());
    c.set_user_meta(p, &s.user, object(json!({"plan": null}))).await?;
    assert_eq!(s.on(workflow).await?, None, "it ends for whom it is not any more");
    c.set_user_meta(p, &s.user, object(json!({"plan": "pro"}))).await?;
    assert!(s.on(workflow).await?.is_some(), "and is there again");
    s.disable(workflow).await?;

    c.disable_user(p, &s.user).await?;
    assert_eq!(fault(s.enable(workflow).await), Some(InstallationFault::UserDisabled));
    assert!(s.execution.ended().contains(&EndedInstallation::Account { credential: s.account }));
    c.enable_user(p, &s.user).await?;

    let secret = c.credential(p, s.account).await?.secret;
    let before = c.revisions(p, &s.user).await?;
    let reason = SecretState::Invalid { code: "revoked".into(), reason: "revoked".into() };
    s.a.vault.find_out(secret, reason);
    c.follow_vault().await?;
    let refused = fault(s.enable(workflow).await);
    assert!(matches!(refused, Some(InstallationFault::AccountBroken { .. })), "{refused:?}");
    assert_ne!(c.revisions(p, &s.user).await?, before, "what the user sees changed");

    let nobody = EndUserId::new("nobody");
    let place = InstallationName::default();
    let refused = c.enable_workflow(p, &nobody, workflow, &place).await;
    assert!(matches!(refused, Err(Error::NoSuchUser(_))), "{refused:?}");
    c.ensure_user(p, &nobody).await?;
    let refused = c.enable_workflow(p, &nobody, workflow, &place).await;
    assert!(matches!(fault(refused), Some(InstallationFault::NotConnected { .. })));
    let theirs = Some(AccountName::Id(s.account));
    let place = InstallationName { credential: theirs, configuration: None };
    let refused = c.enable_workflow(p, &nobody, workflow, &place).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "somebody else's: {refused:?}");
    let write = SettingsWrite::default();
    let refused = c.change_settings(p, &nobody, s.account, None, write).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");

    c.undeploy(p, workflow).await?;
    assert_eq!(fault(s.enable(workflow).await), Some(InstallationFault::NotDeployed));
    Ok(())
}

#[tokio::test]
async fn defaults_are_on_from_the_first_moment() -> Outcome {
    let on = json!({"enabled_by_default": true});
    let workflows = vec![
        of_integration("ready", json!({"inputs": [], "settings": on})),
        of_integration("asks", json!({"settings": on})),
        of_integration("chosen", json!({"inputs": []})),
    ];
    let (s, applied) = Stage::with(Batch { workflows, ..Batch::default() }).await?;
    let [ready, asks, chosen] = [0, 1, 2].map(|n: usize| applied[n].workflow);
    assert!(s.on(ready).await?.is_some());
    assert_eq!(s.on(asks).await?, None, "something that it requires is missing");
    assert_eq!(s.on(chosen).await?, None);
    assert_eq!(s.execution.runs(), [(ready, s.default_configuration().await?)]);

    s.disable(ready).await?;
    s.configuration.link(s.project(), s.a.fields("u", "key-2")).await?;
    assert_eq!(s.on(ready).await?, None, "connecting again leaves choices alone");
    Ok(())
}

#[tokio::test]
async fn removing_a_configuration_ends_what_was_on_for_it() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    let added =
        s.configuration.add_configuration(s.project(), s.account, Some("team".into())).await?;
    let name = SettingsName::Id(added.id);
    let place = InstallationName { configuration: Some(name.clone()), credential: None };
    s.configuration.enable_workflow(s.project(), &s.user, workflow, &place).await?;
    assert_eq!(s.plan().await?.credentials[0].configurations.len(), 2);
    s.configuration.remove_configuration(s.project(), s.account, &name).await?;
    assert_eq!(s.plan().await?.credentials[0].configurations.len(), 1);
    let ended = EndedInstallation::Configuration { configuration: added.id };
    assert_eq!(s.execution.ended(), [ended]);
    Ok(())
}
