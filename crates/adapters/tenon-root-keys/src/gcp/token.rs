//! Access tokens of Google: by the key of a service account, or from the metadata server of the
//! machine or pod.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tenon_vault::ports::RootKeyError;
use zeroize::Zeroizing;

use crate::OpenError;
use crate::binding::refused;
use crate::environment::Environment;
use crate::http::{Http, endpoint};
use crate::lease::Leased;

const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const METADATA_HOST: &str = "metadata.google.internal";
const ASSERTION_SECONDS: i64 = 600;

/// Where tokens come from.
pub(super) enum Source {
    ServiceAccount { key: KeyPair, key_id: String, email: String, token_uri: String },
    Metadata { url: String },
}

/// The file of a service account's key.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: String,
    private_key_id: String,
    token_uri: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

impl Source {
    pub(super) fn of(environment: &Environment) -> Result<Self, OpenError> {
        if let Some(path) = environment.get("GOOGLE_APPLICATION_CREDENTIALS") {
            return Self::service_account(path);
        }
        let host = environment.get("GCE_METADATA_HOST").unwrap_or(METADATA_HOST);
        let path = "computeMetadata/v1/instance/service-accounts/default/token";
        Ok(Self::Metadata { url: format!("http://{host}/{path}") })
    }

    fn service_account(path: &str) -> Result<Self, OpenError> {
        let wrong = |reason: &str| OpenError::SetUp {
            reason: format!("GOOGLE_APPLICATION_CREDENTIALS: {reason}"),
        };
        let text =
            std::fs::read(path).map(Zeroizing::new).map_err(|error| wrong(&error.to_string()))?;
        // The text of a JSON error may quote the file.
        let file: KeyFile =
            serde_json::from_slice(&text).map_err(|_| wrong("it is no service account's key"))?;
        let private_key = Zeroizing::new(file.private_key);
        if file.kind != "service_account" {
            return Err(wrong("it is not of the type `service_account`"));
        }
        let der = pem(&private_key).ok_or_else(|| wrong("its private key is not PEM"))?;
        let key = KeyPair::from_pkcs8(&der).map_err(|_| wrong("its private key is not RSA"))?;
        Ok(Self::ServiceAccount {
            key,
            key_id: file.private_key_id,
            email: file.client_email,
            token_uri: endpoint("the token_uri of the service account", &file.token_uri)?,
        })
    }

    pub(super) async fn fetch(
        &self,
        http: &Http,
    ) -> Result<Leased<Zeroizing<String>>, RootKeyError> {
        let action = "get a Google access token";
        let request = match self {
            Self::ServiceAccount { token_uri, .. } => {
                let assertion = self.assertion(Timestamp::now())?;
                let form = [("grant_type", JWT_GRANT), ("assertion", &assertion)];
                http.post(token_uri).form(&form)
            }
            Self::Metadata { url } => http.get(url).header("Metadata-Flavor", "Google"),
        };
        let token: Token = http.send(action, request).await?.json(action)?;
        Ok(Leased {
            value: Zeroizing::new(token.access_token),
            ttl: Some(Duration::from_secs(token.expires_in)),
        })
    }

    /// A signed statement that this is the service account.
    fn assertion(&self, now: Timestamp) -> Result<Zeroizing<String>, RootKeyError> {
        let Self::ServiceAccount { key, key_id, email, token_uri } = self else {
            return Err(refused("only a service account signs"));
        };
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key_id });
        let claims = json!({
            "iss": email, "scope": SCOPE, "aud": token_uri,
            "iat": now.as_second(), "exp": now.as_second() + ASSERTION_SECONDS,
        });
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| refused("the key of the service account does not sign"))?;
        Ok(Zeroizing::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// The bytes in a PEM block of a private key.
fn pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}
