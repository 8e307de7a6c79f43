//! Values of settings, passwords too.

use super::*;

#[tokio::test]
async fn values_are_checked_and_every_fault_is_told() -> Outcome {
    let workflows = vec![of_integration("sync", json!({}))];
    let shared = json!([{"id": "mail", "type": "email", "title": "Mail"}]);
    let batch = Batch { workflows, integrations: vec![integration_document(shared)] };
    let (s, applied) = Stage::with(batch).await?;
    let (p, c, workflow) = (s.project(), &s.configuration, applied[0].workflow);
    let write = |shared: Value, enabled: Option<bool>, settings: Value| SettingsWrite {
        shared: object(shared),
        workflows: [(workflow, WorkflowWrite { enabled, settings: object(settings) })].into(),
        ..SettingsWrite::default()
    };
    let bad = write(json!({"mail": "nobody"}), None, json!({"n": "x", "other": 1, "list": "a"}));
    let refused = c.change_settings(p, &s.user, s.account, None, bad).await;
    let Err(Error::Settings(problems)) = refused else { return Err(format!("{refused:?}").into()) };
    let told: Vec<_> =
        problems.iter().map(|one| (one.workflow, one.fault.input.as_str())).collect();
    assert_eq!(told, [(None, "mail"), (Some(workflow), "n"), (Some(workflow), "other")]);
    let held = c.account(p, &s.user, s.account).await?;
    assert!(held.configurations[0].workflows.is_empty(), "all or nothing");

    let good = write(json!({"mail": "a@b.example"}), Some(true), json!({"list": "a"}));
    let view = c.change_settings(p, &s.user, s.account, None, good).await?;
    assert_eq!(view.configurations[0].enabled(), [workflow]);
    assert_eq!(s.on(workflow).await?, Some(json!({"list": "a", "n": 3})));
    let plan = s.plan().await?;
    let shared = &plan.credentials[0].configurations[0].shared;
    assert_eq!(Value::Object(shared.clone()), json!({"mail": "a@b.example"}));
    assert_eq!(s.execution.runs().len(), 1, "switching on by settings is switching on");

    let unknown = WorkflowId::new();
    let write = SettingsWrite {
        workflows: [(unknown, WorkflowWrite::default())].into(),
        ..SettingsWrite::default()
    };
    let refused = c.change_settings(p, &s.user, s.account, None, write).await;
    assert!(matches!(refused, Err(Error::NoSuchWorkflow(id)) if id == unknown), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn passwords_go_to_the_vault_and_leave_with_what_held_them() -> Outcome {
    let inputs = json!([{"id": "pin", "type": "password", "title": "PIN"}]);
    let (s, workflow) = Stage::one(json!({"inputs": inputs})).await?;
    let values = s.a.vault.count();
    s.set(workflow, json!({"pin": "canary-pin"})).await?;
    assert_eq!(s.a.vault.count(), values + 1);
    assert!(!s.a.dump().await?.contains("canary-pin"));
    s.enable(workflow).await?;
    let settings = s.on(workflow).await?.ok_or("it is on")?;
    let secret = secret_of_setting(&settings["pin"]).ok_or("its id is in the plan")?;
    assert_eq!(s.a.vault.text(secret).as_deref(), Some("canary-pin"));

    s.set(workflow, json!({"pin": "canary-2"})).await?;
    assert_eq!(s.a.vault.text(secret), None, "the former one is shredded");
    assert_eq!(s.a.vault.count(), values + 1);
    let refused = s.set(workflow, json!({"pin": "canary-3", "other": 1})).await;
    assert!(refused.is_err());
    s.a.vault.set_away(true);
    assert!(s.set(workflow, json!({"pin": "canary-3"})).await.is_err());
    s.a.vault.set_away(false);
    assert_eq!(s.a.vault.count(), values + 1, "what was refused left nothing");
    s.configuration.disconnect(s.project(), s.account).await?;
    assert_eq!(s.a.vault.count(), values - 1, "the account's own secret is gone, too");
    Ok(())
}

#[tokio::test]
async fn a_version_that_asks_for_more_does_not_stop_what_is_on() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    s.enable(workflow).await?;
    let more = json!([
        {"id": "list", "type": "text", "title": "List"},
        {"id": "n", "type": "number", "title": "N", "required": false},
    ]);
    s.configuration.apply(s.project(), &[of_integration("sync", json!({"inputs": more}))]).await?;
    assert_eq!(s.on(workflow).await?, Some(json!({})), "it goes on");
    s.set(workflow, json!({"n": 1})).await?;
    s.disable(workflow).await?;
    let refused = s.enable(workflow).await;
    assert!(matches!(refused, Err(Error::Installation(_))), "but is not begun: {refused:?}");
    let write = WorkflowWrite { enabled: Some(true), settings: object(json!({"list": "a"})) };
    let write = SettingsWrite { workflows: [(workflow, write)].into(), ..Default::default() };
    s.configuration.change_settings(s.project(), &s.user, s.account, None, write).await?;
    assert_eq!(s.on(workflow).await?, Some(json!({"list": "a", "n": 1})));
    let refused = s.set(workflow, json!({"list": null})).await;
    assert!(matches!(refused, Err(Error::Installation(_))), "and keeps what it has: {refused:?}");
    Ok(())
}
