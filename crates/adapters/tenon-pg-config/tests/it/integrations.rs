use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tenon_config::{AppChange, Error, Slug};

use crate::accounts::{Accounts, CONNECTOR, manifest};
use crate::fixture::Outcome;

fn values(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("the test wrote an object")
}

#[tokio::test]
async fn the_secret_of_an_app_goes_to_the_vault_and_its_id_to_the_plan() -> Outcome {
    let a = Accounts::new().await?;
    let change = AppChange {
        values: values(json!({"client_id": "id-1", "client_secret": "hunter2-canary"})),
        scopes: Some(vec!["write".to_owned()]),
    };
    a.configuration.set_app(a.f.project, a.integration, None, change).await?;
    let plan = a.f.cache.project_plan(a.f.project).ok_or("it is published")?;
    let app = &plan.integration(CONNECTOR).ok_or("it is in the plan")?.apps["oauth"];
    assert_eq!(Value::Object(app.values.clone()), json!({"client_id": "id-1"}));
    assert_eq!(app.scopes, ["write"]);
    let secret = app.secret.ok_or("it has one")?;
    assert_eq!(a.vault.text(secret).as_deref(), Some(r#"{"client_secret":"hunter2-canary"}"#));
    assert!(!a.dump().await?.contains("hunter2-canary"));

    let change = AppChange { values: values(json!({"client_id": "id-2"})), scopes: None };
    let changed = a.configuration.set_app(a.f.project, a.integration, None, change).await?;
    assert_eq!(changed.apps["oauth"].values["client_id"], "id-2");
    assert_eq!(changed.apps["oauth"].secret, Some(secret));
    assert!(a.vault.text(secret).ok_or("it stays")?.contains("hunter2-canary"));
    Ok(())
}

#[tokio::test]
async fn what_an_app_lacks_or_does_not_know_is_named() -> Outcome {
    let a = Accounts::new().await?;
    for (given, field) in [
        (json!({"client_id": "id"}), "client_secret"),
        (json!({"client_id": "id", "client_secret": "s", "colour": "red"}), "colour"),
    ] {
        let change = AppChange { values: values(given), scopes: None };
        let refused = a.configuration.set_app(a.f.project, a.integration, None, change).await;
        let Err(Error::Fields(faults)) = refused else { return Err("it is refused".into()) };
        assert!(faults.iter().any(|fault| fault.field == field), "{faults:?}");
    }
    let change = AppChange { scopes: Some(vec!["admin".to_owned()]), ..AppChange::default() };
    let refused = a.configuration.set_app(a.f.project, a.integration, None, change).await;
    assert!(matches!(refused, Err(Error::Fields(_))), "{refused:?}");
    assert_eq!(a.vault.count(), 0, "nothing was kept");
    Ok(())
}

#[tokio::test]
async fn an_integration_with_accounts_stays_and_one_without_goes_with_its_secrets() -> Outcome {
    let a = Accounts::new().await?;
    let change = AppChange {
        values: values(json!({"client_id": "id", "client_secret": "s"})),
        scopes: None,
    };
    a.configuration.set_app(a.f.project, a.integration, None, change).await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "k")).await?;
    let refused = a.configuration.remove_integration(a.f.project, a.integration).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    a.configuration.disconnect(a.f.project, linked.id).await?;
    a.configuration.remove_integration(a.f.project, a.integration).await?;
    assert_eq!(a.vault.count(), 0);
    assert!(a.f.plan().await?.integrations.is_empty());
    Ok(())
}

#[tokio::test]
async fn adding_twice_gives_the_same_and_an_unknown_connector_is_refused() -> Outcome {
    let a = Accounts::new().await?;
    let again = a.configuration.add_integration(a.f.project, CONNECTOR).await?;
    assert_eq!(again.id, a.integration);
    for name in ["nonsense", "custom.nonsense", "custom.", "acme"] {
        let refused = a.configuration.add_integration(a.f.project, name).await;
        assert!(matches!(refused, Err(Error::ConnectorUnknown { .. })), "{name}: {refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_custom_connector_is_checked_and_kept_while_it_is_used() -> Outcome {
    let a = Accounts::new().await?;
    let slug = Slug::parse("acme")?;
    let mut broken = manifest();
    broken["auth"][0]["token_url"] = json!("http://10.0.0.1/token");
    broken["surprise"] = json!(1);
    let refused = a.configuration.put_connector(a.f.project, &slug, broken).await;
    let Err(Error::ConnectorInvalid(faults)) = refused else { return Err("it is refused".into()) };
    assert!(!faults.is_empty());

    a.configuration.link(a.f.project, a.fields("u", "k")).await?;
    let mut lacking = manifest();
    lacking["auth"].as_array_mut().ok_or("it is a list")?.pop();
    let refused = a.configuration.put_connector(a.f.project, &slug, lacking).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "accounts use the method");
    let refused = a.configuration.remove_connector(a.f.project, &slug).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "an integration uses it");

    let mut newer = manifest();
    newer["version"] = json!("1.1.0");
    let (put, is_new) = a.configuration.put_connector(a.f.project, &slug, newer.clone()).await?;
    assert_eq!((put.version.as_str(), is_new), ("1.1.0", false));
    let plan = a.f.cache.project_plan(a.f.project).ok_or("it is published")?;
    let held = plan.integration(CONNECTOR).and_then(|one| one.manifest.clone());
    assert_eq!(held.as_deref(), Some(&newer));
    let names: BTreeMap<_, _> = a
        .configuration
        .connectors(a.f.project)
        .await?
        .into_iter()
        .map(|listed| (listed.name, listed.connector.manifest().version.clone()))
        .collect();
    assert_eq!(names[CONNECTOR], "1.1.0");
    Ok(())
}
