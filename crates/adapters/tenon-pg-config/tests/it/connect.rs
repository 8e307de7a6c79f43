use std::collections::BTreeMap;

use jiff::SignedDuration;
use tenon_config::ports::linker::LinkError;
use tenon_config::{
    AppChange, Callback, ConnectEnd, ConnectFault, ConnectOutcome, Error, FieldLink, LinkProof,
    OpenedConnect, SessionLink, StartedConnect,
};
use tenon_domain::{ConnectSessionId, EndUserId, ProjectId};

use crate::accounts::{Accounts, CONNECTOR, client};
use crate::fixture::Outcome;

type Failure = Box<dyn std::error::Error>;

struct Begun {
    opened: OpenedConnect,
    started: StartedConnect,
}

impl Begun {
    fn parameter(&self, name: &str) -> String {
        let mut pairs = self.started.url.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// The callback as an honest browser brings it.
    fn callback(&self) -> Callback {
        let params = [("state", self.parameter("state")), ("code", "good".to_owned())];
        Callback {
            params: params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            nonces: BTreeMap::from([(self.opened.session.id, self.started.nonce.to_string())]),
        }
    }
}

fn link_of(opened: &OpenedConnect) -> SessionLink {
    let text = opened.url.rsplit('/').next().expect("it has a path");
    SessionLink::parse(text).expect("it is a link")
}

async fn begin(a: &Accounts) -> Result<Begun, Failure> {
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let started = a.configuration.start_connect(&link_of(&opened)).await?;
    Ok(Begun { opened, started })
}

async fn accounts_of(a: &Accounts) -> Result<usize, Failure> {
    Ok(a.configuration.credentials(a.f.project, &EndUserId::new("u")).await?.len())
}

/// The callback is not taken, for this reason, and nothing was done.
async fn refused(a: &Accounts, callback: Callback, fault: ConnectFault) -> Outcome {
    let outcome = a.configuration.finish_connect(callback).await;
    assert!(matches!(&outcome, Err(Error::Connect(found)) if *found == fault), "{outcome:?}");
    assert_eq!(a.provider.asked.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(accounts_of(a).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_browser_goes_to_the_provider_and_comes_back_with_an_account() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    assert!(begun.opened.url.starts_with("https://tenon.example/oauth/start/"));
    assert_eq!(begun.parameter("redirect_uri"), "https://tenon.example/oauth/callback");
    let ConnectEnd { outcome, .. } = a.configuration.finish_connect(begun.callback()).await?;
    let ConnectOutcome::Connected { credential, account, is_pending: false } = &outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!(account.as_deref(), Some("ann@acme.example"));
    assert!(a.configuration.credential(a.f.project, *credential).await.is_ok());
    let kept = a.configuration.connect_session(a.f.project, begun.opened.session.id).await?;
    assert_eq!(kept.outcome.as_ref(), Some(&outcome));
    assert_eq!(a.vault.count(), 2, "the verifier is shredded, the app and the account are there");
    Ok(())
}

#[tokio::test]
async fn neither_state_nor_nonce_nor_verifier_is_in_the_database() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let dump = a.dump().await?;
    let state = begun.parameter("state");
    let random = state.split_once('.').ok_or("it has two parts")?.1;
    assert!(!dump.contains(random) && !dump.contains(&*begun.started.nonce), "{dump}");
    assert!(!dump.contains(&begun.parameter("verifier")), "{dump}");
    Ok(())
}

#[tokio::test]
async fn another_browser_is_refused_and_the_right_one_can_still_finish() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let id = begun.opened.session.id;
    for nonces in [
        BTreeMap::new(),
        BTreeMap::from([(id, "wrong".to_owned())]),
        BTreeMap::from([(id, String::new())]),
        BTreeMap::from([(ConnectSessionId::new(), begun.started.nonce.to_string())]),
    ] {
        let callback = Callback { nonces, ..begun.callback() };
        refused(&a, callback, ConnectFault::OtherBrowser).await?;
    }
    a.configuration.finish_connect(begun.callback()).await?;
    assert_eq!(accounts_of(&a).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_state_is_used_up_by_one_callback() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let (one, two) = tokio::join!(
        a.configuration.finish_connect(begun.callback()),
        a.configuration.finish_connect(begun.callback()),
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|is_ok| **is_ok).count(), 1);
    let again = a.configuration.finish_connect(begun.callback()).await;
    assert!(matches!(again, Err(Error::Connect(ConnectFault::Used))), "{again:?}");
    assert_eq!(a.provider.asked.load(std::sync::atomic::Ordering::Relaxed), 1);
    let link = link_of(&begun.opened);
    let again = a.configuration.start_connect(&link).await.map(|started| started.url);
    assert!(matches!(again, Err(Error::Connect(ConnectFault::Used))), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn a_session_ends() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    a.clock.advance(SignedDuration::from_secs(601));
    refused(&a, begun.callback(), ConnectFault::Ended).await?;
    let started = a.configuration.start_connect(&link_of(&begun.opened)).await;
    let started = started.map(|started| started.url);
    assert!(matches!(started, Err(Error::Connect(ConnectFault::Ended))), "{started:?}");

    assert_eq!(a.configuration.sweep().await?, 0, "it can be looked at for a while");
    a.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(a.configuration.sweep().await?, 1);
    assert_eq!(a.vault.count(), 1, "what it left is shredded, the app stays");
    let id = begun.opened.session.id;
    assert!(a.configuration.connect_session(a.f.project, id).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_state_that_is_not_ours_is_refused() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let state = begun.parameter("state");
    let (link, random) = state.split_once('.').ok_or("it has two parts")?;
    let elsewhere = SessionLink { project: ProjectId::new(), ..link_of(&begun.opened) };
    let other_project = a.f.other_project().await?;
    let other = SessionLink { project: other_project, ..link_of(&begun.opened) };
    let unknown = SessionLink { session: ConnectSessionId::new(), ..link_of(&begun.opened) };
    for state in [
        String::new(),
        "nonsense".to_owned(),
        link.to_owned(),
        format!("{link}.{}", "A".repeat(43)),
        format!("{elsewhere}.{random}"),
        format!("{other}.{random}"),
        format!("{unknown}.{random}"),
    ] {
        let mut callback = begun.callback();
        callback.params.insert("state".to_owned(), state);
        refused(&a, callback, ConnectFault::Unknown).await?;
    }
    let mut callback = begun.callback();
    callback.params.remove("state");
    refused(&a, callback, ConnectFault::Unknown).await
}

#[tokio::test]
async fn the_latest_window_counts() -> Outcome {
    let a = Accounts::ready().await?;
    let first = begin(&a).await?;
    let started = a.configuration.start_connect(&link_of(&first.opened)).await?;
    refused(&a, first.callback(), ConnectFault::Unknown).await?;
    let second = Begun { opened: first.opened, started };
    assert_ne!(second.parameter("state"), "");
    a.configuration.finish_connect(second.callback()).await?;
    assert_eq!(accounts_of(&a).await?, 1);
    Ok(())
}

async fn failed(a: &Accounts, begun: &Begun, callback: Callback, code: &str) -> Outcome {
    let end = a.configuration.finish_connect(callback).await?;
    let ConnectOutcome::Failed { code: found, message } = &end.outcome else {
        return Err(format!("{:?}", end.outcome).into());
    };
    assert_eq!(found, code, "{message}");
    let kept = a.configuration.connect_session(a.f.project, begun.opened.session.id).await?;
    assert_eq!(kept.outcome, Some(end.outcome.clone()), "the builder's app sees it, too");
    assert_eq!(accounts_of(a).await?, 0);
    assert_eq!(a.vault.count(), 1, "only the app: nothing half-done");
    let again = a.configuration.finish_connect(begun.callback()).await;
    assert!(matches!(again, Err(Error::Connect(ConnectFault::Used))), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn denied_consent_is_said_and_kept() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let mut callback = begun.callback();
    callback.params.remove("code");
    callback.params.insert("error".to_owned(), "access_denied".to_owned());
    failed(&a, &begun, callback, "connect_denied").await
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let mut callback = begun.callback();
    callback.params.insert("iss".to_owned(), "https://evil.example".to_owned());
    failed(&a, &begun, callback, "connect_issuer").await
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_can_be_tried_again() -> Outcome {
    let a = Accounts::ready().await?;
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    a.provider.refuse(LinkError::Temporary { reason: "it is down".into(), retry_after: None });
    let refused = a.configuration.start_connect(&link_of(&opened)).await.map(|started| started.url);
    assert!(matches!(refused, Err(Error::Connect(ConnectFault::Away { .. }))), "{refused:?}");
    let kept = a.configuration.connect_session(a.f.project, opened.session.id).await?;
    assert!(matches!(kept.outcome, Some(ConnectOutcome::Failed { .. })), "{:?}", kept.outcome);
    let started = a.configuration.start_connect(&link_of(&opened)).await?;
    a.configuration.finish_connect(Begun { opened, started }.callback()).await?;
    assert_eq!(accounts_of(&a).await?, 1);
    Ok(())
}

#[tokio::test]
async fn connecting_again_keeps_the_account_and_takes_no_other() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    let end = a.configuration.finish_connect(begun.callback()).await?;
    let ConnectOutcome::Connected { credential, .. } = end.outcome else {
        return Err("it is connected".into());
    };
    a.provider.give("bob");
    let mut again = a.connect("u");
    again.credential = Some(credential);
    let opened = a.configuration.open_connect(a.f.project, again).await?;
    let started = a.configuration.start_connect(&link_of(&opened)).await?;
    let end = a.configuration.finish_connect(Begun { opened, started }.callback()).await?;
    let ConnectOutcome::Failed { message, .. } = end.outcome else {
        return Err("it is another account".into());
    };
    assert!(message.contains("bob@acme.example"), "{message}");
    assert_eq!(accounts_of(&a).await?, 1);

    let mut elsewhere = a.connect("somebody-else");
    elsewhere.credential = Some(credential);
    let refused = a.configuration.open_connect(a.f.project, elsewhere).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "an account of another user");
    Ok(())
}

#[tokio::test]
async fn an_integration_that_is_switched_off_links_nothing() -> Outcome {
    let a = Accounts::ready().await?;
    let begun = begin(&a).await?;
    a.configuration.set_integration_active(a.f.project, a.integration, false).await?;
    let refused = a.configuration.open_connect(a.f.project, a.connect("u")).await;
    assert!(matches!(refused, Err(Error::IntegrationInactive { .. })), "{refused:?}");
    let refused = a.configuration.finish_connect(begun.callback()).await;
    assert!(matches!(refused, Err(Error::IntegrationInactive { .. })), "{refused:?}");
    assert_eq!(accounts_of(&a).await?, 0);
    Ok(())
}

#[tokio::test]
async fn without_the_builders_app_nobody_gets_a_link_that_cannot_work() -> Outcome {
    let a = Accounts::new().await?;
    let only_scopes = AppChange { scopes: Some(vec!["read".to_owned()]), ..AppChange::default() };
    for change in [None, Some(only_scopes)] {
        if let Some(change) = change {
            a.configuration.set_app(a.f.project, a.integration, None, change).await?;
        }
        let refused = a.configuration.open_connect(a.f.project, a.connect("u")).await;
        let Err(error @ Error::AppMissing { .. }) = refused else {
            return Err(format!("{refused:?}").into());
        };
        let text = error.to_string();
        assert!(text.contains("client_id, client_secret are not set"), "{text}");
        let command = format!("tenon integrations set-app {CONNECTOR} --method oauth");
        assert!(text.contains(&command), "{text}");
        let params = BTreeMap::from([("code".to_owned(), "good".to_owned())]);
        let proof = LinkProof::Code {
            redirect_uri: "https://app.example/done".to_owned(),
            params,
            code_verifier: None,
        };
        let by_code = FieldLink {
            auth_method: Some("oauth".to_owned()),
            fields: serde_json::Map::new(),
            proof,
            ..a.fields("u", "")
        };
        let refused = a.configuration.link(a.f.project, by_code).await;
        assert!(matches!(refused, Err(Error::AppMissing { .. })), "{refused:?}");
        assert_eq!(a.vault.count(), 0, "nothing was begun");
    }
    a.configuration.link(a.f.project, a.fields("u", "key")).await?;
    a.configuration.set_app(a.f.project, a.integration, None, client()).await?;
    a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    Ok(())
}

#[tokio::test]
async fn a_session_says_whether_a_browser_was_sent_away() -> Outcome {
    let a = Accounts::ready().await?;
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let id = opened.session.id;
    assert!(!a.configuration.connect_session(a.f.project, id).await?.is_begun);
    a.configuration.start_connect(&link_of(&opened)).await?;
    assert!(a.configuration.connect_session(a.f.project, id).await?.is_begun);
    Ok(())
}
