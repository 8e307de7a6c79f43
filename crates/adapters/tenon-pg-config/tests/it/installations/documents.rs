//! What is applied, and what the portal and users' plans show of it.

use super::*;

#[tokio::test]
async fn the_portal_has_what_was_applied_and_is_kept_while_nothing_changes() -> Outcome {
    let workflows = vec![
        of_integration("b", json!({"portal": {"title": "Second", "order": 2}})),
        of_integration("a", json!({"portal": {"order": 2}})),
        of_integration("c", json!({"portal": {"order": 1, "hidden": true}})),
        crate::fixture::document("elsewhere", 1),
    ];
    let shared = json!([{"id": "mail", "type": "email", "title": "Mail"}]);
    let batch = Batch { workflows, integrations: vec![integration_document(shared)] };
    let (s, _) = Stage::with(batch.clone()).await?;
    let (p, c) = (s.project(), &s.configuration);
    let portal = c.project_portal(p).await?;
    let [integration] = &portal.integrations[..] else { return Err("there is one".into()) };
    assert_eq!(integration.texts.description.as_deref(), Some("What it does"));
    assert_eq!((integration.inputs.len(), integration.manifest.is_some()), (1, true));
    let names: Vec<_> = integration.workflows.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    assert_eq!(integration.workflows[2].title(), "Second");

    let revisions = c.revisions(p, &s.user).await?;
    assert_eq!(portal.revision, revisions.project);
    let again = c.project_portal_at(p, revisions.project).await?;
    assert!(Arc::ptr_eq(&portal, &again), "from memory");
    assert!(!c.apply_batch(p, &batch).await?.integrations[0].changed);
    assert_eq!(c.revisions(p, &s.user).await?, revisions, "the same changes nothing");
    c.set_integration_active(p, integration.id, false).await?;
    let off = c.project_portal(p).await?;
    assert!(!off.integrations[0].is_active);
    let refused = c.remove_integration(p, integration.id).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_new_version_reaches_the_plans_of_users() -> Outcome {
    let (s, workflow) = Stage::one(json!({"inputs": []})).await?;
    s.enable(workflow).await?;
    let inputs = json!([{"id": "color", "type": "text", "title": "Color", "default": "red"}]);
    let changed = of_integration("sync", json!({"inputs": inputs}));
    s.configuration.apply(s.project(), &[changed]).await?;
    assert_eq!(s.on(workflow).await?, Some(json!({"color": "red"})));
    let project = s.a.f.plan().await?;
    let deployed = project.workflows.iter().find(|one| one.id == workflow).ok_or("deployed")?;
    assert_eq!(deployed.integration, Some(s.a.integration));
    Ok(())
}

#[tokio::test]
async fn documents_are_applied_together_or_not_at_all() -> Outcome {
    let a = Accounts::new().await?;
    let (p, c) = (a.f.project, &a.configuration);
    let mut elsewhere = of_integration("sync", json!({}));
    elsewhere.integration = Some("custom.elsewhere".to_owned());
    let batch = Batch {
        workflows: vec![crate::fixture::document("other", 1), elsewhere.clone()],
        integrations: Vec::new(),
    };
    let refused = c.apply_batch(p, &batch).await;
    assert!(matches!(refused, Err(Error::IntegrationMissing { .. })), "{refused:?}");
    assert!(a.f.plan().await?.workflows.is_empty());

    let mut document = integration_document(json!([]));
    document.connector = "custom.elsewhere".to_owned();
    let with = Batch { integrations: vec![document.clone()], ..batch };
    let refused = c.apply_batch(p, &with).await;
    assert!(matches!(refused, Err(Error::ConnectorUnknown { .. })), "{refused:?}");
    let slug = tenon_config::Slug::parse("elsewhere")?;
    c.put_connector(p, &slug, crate::accounts::manifest()).await?;
    assert!(c.apply_dry(p, &with).await?.integrations[0].changed);
    assert_eq!(c.integrations(p).await?.len(), 1, "a dry run adds nothing");
    let applied = c.apply_batch(p, &with).await?;
    assert_eq!((applied.workflows.len(), applied.integrations.len()), (2, 1));
    let names: HashSet<_> = c.integrations(p).await?.into_iter().map(|it| it.connector).collect();
    assert!(names.contains("custom.elsewhere"));
    let twice = Batch { integrations: vec![document.clone(), document], ..Batch::default() };
    assert!(matches!(c.apply_batch(p, &twice).await, Err(Error::NameTwice { .. })));
    Ok(())
}
