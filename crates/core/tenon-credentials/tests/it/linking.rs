//! Linking by consent and by fields, probing, and taking back.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tenon_connector::authorize::pkce_verifier;
use tenon_contract::plan::CredentialPlan;
use tenon_credentials::access::AccessError;
use tenon_credentials::linking::{
    FilledIn, FinishLink, Health, LinkError, LinkTarget, Linked, Linking, StartLink,
};
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};
use tenon_vault::policy::Caller;
use url::Url;

use crate::rig::{Rig, bearer, quick};

const REDIRECT_URI: &str = "https://tenon.example/oauth/callback";

fn verifier() -> String {
    pkce_verifier([9; 32])
}

fn target<'a>(rig: &'a Rig, auth_method: &'a str) -> LinkTarget<'a> {
    LinkTarget { project: rig.project, integration: &rig.integration, auth_method }
}

fn linking(rig: &Rig) -> Linking {
    Linking::new(&rig.process_as(Caller::Api, quick()))
}

struct Filled {
    public: Map<String, Value>,
    secret: Map<String, Value>,
}

impl Filled {
    fn nothing() -> Self {
        Self { public: Map::new(), secret: Map::new() }
    }

    fn api_key(key: &str) -> Self {
        let secret = Map::from_iter([("api_key".to_owned(), Value::from(key))]);
        Self { public: Map::new(), secret }
    }

    fn borrowed(&self) -> FilledIn<'_> {
        FilledIn { public: &self.public, secret: &self.secret }
    }
}

async fn start(rig: &Rig) -> Url {
    let nothing = Filled::nothing();
    let start = StartLink {
        redirect_uri: REDIRECT_URI,
        state: "state-1",
        code_verifier: &verifier(),
        fields: nothing.borrowed(),
    };
    let started = linking(rig).start(target(rig, "oauth"), &rig.connect(), start).await;
    let started = started.unwrap_or_else(|error| panic!("no consent page: {error:?}"));
    assert!(started.keep.is_none());
    started.url
}

async fn finish(rig: &Rig, callback: &Url, verifier: &str) -> Result<Linked, LinkError> {
    let params: BTreeMap<_, _> = callback.query_pairs().into_owned().collect();
    let nothing = Filled::nothing();
    let finish = FinishLink {
        params: &params,
        redirect_uri: REDIRECT_URI,
        code_verifier: Some(verifier),
        keep: None,
        fields: nothing.borrowed(),
    };
    linking(rig).finish(target(rig, "oauth"), &rig.connect(), finish).await
}

/// What failed; `Linked` has no `Debug`.
fn failure(outcome: Result<Linked, LinkError>) -> LinkError {
    match outcome {
        Ok(_) => panic!("it was linked"),
        Err(error) => error,
    }
}

async fn keep(rig: &Rig, method: &str, linked: Linked) -> CredentialPlan {
    let plan = CredentialPlan { fields: linked.fields, ..rig.plan(method) };
    let kept = rig.vault().create(plan.secret, &rig.owner(&plan), linked.value).await;
    kept.expect("it is kept");
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_consent_used_probed_and_taken_back() {
    let rig = Rig::start(Manners::default()).await;
    let url = start(&rig).await;
    let callback = rig.provider.consent(&url).expect("the provider takes the request");
    let linked = finish(&rig, &callback, &verifier()).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    let identity = linked.identity.clone().expect("the connector can tell");
    assert_eq!((identity.id.as_str(), identity.name.as_str()), ("account-1", "Account 1"));
    assert_eq!(linked.fields["account_name"], "Account 1");
    assert!(linked.expires_at.is_some());
    let plan = keep(&rig, "oauth", linked).await;

    let worker = rig.process(quick());
    let ready = worker.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    let grant = rig.provider.grant_of(&bearer(&ready)).expect("the provider issued it");

    let linking = linking(&rig);
    let health = linking.probe(rig.of(&plan), &rig.connect()).await.expect("it is asked");
    assert_eq!(health, Health::Works);
    linking.revoke(rig.of(&plan), &rig.connect()).await.expect("it is taken back");
    assert_eq!(rig.provider.counters().revocations, 1);
    let is_revoked = rig.provider.grant_of(&bearer(&ready)).expect("it knows it").is_revoked;
    assert!(is_revoked, "{grant:?}");
    let health = linking.probe(rig.of(&plan), &rig.connect()).await;
    assert!(matches!(health, Err(AccessError::Dead { .. })), "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_renews_what_is_refused() {
    let rig = Rig::start(Manners { says_expires_in: false, ..Manners::default() }).await;
    rig.provider.change(|manners| manners.life = std::time::Duration::ZERO);
    let (plan, _) = rig.account().await;
    rig.provider.change(|manners| manners.life = std::time::Duration::from_secs(60));
    let health = linking(&rig).probe(rig.of(&plan), &rig.connect()).await.expect("it is asked");
    assert_eq!(health, Health::Works);
    assert_eq!(rig.provider.counters().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_says_no_is_told_so() {
    let rig = Rig::start(Manners::default()).await;
    let callback = rig.provider.deny(&start(&rig).await).expect("the provider takes it");
    let error = failure(finish(&rig, &callback, &verifier()).await);
    assert!(matches!(error, LinkError::Denied { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_nothing_without_its_verifier_and_only_once() {
    let rig = Rig::start(Manners::default()).await;
    let callback = rig.provider.consent(&start(&rig).await).expect("the provider takes it");
    let error = failure(finish(&rig, &callback, &pkce_verifier([1; 32])).await);
    assert!(matches!(error, LinkError::Rejected { .. }), "{error:?}");
    let error = failure(finish(&rig, &callback, &verifier()).await);
    assert!(matches!(error, LinkError::Rejected { .. }), "the code is used up: {error:?}");
    assert_eq!(rig.provider.counters().codes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ugly_answer_is_told_apart_and_shows_no_secret() {
    type Check = fn(&LinkError) -> bool;
    let cases: [(Fault, Check); 7] = [
        (Fault::WrongClient, |error| matches!(error, LinkError::WrongClient { .. })),
        (Fault::Html, |error| matches!(error, LinkError::Garbage { .. })),
        (Fault::Huge, |error| matches!(error, LinkError::Garbage { .. })),
        (Fault::MissingFields, |error| matches!(error, LinkError::Garbage { .. })),
        (Fault::Torn, |error| matches!(error, LinkError::Garbage { .. })),
        (Fault::ServerError, |error| matches!(error, LinkError::Temporary { .. })),
        (Fault::Hang, |error| matches!(error, LinkError::Temporary { .. })),
    ];
    for (fault, is_right) in cases {
        let rig = Rig::start(Manners::default()).await;
        let callback = rig.provider.consent(&start(&rig).await).expect("the provider takes it");
        rig.provider.spoil([fault]);
        let error = failure(finish(&rig, &callback, &verifier()).await);
        assert!(is_right(&error), "{fault:?}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains('<'), "{fault:?}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_linked_when_the_provider_takes_it() {
    let rig = Rig::start(Manners::default()).await;
    let good = Filled::api_key(&rig.provider.grant().access_token);
    let linking = linking(&rig);
    let linked = linking.link_fields(target(&rig, "key"), &rig.connect(), good.borrowed()).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    assert!(linked.identity.is_some() && linked.expires_at.is_none());
    assert!(!linked.fields.contains_key("api_key"), "it is secret");
    let plan = keep(&rig, "key", linked).await;
    let ready = rig.process(quick()).ready(rig.of(&plan), &rig.step()).await;
    assert_eq!(bearer(&ready.expect("the key")), good.secret["api_key"].as_str().expect("text"));

    let bad = Filled::api_key("canary-of-nobody");
    let outcome = linking.link_fields(target(&rig, "key"), &rig.connect(), bad.borrowed()).await;
    let error = failure(outcome);
    assert!(matches!(error, LinkError::Rejected { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_its_own_is_linked_without_consent() {
    let rig = Rig::start(Manners::default()).await;
    let nothing = Filled::nothing();
    let linking = linking(&rig);
    let access = rig.connect();
    let linked = linking.link_fields(target(&rig, "client"), &access, nothing.borrowed()).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    assert!(linked.expires_at.is_some());
    let outcome = linking.link_fields(target(&rig, "oauth"), &access, nothing.borrowed()).await;
    assert!(matches!(failure(outcome), LinkError::Rejected { .. }), "this one needs consent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_forbidden_is_told_apart() {
    let mut rig = Rig::start(Manners::default()).await;
    let base_of = |rig: &mut Rig, base: &str| {
        let app = rig.integration.apps.get_mut("client").expect("it has an app");
        app.values.insert("base".to_owned(), base.into());
        rig.integration.manifest =
            rig.integration.manifest.as_ref().map(|m| Arc::new((**m).clone()));
    };
    base_of(&mut rig, "http://127.0.0.1:1");
    let error = failure(link_client(&rig).await);
    assert!(matches!(error, LinkError::Temporary { .. }), "{error:?}");

    base_of(&mut rig, "http://10.0.0.1");
    let error = failure(link_client(&rig).await);
    assert!(matches!(error, LinkError::Connector { .. }), "a private address: {error:?}");
}

async fn link_client(rig: &Rig) -> Result<Linked, LinkError> {
    let nothing = Filled::nothing();
    linking(rig).link_fields(target(rig, "client"), &rig.connect(), nothing.borrowed()).await
}
