//! Against `oidc-provider`, a certified authorization server that nobody here wrote: PKCE is
//! required, refresh tokens rotate strictly, access tokens live five seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, json};
use tenon_connector::authorize::pkce_verifier;
use tenon_contract::plan::CredentialPlan;
use tenon_credentials::access::AccessError;
use tenon_credentials::linking::{
    FilledIn, FinishLink, Health, LinkError, LinkTarget, Linked, Linking, StartLink,
};
use tenon_testkit::fakes::oauth_provider::Manners;
use tenon_testkit::oidc_server::{
    Browser, CLIENT_ID, CLIENT_SECRET, OidcServer, OidcSettings, REDIRECT_URI,
};
use tenon_vault::policy::Caller;
use url::Url;

use crate::rig::{Rig, bearer, quick};

/// The rig with another provider: its vault and processes, and this server's endpoints.
struct Real {
    server: OidcServer,
    rig: Rig,
}

impl Real {
    async fn start(token_seconds: u32) -> Option<Self> {
        let server = OidcServer::start(OidcSettings { token_seconds }).await;
        let server = server.unwrap_or_else(|error| panic!("oidc-provider: {error:#}"))?;
        let manners = Manners {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            ..Manners::default()
        };
        let mut rig = Rig::start(manners).await;
        let app = rig.integration.apps.get_mut("oauth").expect("it has an app");
        app.values.insert("base".to_owned(), server.issuer().into());
        let mut manifest = crate::rig::manifest();
        let oauth = &mut manifest["auth"][0];
        oauth["authorize_url"] = json!("{{app.base}}/auth");
        oauth["token_request"] = json!({"client_auth": "basic"});
        oauth["scopes"] = json!({"default": ["openid", "profile"]});
        manifest["lifecycle"] = json!({
            "identity": {
                "steps": [{
                    "id": "me",
                    "request": {"url": "/me"},
                    "save": {"id": "{{response.body.sub}}", "name": "{{response.body.name}}"}
                }],
                "id": "{{steps.me.id}}",
                "name": "{{steps.me.name}}"
            },
            "revoke": [{
                "method": "POST",
                "url": "/token/revocation",
                "headers": {"authorization":
                    "Basic {{base64_encode(concat(app.client_id, ':', app.client_secret))}}"},
                "body": {"form": {"token": "{{token.refresh_token}}"}}
            }]
        });
        rig.integration.manifest = Some(crate::rig::checked(manifest));
        Some(Self { server, rig })
    }

    fn linking(&self) -> Linking {
        Linking::new(&self.rig.process_as(Caller::Api, quick()))
    }

    fn target(&self) -> LinkTarget<'_> {
        let (project, integration) = (self.rig.project, &self.rig.integration);
        LinkTarget { project, integration, auth_method: "oauth" }
    }

    /// The consent page, for a user.
    async fn consent_url(&self, user: &str) -> Url {
        let nothing = Map::new();
        let start = StartLink {
            redirect_uri: REDIRECT_URI,
            state: "state-1",
            code_verifier: &pkce_verifier([5; 32]),
            fields: FilledIn { public: &nothing, secret: &nothing },
        };
        let started = self.linking().start(self.target(), &self.rig.connect(), start).await;
        let mut url = started.unwrap_or_else(|error| panic!("no consent: {error:?}")).url;
        url.query_pairs_mut().append_pair("login_hint", user);
        url
    }

    async fn finish(&self, callback: &Url) -> Result<Linked, LinkError> {
        let params: BTreeMap<_, _> = callback.query_pairs().into_owned().collect();
        assert_eq!(params.get("state").map(String::as_str), Some("state-1"));
        assert_eq!(params.get("iss").map(String::as_str), Some(self.server.issuer()));
        let nothing = Map::new();
        let finish = FinishLink {
            params: &params,
            redirect_uri: REDIRECT_URI,
            code_verifier: Some(&pkce_verifier([5; 32])),
            keep: None,
            fields: FilledIn { public: &nothing, secret: &nothing },
        };
        self.linking().finish(self.target(), &self.rig.connect(), finish).await
    }

    /// Links a user's account.
    async fn link(&self, browser: &mut Browser<'_>, user: &str) -> CredentialPlan {
        let url = self.consent_url(user).await;
        let callback = browser.authorize(&url).await;
        let callback = callback.unwrap_or_else(|error| panic!("the browser is lost: {error:#}"));
        let linked = self.finish(&callback).await;
        let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
        let identity = linked.identity.clone().expect("the server says who it is");
        assert_eq!((identity.id.as_str(), identity.name), (user, format!("Name of {user}")));
        let plan = CredentialPlan { fields: linked.fields, ..self.rig.plan("oauth") };
        let owner = self.rig.owner(&plan);
        self.rig.vault().create(plan.secret, &owner, linked.value).await.expect("it is kept");
        plan
    }

    async fn is_active(&self, token: &str) -> bool {
        self.server.is_active(token).await.expect("the server answers")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_rotate_twice_and_revoke() {
    let Some(real) = Real::start(3).await else { return };
    let plan = real.link(&mut real.server.browser(), "ada").await;
    let processes: Vec<_> = (0..4).map(|_| real.rig.process(quick())).collect();
    let mut last = String::new();
    for expiry in 1..=2_u32 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let wants = processes.iter().flat_map(|process| {
            let (rig, plan) = (&real.rig, &plan);
            (0..16).map(move |_| async move {
                let ready = process.ready(rig.of(plan), &rig.step()).await.expect("a token");
                (ready.version(), bearer(&ready))
            })
        });
        let mut got = futures::future::join_all(wants).await;
        got.dedup();
        assert_eq!(got.len(), 1, "everybody has the same token");
        let (version, token) = got.remove(0);
        assert_eq!(version, expiry + 1, "one renewal for each expiry");
        assert!(real.is_active(&token).await, "the family lives");
        assert_ne!(token, last);
        last = token;
    }

    let linking = real.linking();
    let health = linking.probe(real.rig.of(&plan), &real.rig.connect()).await;
    assert_eq!(health.expect("the server answers"), Health::Works);
    assert!(real.is_active(&last).await);
    linking.revoke(real.rig.of(&plan), &real.rig.connect()).await.expect("it is taken back");
    assert!(!real.is_active(&last).await, "the whole grant has ended");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let error = processes[0].ready(real.rig.of(&plan), &real.rig.step()).await;
    assert!(matches!(error, Err(AccessError::Dead { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_logs_out_ends_the_account() {
    let Some(real) = Real::start(3).await else { return };
    let mut browser = real.server.browser();
    let plan = real.link(&mut browser, "grace").await;
    let process = real.rig.process(quick());
    let ready = process.ready(real.rig.of(&plan), &real.rig.step()).await.expect("a token");
    assert!(real.is_active(&bearer(&ready)).await);
    browser.log_out().await.expect("the session ends");
    assert!(!real.is_active(&bearer(&ready)).await, "the server ended the grant");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let error = process.ready(real.rig.of(&plan), &real.rig.step()).await;
    let error = error.expect_err("the refresh token ended with the session");
    assert!(matches!(error, AccessError::Dead { .. }), "{error:?}");
    assert_eq!(real.rig.code(&plan).await.as_deref(), Some("revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_says_no_and_a_code_that_is_used_twice() {
    let Some(real) = Real::start(5).await else { return };
    let url = real.consent_url("deny").await;
    let callback = real.server.browser().authorize(&url).await.expect("a callback");
    let denied = real.finish(&callback).await.err().expect("the user said no");
    assert!(matches!(denied, LinkError::Denied { .. }), "{denied:?}");

    let url = real.consent_url("ada").await;
    let callback = real.server.browser().authorize(&url).await.expect("a callback");
    let first = real.finish(&callback).await;
    assert!(first.is_ok(), "{:?}", first.err());
    let second = real.finish(&callback).await.err().expect("the code is used up");
    assert!(matches!(second, LinkError::Rejected { .. }), "{second:?}");
}
