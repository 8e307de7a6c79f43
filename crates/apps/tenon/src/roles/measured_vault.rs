//! The vault, measured: how often each of its operations is asked for, by a role of this process or,
//! where this process is the vault, by anybody, and how it goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, OpenedToShare, RefreshClaim, RefreshFinish,
    RefreshOutcome, SecretHead, SecretOwner, SecretState, SharedValue, SharingKey, Vault,
    VaultError,
};
use tenon_domain::{ProjectId, SecretId};
use tenon_telemetry::{Counter, Declared, Histogram, Label, trace};
use tracing::Instrument as _;

/// Who asks the vault, and the vault.
const ROLES: &[&str] = &["api", "gateway", "worker", "proxy", "vault"];

const OPERATION: Label = Label {
    name: "operation",
    values: &[
        "create",
        "replace",
        "open",
        "open_to_share",
        "sharing_key",
        "head",
        "claim_refresh",
        "finish_refresh",
        "set_state",
        "delete",
        "changes",
    ],
};

/// Every metric of this file.
pub const ALL: &[&dyn Declared] = &[&CALLS, &FAILURES, &CALL_TIME];

/// Calls.
static CALLS: Counter = Counter::new(
    "tenon_vault_calls_total",
    "Calls of the vault by operation, counted where they are made and, by the vault, where they are answered.",
)
.roles(ROLES)
.by(&[OPERATION]);

/// Calls that failed.
static FAILURES: Counter = Counter::new(
    "tenon_vault_call_failures_total",
    "Calls of the vault that failed: refused is who may not, damaged a stored value that does not open, unavailable a vault that is away.",
)
.roles(ROLES)
.by(&[Label {
    name: "reason",
    values: &["not_found", "refused", "invalid", "damaged", "unavailable"],
}]);

/// How long they took.
static CALL_TIME: Histogram =
    Histogram::of_seconds("tenon_vault_call_duration_seconds", "How long calls of the vault took.")
        .roles(ROLES);

/// A vault that is measured.
pub(super) struct MeasuredVault(Arc<dyn Vault>);

impl MeasuredVault {
    /// Measures a vault.
    pub(super) fn around(vault: Arc<dyn Vault>) -> Arc<dyn Vault> {
        Arc::new(Self(vault))
    }
}

async fn measured<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T, VaultError>>,
) -> Result<T, VaultError> {
    let started = Instant::now();
    let span = trace::span(|| {
        tracing::info_span!("vault.call", otel.kind = "client", vault.operation = operation)
    });
    let outcome = call.instrument(span).await;
    CALLS.add_of(&[operation], 1);
    CALL_TIME.took(started.elapsed());
    if let Err(error) = &outcome {
        let reason = match error {
            VaultError::NotFound => "not_found",
            VaultError::Refused { .. } => "refused",
            VaultError::Invalid { .. } => "invalid",
            VaultError::Damaged => "damaged",
            VaultError::Unavailable { .. } => "unavailable",
        };
        FAILURES.add_of(&[reason], 1);
    }
    outcome
}

#[async_trait]
impl Vault for MeasuredVault {
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        measured("create", self.0.create(secret, owner, value)).await
    }

    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        measured("replace", self.0.replace(secret, owner, value)).await
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        measured("open", self.0.open(secret, access)).await
    }

    async fn open_to_share(
        &self,
        secret: SecretId,
        access: &Access,
    ) -> Result<OpenedToShare, VaultError> {
        measured("open_to_share", self.0.open_to_share(secret, access)).await
    }

    async fn sharing_key(
        &self,
        value: &SharedValue,
        access: &Access,
    ) -> Result<Option<SharingKey>, VaultError> {
        measured("sharing_key", self.0.sharing_key(value, access)).await
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, VaultError> {
        measured("head", self.0.head(project, secret)).await
    }

    async fn claim_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        measured("claim_refresh", self.0.claim_refresh(project, secret, version, ttl)).await
    }

    async fn finish_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        measured("finish_refresh", self.0.finish_refresh(project, secret, fence, outcome)).await
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError> {
        measured("set_state", self.0.set_state(project, secret, version, state)).await
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        measured("delete", self.0.delete(project, secret)).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError> {
        measured("changes", self.0.changes(after, limit)).await
    }
}
