//! The side of everybody else.
//!
//! What may be repeated is tried again while the vault cannot be reached or says that it is away,
//! with jitter, within one deadline. A claim is not repeated once it may have arrived: the first
//! one holds, and the caller would wait for itself. Ending a claim is: a token that was rotated
//! at the provider must not be lost, and a second ending of the same claim changes nothing.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::StatusCode;
use rand::Rng as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, OpenedToShare, RefreshClaim, RefreshFinish,
    RefreshOutcome, SecretHead, SecretOwner, SecretState, SharedValue, SharingKey, Vault,
    VaultError,
};
use tenon_domain::{ProjectId, SecretId};
use tenon_telemetry::trace;
use url::Url;
use zeroize::Zeroizing;

use crate::deadline;
use crate::identity::{Identity, IdentityError};
use crate::wire::{
    Changes, Claim, Fault, Finish, Open, Share, State, Which, WireOpened, WireSharingKey,
    WireToShare, Write,
};

/// Limits of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSettings {
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for an answer.
    pub request_timeout: Duration,
    /// The longest time for all tries of one call.
    pub deadline: Duration,
    /// The wait before the second try; doubles with each, up to a second.
    pub first_pause: Duration,
    /// The largest answer, in bytes.
    pub body_bytes_max: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(15),
            first_pause: Duration::from_millis(50),
            body_bytes_max: 2 << 20,
        }
    }
}

/// A vault elsewhere.
pub struct VaultClient {
    http: reqwest::Client,
    base: Url,
    settings: ClientSettings,
}

/// Whether a call may be made again after it may have arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Always,
    UntilSent,
}

/// One try that gave no answer of the vault.
struct Lost {
    was_sent: bool,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl VaultClient {
    /// A client of the vault at `base`, an https URL.
    ///
    /// # Errors
    /// [`IdentityError`] when TLS cannot be set up.
    pub fn new(
        base: Url,
        identity: &Identity,
        settings: ClientSettings,
    ) -> Result<Self, IdentityError> {
        let tls = |error: reqwest::Error| IdentityError::Tls(Box::new(error));
        if base.scheme() != "https" {
            return Err(IdentityError::Tls("the vault is called over https only".into()));
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(identity.client_config()?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .http2_adaptive_window(true)
            .build()
            .map_err(tls)?;
        Ok(Self { http, base, settings })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        name: &str,
        message: &impl Serialize,
        repeat: Repeat,
    ) -> Result<T, VaultError> {
        let body = Zeroizing::new(serde_json::to_vec(message).map_err(away)?);
        let url = self.base.join(&format!("/vault/v1/{name}")).map_err(away)?;
        let until = Instant::now() + self.settings.deadline;
        let mut pause = self.settings.first_pause;
        loop {
            let error = match self.once(url.clone(), &body, until).await {
                Ok((StatusCode::OK, answer)) => {
                    return serde_json::from_slice(&answer).map_err(away);
                }
                Ok((status, answer)) => match serde_json::from_slice::<Fault>(&answer) {
                    Ok(Fault::Unavailable) => Fault::Unavailable.into_error(),
                    Ok(fault) => return Err(fault.into_error()),
                    // Something between here and the vault answered: it did not see the call.
                    Err(_) if is_passing(status) => Fault::Unavailable.into_error(),
                    Err(error) => return Err(away(error)),
                },
                Err(lost) => {
                    let error = VaultError::Unavailable { source: lost.source };
                    if lost.was_sent && repeat == Repeat::UntilSent {
                        return Err(error);
                    }
                    error
                }
            };
            if Instant::now() + pause >= until {
                return Err(error);
            }
            let jitter = rand::rng().random_range(0.5..1.5);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn once(
        &self,
        url: Url,
        body: &[u8],
        until: Instant,
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>), Lost> {
        let left = deadline::left(until, self.settings.request_timeout);
        let request = self
            .http
            .post(url)
            .timeout(left)
            .header(deadline::HEADER, left.as_millis().to_string())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.to_vec());
        let request = match trace::current() {
            Some(context) => request.header(trace::HEADER, context.to_string()),
            None => request,
        };
        let lost = |error: reqwest::Error| Lost {
            was_sent: !error.is_connect(),
            source: Box::new(error.without_url()),
        };
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status();
        let mut read = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if read.len() + chunk.len() > self.settings.body_bytes_max {
                let source = "the answer of the vault is too large".into();
                return Err(Lost { was_sent: true, source });
            }
            read.extend_from_slice(&chunk);
        }
        Ok((status, read))
    }
}

/// Whether a status says that it may be different in a moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn away<E>(error: E) -> VaultError
where
    E: std::error::Error + Send + Sync + 'static,
{
    VaultError::Unavailable { source: Box::new(error) }
}

#[async_trait]
impl Vault for VaultClient {
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        let write = Write { secret, owner: owner.clone(), new: (&value).into() };
        self.call("create", &write, Repeat::UntilSent).await
    }

    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        let write = Write { secret, owner: owner.clone(), new: (&value).into() };
        self.call("replace", &write, Repeat::Always).await
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        let open = Open::new(secret, access);
        self.call::<WireOpened>("open", &open, Repeat::Always).await.map(Opened::from)
    }

    async fn open_to_share(
        &self,
        secret: SecretId,
        access: &Access,
    ) -> Result<OpenedToShare, VaultError> {
        let open = Open::new(secret, access);
        self.call::<WireToShare>("open-to-share", &open, Repeat::Always)
            .await
            .map(OpenedToShare::from)
    }

    async fn sharing_key(
        &self,
        value: &SharedValue,
        access: &Access,
    ) -> Result<Option<SharingKey>, VaultError> {
        let share = Share { value: value.clone(), open: Open::new(value.secret, access) };
        self.call::<Option<WireSharingKey>>("sharing-key", &share, Repeat::Always)
            .await
            .map(|key| key.map(SharingKey::from))
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, VaultError> {
        self.call("head", &Which { project, secret }, Repeat::Always).await
    }

    async fn claim_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let claim = Claim { project, secret, version, ttl_ms };
        self.call("claim", &claim, Repeat::UntilSent).await
    }

    async fn finish_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        let finish = Finish { project, secret, fence, outcome: (&outcome).into() };
        self.call("finish", &finish, Repeat::Always).await
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError> {
        let state = State { project, secret, version, state };
        self.call("state", &state, Repeat::Always).await
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        self.call("delete", &Which { project, secret }, Repeat::Always).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError> {
        self.call("changes", &Changes { after, limit }, Repeat::Always).await
    }
}
