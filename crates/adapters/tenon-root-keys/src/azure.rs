//! Azure Key Vault and its managed HSM: `wrapkey` and `unwrapkey`. Neither knows a context for the
//! algorithms used here, so the hash of it is wrapped with the key.
//!
//! An RSA key wraps by `RSA-OAEP-256`, a symmetric key of a managed HSM by `A256KW`. The version
//! of the key that wrapped is kept beside the result, since a key may be rotated.

mod token;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use self::token::Source;
use crate::binding::{bind, refused, unbind};
use crate::http::{Answer, Http};
use crate::lease::Lease;
use crate::uri::AzureKey;
use crate::{OpenError, Settings};

const API_VERSION: &str = "7.4";
/// The first byte of what this wraps; the second says by which algorithm.
const FORMAT: u8 = 1;

/// A key of Azure Key Vault.
pub(crate) struct AzureRoot {
    id: String,
    key: AzureKey,
    http: Http,
    source: Source,
    token: Lease<Zeroizing<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    RsaOaep256,
    A256Kw,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::RsaOaep256, Self::A256Kw];

    fn name(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::A256Kw => "A256KW",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::RsaOaep256 => 1,
            Self::A256Kw => 2,
        }
    }

    fn of_key(kind: &str) -> Result<Self, RootKeyError> {
        match kind {
            "RSA" | "RSA-HSM" => Ok(Self::RsaOaep256),
            "oct" | "oct-HSM" => Ok(Self::A256Kw),
            _ => Err(refused("the Azure key is neither RSA nor symmetric")),
        }
    }
}

#[derive(Deserialize)]
struct KeyBundle {
    key: JsonWebKey,
}

#[derive(Deserialize)]
struct JsonWebKey {
    kid: String,
    kty: String,
}

#[derive(Deserialize)]
struct Done {
    value: String,
}

/// One version of the key.
struct Version<'a> {
    name: &'a str,
    algorithm: Algorithm,
}

impl AzureRoot {
    pub(crate) fn new(key: AzureKey, settings: &Settings) -> Result<Self, OpenError> {
        let version = key.version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
        Ok(Self {
            id: format!("azure:{}/keys/{}{version}", key.vault, key.name),
            http: Http::new(settings)?,
            source: Source::of(&settings.environment, &key.host)?,
            token: Lease::new(),
            key,
        })
    }

    /// The kind of the key, and the name of the version that is current or asked for.
    async fn look_up(&self) -> Result<(Algorithm, String), RootKeyError> {
        let action = "look up the Azure key";
        let version = self.key.version.as_deref().unwrap_or_default();
        let path = format!("keys/{}/{version}", self.key.name);
        let answer = self.call(action, path.trim_end_matches('/'), None).await?;
        let KeyBundle { key } = answer.json(action)?;
        let version = key.kid.rsplit('/').next().unwrap_or_default();
        if !is_version(version) {
            return Err(refused(format!("{action}: the answer has no version")));
        }
        Ok((Algorithm::of_key(&key.kty)?, version.to_owned()))
    }

    async fn operate(
        &self,
        operation: &'static str,
        version: &Version<'_>,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, RootKeyError> {
        let path = format!("keys/{}/{}/{operation}", self.key.name, version.name);
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(value));
        let body = json!({ "alg": version.algorithm.name(), "value": value.as_str() });
        let answer = self.call(operation, &path, Some(&body)).await?;
        let Done { value } = answer.json(operation)?;
        let value = Zeroizing::new(value);
        URL_SAFE_NO_PAD
            .decode(value.trim_end_matches('='))
            .map(Zeroizing::new)
            .map_err(|_| refused(format!("{operation}: the answer is not base64url")))
    }

    /// A GET without a body, a POST with one.
    async fn call(
        &self,
        action: &'static str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, RootKeyError> {
        let url = format!("{}/{path}?api-version={API_VERSION}", self.key.vault);
        let mut is_again = false;
        loop {
            let token = self.token.get(self.source.fetch(&self.http)).await?;
            let request = match body {
                Some(body) => self.http.post(&url).json(body),
                None => self.http.get(&url),
            };
            let answer = self.http.send(action, request.bearer_auth(token.as_str())).await?;
            if !answer.is_unauthorised() || is_again {
                return Ok(answer);
            }
            self.token.drop_refused(&token).await;
            is_again = true;
        }
    }
}

/// It goes into a path.
fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[async_trait]
impl RootKey for AzureRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let (algorithm, name) = self.look_up().await?;
        let version = Version { name: &name, algorithm };
        let value = self.operate("wrapkey", &version, &*bind(key, context)).await?;
        let mut wrapped = Vec::with_capacity(3 + name.len() + value.len());
        wrapped.push(FORMAT);
        wrapped.push(algorithm.code());
        wrapped.push(u8::try_from(name.len()).expect("a version has at most 64 characters"));
        wrapped.extend_from_slice(name.as_bytes());
        wrapped.extend_from_slice(&value);
        Ok(wrapped)
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let (version, value) =
            read_wrapped(wrapped).ok_or_else(|| refused("the wrapped key is damaged"))?;
        let bound = self.operate("unwrapkey", &version, value).await?;
        unbind(&bound, context)
    }
}

fn read_wrapped(wrapped: &[u8]) -> Option<(Version<'_>, &[u8])> {
    let [FORMAT, code, length, rest @ ..] = wrapped else { return None };
    let algorithm = Algorithm::ALL.into_iter().find(|known| known.code() == *code)?;
    let (name, value) = rest.split_at_checked(usize::from(*length))?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_version(name))?;
    Some((Version { name, algorithm }, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_were_not_wrapped_here_are_refused() {
        let good = [&[1, 1, 3][..], b"0a1", b"value"].concat();
        let (version, value) = read_wrapped(&good).expect("it is good");
        assert_eq!((version.name, value), ("0a1", &b"value"[..]));
        for length in 0..6 {
            assert!(read_wrapped(&good[..length]).is_none(), "{length} bytes");
        }
        for bad in [&b"\x02\x01\x030a1v"[..], b"\x01\x09\x030a1v", b"\x01\x01\x03../v"] {
            assert!(read_wrapped(bad).is_none(), "{bad:?}");
        }
    }
}
