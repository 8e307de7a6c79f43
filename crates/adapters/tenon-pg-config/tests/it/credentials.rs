use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tenon_config::ports::linker::LinkError;
use tenon_config::{
    Batch, ConnectFault, CredentialState, Error, EventType, Limits, SettingsChange, SettingsName,
};
use tenon_contract::plan::{PlanCache, PlanSource};
use tenon_contract::vault::SecretState;
use tenon_domain::EndUserId;

use crate::accounts::Accounts;
use crate::fixture::Outcome;
use crate::installations::integration_document;

#[tokio::test]
async fn an_account_is_linked_by_its_fields_and_in_the_users_plan() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "canary-key")).await?;
    assert_eq!(linked.status.state, CredentialState::Valid);
    assert_eq!(linked.provider_name.as_deref(), Some("ann@acme.example"));
    assert_eq!(Value::Object(linked.fields.clone()), json!({"subdomain": "shop"}));
    assert!(a.vault.text(linked.secret).ok_or("it is kept")?.contains("canary-key"));
    assert!(!a.dump().await?.contains("canary-key"));
    assert_eq!(linked.id.uuid().get_version_num(), 4, "clients take a v7 id for another thing");

    let user = EndUserId::new("u");
    let plan = a.f.cache.user(a.f.project, &user).await?.ok_or("it is published")?;
    assert_eq!((plan.revision, plan.credentials.len()), (1, 1));
    assert_eq!(plan.credential(a.integration, None).map(|found| found.id), Some(linked.id));
    assert_eq!(*a.f.reader.user(a.f.project, &user).await?.ok_or("it is compiled")?, *plan);
    let announced = a.f.cache.announced.lock().expect("no test panics in it").clone();
    assert!(announced.contains(&format!("user:{}:u", a.f.project)), "{announced:?}");
    assert!(a.f.reader.user(a.f.project, &EndUserId::new("v")).await?.is_none());

    let events = a.configuration.events(a.f.project, 0, 10).await?;
    assert_eq!((events.len(), events[0].event.kind), (1, EventType::CredentialConnected));
    Ok(())
}

#[tokio::test]
async fn linking_again_replaces_the_secret_of_the_same_account() -> Outcome {
    let a = Accounts::new().await?;
    let first = a.configuration.link(a.f.project, a.fields("u", "key-1")).await?;
    let second = a.configuration.link(a.f.project, a.fields("u", "key-2")).await?;
    assert_eq!((first.id, first.secret), (second.id, second.secret));
    assert!(a.vault.text(second.secret).ok_or("it is kept")?.contains("key-2"));

    a.provider.give("bob");
    let refused = a.configuration.link(a.f.project, a.fields("u", "key-3")).await;
    assert!(
        matches!(refused, Err(Error::Connect(ConnectFault::OtherAccount { .. }))),
        "{refused:?}"
    );
    assert!(a.vault.text(second.secret).ok_or("it is kept")?.contains("key-2"), "as it was");

    a.clock.advance(SignedDuration::from_secs(1));
    let mut more = a.fields("u", "key-3");
    more.several_accounts = true;
    more.external_id = Some("second".to_owned());
    let third = a.configuration.link(a.f.project, more).await?;
    let user = EndUserId::new("u");
    let plan = a.f.reader.user(a.f.project, &user).await?.ok_or("it is compiled")?;
    let named = plan.credential(a.integration, Some("ext:second")).map(|found| found.id);
    assert_eq!(named, Some(third.id));
    assert_eq!(plan.credential(a.integration, None).map(|found| found.id), Some(first.id));
    Ok(())
}

#[tokio::test]
async fn what_a_provider_refuses_leaves_nothing_behind() -> Outcome {
    let a = Accounts::new().await?;
    let before = a.vault.count();
    a.provider.refuse(LinkError::Rejected { reason: "invalid API key".to_owned() });
    let refused = a.configuration.link(a.f.project, a.fields("u", "bad")).await;
    assert!(matches!(refused, Err(Error::Connect(ConnectFault::Rejected { .. }))), "{refused:?}");

    a.vault.set_away(true);
    let refused = a.configuration.link(a.f.project, a.fields("u", "key")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    a.vault.set_away(false);

    let mut taken = a.fields("u", "key");
    taken.fields.insert("subdomain".to_owned(), json!("evil.example/#"));
    let asked = a.provider.asked.load(Ordering::Relaxed);
    let refused = a.configuration.link(a.f.project, taken).await;
    assert!(matches!(refused, Err(Error::Fields(_))), "{refused:?}");
    assert_eq!(a.provider.asked.load(Ordering::Relaxed), asked, "nobody was asked");

    assert_eq!(a.vault.count(), before);
    assert!(a.configuration.credentials(a.f.project, &EndUserId::new("u")).await?.is_empty());
    assert!(a.configuration.events(a.f.project, 0, 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn two_links_at_once_make_one_account_and_one_secret() -> Outcome {
    let a = Accounts::new().await?;
    let (one, two) = tokio::join!(
        a.configuration.link(a.f.project, a.fields("u", "key-1")),
        a.configuration.link(a.f.project, a.fields("u", "key-2")),
    );
    let linked = [one, two].into_iter().filter(Result::is_ok).count();
    assert!(linked >= 1);
    let known = a.configuration.credentials(a.f.project, &EndUserId::new("u")).await?;
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(a.vault.count(), 1, "the secret of the one that lost is shredded");
    Ok(())
}

#[tokio::test]
async fn unlinking_revokes_shreds_and_publishes_even_if_the_provider_refuses() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.provider.refuse(LinkError::Temporary { reason: "down".to_owned(), retry_after: None });
    a.configuration.disconnect(a.f.project, linked.id).await?;
    assert_eq!(a.provider.revoked.load(Ordering::Relaxed), 1);
    assert_eq!(a.vault.count(), 0);
    let user = EndUserId::new("u");
    let plan = a.f.cache.user(a.f.project, &user).await?.ok_or("it is published")?;
    assert!(plan.credentials.is_empty());
    let again = a.configuration.disconnect(a.f.project, linked.id).await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    let kinds: Vec<_> =
        a.configuration.events(a.f.project, 0, 10).await?.iter().map(|e| e.event.kind).collect();
    assert_eq!(kinds, [EventType::CredentialConnected, EventType::CredentialDisconnected]);

    let again = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    assert_ne!(again.id, linked.id, "a new account");
    Ok(())
}

#[tokio::test]
async fn while_the_vault_is_away_an_account_stays_linked() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.vault.set_away(true);
    assert!(a.configuration.disconnect(a.f.project, linked.id).await.is_err());
    a.vault.set_away(false);
    assert!(a.configuration.credential(a.f.project, linked.id).await.is_ok());
    a.configuration.disconnect(a.f.project, linked.id).await?;
    Ok(())
}

#[tokio::test]
async fn what_the_vault_learns_becomes_the_status_and_an_event_once() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    assert_eq!(a.configuration.follow_vault().await?, 1, "its own writing");
    assert_eq!(a.configuration.events(a.f.project, 0, 10).await?.len(), 1, "is no news");

    a.clock.advance(SignedDuration::from_secs(60));
    let revoked = SecretState::Invalid { code: "revoked".into(), reason: "was revoked".into() };
    a.vault.find_out(linked.secret, revoked);
    assert_eq!(a.configuration.follow_vault().await?, 1);
    assert_eq!(a.configuration.follow_vault().await?, 0, "once");
    let known = a.configuration.credential(a.f.project, linked.id).await?;
    assert_eq!(known.status.state, CredentialState::Invalid);
    assert_eq!(known.status.code.as_deref(), Some("revoked"));
    let events = a.configuration.events(a.f.project, 1, 10).await?;
    assert_eq!((events.len(), events[0].event.kind), (1, EventType::CredentialInvalid));
    assert_eq!(events[0].event.payload["reason"], "was revoked");
    let announced = a.f.cache.announced.lock().expect("no test panics in it").clone();
    assert!(announced.contains(&format!("secret:{}", linked.secret)), "{announced:?}");
    Ok(())
}

#[tokio::test]
async fn news_from_before_a_reconnect_does_not_undo_it() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.clock.advance(SignedDuration::from_secs(1));
    a.vault.find_out(linked.secret, SecretState::Expired);
    a.clock.advance(SignedDuration::from_secs(1));
    a.configuration.link(a.f.project, a.fields("u", "key-2")).await?;
    a.configuration.follow_vault().await?;
    let known = a.configuration.credential(a.f.project, linked.id).await?;
    assert_eq!(known.status.state, CredentialState::Valid);
    let kinds: Vec<_> =
        a.configuration.events(a.f.project, 0, 10).await?.iter().map(|e| e.event.kind).collect();
    assert_eq!(kinds, [EventType::CredentialConnected, EventType::CredentialConnected]);
    Ok(())
}

#[tokio::test]
async fn a_followers_place_is_kept_while_the_vault_is_away() -> Outcome {
    let a = Accounts::new().await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.clock.advance(SignedDuration::from_secs(1));
    a.vault.find_out(linked.secret, SecretState::Expired);
    a.vault.set_away(true);
    assert!(a.configuration.follow_vault().await.is_err());
    a.vault.set_away(false);
    let (one, two) = tokio::join!(a.configuration.follow_vault(), a.configuration.follow_vault());
    assert_eq!(one? + two?, 2, "two followers take each change over once");
    Ok(())
}

#[tokio::test]
async fn configurations_grow_beside_the_default_one() -> Outcome {
    let a = Accounts::new().await?;
    let account = a.configuration.link(a.f.project, a.fields("u", "key")).await?.id;
    let p = a.f.project;
    let [default] = &a.configuration.configurations(p, account).await?[..] else {
        return Err("there is a default one".into());
    };
    assert!(default.is_default);
    let added = a.configuration.add_configuration(p, account, Some("team".into())).await?;
    assert!(added.created_at.as_millisecond() > default.created_at.as_millisecond());
    let taken = a.configuration.add_configuration(p, account, Some("team".into())).await;
    assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");

    let name = SettingsName::parse("ext:team");
    let inputs = json!([
        {"id": "list", "type": "text", "title": "List"},
        {"id": "n", "type": "number", "title": "N"},
    ]);
    let integrations = vec![integration_document(inputs)];
    a.configuration.apply_batch(p, &Batch { integrations, ..Batch::default() }).await?;
    let change = SettingsChange {
        shared: json!({"list": "a", "n": 1}).as_object().cloned().ok_or("an object")?,
        ..SettingsChange::default()
    };
    a.configuration.change_configuration(p, account, &name, change).await?;
    let change = SettingsChange {
        shared: json!({"n": null}).as_object().cloned().ok_or("an object")?,
        meta: json!({"k": true}).as_object().cloned().ok_or("an object")?,
        ..SettingsChange::default()
    };
    a.configuration.change_configuration(p, account, &name, change).await?;
    let known = a.configuration.configurations(p, account).await?;
    assert_eq!(Value::Object(known[1].shared.clone()), json!({"list": "a"}));
    assert_eq!(Value::Object(known[1].meta.clone()), json!({"k": true}));

    let refused =
        a.configuration.remove_configuration(p, account, &SettingsName::Id(default.id)).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    a.configuration.remove_configuration(p, account, &name).await?;
    assert_eq!(a.configuration.configurations(p, account).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn there_are_limits() -> Outcome {
    let limits = Limits {
        credentials_of_user_max: 1,
        configurations_max: 1,
        settings_bytes_max: 20,
        connect_sessions_max: 1,
        ..Limits::default()
    };
    let a = Accounts::ready_with(limits).await?;
    let account = a.configuration.link(a.f.project, a.fields("u", "key")).await?.id;
    let mut second = a.fields("u", "key");
    second.several_accounts = true;
    a.provider.give("bob");
    let refused = a.configuration.link(a.f.project, second).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
    let refused = a.configuration.add_configuration(a.f.project, account, None).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
    let default = a.configuration.configurations(a.f.project, account).await?[0].id;
    let inputs = json!([{"id": "x", "type": "text", "title": "X"}]);
    let integrations = vec![integration_document(inputs)];
    a.configuration.apply_batch(a.f.project, &Batch { integrations, ..Batch::default() }).await?;
    let change = SettingsChange {
        shared: json!({"x": "y".repeat(30)}).as_object().cloned().ok_or("an object")?,
        ..SettingsChange::default()
    };
    let name = SettingsName::Id(default);
    let refused = a.configuration.change_configuration(a.f.project, account, &name, change).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let values = a.vault.count();
    let refused = a.configuration.open_connect(a.f.project, a.connect("u")).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
    assert_eq!(a.vault.count(), values, "its secret is shredded");
    Ok(())
}

#[tokio::test]
async fn users_plans_are_published_again_when_the_cache_forgot_or_was_away() -> Outcome {
    let a = Accounts::new().await?;
    let user = EndUserId::new("u");
    a.f.publisher.publish_all().await?;
    a.f.cache.is_away.store(true, Ordering::Relaxed);
    a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.f.cache.is_away.store(false, Ordering::Relaxed);
    assert!(a.f.cache.user(a.f.project, &user).await?.is_none());
    a.f.publisher.repair().await?;
    assert!(a.f.cache.user(a.f.project, &user).await?.is_some());

    a.f.cache.users.lock().expect("no test panics in it").clear();
    a.f.cache.is_filled.store(false, Ordering::Relaxed);
    a.f.publisher.repair().await?;
    assert!(a.f.cache.is_filled().await?);
    assert_eq!(a.f.cache.user(a.f.project, &user).await?.ok_or("again")?.credentials.len(), 1);
    Ok(())
}

#[tokio::test]
async fn another_project_finds_nothing_of_it() -> Outcome {
    let a = Accounts::ready().await?;
    let other = a.f.other_project().await?;
    let account = a.configuration.link(a.f.project, a.fields("u", "key")).await?.id;
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let key = a.configuration.create_signing_key(a.f.project).await?;
    let c = &a.configuration;
    assert!(c.integration(other, a.integration).await.is_err());
    assert!(c.set_integration_active(other, a.integration, false).await.is_err());
    assert!(c.remove_integration(other, a.integration).await.is_err());
    assert!(c.credential(other, account).await.is_err());
    assert!(c.complete_setup(other, account, Map::new()).await.is_err());
    assert!(c.disconnect(other, account).await.is_err());
    assert!(c.probe(other, account).await.is_err());
    assert!(c.configurations(other, account).await.is_err());
    assert!(c.connect_session(other, opened.session.id).await.is_err());
    assert!(c.revoke_signing_key(other, &key.key.id).await.is_err());
    assert!(c.events(other, 0, 10).await?.is_empty());
    assert!(c.credentials(other, &EndUserId::new("u")).await?.is_empty());
    assert!(c.link(other, a.fields("u", "key")).await.is_err(), "it has no such integration");
    assert!(c.add_integration(other, crate::accounts::CONNECTOR).await.is_err());
    Ok(())
}
