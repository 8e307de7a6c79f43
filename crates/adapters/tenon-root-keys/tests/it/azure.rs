//! Azure Key Vault, emulated: RSA keys with versions, symmetric keys of a managed HSM, and the four
//! ways to a token.

use std::sync::{Arc, Mutex};

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tenon_root_keys::{Environment, OpenError, Settings, open};
use tenon_vault::ports::RootKey;

use crate::server::json as answer_json;
use crate::server::{Answer, Asked, Server, nobody, refuse};
use crate::suite::{Outcome, Roots, holds};

enum Version {
    Rsa(PrivateDecryptingKey),
    Symmetric([u8; 32]),
}

impl Version {
    fn rsa() -> Self {
        Self::Rsa(PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("it makes a key"))
    }

    fn symmetric() -> Self {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("there are random bytes");
        Self::Symmetric(key)
    }

    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Rsa(_) => ("RSA", "RSA-OAEP-256"),
            Self::Symmetric(_) => ("oct-HSM", "A256KW"),
        }
    }

    fn wrap(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut output = vec![0; 512];
        match self {
            Self::Rsa(key) => {
                let key = OaepPublicEncryptingKey::new(key.public_key()).ok()?;
                Some(key.encrypt(&OAEP_SHA256_MGF1SHA256, value, &mut output, None).ok()?.to_vec())
            }
            Self::Symmetric(key) => {
                Some(AesKek::new(&AES_256, key).ok()?.wrap(value, &mut output).ok()?.to_vec())
            }
        }
    }

    fn unwrap(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut output = vec![0; 512];
        match self {
            Self::Rsa(key) => {
                let key = OaepPrivateDecryptingKey::new(key.clone()).ok()?;
                Some(key.decrypt(&OAEP_SHA256_MGF1SHA256, value, &mut output, None).ok()?.to_vec())
            }
            Self::Symmetric(key) => {
                Some(AesKek::new(&AES_256, key).ok()?.unwrap(value, &mut output).ok()?.to_vec())
            }
        }
    }
}

/// A vault with the keys `root` and `other`, each with versions `0a1`, `0a2` and so on; and the
/// places where tokens come from.
struct Azure {
    root: Mutex<Vec<Version>>,
    other: Mutex<Vec<Version>>,
}

impl Azure {
    fn new(make: fn() -> Version) -> Arc<Self> {
        Arc::new(Self { root: Mutex::new(vec![make()]), other: Mutex::new(vec![make()]) })
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if let Some(answer) = token(asked) {
            return answer;
        }
        if asked.header("authorization") != "Bearer good" {
            return refuse(StatusCode::UNAUTHORIZED);
        }
        assert_eq!(asked.form("api-version").as_deref(), Some("7.4"));
        let path = asked.path.split('?').next().expect("splitting gives one part at least");
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (name, version, operation) = match parts[..] {
            ["keys", name] => (name, None, None),
            ["keys", name, version] => (name, Some(version), None),
            ["keys", name, version, operation] => (name, Some(version), Some(operation)),
            _ => return refuse(StatusCode::NOT_FOUND),
        };
        let versions = match name {
            "root" => &self.root,
            "other" => &self.other,
            _ => return refuse(StatusCode::NOT_FOUND),
        };
        let versions = versions.lock().expect("no test panics in it");
        let number = match version {
            None => Some(versions.len()),
            Some(version) => version.strip_prefix("0a").and_then(|text| text.parse().ok()),
        };
        let found = number.and_then(|number: usize| versions.get(number.checked_sub(1)?));
        let (Some(number), Some(found)) = (number, found) else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let kid = format!("https://vault/keys/{name}/0a{number}");
        match operation {
            None if asked.method == Method::GET => {
                answer_json(&json!({ "key": { "kid": kid, "kty": found.kind().0 } }))
            }
            Some(operation) if asked.method == Method::POST => operate(found, operation, asked),
            _ => refuse(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

fn operate(version: &Version, operation: &str, asked: &Asked) -> Answer {
    let body = asked.json();
    if body["alg"] != version.kind().1 {
        return refuse(StatusCode::BAD_REQUEST);
    }
    let value = body["value"].as_str().expect("it is text");
    let value = URL_SAFE_NO_PAD.decode(value).expect("it is base64url without padding");
    let done = match operation {
        "wrapkey" => version.wrap(&value),
        "unwrapkey" => version.unwrap(&value),
        _ => None,
    };
    match done {
        Some(value) => answer_json(&json!({ "value": URL_SAFE_NO_PAD.encode(value) })),
        None => refuse(StatusCode::BAD_REQUEST),
    }
}

/// An answer where a token is asked for.
fn token(asked: &Asked) -> Option<Answer> {
    let form = |name| asked.form(name).unwrap_or_default();
    let resource = "https://vault.azure.net";
    if asked.path == "/tenant/oauth2/v2.0/token" {
        let is_secret = form("client_secret") == "client secret";
        let is_federated = form("client_assertion") == "federated"
            && form("client_assertion_type")
                == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let is_good = form("grant_type") == "client_credentials"
            && form("client_id") == "client"
            && form("scope") == format!("{resource}/.default")
            && (is_secret || is_federated);
        let good = json!({ "access_token": "good", "expires_in": 3599, "token_type": "Bearer" });
        return Some(if is_good { answer_json(&good) } else { refuse(StatusCode::BAD_REQUEST) });
    }
    let is_machine = asked.path.starts_with("/metadata/identity/oauth2/token?")
        && asked.header("metadata") == "true"
        && form("api-version") == "2018-02-01"
        && form("resource") == resource;
    let is_app = asked.path.starts_with("/app?")
        && asked.header("x-identity-header") == "app secret"
        && form("api-version") == "2019-08-01"
        && form("resource") == resource;
    if is_machine {
        return Some(answer_json(&json!({ "access_token": "good", "expires_in": "86399" })));
    }
    is_app.then(|| answer_json(&json!({ "access_token": "good", "expires_on": "4102444800" })))
}

async fn serve(azure: &Arc<Azure>) -> anyhow::Result<Server> {
    let azure = Arc::clone(azure);
    Server::start(move |asked| azure.answer(asked)).await
}

fn root(url: &str, key: &str, variables: &[(&str, &str)]) -> Result<Arc<dyn RootKey>, OpenError> {
    let environment: Environment = variables.iter().copied().collect();
    open(&format!("azure-kv:{url}/keys/{key}"), &Settings::new(environment))
}

#[tokio::test]
async fn the_suite_holds_for_each_kind_of_key() -> Outcome {
    for make in [Version::rsa, Version::symmetric] {
        let server = serve(&Azure::new(make)).await?;
        let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url.as_str())];
        let roots = Roots {
            root: root(&server.url, "root", &variables)?,
            again: root(&server.url, "root", &variables)?,
            other: root(&server.url, "other", &variables)?,
            away: Some(root(&nobody().await?, "root", &variables)?),
        };
        holds(&roots).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_an_older_version_wrapped_still_opens() -> Outcome {
    let azure = Azure::new(Version::rsa);
    let server = serve(&azure).await?;
    let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url.as_str())];
    let current = root(&server.url, "root", &variables)?;
    let old = current.wrap(&[1; 32], b"c").await?;
    azure.root.lock().expect("no test panics in it").push(Version::rsa());
    let new = current.wrap(&[2; 32], b"c").await?;
    assert_eq!(*current.unwrap(&old, b"c").await?, [1; 32]);
    assert_eq!(*current.unwrap(&new, b"c").await?, [2; 32]);
    let pinned = root(&server.url, "root/0a1", &variables)?;
    let by_pinned = pinned.wrap(&[3; 32], b"c").await?;
    assert!(by_pinned.windows(3).any(|part| part == b"0a1"), "it took the newest version");
    assert_eq!(*current.unwrap(&by_pinned, b"c").await?, [3; 32]);
    Ok(())
}

#[tokio::test]
async fn tokens_come_from_where_the_environment_says() -> Outcome {
    let server = serve(&Azure::new(Version::symmetric)).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("federated");
    std::fs::write(&file, "federated\n")?;
    let file = file.display().to_string();
    let app = format!("{}/app", server.url);
    let tenant = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_AUTHORITY_HOST", server.url.as_str()),
    ];
    let secret = [&tenant[..], &[("AZURE_CLIENT_SECRET", "client secret")]].concat();
    let federated = [&tenant[..], &[("AZURE_FEDERATED_TOKEN_FILE", file.as_str())]].concat();
    let app = vec![("IDENTITY_ENDPOINT", app.as_str()), ("IDENTITY_HEADER", "app secret")];
    for variables in [secret, federated, app] {
        let root = root(&server.url, "root", &variables)?;
        let wrapped = root.wrap(&[1; 32], b"c").await?;
        assert_eq!(*root.unwrap(&wrapped, b"c").await?, [1; 32], "{:?}", variables.last());
    }
    assert_eq!(server.count("/oauth2/v2.0/token"), 2, "a token is kept while it is good");
    Ok(())
}
