//! Google Cloud KMS, emulated: tokens by a service account's signature or from metadata, checksums
//! both ways, and authenticated data.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crc::{CRC_32_ISCSI, Crc};
use serde_json::{Value, json};
use tenon_root_keys::{Environment, OpenError, Settings, open};
use tenon_vault::ports::{RootKey, RootKeyError};

use crate::cipher::Cipher;
use crate::server::json as answer_json;
use crate::server::{Answer, Asked, Server, nobody, refuse};
use crate::suite::{Outcome, Roots, holds, is_refused};

const ROOT: &str = "projects/p/locations/europe-west3/keyRings/tenon/cryptoKeys/root";
const OTHER: &str = "projects/p/locations/europe-west3/keyRings/tenon/cryptoKeys/other";
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const EMAIL: &str = "tenon@p.iam.gserviceaccount.com";

struct Google {
    keys: HashMap<&'static str, Cipher>,
    account: Option<RsaKeyPair>,
    /// Spoils an answer on its way.
    is_noisy: AtomicBool,
}

impl Google {
    fn new(account: Option<RsaKeyPair>) -> Arc<Self> {
        let keys = HashMap::from([(ROOT, Cipher::new()), (OTHER, Cipher::new())]);
        Arc::new(Self { keys, account, is_noisy: AtomicBool::new(false) })
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let metadata = "/computeMetadata/v1/instance/service-accounts/default/token";
        let token = json!({ "access_token": "ya29.token", "expires_in": 3599 });
        if asked.path == metadata && asked.header("metadata-flavor") == "Google" {
            return answer_json(&token);
        }
        if asked.path == "/token" && self.is_account(asked) {
            return answer_json(&token);
        }
        if asked.header("authorization") != "Bearer ya29.token" {
            return refuse(StatusCode::UNAUTHORIZED);
        }
        let Some((name, operation)) =
            asked.path.strip_prefix("/v1/").and_then(|path| path.split_once(':'))
        else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let Some(cipher) = self.keys.get(name) else { return refuse(StatusCode::NOT_FOUND) };
        match operation {
            "encrypt" => self.encrypt(cipher, &asked.json()),
            "decrypt" => self.decrypt(cipher, &asked.json()),
            _ => refuse(StatusCode::NOT_FOUND),
        }
    }

    fn encrypt(&self, cipher: &Cipher, body: &Value) -> Answer {
        let (plaintext, aad) =
            (checked(body, "plaintext"), checked(body, "additionalAuthenticatedData"));
        let mut sealed = cipher.seal(&plaintext, &aad);
        let checksum = CRC32C.checksum(&sealed).to_string();
        if self.is_noisy.load(Ordering::Relaxed) {
            sealed[20] ^= 1;
        }
        answer_json(&json!({
            "name": "v/1", "ciphertext": STANDARD.encode(sealed), "ciphertextCrc32c": checksum,
            "verifiedPlaintextCrc32c": true, "verifiedAdditionalAuthenticatedDataCrc32c": true,
        }))
    }

    fn decrypt(&self, cipher: &Cipher, body: &Value) -> Answer {
        let (sealed, aad) =
            (checked(body, "ciphertext"), checked(body, "additionalAuthenticatedData"));
        let Some(mut plaintext) = cipher.open(&sealed, &aad) else {
            return refuse(StatusCode::BAD_REQUEST);
        };
        let checksum = CRC32C.checksum(&plaintext).to_string();
        if self.is_noisy.load(Ordering::Relaxed) {
            plaintext[0] ^= 1;
        }
        answer_json(
            &json!({ "plaintext": STANDARD.encode(plaintext), "plaintextCrc32c": checksum }),
        )
    }

    /// Whether an assertion is signed by the service account and says what Google asks for.
    fn is_account(&self, asked: &Asked) -> bool {
        let Some(account) = &self.account else { return false };
        let grant = asked.form("grant_type").unwrap_or_default();
        assert_eq!(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let assertion = asked.form("assertion").unwrap_or_default();
        let (text, signature) = assertion.rsplit_once('.').expect("it is a JWT");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("it is base64url");
        let public = account.public_key().as_ref();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        if key.verify(text.as_bytes(), &signature).is_err() {
            return false;
        }
        let (header, claims) = text.split_once('.').expect("it is a JWT");
        let decoded = |part: &str| -> Value {
            let bytes = URL_SAFE_NO_PAD.decode(part).expect("it is base64url");
            serde_json::from_slice(&bytes).expect("it is JSON")
        };
        let (header, claims) = (decoded(header), decoded(claims));
        let now = jiff::Timestamp::now().as_second();
        let at = |name: &str| claims[name].as_i64().expect("it is a number");
        assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &json!("key-1")));
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloudkms");
        assert!(claims["aud"].as_str().expect("it is text").ends_with("/token"));
        assert!((now - at("iat")).abs() < 60 && at("exp") > now && at("exp") <= now + 3600);
        claims["iss"] == EMAIL
    }
}

/// A field whose checksum, which must be there, is right.
fn checked(body: &Value, name: &str) -> Vec<u8> {
    let bytes = STANDARD.decode(body[name].as_str().expect("it is text")).expect("it is base64");
    let checksum = body[format!("{name}Crc32c")].as_str().expect("64 bits are text");
    assert_eq!(checksum, CRC32C.checksum(&bytes).to_string(), "the checksum of {name}");
    bytes
}

async fn serve(google: &Arc<Google>) -> anyhow::Result<Server> {
    let google = Arc::clone(google);
    Server::start(move |asked| google.answer(asked)).await
}

fn root(url: &str, name: &str, variables: &[(&str, &str)]) -> Result<Arc<dyn RootKey>, OpenError> {
    let environment: Environment = variables.iter().copied().collect();
    let settings = Settings { endpoint: Some(url.to_owned()), ..Settings::new(environment) };
    open(&format!("gcp-kms:{name}"), &settings)
}

#[tokio::test]
async fn the_suite_holds_with_the_metadata_server() -> Outcome {
    let server = serve(&Google::new(None)).await?;
    let host = server.url.trim_start_matches("http://");
    let variables = [("GCE_METADATA_HOST", host)];
    let roots = Roots {
        root: root(&server.url, ROOT, &variables)?,
        again: root(&server.url, ROOT, &variables)?,
        other: root(&server.url, OTHER, &variables)?,
        away: Some(root(&nobody().await?, ROOT, &variables)?),
    };
    holds(&roots).await
}

#[tokio::test]
async fn a_service_account_signs_for_its_tokens() -> Outcome {
    let (account, stranger) =
        (RsaKeyPair::generate(KeySize::Rsa2048)?, RsaKeyPair::generate(KeySize::Rsa2048)?);
    let der = account.as_der()?.as_ref().to_vec();
    let strange_der = stranger.as_der()?.as_ref().to_vec();
    let server = serve(&Google::new(Some(account))).await?;
    let folder = tempfile::tempdir()?;
    for (der, is_good) in [(der, true), (strange_der, false)] {
        let path = folder.path().join("key.json");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der)
        );
        let file = json!({
            "type": "service_account", "client_email": EMAIL, "private_key": pem,
            "private_key_id": "key-1", "token_uri": format!("{}/token", server.url),
        });
        std::fs::write(&path, file.to_string())?;
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("it is text"))];
        let root = root(&server.url, ROOT, &variables)?;
        let wrapped = root.wrap(&[1; 32], b"c").await;
        if is_good {
            assert_eq!(*root.unwrap(&wrapped?, b"c").await?, [1; 32]);
        } else {
            is_refused(wrapped, "another's key");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_noticed_and_may_be_tried_again() -> Outcome {
    let google = Google::new(None);
    let server = serve(&google).await?;
    let host = server.url.trim_start_matches("http://");
    let root = root(&server.url, ROOT, &[("GCE_METADATA_HOST", host)])?;
    let wrapped = root.wrap(&[1; 32], b"c").await?;
    google.is_noisy.store(true, Ordering::Relaxed);
    for result in
        [root.wrap(&[1; 32], b"c").await.map(drop), root.unwrap(&wrapped, b"c").await.map(drop)]
    {
        assert!(matches!(result, Err(RootKeyError::Unavailable { .. })), "it was {result:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_file_of_another_kind_is_refused_without_showing_it() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("key.json");
    for content in [
        "no JSON, but private",
        r#"{"type": "authorized_user", "refresh_token": "private"}"#,
        r#"{"type": "service_account", "client_email": "e", "private_key_id": "k",
            "private_key": "private", "token_uri": "https://oauth2.googleapis.com/token"}"#,
    ] {
        std::fs::write(&path, content)?;
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("it is text"))];
        let Err(error) = root("http://127.0.0.1:1", ROOT, &variables) else {
            panic!("it was opened: {content}")
        };
        let shown = format!("{error:?}");
        assert!(!shown.contains("but private") && !shown.contains(": \"private"), "{shown}");
    }
    Ok(())
}
