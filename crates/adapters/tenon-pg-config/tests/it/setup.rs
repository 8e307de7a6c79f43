//! Accounts that wait for what their user has to fill in.

use serde_json::{Map, Value, json};
use tenon_config::{
    AccountSettings, Credential, CredentialState, Error, EventType, SettingsChange, SettingsName,
    Slug,
};
use tenon_contract::plan::CredentialPlan;
use tenon_contract::vault::SecretState;
use tenon_domain::EndUserId;

use crate::accounts::{Accounts, manifest};
use crate::fixture::Outcome;

type Failure = Box<dyn std::error::Error>;

/// A connector whose provider does not say which site an account is of.
async fn stage() -> Result<Accounts, Failure> {
    let a = Accounts::new().await?;
    let mut asking = manifest();
    let fields = asking["auth"][1]["fields"].as_array_mut().ok_or("it is a list")?;
    fields.push(json!({"name": "site", "title": "Site", "type": "subdomain", "automated": true}));
    a.configuration.put_connector(a.f.project, &Slug::parse("acme")?, asking).await?;
    Ok(a)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("the test wrote an object")
}

fn plans_of(a: &Accounts) -> Vec<CredentialPlan> {
    let users = a.f.cache.users.lock().expect("no test panics in it");
    let plan = users.get(&(a.f.project, EndUserId::new("u")));
    plan.map(|plan| plan.credentials.clone()).unwrap_or_default()
}

async fn kinds(a: &Accounts) -> Result<Vec<EventType>, Failure> {
    let events = a.configuration.events(a.f.project, 0, 10).await?;
    Ok(events.into_iter().map(|event| event.event.kind).collect())
}

async fn known(a: &Accounts, linked: &Credential) -> Result<Credential, Failure> {
    Ok(a.configuration.credential(a.f.project, linked.id).await?)
}

#[tokio::test]
async fn an_account_is_pending_and_unused_until_what_is_needed_is_given() -> Outcome {
    let a = stage().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    assert_eq!(linked.status.state, CredentialState::Pending);
    assert_eq!(linked.status.code.as_deref(), Some("setup_incomplete"));
    assert_eq!(linked.status.reason.as_deref(), Some("not given yet: Site"));
    assert_eq!(kinds(&a).await?, [EventType::CredentialPending]);
    assert!(plans_of(&a).is_empty(), "nothing uses it");
    a.configuration.follow_vault().await?;
    assert_eq!(known(&a, &linked).await?, linked, "that its secret works is not all");

    for given in [json!({}), json!({"site": "a/b"}), json!({"site": "north", "other": 1})] {
        let refused = a.configuration.complete_setup(a.f.project, linked.id, object(given)).await;
        assert!(matches!(refused, Err(Error::Fields(_))), "{refused:?}");
    }
    assert_eq!(known(&a, &linked).await?, linked);

    let given = object(json!({"site": "north"}));
    let done = a.configuration.complete_setup(a.f.project, linked.id, given.clone()).await?;
    assert_eq!(done.status.state, CredentialState::Valid);
    assert_eq!(known(&a, &linked).await?, done);
    let [plan] = &plans_of(&a)[..] else { return Err("it is in the plan".into()) };
    assert_eq!(
        (&plan.fields["site"], &plan.fields["subdomain"]),
        (&json!("north"), &json!("shop"))
    );
    assert_eq!(kinds(&a).await?, [EventType::CredentialPending, EventType::CredentialConnected]);
    let again = a.configuration.complete_setup(a.f.project, linked.id, given).await?;
    assert_eq!((again, kinds(&a).await?.len()), (done, 2), "again changes nothing");
    Ok(())
}

#[tokio::test]
async fn what_was_filled_in_is_kept_when_the_account_is_connected_again() -> Outcome {
    let a = stage().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    let given = object(json!({"site": "north"}));
    a.configuration.complete_setup(a.f.project, linked.id, given).await?;
    let again = a.configuration.link(a.f.project, a.fields("u", "key-2")).await?;
    assert_eq!((again.id, again.status.state), (linked.id, CredentialState::Valid));
    assert_eq!(again.fields["site"], "north");
    Ok(())
}

#[tokio::test]
async fn a_pending_account_whose_secret_is_refused_is_invalid_and_stays_so() -> Outcome {
    let a = stage().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    let revoked = SecretState::Invalid { code: "revoked".into(), reason: "was revoked".into() };
    a.vault.find_out(linked.secret, revoked);
    a.configuration.follow_vault().await?;
    assert_eq!(known(&a, &linked).await?.status.state, CredentialState::Invalid);
    let given = object(json!({"site": "north"}));
    let given = a.configuration.complete_setup(a.f.project, linked.id, given).await?;
    assert_eq!(
        (given.status.state, &given.fields["site"]),
        (CredentialState::Invalid, &json!("north"))
    );
    Ok(())
}

#[tokio::test]
async fn a_configuration_can_be_changed_while_its_account_is_pending() -> Outcome {
    let a = stage().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    let configurations = a.configuration.configurations(a.f.project, linked.id).await?;
    let [AccountSettings { id, .. }] = configurations[..] else {
        return Err("there is one".into());
    };
    let change = SettingsChange { meta: object(json!({"a": 1})), ..SettingsChange::default() };
    let name = SettingsName::Id(id);
    let changed =
        a.configuration.change_configuration(a.f.project, linked.id, &name, change).await?;
    assert_eq!(changed.meta["a"], 1);
    Ok(())
}
