//! AWS, emulated: KMS that checks signatures, and the three places where credentials come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tenon_root_keys::{Environment, OpenError, Settings, open};
use tenon_vault::ports::{RootKey, RootKeyError};

use crate::cipher::Cipher;
use crate::server::json as answer_json;
use crate::server::{Answer, Asked, SECRET_IN_A_BODY, Server, nobody, refuse};
use crate::suite::{Outcome, Roots, holds, is_refused};

const REGION: &str = "eu-central-1";
const ROOT: &str = "arn:aws:kms:eu-central-1:123456789012:key/11111111-aaaa";
const OTHER: &str = "arn:aws:kms:eu-central-1:123456789012:key/22222222-bbbb";
const GIVEN: &[(&str, &str)] =
    &[("AWS_ACCESS_KEY_ID", "AKIDGIVEN"), ("AWS_SECRET_ACCESS_KEY", "given secret")];

struct Pair {
    secret: &'static str,
    token: Option<&'static str>,
}

/// KMS, STS, the container endpoint and the instance's metadata at one address.
struct Aws {
    keys: HashMap<&'static str, Cipher>,
    /// Access keys that are good.
    pairs: Mutex<HashMap<&'static str, Pair>>,
}

impl Aws {
    fn new() -> Arc<Self> {
        let pairs = HashMap::from([
            ("AKIDGIVEN", Pair { secret: "given secret", token: None }),
            ("ASIATEMPORARY", Pair { secret: "temporary secret", token: Some("session token") }),
        ]);
        let keys = HashMap::from([(ROOT, Cipher::new()), (OTHER, Cipher::new())]);
        Arc::new(Self { keys, pairs: Mutex::new(pairs) })
    }

    fn answer(&self, asked: &Asked) -> Answer {
        match (&asked.method, asked.path.as_str()) {
            (&Method::POST, "/") if asked.header("x-amz-target").is_empty() => assume(asked),
            (&Method::POST, "/") => self.kms(asked),
            (&Method::GET, "/v2/credentials/1") if asked.header("authorization") == "pod token" => {
                temporary()
            }
            (&Method::PUT, "/latest/api/token") => (StatusCode::OK, "imds token\n".to_owned()),
            (&Method::GET, path) if asked.header("x-aws-ec2-metadata-token") == "imds token" => {
                match path.strip_prefix("/latest/meta-data/iam/security-credentials/") {
                    Some("") => (StatusCode::OK, "tenon-role".to_owned()),
                    Some("tenon-role") => temporary(),
                    _ => refuse(StatusCode::NOT_FOUND),
                }
            }
            _ => refuse(StatusCode::UNAUTHORIZED),
        }
    }

    fn kms(&self, asked: &Asked) -> Answer {
        if !self.is_signed(asked) {
            return fault("UnrecognizedClientException");
        }
        let body = asked.json();
        let name = text(&body, "KeyId");
        let Some(cipher) = self.keys.get(name) else { return fault("NotFoundException") };
        let context = body.get("EncryptionContext").map(Value::to_string).unwrap_or_default();
        let bytes = |field| STANDARD.decode(text(&body, field)).expect("it is base64");
        match asked.header("x-amz-target") {
            "TrentService.Encrypt" => {
                let sealed = cipher.seal(&bytes("Plaintext"), context.as_bytes());
                answer_json(&json!({ "KeyId": name, "CiphertextBlob": STANDARD.encode(sealed) }))
            }
            "TrentService.Decrypt" => {
                match cipher.open(&bytes("CiphertextBlob"), context.as_bytes()) {
                    Some(plain) => {
                        answer_json(&json!({ "KeyId": name, "Plaintext": STANDARD.encode(plain) }))
                    }
                    None => fault("InvalidCiphertextException"),
                }
            }
            _ => fault("UnknownOperationException"),
        }
    }

    /// Signature version 4, from what came over the wire.
    fn is_signed(&self, asked: &Asked) -> bool {
        let authorization = asked.header("authorization");
        let part = |name: &str| {
            let (_, rest) = authorization.split_once(name).expect("it is a signature");
            rest.split(',').next().expect("splitting gives one part at least")
        };
        let (names, credential) = (part("SignedHeaders="), part("Credential="));
        for name in ["host", "x-amz-date", "x-amz-target", "content-type"] {
            assert!(names.split(';').any(|signed| signed == name), "{name} is not signed");
        }
        let (access_key, scope) = credential.split_once('/').expect("it has a scope");
        let date = asked.header("x-amz-date");
        assert_eq!(scope, format!("{}/{REGION}/kms/aws4_request", &date[..8]));
        let pairs = self.pairs.lock().expect("no test panics in it");
        let Some(pair) = pairs.get(access_key) else { return false };
        if asked.header("x-amz-security-token") != pair.token.unwrap_or_default() {
            return false;
        }
        let headers: String =
            names.split(';').map(|name| format!("{name}:{}\n", asked.header(name))).collect();
        let body = hex(digest(&SHA256, &asked.body).as_ref());
        let canonical = format!("POST\n/\n\n{headers}\n{names}\n{body}");
        let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        let mut key = format!("AWS4{}", pair.secret).into_bytes();
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
        for message in scope.split('/').chain([text.as_str()]) {
            let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, &key), message.as_bytes());
            key = tag.as_ref().to_vec();
        }
        hex(&key) == part("Signature=")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn fault(kind: &str) -> Answer {
    let body = json!({ "__type": kind, "message": SECRET_IN_A_BODY });
    (StatusCode::BAD_REQUEST, body.to_string())
}

fn temporary() -> Answer {
    answer_json(&json!({
        "AccessKeyId": "ASIATEMPORARY", "SecretAccessKey": "temporary secret",
        "Token": "session token", "Expiration": "2199-01-01T00:00:00Z",
    }))
}

fn assume(asked: &Asked) -> Answer {
    let field = |name| asked.form(name).unwrap_or_default();
    let is_good = field("Action") == "AssumeRoleWithWebIdentity"
        && field("Version") == "2011-06-15"
        && field("RoleArn") == "arn:aws:iam::123456789012:role/tenon"
        && field("RoleSessionName") == "tenon-vault"
        && field("WebIdentityToken") == "web identity";
    if !is_good {
        return refuse(StatusCode::BAD_REQUEST);
    }
    let xml = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
               <AccessKeyId>ASIATEMPORARY</AccessKeyId>\
               <SecretAccessKey>temporary secret</SecretAccessKey>\
               <SessionToken>session token</SessionToken>\
               <Expiration>2199-01-01T00:00:00Z</Expiration></Credentials>\
               </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    (StatusCode::OK, xml.to_owned())
}

async fn serve(aws: &Arc<Aws>) -> anyhow::Result<Server> {
    let aws = Arc::clone(aws);
    Server::start(move |asked| aws.answer(asked)).await
}

pub fn root(
    url: &str,
    arn: &str,
    variables: &[(&str, &str)],
) -> Result<Arc<dyn RootKey>, OpenError> {
    let environment: Environment = variables.iter().copied().collect();
    let settings = Settings { endpoint: Some(url.to_owned()), ..Settings::new(environment) };
    open(&format!("aws-kms:{arn}"), &settings)
}

#[tokio::test]
async fn the_suite_holds() -> Outcome {
    let server = serve(&Aws::new()).await?;
    let roots = Roots {
        root: root(&server.url, ROOT, GIVEN)?,
        again: root(&server.url, ROOT, GIVEN)?,
        other: root(&server.url, OTHER, GIVEN)?,
        away: Some(root(&nobody().await?, ROOT, GIVEN)?),
    };
    assert_eq!(roots.root.id(), format!("aws:{ROOT}"));
    holds(&roots).await
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_shows_nowhere() -> Outcome {
    let server = serve(&Aws::new()).await?;
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDGIVEN"), ("AWS_SECRET_ACCESS_KEY", "wrong secret")];
    let root = root(&server.url, ROOT, &variables)?;
    let error = root.wrap(&[1; 32], b"c").await.expect_err("the signature is wrong");
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("wrong secret") && !shown.contains(SECRET_IN_A_BODY), "{shown}");
    assert!(shown.contains("UnrecognizedClientException"), "{shown}");
    is_refused(Err::<(), _>(error), "a wrong secret");
    Ok(())
}

#[tokio::test]
async fn credentials_come_from_where_the_environment_says() -> Outcome {
    let server = serve(&Aws::new()).await?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).map(|()| path.display().to_string())
    };
    let (web, pod) = (file("web", "web identity\n")?, file("pod", "pod token")?);
    let container = format!("{}/v2/credentials/1", server.url);
    let sources: [&[(&str, &str)]; 4] = [
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &web),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tenon"),
            ("AWS_ENDPOINT_URL_STS", &server.url),
        ],
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &pod),
        ],
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod token"),
        ],
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url)],
    ];
    for variables in sources {
        let root = root(&server.url, ROOT, variables)?;
        let wrapped = root.wrap(&[1; 32], b"c").await?;
        assert_eq!(*root.unwrap(&wrapped, b"c").await?, [1; 32], "{:?}", variables[0]);
    }
    assert_eq!(server.count("/v2/credentials/1"), 2, "they are kept while they are good");
    Ok(())
}

#[tokio::test]
async fn credentials_that_were_withdrawn_are_fetched_again() -> Outcome {
    let aws = Aws::new();
    let server = serve(&aws).await?;
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url.as_str())];
    let root = root(&server.url, ROOT, &variables)?;
    let wrapped = root.wrap(&[1; 32], b"c").await?;
    let withdrawn = aws.pairs.lock().expect("no test panics in it").remove("ASIATEMPORARY");
    is_refused(root.unwrap(&wrapped, b"c").await, "withdrawn credentials");
    assert_eq!(server.count("/tenon-role"), 2);
    let withdrawn = withdrawn.expect("they were there");
    aws.pairs.lock().expect("no test panics in it").insert("ASIATEMPORARY", withdrawn);
    root.unwrap(&wrapped, b"c").await?;
    Ok(())
}

#[tokio::test]
async fn a_limit_is_no_refusal() -> Outcome {
    for kind in ["ThrottlingException", "com.amazonaws.kms#KMSInternalException"] {
        let server = Server::start(move |_| fault(kind)).await?;
        let root = root(&server.url, ROOT, GIVEN)?;
        let error = root.wrap(&[1; 32], b"c").await.expect_err("it is a fault");
        assert!(matches!(error, RootKeyError::Unavailable { .. }), "{kind}: {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_do_not_come_over_an_open_line() {
    let far = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example/x")];
    assert!(root("http://127.0.0.1:1", ROOT, &far).is_err());
    let near = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    assert!(root("http://127.0.0.1:1", ROOT, &near).is_ok());
    assert!(root("http://kms.example", ROOT, GIVEN).is_err());
}
