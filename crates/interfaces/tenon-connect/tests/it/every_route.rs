//! One table of all routes that act for a user, and what no token may do on any of them. A route that
//! is not in the table fails the test, so that a new one is thought of.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, iter};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use tenon_domain::{Clock as _, ProjectId};

use crate::stage::{ACME, ORIGIN, Stage, public_pem, signed};

/// Every route for users, as it is written in `src/routes`. The windows take their token from the
/// address, since the SDK puts it there.
const ROUTES: [(&str, &str); 32] = [
    ("GET", "/projects/{project}/sdk/me"),
    ("PATCH", "/projects/{project}/sdk/me"),
    ("GET", "/projects/{project}/sdk/integrations"),
    ("DELETE", "/projects/{project}/sdk/integrations/{integration}"),
    ("GET", "/projects/{project}/sdk/metadata"),
    ("POST", "/projects/{project}/sdk/credentials"),
    ("GET", "/projects/{project}/sdk/credentials"),
    ("GET", "/projects/{project}/sdk/credentials/{credential}"),
    ("PATCH", "/projects/{project}/sdk/credentials/{credential}"),
    ("POST", "/projects/{project}/sdk/credentials/{credential}/complete-setup"),
    ("POST", "/projects/{project}/sdk/credentials/{credential}/configurations"),
    ("PATCH", "/projects/{project}/sdk/credentials/{credential}/configurations"),
    ("DELETE", "/projects/{project}/sdk/credentials/{credential}/configurations"),
    ("POST", "/projects/{project}/sdk/resources/{resource}/connect"),
    ("POST", "/projects/{project}/sdk/workflows/{workflow}"),
    ("DELETE", "/projects/{project}/sdk/workflows/{workflow}"),
    ("POST", "/projects/{project}/sdk/actions"),
    ("GET", "/v2/projects/{project}/sdk/actions/build-oauth"),
    ("GET", "/projects/{project}/sdk/actions/build-oauth"),
    ("GET", "/projects/{project}/sdk/actions/oauth-nonce"),
    ("GET", "/projects/{project}/sdk/actions/session-id/{key}"),
    ("DELETE", "/projects/{project}/sdk/actions/session-id/{key}"),
    ("GET", "/projects/{project}/triggers"),
    ("GET", "/sdk/projects/{project}"),
    ("POST", "/projects/{project}/sdk/hosted/oauth"),
    // Takes a link, and no token of a user.
    ("POST", "/connect/hosted/session"),
    // Files that are the same for everybody.
    ("GET", "/integrations/{file}"),
    ("GET", "/integrations/{project}/{file}"),
    ("GET", "/logos/{project}/{file}"),
    ("GET", "PLACEHOLDER_PATH"),
    ("GET", "/ui"),
    ("GET", "/ui/{*path}"),
];

fn is_for_users(path: &str) -> bool {
    path.contains("{project}") && !path.ends_with("{file}")
}

#[test]
fn every_route_is_in_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(source.join("routes")).expect("the routes are there");
    let files = files.map(|entry| entry.expect("it can be read").path());
    let mut found = BTreeSet::new();
    for file in files.chain(iter::once(source.join("routes.rs"))) {
        let text = fs::read_to_string(&file).expect("it can be read");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in code.split(".route(").skip(1) {
            let (path, handlers) = path_and_handlers(call);
            for method in ["get", "post", "put", "patch", "delete", "any"] {
                if handlers.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == method) {
                    found.insert((method.to_uppercase(), path.to_owned()));
                }
            }
        }
    }
    let table: BTreeSet<_> =
        ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    let missing: Vec<_> = found.difference(&table).collect();
    assert!(missing.is_empty(), "these routes are not in the table: {missing:#?}");
    let gone: Vec<_> = table.difference(&found).collect();
    assert!(gone.is_empty(), "these routes are not there any more: {gone:#?}");
}

/// The two arguments of `.route(`: the path, and what serves it.
fn path_and_handlers(call: &str) -> (&str, &str) {
    let call = call.trim_start();
    let (path, rest) = call.split_once(',').expect("a route has a path and a handler");
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    (path.trim().trim_matches('"'), &rest[..end.expect("every parenthesis is closed")])
}

/// An address of a route, about things that exist.
fn address(stage: &Stage, path: &str, project: &str, credential: &str, token: &str) -> String {
    let integration = stage.id_of(ACME);
    let path = path
        .replace("{project}", project)
        .replace("{integration}", &integration)
        .replace("{credential}", credential)
        .replace("{workflow}", &stage.sync.to_string())
        .replace("{resource}", "anything")
        .replace("{key}", "annskey1");
    let origin: String = url::form_urlencoded::byte_serialize(ORIGIN.as_bytes()).collect();
    let query = match path.rsplit('/').next() {
        Some("build-oauth" | "oauth-nonce") if !path.starts_with("/v2") => {
            format!("?integrationId={integration}&originForPostMessage={origin}&userToken={token}")
        }
        Some("build-oauth") => format!("?integrationId={integration}"),
        Some("credentials") => format!("?integration={ACME}&includeAccountAuth=true"),
        Some("triggers") => format!("?integrations={ACME}"),
        _ => String::new(),
    };
    format!("root:{path}{query}")
}

/// A body that the route would take.
fn body(stage: &Stage, method: &str, path: &str) -> Option<Value> {
    let payload = json!({"api_key": "k", "subdomain": "evil"});
    Some(match (method, path.rsplit('/').next()?) {
        ("PATCH", "me") => json!({"meta": {"plan": "pro"}}),
        ("POST", "credentials") => json!({"integrationId": stage.id_of(ACME), "payload": payload}),
        ("PATCH", "{credential}") => json!({"config": {"sharedSettings": {"team": "evil"}}}),
        ("POST", "complete-setup" | "connect") => json!({"payload": {}}),
        ("POST", "oauth") => {
            json!({"integrationId": stage.id_of(ACME), "oauthMetaKeyId": "annskey2"})
        }
        ("POST", "configurations") => json!({"externalId": "evil"}),
        ("PATCH", "configurations") => json!({"meta": {"evil": true}}),
        ("POST", "actions") => json!({"action": ACME, "sourceKey": "channels"}),
        _ => return None,
    })
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// As [`signed`], by another key: one that was revoked, or is of another project.
fn signed_by(key: &KeyPair, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", encoded(header), encoded(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("it can be signed");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Tokens that must open nothing, with what is wrong with each.
fn bad_tokens(now: i64) -> Vec<(&'static str, String)> {
    let header = json!({"alg": "RS256", "kid": "k"});
    let good = json!({"sub": "ann", "exp": now + 60});
    let other = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
    let whole = signed(&header, &good);
    let (_, signature) = whole.rsplit_once('.').expect("three parts");
    let forged = json!({"sub": "bob", "exp": now + 60});
    let text = format!("{}.{}", encoded(&json!({"alg": "HS256", "kid": "k"})), encoded(&good));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public_pem().as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    vec![
        ("nothing", String::new()),
        ("expired", signed(&header, &json!({"sub": "ann", "exp": now - 120}))),
        ("no end", signed(&header, &json!({"sub": "ann"}))),
        ("nobody", signed(&header, &json!({"exp": now + 60}))),
        ("alg none", format!("{}.{}.", encoded(&json!({"alg": "none"})), encoded(&good))),
        ("the public key as a secret", format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))),
        (
            "claims of somebody else",
            format!("{}.{}.{signature}", encoded(&header), encoded(&forged)),
        ),
        ("another key under a known name", signed_by(&other, &header, &good)),
        (
            "a key that the project has no more",
            signed_by(&other, &json!({"alg": "RS256", "kid": "revoked"}), &good),
        ),
        ("an API key", "tnn_not_a_token".to_owned()),
    ]
}

#[tokio::test]
async fn no_bad_token_opens_any_route() {
    let stage = Stage::new().await;
    let ann = stage.connect("ann").await;
    let id = ann["id"].as_str().expect("an id");
    let configuration = ann["configurations"][0]["id"].as_str().expect("an id");
    let before = stage.get("ann", "/sdk/me").await;
    let project = stage.project.to_string();
    for (what, token) in bad_tokens(stage.clock.now().as_second()) {
        for (method, path) in ROUTES.into_iter().filter(|(_, path)| is_for_users(path)) {
            let shown = format!("{method} {path} with {what}");
            let to = address(&stage, path, &project, id, &token);
            let bearer = format!("Bearer {token}");
            let mut headers = vec![
                ("x-paragon-credential", id),
                ("x-paragon-configuration-id", configuration),
                ("authorization", bearer.as_str()),
            ];
            if token.is_empty() || to.contains("userToken=") {
                headers.pop();
            }
            let verb: Method = method.parse().expect("a method");
            let answer = stage.send(verb, &to, &headers, body(&stage, method, path)).await;
            assert_eq!(answer.status, 401, "{shown}: {}", answer.text);
            for secret in
                ["\"ann\"", id, configuration, "oauth/start", "picker token", "oauth-nonce"]
            {
                assert!(!answer.text.contains(secret), "{shown} shows {secret}: {}", answer.text);
            }
            assert!(answer.header("location").is_empty(), "{shown} leads somewhere");
            assert!(answer.header("set-cookie").is_empty(), "{shown} leaves something");
        }
    }
    assert_eq!(stage.get("ann", "/sdk/me").await, before, "nothing was done");
    assert_eq!(stage.accounts_of("bob").await, 0);
}

#[tokio::test]
async fn a_good_token_opens_no_other_project() {
    let stage = Stage::new().await;
    let ann = stage.connect("ann").await;
    let id = ann["id"].as_str().expect("an id");
    let token = stage.token("ann");
    for other in [ProjectId::new().to_string(), "nonsense".to_owned()] {
        for (method, path) in ROUTES.into_iter().filter(|(_, path)| is_for_users(path)) {
            let to = address(&stage, path, &other, id, &token);
            let verb: Method = method.parse().expect("a method");
            let answer = stage.call_with(&token, verb, &to, &[], body(&stage, method, path)).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_good_token_opens_every_route_of_its_project() {
    // So that the tests above refuse for the token, and for nothing else.
    let stage = Stage::new().await;
    let ann = stage.connect("ann").await;
    let id = ann["id"].as_str().expect("an id");
    let token = stage.token("ann");
    let project = stage.project.to_string();
    for (method, path) in ROUTES.into_iter().filter(|(_, path)| is_for_users(path)) {
        let to = address(&stage, path, &project, id, &token);
        let verb: Method = method.parse().expect("a method");
        let answer = stage.call_with(&token, verb, &to, &[], body(&stage, method, path)).await;
        assert!(!matches!(answer.status, 401 | 403 | 405), "{method} {path}: {}", answer.text);
    }
}
