//! Environment secrets: keys are stored here, values in the vault and nowhere else.

use serde_json::json;
use tenon_config::{Error, Limits};
use tenon_contract::secret::SecretBytes;
use tenon_domain::SecretKey;
use tenon_domain::workflow::Workflow;

use crate::accounts::Accounts;
use crate::fixture::{Outcome, checked};

fn value(text: &str) -> SecretBytes {
    SecretBytes::from_text(text.to_owned())
}

fn key(text: &str) -> SecretKey {
    text.parse().expect("it is a key")
}

/// A document whose only step uses what a template names.
fn using(name: &str, template: &str) -> Workflow {
    checked(json!({
        "version": 1, "name": name,
        "triggers": [{"type": "app_event", "event": "contact.created"}],
        "steps": [{"id": "call", "type": "request", "url": "https://x.example",
                   "headers": {"x-key": format!("{{{{{template}}}}}")}}],
    }))
}

#[tokio::test]
async fn a_value_is_in_the_vault_and_its_id_in_the_plan() -> Outcome {
    let a = Accounts::ready().await?;
    let (c, project) = (&a.configuration, a.f.project);
    let kept = a.vault.count();
    let made = c.create_secret(project, key("B_KEY"), value("first-canary")).await?;
    c.create_secret(project, key("A_KEY"), value("other-canary")).await?;
    let listed = c.secrets(project).await?;
    let keys: Vec<&str> = listed.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["A_KEY", "B_KEY"]);
    assert_eq!(listed[1], made);
    assert_eq!(a.vault.text(made.id).as_deref(), Some("first-canary"));
    let plan = a.f.cache.project_plan(project).ok_or("it is published")?;
    assert_eq!(plan.secrets.get(&key("B_KEY")), Some(&made.id));
    assert!(!serde_json::to_string(&plan)?.contains("canary"));
    assert!(!a.dump().await?.contains("canary"));

    let replaced = c.replace_secret(project, &key("B_KEY"), value("second-canary")).await?;
    assert_eq!(replaced.id, made.id, "references to it go on");
    assert_eq!(a.vault.text(made.id).as_deref(), Some("second-canary"));

    c.delete_secret(project, &key("B_KEY")).await?;
    assert_eq!(a.vault.text(made.id), None, "it is shredded");
    assert_eq!(a.vault.count(), kept + 1);
    let plan = a.f.cache.project_plan(project).ok_or("it is published")?;
    assert_eq!(plan.secrets.len(), 1);
    let again = c.delete_secret(project, &key("B_KEY")).await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_leaves_nothing() -> Outcome {
    let limits = Limits { secrets_max: 1, secret_bytes_max: 20, ..Limits::default() };
    let a = Accounts::ready_with(limits).await?;
    let (c, project) = (&a.configuration, a.f.project);
    let kept = a.vault.count();
    for bytes in [b"1234567".to_vec(), vec![0xff; 8]] {
        let refused = c.create_secret(project, key("KEY"), SecretBytes::new(bytes)).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    let refused = c.create_secret(project, key("KEY"), value(&"x".repeat(21))).await;
    assert!(matches!(refused, Err(Error::LimitReached { max: 20, .. })), "{refused:?}");
    a.vault.set_away(true);
    let refused = c.create_secret(project, key("KEY"), value("value-one")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    a.vault.set_away(false);
    assert!(c.secrets(project).await?.is_empty());
    c.create_secret(project, key("KEY"), value("value-one")).await?;
    let twice = c.create_secret(project, key("KEY"), value("value-two")).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    let full = c.create_secret(project, key("OTHER"), value("value-two")).await;
    assert!(matches!(full, Err(Error::LimitReached { max: 1, .. })), "{full:?}");
    let missing = c.replace_secret(project, &key("OTHER"), value("value-two")).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert_eq!(a.vault.count(), kept + 1, "what was refused is not in the vault");
    let without = a.f.configuration.create_secret(project, key("X"), value("value-one")).await;
    assert!(matches!(without, Err(Error::NoVault)), "{without:?}");
    Ok(())
}

#[tokio::test]
async fn a_secret_stays_while_a_deployed_workflow_names_it() -> Outcome {
    let a = Accounts::ready().await?;
    let (c, project) = (&a.configuration, a.f.project);
    let documents = [using("plain", "secrets.KEY"), using("maybe", "secrets?.KEY ?? 1")];
    let early = c.apply(project, &documents).await;
    let Err(Error::SecretMissing { workflow, key: missing }) = early else {
        return Err(format!("it was not refused: {early:?}").into());
    };
    assert_eq!((workflow.as_str(), missing.as_str()), ("plain", "KEY"));
    let draft = c.store_draft(project, &documents[0]).await;
    assert!(matches!(draft, Err(Error::SecretMissing { .. })), "{draft:?}");
    c.apply(project, &documents[1..]).await?;

    c.create_secret(project, key("KEY"), value("a-secret-value")).await?;
    let applied = c.apply(project, &documents).await?;
    let refused = c.delete_secret(project, &key("KEY")).await;
    let Err(Error::Conflict { reason }) = refused else {
        return Err(format!("it was not refused: {refused:?}").into());
    };
    assert!(reason.contains("`maybe`, `plain`"), "{reason}");
    assert_eq!(c.secrets(project).await?.len(), 1);
    for one in applied {
        c.undeploy(project, one.workflow).await?;
    }
    c.delete_secret(project, &key("KEY")).await?;
    Ok(())
}

#[tokio::test]
async fn another_project_neither_sees_nor_changes_a_secret() -> Outcome {
    let a = Accounts::ready().await?;
    let c = &a.configuration;
    let other = a.f.other_project().await?;
    let made = c.create_secret(a.f.project, key("KEY"), value("a-secret-value")).await?;
    assert!(c.secrets(other).await?.is_empty());
    let foreign = c.replace_secret(other, &key("KEY"), value("foreign-value")).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
    let foreign = c.delete_secret(other, &key("KEY")).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
    assert_eq!(a.vault.text(made.id).as_deref(), Some("a-secret-value"));
    let own = c.create_secret(other, key("KEY"), value("their-own-value")).await?;
    assert_ne!(own.id, made.id);
    Ok(())
}
