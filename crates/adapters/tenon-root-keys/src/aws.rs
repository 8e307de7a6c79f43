//! AWS KMS: `Encrypt` and `Decrypt` of its JSON protocol. The hash of the context goes along as
//! encryption context, which KMS binds and CloudTrail shows.

mod credentials;
mod sign;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use self::credentials::{Credentials, Source};
use self::sign::{Signable, sign};
use crate::binding::{bind, context_hash, refused, unavailable, unbind};
use crate::http::{Answer, Http, endpoint};
use crate::lease::Lease;
use crate::uri::AwsArn;
use crate::{OpenError, Settings};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// Refusals that go away by themselves, of KMS and of all AWS services.
const PASSING: [&str; 7] = [
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
];
/// Refusals that new credentials may cure.
const STALE: [&str; 4] = [
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
];

/// A key of AWS KMS.
pub(crate) struct AwsRoot {
    id: String,
    arn: AwsArn,
    endpoint: String,
    http: Http,
    source: Source,
    credentials: Lease<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: String,
    key_id: String,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "__type")]
    kind: String,
}

impl AwsRoot {
    pub(crate) fn new(arn: AwsArn, settings: &Settings) -> Result<Self, OpenError> {
        let environment = &settings.environment;
        let named = settings
            .endpoint
            .as_deref()
            .or_else(|| environment.get("AWS_ENDPOINT_URL_KMS"))
            .or_else(|| environment.get("AWS_ENDPOINT_URL"));
        let endpoint = match named {
            Some(text) => endpoint("the endpoint of AWS KMS", text)?,
            None => service_endpoint("kms", &arn),
        };
        Ok(Self {
            id: format!("aws:{}", arn.arn),
            endpoint,
            http: Http::new(settings)?,
            source: Source::of(environment, &arn)?,
            credentials: Lease::new(),
            arn,
        })
    }

    async fn call(
        &self,
        operation: &'static str,
        body: &serde_json::Value,
    ) -> Result<Answer, RootKeyError> {
        let body = Zeroizing::new(body.to_string().into_bytes());
        let mut is_again = false;
        loop {
            let credentials = self.credentials.get(self.source.fetch(&self.http)).await?;
            let answer = self.send(operation, &body, &credentials).await?;
            let Some(kind) = fault(&answer) else { return Ok(answer) };
            let kind = kind.as_str();
            if PASSING.contains(&kind) {
                return Err(unavailable(format!("{operation}: {kind}")));
            }
            if is_again || !STALE.contains(&kind) {
                return Err(refused(format!("{operation}: {kind}")));
            }
            self.credentials.drop_refused(&credentials).await;
            is_again = true;
        }
    }

    async fn send(
        &self,
        operation: &'static str,
        body: &[u8],
        credentials: &Credentials,
    ) -> Result<Answer, RootKeyError> {
        let target = format!("TrentService.{operation}");
        let signable = Signable {
            host: self.endpoint.split_once("://").map_or("", |(_, host)| host),
            region: &self.arn.region,
            service: "kms",
            headers: &[("content-type", CONTENT_TYPE), ("x-amz-target", &target)],
            body,
            at: Timestamp::now(),
        };
        let mut request = self.http.post(&format!("{}/", self.endpoint)).body(body.to_vec());
        for (name, value) in sign(&signable, credentials) {
            request = request.header(name, value.as_str());
        }
        self.http.send(operation, request).await
    }

    fn context(context: &[u8]) -> serde_json::Value {
        json!({ "tenon": URL_SAFE_NO_PAD.encode(context_hash(context)) })
    }
}

/// The public endpoint of a service in the region of a key.
fn service_endpoint(service: &str, arn: &AwsArn) -> String {
    let suffix = if arn.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{}.{suffix}", arn.region)
}

/// The name of what went wrong; `None`: nothing did.
fn fault(answer: &Answer) -> Option<String> {
    if answer.status.is_success() {
        return None;
    }
    let kind = serde_json::from_slice::<Fault>(&answer.body).ok().map(|fault| fault.kind);
    // Some services put a namespace before it.
    let kind = kind.as_deref().and_then(|kind| kind.rsplit('#').next());
    let is_name = |kind: &&str| kind.len() <= 64 && kind.chars().all(|c| c.is_ascii_alphanumeric());
    let kind = kind.filter(is_name).map(ToOwned::to_owned);
    Some(kind.unwrap_or_else(|| format!("status {}", answer.status.as_u16())))
}

#[async_trait]
impl RootKey for AwsRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let plaintext = Zeroizing::new(STANDARD.encode(bind(key, context).as_slice()));
        let body = json!({
            "KeyId": self.arn.arn, "Plaintext": plaintext.as_str(),
            "EncryptionContext": Self::context(context),
        });
        let answer = self.call("Encrypt", &body).await?;
        let encrypted: Encrypted = answer.json("Encrypt")?;
        STANDARD
            .decode(&encrypted.ciphertext_blob)
            .map_err(|_| refused("Encrypt: the answer is not base64"))
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let body = json!({
            "KeyId": self.arn.arn, "CiphertextBlob": STANDARD.encode(wrapped),
            "EncryptionContext": Self::context(context),
        });
        let answer = self.call("Decrypt", &body).await?;
        let Decrypted { plaintext, key_id } = answer.json("Decrypt")?;
        let plaintext = Zeroizing::new(plaintext);
        if !self.arn.is_alias && key_id != self.arn.arn {
            return Err(refused("Decrypt: another key has wrapped this"));
        }
        let bound = STANDARD
            .decode(plaintext.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| refused("Decrypt: the answer is not base64"))?;
        unbind(&bound, context)
    }
}
