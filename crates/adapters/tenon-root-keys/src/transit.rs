//! The transit engine of HashiCorp Vault and OpenBao.
//!
//! The context goes along as `associated_data` and as `context`: the first is bound by keys of an
//! authenticated cipher, the second by keys that derive. A server too old for the first ignores
//! it, which is why the hash of the context is wrapped with the key as well.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tenon_vault::ports::{RootKey, RootKeyError};
use zeroize::Zeroizing;

use crate::binding::{bind, context_hash, refused, unbind};
use crate::environment::Environment;
use crate::http::{Answer, Http};
use crate::lease::{Lease, Leased};
use crate::uri::TransitKey;
use crate::{OpenError, Settings};

const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// What a ciphertext may be made of; anything else is not passed on.
const PREFIX: &str = "vault:v";

/// A key of a transit engine.
pub(crate) struct TransitRoot {
    id: String,
    key: TransitKey,
    http: Http,
    namespace: Option<String>,
    login: Login,
    token: Lease<Zeroizing<String>>,
}

/// How to get a token.
enum Login {
    /// It was given.
    Token(Zeroizing<String>),
    /// For the service account of the pod.
    Kubernetes { role: String, mount: String, token_file: String },
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
}

impl TransitRoot {
    pub(crate) fn new(key: TransitKey, settings: &Settings) -> Result<Self, OpenError> {
        let environment = &settings.environment;
        let authorities = environment
            .get("VAULT_CACERT")
            .map(|path| {
                std::fs::read(path)
                    .map_err(|error| OpenError::SetUp { reason: format!("VAULT_CACERT: {error}") })
            })
            .transpose()?;
        Ok(Self {
            id: format!("transit:{}/{}/{}", key.server, key.mount, key.key),
            http: Http::trusting(settings, authorities.as_deref())?,
            namespace: environment.get("VAULT_NAMESPACE").map(ToOwned::to_owned),
            login: Login::of(environment)?,
            token: Lease::new(),
            key,
        })
    }

    async fn call(
        &self,
        operation: &'static str,
        body: &serde_json::Value,
    ) -> Result<Answer, RootKeyError> {
        let TransitKey { server, mount, key } = &self.key;
        let url = format!("{server}/v1/{mount}/{operation}/{key}");
        let mut is_again = false;
        loop {
            let token = self.token.get(self.fetch_token()).await?;
            let request = self.request(&url).header("X-Vault-Token", token.as_str()).json(body);
            let answer = self.http.send(operation, request).await?;
            if !answer.is_unauthorised() || is_again {
                return Ok(answer);
            }
            // The token may have been revoked before its time.
            self.token.drop_refused(&token).await;
            is_again = true;
        }
    }

    fn request(&self, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(url).header("X-Vault-Request", "true");
        match &self.namespace {
            Some(namespace) => request.header("X-Vault-Namespace", namespace),
            None => request,
        }
    }

    async fn fetch_token(&self) -> Result<Leased<Zeroizing<String>>, RootKeyError> {
        let (role, mount, token_file) = match &self.login {
            Login::Token(token) => return Ok(Leased { value: token.clone(), ttl: None }),
            Login::Kubernetes { role, mount, token_file } => (role, mount, token_file),
        };
        let jwt = crate::environment::secret_file(token_file).await?;
        let url = format!("{}/v1/auth/{mount}/login", self.key.server);
        let body = serde_json::json!({ "role": role, "jwt": jwt.as_str() });
        let action = "log in to the transit server";
        let answer = self.http.send(action, self.request(&url).json(&body)).await?;
        let LoggedIn { auth } = answer.json(action)?;
        // Zero: it does not end.
        let ttl =
            (auth.lease_duration > 0).then(|| std::time::Duration::from_secs(auth.lease_duration));
        Ok(Leased { value: Zeroizing::new(auth.client_token), ttl })
    }
}

impl Login {
    fn of(environment: &Environment) -> Result<Self, OpenError> {
        if let Some(token) = environment.get("VAULT_TOKEN") {
            return Ok(Self::Token(Zeroizing::new(token.to_owned())));
        }
        let Some(role) = environment.get("VAULT_KUBERNETES_ROLE") else {
            let reason = "set VAULT_TOKEN, or VAULT_KUBERNETES_ROLE for the pod's service account";
            return Err(OpenError::SetUp { reason: reason.to_owned() });
        };
        let or = |name, default: &str| environment.get(name).unwrap_or(default).to_owned();
        Ok(Self::Kubernetes {
            role: role.to_owned(),
            mount: or("VAULT_KUBERNETES_MOUNT", "kubernetes"),
            token_file: or("VAULT_KUBERNETES_TOKEN_FILE", SERVICE_ACCOUNT_TOKEN),
        })
    }
}

#[async_trait]
impl RootKey for TransitRoot {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let plaintext = Zeroizing::new(STANDARD.encode(bind(key, context).as_slice()));
        let hash = STANDARD.encode(context_hash(context));
        let body = serde_json::json!({
            "plaintext": plaintext.as_str(), "associated_data": hash, "context": hash,
        });
        let answer = self.call("encrypt", &body).await?;
        let Data { data: Encrypted { ciphertext } } = answer.json("encrypt")?;
        if !ciphertext.starts_with(PREFIX) {
            return Err(refused("encrypt: the answer is no ciphertext of a transit engine"));
        }
        Ok(ciphertext.into_bytes())
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let ciphertext = std::str::from_utf8(wrapped)
            .ok()
            .filter(|text| text.starts_with(PREFIX))
            .ok_or_else(|| refused("the wrapped key is no ciphertext of a transit engine"))?;
        let hash = STANDARD.encode(context_hash(context));
        let body = serde_json::json!({
            "ciphertext": ciphertext, "associated_data": hash, "context": hash,
        });
        let answer = self.call("decrypt", &body).await?;
        let Data { data: Decrypted { plaintext } } = answer.json("decrypt")?;
        let bound = STANDARD
            .decode(&*Zeroizing::new(plaintext))
            .map(Zeroizing::new)
            .map_err(|_| refused("decrypt: the answer is not base64"))?;
        unbind(&bound, context)
    }
}
