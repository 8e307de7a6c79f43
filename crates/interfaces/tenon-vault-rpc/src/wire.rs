//! The messages: JSON, with values as base64 in strings that are zeroed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tenon_contract::grant::Grant;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, Generation, NewValue, Opened, OpenedToShare, Purpose, RefreshOutcome, SecretHead,
    SecretOwner, SecretState, SharedValue, SharingKey, VaultError,
};
use tenon_domain::{ProjectId, RunId, SecretId, StepId};
use zeroize::Zeroizing;

/// A value on its way.
pub(crate) struct WireSecret(Zeroizing<Vec<u8>>);

impl WireSecret {
    pub(crate) fn of(value: &SecretBytes) -> Self {
        Self(Zeroizing::new(value.expose().to_vec()))
    }

    pub(crate) fn into_bytes(mut self) -> SecretBytes {
        SecretBytes::from(std::mem::take(&mut self.0))
    }
}

impl Serialize for WireSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(&*self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for WireSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes());
        // The cause would hold a byte of the secret.
        bytes.map(Zeroizing::new).map(Self).map_err(|_| serde::de::Error::custom("not base64"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireValue {
    value: WireSecret,
    expires_at: Option<Timestamp>,
}

impl From<&NewValue> for WireValue {
    fn from(new: &NewValue) -> Self {
        Self { value: WireSecret::of(&new.value), expires_at: new.expires_at }
    }
}

impl From<WireValue> for NewValue {
    fn from(wire: WireValue) -> Self {
        Self { value: wire.value.into_bytes(), expires_at: wire.expires_at }
    }
}

/// `create` and `replace`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    pub(crate) secret: SecretId,
    pub(crate) owner: SecretOwner,
    pub(crate) new: WireValue,
}

/// `open`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    pub(crate) secret: SecretId,
    project: ProjectId,
    purpose: Purpose,
    run: Option<RunId>,
    step: Option<StepId>,
    reference: Option<String>,
    grant: Option<Grant>,
}

impl Open {
    pub(crate) fn new(secret: SecretId, access: &Access) -> Self {
        Self {
            secret,
            project: access.project,
            purpose: access.purpose,
            run: access.run,
            step: access.step.clone(),
            reference: access.reference.clone(),
            grant: access.grant.clone(),
        }
    }

    pub(crate) fn into_access(self) -> Access {
        Access {
            project: self.project,
            purpose: self.purpose,
            run: self.run,
            step: self.step,
            reference: self.reference,
            grant: self.grant,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct WireOpened {
    head: SecretHead,
    value: WireSecret,
}

impl From<&Opened> for WireOpened {
    fn from(opened: &Opened) -> Self {
        Self { head: opened.head.clone(), value: WireSecret::of(&opened.value) }
    }
}

impl From<WireOpened> for Opened {
    fn from(wire: WireOpened) -> Self {
        Self { head: wire.head, value: wire.value.into_bytes() }
    }
}

/// The answer to `open-to-share`.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireToShare {
    opened: WireOpened,
    key: Option<WireSharingKey>,
}

impl From<OpenedToShare> for WireToShare {
    fn from(shared: OpenedToShare) -> Self {
        Self { opened: WireOpened::from(&shared.opened), key: shared.key.map(WireSharingKey::from) }
    }
}

impl From<WireToShare> for OpenedToShare {
    fn from(wire: WireToShare) -> Self {
        Self { opened: wire.opened.into(), key: wire.key.map(SharingKey::from) }
    }
}

/// The key of a shared value.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireSharingKey {
    generation: Generation,
    key: WireSecret,
}

impl From<SharingKey> for WireSharingKey {
    fn from(key: SharingKey) -> Self {
        Self { generation: key.generation, key: WireSecret::of(&key.key) }
    }
}

impl From<WireSharingKey> for SharingKey {
    fn from(wire: WireSharingKey) -> Self {
        Self { generation: wire.generation, key: wire.key.into_bytes() }
    }
}

/// `sharing-key`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) value: SharedValue,
    pub(crate) open: Open,
}

/// `head` and `delete`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    pub(crate) project: ProjectId,
    pub(crate) secret: SecretId,
}

/// `claim`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    pub(crate) project: ProjectId,
    pub(crate) secret: SecretId,
    pub(crate) version: u32,
    pub(crate) ttl_ms: u64,
}

/// `finish`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finish {
    pub(crate) project: ProjectId,
    pub(crate) secret: SecretId,
    pub(crate) fence: u64,
    pub(crate) outcome: WireOutcome,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WireOutcome {
    Renewed(WireValue),
    Failed { reason: String },
    Ended(SecretState),
}

impl From<&RefreshOutcome> for WireOutcome {
    fn from(outcome: &RefreshOutcome) -> Self {
        match outcome {
            RefreshOutcome::Renewed(new) => Self::Renewed(new.into()),
            RefreshOutcome::Failed { reason } => Self::Failed { reason: reason.clone() },
            RefreshOutcome::Ended(state) => Self::Ended(state.clone()),
        }
    }
}

impl From<WireOutcome> for RefreshOutcome {
    fn from(wire: WireOutcome) -> Self {
        match wire {
            WireOutcome::Renewed(new) => Self::Renewed(new.into()),
            WireOutcome::Failed { reason } => Self::Failed { reason },
            WireOutcome::Ended(state) => Self::Ended(state),
        }
    }
}

/// `state`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) project: ProjectId,
    pub(crate) secret: SecretId,
    pub(crate) version: u32,
    pub(crate) state: SecretState,
}

/// `changes`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    pub(crate) after: i64,
    pub(crate) limit: u32,
}

/// Why not.
#[derive(Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub(crate) enum Fault {
    NotFound,
    Refused { reason: String },
    Invalid { reason: String },
    Damaged,
    Unavailable,
}

impl Fault {
    pub(crate) fn of(error: &VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound,
            VaultError::Refused { reason } => Self::Refused { reason: reason.clone() },
            VaultError::Invalid { reason } => Self::Invalid { reason: reason.clone() },
            VaultError::Damaged => Self::Damaged,
            VaultError::Unavailable { .. } => Self::Unavailable,
        }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn into_error(self) -> VaultError {
        match self {
            Self::NotFound => VaultError::NotFound,
            Self::Refused { reason } => VaultError::Refused { reason },
            Self::Invalid { reason } => VaultError::Invalid { reason },
            Self::Damaged => VaultError::Damaged,
            Self::Unavailable => VaultError::Unavailable {
                source: "the vault cannot reach one of its databases, its root key or its audit"
                    .into(),
            },
        }
    }
}
