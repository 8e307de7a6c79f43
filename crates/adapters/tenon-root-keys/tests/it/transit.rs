//! A transit engine, emulated: keys by name, of an authenticated cipher or derived, and tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tenon_root_keys::{Environment, OpenError, Settings, open};
use tenon_vault::ports::RootKey;

use crate::cipher::Cipher;
use crate::server::{Answer, Asked, SECRET_IN_A_BODY, Server, nobody, refuse};
use crate::suite::{Outcome, Roots, holds, is_refused};

/// What a key binds.
#[derive(Clone, Copy, PartialEq)]
enum Binds {
    AssociatedData,
    /// A key that derives.
    Context,
    /// A server that knows neither field.
    Nothing,
}

struct Engine {
    keys: HashMap<&'static str, Cipher>,
    binds: Binds,
    /// Tokens that are good.
    tokens: Mutex<Vec<String>>,
}

impl Engine {
    fn new(binds: Binds) -> Arc<Self> {
        let keys = HashMap::from([("root", Cipher::new()), ("other", Cipher::new())]);
        Arc::new(Self { keys, binds, tokens: Mutex::new(vec!["given".to_owned()]) })
    }

    fn answer(&self, asked: &Asked) -> Answer {
        assert_eq!(asked.header("x-vault-request"), "true", "forwarding guards ask for it");
        let body = asked.json();
        if asked.path == "/v1/auth/kubernetes/login" {
            return self.log_in(&body);
        }
        let token = asked.header("x-vault-token").to_owned();
        let is_known = self.tokens.lock().expect("no test panics in it").contains(&token);
        if !is_known || asked.header("x-vault-namespace") != "team" {
            return refuse(StatusCode::FORBIDDEN);
        }
        let path: Vec<&str> = asked.path.split('/').collect();
        let ["", "v1", "deep", "transit", operation, key] = path[..] else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let Some(cipher) = self.keys.get(key) else { return refuse(StatusCode::BAD_REQUEST) };
        let bound = match self.binds {
            Binds::AssociatedData => text(&body, "associated_data"),
            Binds::Context => text(&body, "context"),
            Binds::Nothing => "",
        };
        if operation == "encrypt" {
            let plaintext = STANDARD.decode(text(&body, "plaintext")).expect("it is base64");
            let sealed = STANDARD.encode(cipher.seal(&plaintext, bound.as_bytes()));
            return json_data(&json!({ "ciphertext": format!("vault:v1:{sealed}") }));
        }
        let opened = text(&body, "ciphertext")
            .strip_prefix("vault:v1:")
            .and_then(|sealed| STANDARD.decode(sealed).ok())
            .and_then(|sealed| cipher.open(&sealed, bound.as_bytes()));
        match opened {
            Some(plaintext) => json_data(&json!({ "plaintext": STANDARD.encode(plaintext) })),
            None => refuse(StatusCode::BAD_REQUEST),
        }
    }

    fn log_in(&self, body: &Value) -> Answer {
        if text(body, "role") != "tenon" || text(body, "jwt") != "service account" {
            return refuse(StatusCode::FORBIDDEN);
        }
        let mut tokens = self.tokens.lock().expect("no test panics in it");
        let token = format!("logged in {}", tokens.len());
        tokens.push(token.clone());
        let auth = json!({ "client_token": token, "lease_duration": 3600 });
        (StatusCode::OK, json!({ "auth": auth }).to_string())
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn json_data(data: &Value) -> Answer {
    (StatusCode::OK, json!({ "data": data }).to_string())
}

async fn serve(engine: &Arc<Engine>) -> anyhow::Result<Server> {
    let engine = Arc::clone(engine);
    Server::start(move |asked| engine.answer(asked)).await
}

fn root(url: &str, key: &str, variables: &[(&str, &str)]) -> Result<Arc<dyn RootKey>, OpenError> {
    let namespace = ("VAULT_NAMESPACE", "team");
    let environment: Environment = variables.iter().copied().chain([namespace]).collect();
    open(&format!("transit:{url}/deep/transit/{key}"), &Settings::new(environment))
}

const GIVEN: &[(&str, &str)] = &[("VAULT_TOKEN", "given")];

#[tokio::test]
async fn the_suite_holds_for_each_way_of_binding() -> Outcome {
    for binds in [Binds::AssociatedData, Binds::Context, Binds::Nothing] {
        let server = serve(&Engine::new(binds)).await?;
        let roots = Roots {
            root: root(&server.url, "root", GIVEN)?,
            again: root(&server.url, "root", GIVEN)?,
            other: root(&server.url, "other", GIVEN)?,
            away: Some(root(&nobody().await?, "root", GIVEN)?),
        };
        holds(&roots).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_pod_logs_in_once_and_again_when_its_token_was_revoked() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, "service account\n")?;
    let engine = Engine::new(Binds::AssociatedData);
    let server = serve(&engine).await?;
    let path = file.to_str().expect("it is text");
    let variables = [("VAULT_KUBERNETES_ROLE", "tenon"), ("VAULT_KUBERNETES_TOKEN_FILE", path)];
    let root = root(&server.url, "root", &variables)?;
    let wrapped = root.wrap(&[1; 32], b"c").await?;
    root.unwrap(&wrapped, b"c").await?;
    assert_eq!(server.count("/login"), 1);
    engine.tokens.lock().expect("no test panics in it").clear();
    assert_eq!(*root.unwrap(&wrapped, b"c").await?, [1; 32]);
    assert_eq!(server.count("/login"), 2);
    Ok(())
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_body_is_not_repeated() -> Outcome {
    let server = serve(&Engine::new(Binds::AssociatedData)).await?;
    let root = root(&server.url, "root", &[("VAULT_TOKEN", "stolen")])?;
    let error = root.wrap(&[1; 32], b"c").await.expect_err("the token is not known");
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("stolen") && !shown.contains(SECRET_IN_A_BODY), "{shown}");
    is_refused(Err::<(), _>(error), "a wrong token");
    assert_eq!(server.count("/encrypt/"), 2, "it is tried once more with a new token");
    Ok(())
}

#[tokio::test]
async fn garbage_and_faults_of_the_server_are_told_apart() -> Outcome {
    let large = "x".repeat(200 << 10);
    for (status, body, is_away) in [
        (StatusCode::OK, "<html>login</html>".to_owned(), false),
        (StatusCode::OK, r#"{"data":{"ciphertext":"plain"}}"#.to_owned(), false),
        (StatusCode::OK, large, false),
        (StatusCode::FOUND, String::new(), false),
        (StatusCode::NOT_FOUND, String::new(), false),
        (StatusCode::SERVICE_UNAVAILABLE, String::new(), true),
        (StatusCode::TOO_MANY_REQUESTS, String::new(), true),
    ] {
        let server = Server::start(move |_| (status, body.clone())).await?;
        let root = root(&server.url, "root", GIVEN)?;
        let error = root.wrap(&[1; 32], b"c").await.expect_err("the answer is no good");
        let is_unavailable = matches!(error, tenon_vault::ports::RootKeyError::Unavailable { .. });
        assert_eq!(is_unavailable, is_away, "{status}: {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_credentials_it_does_not_open() {
    let opened = root("http://127.0.0.1:1", "root", &[]);
    let Err(OpenError::SetUp { reason }) = opened else { panic!("it was opened") };
    assert!(reason.contains("VAULT_TOKEN"), "{reason}");
}
