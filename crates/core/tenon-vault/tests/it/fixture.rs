//! An installation in memory, and processes of it.

use std::sync::Arc;
use std::time::Duration;

use tenon_contract::grant::{Grant, GrantKey, Work};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, NewValue, Purpose, SecretHead, SecretOwner, Subject, Vault, VaultError,
};
use tenon_domain::{CredentialId, EndUserId, ProjectId, RunId, SecretId, StepId};
use tenon_testkit::fakes::{FakeClock, MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::audit::{AuditLink, AuditRecord};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::ports::{KeyStore, RootKey};
use tenon_vault::rotation::Rotation;
use tenon_vault::service::{Parts, VaultService};
use tenon_vault::settings::Settings;
use uuid::Uuid;

/// What outlives a process.
pub struct Installation {
    pub id: InstallId,
    pub values: Arc<MemoryValues>,
    pub keys: Arc<MemoryKeys>,
    pub clock: Arc<FakeClock>,
    pub faults: VaultFaults,
    pub root: Arc<dyn RootKey>,
    pub user: EndUserId,
}

/// A process; its caches are its own.
pub struct Process {
    pub service: Arc<VaultService>,
    pub user: EndUserId,
}

impl Installation {
    pub fn new() -> Self {
        let faults = VaultFaults::default();
        let clock = Arc::new(FakeClock::at("2027-01-15T08:00:00Z"));
        Self {
            id: InstallId::from_uuid(Uuid::new_v4()),
            values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
            keys: Arc::new(MemoryKeys::new(clock.clone(), faults.clone())),
            root: Arc::new(MemoryRoot::new("root-1", faults.clone())),
            clock,
            faults,
            user: EndUserId::new("user-1"),
        }
    }

    /// Starts a process with the usual root and fast retries.
    pub fn process(&self) -> Process {
        self.process_with(Roots::new(self.root.clone(), Vec::new()), fast())
    }

    pub fn process_with(&self, roots: Roots, settings: Settings) -> Process {
        let (service, background) = VaultService::new(Parts {
            install: self.id,
            values: self.values.clone(),
            keys: self.keys.clone(),
            roots,
            policy: Policy::new(vec![grant_key()]),
            clock: self.clock.clone(),
            settings,
        });
        // Ends when the process is dropped.
        tokio::spawn(background.run());
        Process { service, user: self.user.clone() }
    }

    pub fn owner(&self, project: ProjectId) -> SecretOwner {
        let subject =
            Subject::Credential { credential: CredentialId::new(), user: self.user.clone() };
        SecretOwner { project, subject }
    }

    pub async fn audit(&self, project: ProjectId) -> Vec<(AuditRecord, AuditLink)> {
        self.keys.audit(project, 0, u32::MAX).await.expect("the audit is readable")
    }
}

impl Process {
    pub fn as_caller(&self, caller: Caller) -> Arc<dyn Vault> {
        self.service.for_caller(caller)
    }

    pub fn rotation(&self) -> Rotation {
        self.service.rotation()
    }

    pub async fn create(&self, owner: &SecretOwner, text: &str) -> SecretHead {
        let api = self.as_caller(Caller::Api);
        api.create(SecretId::new(), owner, value(text)).await.expect("creating works")
    }

    /// Opens as a worker with a grant does.
    pub async fn open(&self, head: &SecretHead) -> Result<String, VaultError> {
        let access = step(head.owner.project, &self.user);
        let opened = self.as_caller(Caller::Worker).open(head.secret, &access).await?;
        Ok(String::from_utf8(opened.value.expose().to_vec()).expect("tests write text"))
    }
}

/// Settings without pauses.
pub fn fast() -> Settings {
    Settings {
        reread_pause: Duration::ZERO,
        write_retry_pause: Duration::ZERO,
        rotation_batch_max: 3,
        ..Settings::default()
    }
}

pub fn value(text: &str) -> NewValue {
    NewValue { value: SecretBytes::new(text.as_bytes().to_vec()), expires_at: None }
}

pub fn grant_key() -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![7; 32])).expect("it is long enough")
}

pub fn run_grant(project: ProjectId, user: &EndUserId, run: RunId) -> Grant {
    grant_key().sign(project, user, &Work::Run(run))
}

/// What a worker asks with.
pub fn step(project: ProjectId, user: &EndUserId) -> Access {
    let run = RunId::new();
    Access {
        project,
        purpose: Purpose::Step,
        run: Some(run),
        step: Some(StepId::new("send")),
        reference: None,
        grant: Some(run_grant(project, user, run)),
    }
}
