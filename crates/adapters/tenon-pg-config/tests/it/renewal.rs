//! What a renewal elsewhere means for the configuration: fields that came anew, and the end of an
//! account. The connectors' real exchanges and renewals; only the network is scripted.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tenon_config::{
    Callback, ConnectOutcome, Credential, CredentialState, EventType, SessionLink, Slug,
};
use tenon_contract::egress::{OutboundRequest, OutboundResponse};
use tenon_contract::plan::{IntegrationPlan, UserPlan};
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::{AccessError, Account, CredentialAccess, Ready};
use tenon_domain::EndUserId;
use tenon_testkit::fakes::ScriptedEgress;

use crate::accounts::{Accounts, CONNECTOR, client, manifest};
use crate::fixture::Outcome;

type Failure = Box<dyn std::error::Error>;

fn answer(status: StatusCode, body: &Value) -> OutboundResponse {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().expect("it is a header"));
    OutboundResponse { status, headers, body: Bytes::from(body.to_string()) }
}

fn is_renewal(request: &OutboundRequest) -> bool {
    let mut pairs = url::form_urlencoded::parse(&request.body);
    pairs.any(|(name, value)| name == "grant_type" && value == "refresh_token")
}

fn token(host: &str, number: u32) -> OutboundResponse {
    let body = json!({
        "access_token": format!("token-{number}"), "refresh_token": format!("refresh-{number}"),
        "expires_in": 3_600, "host": host,
    });
    answer(StatusCode::OK, &body)
}

/// A connector whose token answers say at which host the account is.
async fn stage(egress: ScriptedEgress) -> Result<Accounts, Failure> {
    let a = Accounts::through(egress).await?;
    let mut with_host = manifest();
    with_host["fields"] = json!([{"name": "host", "title": "Host", "automated": true}]);
    with_host["auth"][0]["response"] = json!({"fields": {"host": "{{response.body.host}}"}});
    a.configuration.put_connector(a.f.project, &Slug::parse("acme")?, with_host).await?;
    a.configuration.set_app(a.f.project, a.integration, None, client()).await?;
    Ok(a)
}

async fn connect(a: &Accounts) -> Result<Credential, Failure> {
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let link = opened.url.rsplit('/').next().and_then(SessionLink::parse).ok_or("it is a link")?;
    let started = a.configuration.start_connect(&link).await?;
    let sent: BTreeMap<String, String> = started.url.query_pairs().into_owned().collect();
    let params = BTreeMap::from([
        ("state".to_owned(), sent["state"].clone()),
        ("code".to_owned(), "code".to_owned()),
    ]);
    let nonces = BTreeMap::from([(opened.session.id, started.nonce.to_string())]);
    let end = a.configuration.finish_connect(Callback { params, nonces }).await?;
    let ConnectOutcome::Connected { credential, .. } = end.outcome else {
        return Err(format!("{:?}", end.outcome).into());
    };
    Ok(a.configuration.credential(a.f.project, credential).await?)
}

/// A worker, with the plans that it finds in the cache.
struct Worker {
    access: CredentialAccess,
    user: Arc<UserPlan>,
    integration: IntegrationPlan,
}

impl Worker {
    fn of(a: &Accounts) -> Result<Self, Failure> {
        let users = a.f.cache.users.lock().expect("no test panics in it");
        let user = users.get(&(a.f.project, EndUserId::new("u"))).ok_or("the user has a plan")?;
        let plan = a.f.cache.project_plan(a.f.project).ok_or("the project has a plan")?;
        Ok(Self {
            access: a.access.clone().ok_or("the linker is the real one")?,
            user: user.clone(),
            integration: plan.integration(CONNECTOR).ok_or("it is switched on")?.clone(),
        })
    }

    fn account(&self) -> Account<'_> {
        Account {
            project: self.user.project,
            user: &self.user.user,
            integration: &self.integration,
            credential: &self.user.credentials[0],
        }
    }

    fn why(&self) -> Access {
        Access {
            project: self.user.project,
            purpose: Purpose::Step,
            run: None,
            step: None,
            reference: None,
            grant: None,
        }
    }

    async fn ready(&self) -> Result<Ready, AccessError> {
        self.access.ready(self.account(), &self.why()).await
    }

    /// After the provider has refused the token.
    async fn renewed(&self) -> Result<Ready, AccessError> {
        let refused = self.ready().await?;
        self.access.renew(self.account(), &self.why(), &refused).await
    }

    fn planned_host(&self) -> &Value {
        &self.user.credentials[0].fields["host"]
    }
}

fn host_of(ready: &Ready) -> Value {
    let context = ready.context(jiff::Timestamp::UNIX_EPOCH);
    context.account().fields["host"].clone()
}

#[tokio::test]
async fn a_field_that_a_renewal_brings_anew_is_stored_and_planned() -> Outcome {
    let a = stage(ScriptedEgress::new(|request| {
        Ok(match is_renewal(request) {
            true => token("b.acme.example", 2),
            false => token("a.acme.example", 1),
        })
    }))
    .await?;
    let linked = connect(&a).await?;
    assert_eq!(linked.fields["host"], "a.acme.example");
    a.configuration.follow_vault().await?;
    let worker = Worker::of(&a)?;
    assert_eq!(worker.planned_host(), "a.acme.example");

    let ready = worker.renewed().await?;
    assert_eq!(host_of(&ready), "b.acme.example", "whoever has the token has its host");
    assert_eq!(host_of(&worker.ready().await?), "b.acme.example", "whatever the plan says");
    a.configuration.follow_vault().await?;
    let known = a.configuration.credential(a.f.project, linked.id).await?;
    assert_eq!(known.fields["host"], "b.acme.example");
    assert_eq!(known.status, linked.status);
    let worker = Worker::of(&a)?;
    assert_eq!(worker.planned_host(), "b.acme.example", "the plan follows");
    let events = a.configuration.events(a.f.project, 0, 10).await?;
    assert_eq!(events.len(), 1, "it is no news for the builder");

    let again = connect(&a).await?;
    assert_eq!((again.id, &again.fields["host"]), (linked.id, &json!("a.acme.example")));
    a.configuration.follow_vault().await?;
    let known = a.configuration.credential(a.f.project, linked.id).await?;
    assert_eq!(known.fields["host"], "a.acme.example", "what came later counts");
    Ok(())
}

#[tokio::test]
async fn a_renewal_that_fails_for_good_is_the_status_and_an_event() -> Outcome {
    let a = stage(ScriptedEgress::new(|request| {
        let dead = json!({"error": "invalid_grant", "error_description": "refresh-1 was revoked"});
        Ok(match is_renewal(request) {
            true => answer(StatusCode::BAD_REQUEST, &dead),
            false => token("a.acme.example", 1),
        })
    }))
    .await?;
    let linked = connect(&a).await?;
    a.configuration.follow_vault().await?;
    a.clock.advance(jiff::SignedDuration::from_secs(60));
    let refused = Worker::of(&a)?.renewed().await;
    assert!(matches!(refused, Err(AccessError::Dead { .. })), "{refused:?}");
    a.configuration.follow_vault().await?;

    let status = a.configuration.credential(a.f.project, linked.id).await?.status;
    assert_eq!((status.state, status.code.as_deref()), (CredentialState::Invalid, Some("revoked")));
    let reason = status.reason.ok_or("it says why")?;
    assert!(reason.contains("was revoked") && !reason.contains("refresh-1"), "{reason}");
    assert_eq!(status.at, linked.status.at + jiff::SignedDuration::from_secs(60));
    let events = a.configuration.events(a.f.project, 1, 10).await?;
    let [event] = &events[..] else { return Err(format!("{events:?}").into()) };
    assert_eq!(event.event.kind, EventType::CredentialInvalid);
    assert_eq!((event.event.credential, event.event.at), (Some(linked.id), status.at));
    assert_eq!(event.event.payload["code"], "revoked");
    assert_eq!(event.event.payload["reason"], json!(reason));
    Ok(())
}
