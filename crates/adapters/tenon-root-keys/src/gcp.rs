//! Google Cloud KMS: `encrypt` and `decrypt` of a symmetric key. The context is authenticated data;
//! every field is checked by CRC-32C both ways, as Google asks of clients.

mod token;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, Crc};
use serde::Deserialize;
use serde_json::json;
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use self::token::Source;
use crate::binding::{bind, context_hash, refused, unavailable, unbind};
use crate::http::{Answer, Http, endpoint};
use crate::lease::Lease;
use crate::{OpenError, Settings};

const ENDPOINT: &str = "https://cloudkms.googleapis.com";
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A key of Google Cloud KMS.
pub(crate) struct GcpRoot {
    id: String,
    name: String,
    endpoint: String,
    http: Http,
    source: Source,
    token: Lease<Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    ciphertext: String,
    ciphertext_crc32c: Checksum,
    #[serde(default)]
    verified_plaintext_crc32c: bool,
    #[serde(default)]
    verified_additional_authenticated_data_crc32c: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted {
    plaintext: String,
    plaintext_crc32c: Checksum,
}

/// 64 bits in Google's JSON are text; some gateways make numbers of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Checksum {
    Text(String),
    Number(u32),
}

impl Checksum {
    fn is_of(&self, bytes: &[u8]) -> bool {
        let expected = CRC32C.checksum(bytes);
        match self {
            Self::Text(text) => text.parse() == Ok(expected),
            Self::Number(number) => *number == expected,
        }
    }
}

impl GcpRoot {
    pub(crate) fn new(name: String, settings: &Settings) -> Result<Self, OpenError> {
        let endpoint = match settings.endpoint.as_deref() {
            Some(text) => endpoint("the endpoint of Google Cloud KMS", text)?,
            None => ENDPOINT.to_owned(),
        };
        Ok(Self {
            id: format!("gcp:{name}"),
            name,
            endpoint,
            http: Http::new(settings)?,
            source: Source::of(&settings.environment)?,
            token: Lease::new(),
        })
    }

    async fn call(
        &self,
        operation: &'static str,
        body: &serde_json::Value,
    ) -> Result<Answer, RootKeyError> {
        let url = format!("{}/v1/{}:{operation}", self.endpoint, self.name);
        let mut is_again = false;
        loop {
            let token = self.token.get(self.source.fetch(&self.http)).await?;
            let request = self.http.post(&url).bearer_auth(token.as_str()).json(body);
            let answer = self.http.send(operation, request).await?;
            if !answer.is_unauthorised() || is_again {
                return Ok(answer);
            }
            self.token.drop_refused(&token).await;
            is_again = true;
        }
    }
}

#[async_trait]
impl RootKey for GcpRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let (bound, hash) = (bind(key, context), context_hash(context));
        let plaintext = Zeroizing::new(STANDARD.encode(bound.as_slice()));
        let body = json!({
            "plaintext": plaintext.as_str(),
            "plaintextCrc32c": CRC32C.checksum(&*bound).to_string(),
            "additionalAuthenticatedData": STANDARD.encode(hash),
            "additionalAuthenticatedDataCrc32c": CRC32C.checksum(&hash).to_string(),
        });
        let answer = self.call("encrypt", &body).await?;
        let encrypted: Encrypted = answer.json("encrypt")?;
        let ciphertext = STANDARD
            .decode(&encrypted.ciphertext)
            .map_err(|_| refused("encrypt: the answer is not base64"))?;
        let is_whole = encrypted.verified_plaintext_crc32c
            && encrypted.verified_additional_authenticated_data_crc32c
            && encrypted.ciphertext_crc32c.is_of(&ciphertext);
        if !is_whole {
            return Err(unavailable("encrypt: something was changed on the way"));
        }
        Ok(ciphertext)
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let hash = context_hash(context);
        let body = json!({
            "ciphertext": STANDARD.encode(wrapped),
            "ciphertextCrc32c": CRC32C.checksum(wrapped).to_string(),
            "additionalAuthenticatedData": STANDARD.encode(hash),
            "additionalAuthenticatedDataCrc32c": CRC32C.checksum(&hash).to_string(),
        });
        let answer = self.call("decrypt", &body).await?;
        let Decrypted { plaintext, plaintext_crc32c } = answer.json("decrypt")?;
        let bound = STANDARD
            .decode(&*Zeroizing::new(plaintext))
            .map(Zeroizing::new)
            .map_err(|_| refused("decrypt: the answer is not base64"))?;
        if !plaintext_crc32c.is_of(&bound) {
            return Err(unavailable("decrypt: something was changed on the way"));
        }
        unbind(&bound, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of the catalogue, and of RFC 3720, appendix B.4.
        assert!(Checksum::Text("3808858755".to_owned()).is_of(b"123456789"));
        assert!(Checksum::Number(0x8a91_36aa).is_of(&[0; 32]));
        assert!(!Checksum::Text("3808858756".to_owned()).is_of(b"123456789"));
    }
}
