//! A product, a provider, and the connector between them.

use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenon_testkit::fakes::oauth_provider::Manners;

use super::provider::{Provider, manifest};
use crate::product::{PATIENCE, Product, answer, document, fresh_name, text_of};

/// What a test of accounts works with.
pub struct Stage {
    pub product: Product,
    pub provider: Provider,
    /// The connector, `custom.<slug>`.
    pub connector: String,
    /// A user that no other test has.
    pub user: String,
}

/// A page that the browser got.
pub struct Page {
    pub status: StatusCode,
    pub location: Option<String>,
    pub text: String,
}

/// A user's browser: it keeps cookies and follows nothing by itself.
pub struct Browser {
    http: reqwest::Client,
    cookies: Vec<(String, String)>,
}

impl Stage {
    /// With the product that all tests share.
    pub async fn shared() -> Self {
        Self::of(Product::shared(), Provider::start().await, &json!({})).await
    }

    /// The same, with further rules for calls.
    pub async fn with_rules(proxy: &Value) -> Self {
        Self::of(Product::shared(), Provider::start().await, proxy).await
    }

    /// A connector of this provider in this product, switched on and with its app.
    pub async fn of(product: Product, provider: Provider, proxy: &Value) -> Self {
        let slug = fresh_name();
        let connector = format!("custom.{slug}");
        let (status, answered) =
            product.put(&format!("/connectors/{connector}"), &manifest(&slug, proxy)).await;
        assert_eq!(status, StatusCode::OK, "the connector is refused: {answered:#}");
        let (status, answered) =
            product.post("/integrations", &json!({ "connector": connector })).await;
        assert_eq!(status, StatusCode::CREATED, "{answered:#}");
        let stage = Self { product, provider, connector, user: fresh_name() };
        let client = Manners::default();
        stage
            .set_app(
                "oauth",
                json!({
                    "client_id": client.client_id, "client_secret": client.client_secret,
                }),
            )
            .await;
        stage.set_app("key", json!({})).await;
        stage
    }

    async fn set_app(&self, method: &str, mut values: Value) {
        values["issuer"] = self.provider.oauth.url().into();
        values["api"] = self.provider.api.url.clone().into();
        let path = format!("/integrations/{}/apps/{method}", self.connector);
        let (status, answered) = self.product.put(&path, &json!({ "values": values })).await;
        assert_eq!(status, StatusCode::OK, "the app is refused: {answered:#}");
    }

    /// Opens a connect session; answers it with its link.
    pub async fn session(&self, user: &str, more: &Value) -> Value {
        let mut body = json!({ "integration": self.connector, "auth_method": "oauth" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let (status, session) =
            self.product.post(&format!("/users/{user}/connect-sessions"), &body).await;
        assert_eq!(status, StatusCode::CREATED, "{session:#}");
        session
    }

    /// What became of a session.
    pub async fn outcome(&self, session: &Value) -> Value {
        let path = format!("/connect-sessions/{}", text_of(&session["id"]));
        let (status, shown) = self.product.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{shown:#}");
        shown
    }

    /// Links an account by OAuth, as a user with a browser does; answers the credential's id.
    pub async fn connect(&self, user: &str) -> String {
        self.connect_with(user, &json!({})).await
    }

    /// The same, with more in the session.
    pub async fn connect_with(&self, user: &str, more: &Value) -> String {
        let session = self.session(user, more).await;
        let mut browser = Browser::new();
        let sent = browser.open(&text_of(&session["authorize_url"])).await;
        let location = sent.location.expect("the browser is sent to the provider");
        let page = browser.open(&self.provider.consent(&location)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        text_of(&self.outcome(&session).await["credential_id"])
    }

    /// Links an account by an API key; answers the credential's id.
    pub async fn connect_by_key(&self, user: &str, key: &str) -> String {
        let fields = json!({ "api_key": key });
        let body = json!({ "integration": self.connector, "auth_method": "key", "fields": fields });
        let (status, linked) =
            self.product.post(&format!("/users/{user}/credentials"), &body).await;
        assert_eq!(status, StatusCode::CREATED, "{linked:#}");
        text_of(&linked["id"])
    }

    /// The account as the API shows it.
    pub async fn credential(&self, id: &str) -> Value {
        let (status, shown) = self.product.get(&format!("/credentials/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{shown:#}");
        shown
    }

    /// Waits until the account has a status.
    pub async fn credential_in(&self, id: &str, wanted: &str) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let shown = self.credential(id).await;
            if shown["status"] == wanted {
                return shown;
            }
            assert!(Instant::now() < give_up, "it does not become {wanted}: {shown:#}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// The events of an account, in their order.
    pub async fn events(&self, credential: &str) -> Vec<Value> {
        let (mut after, mut found) = (0, Vec::new());
        loop {
            let (status, page) = self.product.get(&format!("/event-log?after={after}")).await;
            assert_eq!(status, StatusCode::OK, "{page:#}");
            let events = page["events"].as_array().expect("a list of events");
            found.extend(
                events.iter().filter(|event| event["credential_id"] == credential).cloned(),
            );
            if events.is_empty() {
                return found;
            }
            after = page["next"].as_i64().expect("a number");
        }
    }

    /// The kinds of the events of an account, in their order.
    pub async fn event_kinds(&self, credential: &str) -> Vec<String> {
        self.events(credential).await.iter().map(|event| text_of(&event["type"])).collect()
    }

    /// Deploys steps that use the connector; answers the event that starts them.
    pub async fn deploy(&self, steps: Value) -> String {
        self.product.deploy(steps).await
    }

    /// Sends an app event for a user; answers the one run that it started.
    pub async fn fire_for(&self, user: &str, event: &str, payload: Value) -> String {
        let body = json!({ "name": event, "user": user, "payload": payload });
        let (status, accepted) = self.product.post("/events", &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "the event is refused: {accepted:#}");
        let runs = accepted["runs"].as_array().expect("a list of runs");
        assert_eq!(runs.len(), 1, "one workflow listens");
        text_of(&runs[0]["id"])
    }

    /// Starts a run for a user and waits for its end.
    pub async fn run_for(&self, user: &str, event: &str) -> Value {
        let run = self.fire_for(user, event, json!({ "name": "Grace" })).await;
        self.product.ended(&run).await
    }

    /// A call through the proxy for a user, by the project's key.
    pub async fn proxied(&self, user: &str, path: &str) -> (StatusCode, Value) {
        answer(self.proxy_call(Method::GET, path).header("x-tenon-user", user)).await
    }

    /// The same, to be sent by the test.
    pub fn proxy_call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.product.call(method, &format!("/proxy/{}{path}", self.connector))
    }

    /// An action and an integration request.
    pub fn both_steps(&self) -> Value {
        json!([
            {
                "id": "note", "type": "action", "connector": self.connector,
                "action": "create_note", "input": {"text": "for {{trigger.event.name}}"},
                "next": "look",
            },
            {
                "id": "look", "type": "integration_request", "connector": self.connector,
                "path": "/things/7", "query": {"of": "{{trigger.event.name}}"},
            },
        ])
    }

    /// One integration request.
    pub fn one_step(&self, path: &str) -> Value {
        json!([
            {"id": "look", "type": "integration_request", "connector": self.connector,
             "path": path},
        ])
    }

    /// Deploys one step that may be retried; answers the event that starts it.
    pub async fn deploy_with_retries(&self, path: &str, retries: u32) -> String {
        let name = fresh_name();
        let triggers = json!([{ "type": "app_event", "event": name }]);
        let mut document = document(&name, triggers, self.one_step(path));
        document["settings"]["retry"] =
            json!({ "retries": retries, "backoff": { "schedule": [1] }, "jitter": "none" });
        self.product.apply(&document).await;
        name
    }
}

impl Browser {
    pub fn new() -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without TLS files can be built");
        Self { http, cookies: Vec::new() }
    }

    /// Opens an address with the cookies so far, and keeps those that come.
    pub async fn open(&mut self, url: &str) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.http.get(url).header("sec-fetch-mode", "navigate");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let response = request.send().await.expect("the product answers");
        for cookie in response.headers().get_all("set-cookie") {
            let text = cookie.to_str().expect("a cookie is text");
            let pair = text.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            self.cookies.retain(|(kept, _)| kept != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let location = response.headers().get("location");
        let location = location.map(|url| url.to_str().expect("a URL is text").to_owned());
        Page {
            status: response.status(),
            location,
            text: response.text().await.expect("the whole page comes"),
        }
    }
}
