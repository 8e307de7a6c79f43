//! Keys of values that processes share: who gets one, for what, and until when.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tenon_contract::vault::{
    Generation, OpenedToShare, SecretHead, SecretOwner, SecretState, SharedValue, Subject, Vault,
    VaultError,
};
use tenon_domain::{CredentialId, EndUserId, ProjectId};
use tenon_vault::keyring::Roots;
use tenon_vault::policy::Caller;
use tenon_vault::settings::Settings;

use crate::fixture::{Installation, Process, fast, step, value};

/// A value that was opened to be shared, and what another process finds of it.
struct Shared {
    installation: Installation,
    process: Process,
    head: SecretHead,
    found: SharedValue,
    key: Vec<u8>,
}

impl Shared {
    async fn new() -> Self {
        let installation = Installation::new();
        let process = installation.process();
        let head = process.create(&installation.owner(ProjectId::new()), "hush").await;
        let (found, key) = open_to_share(&process, &head).await;
        Self { installation, process, head, found, key }
    }

    fn worker(&self) -> Arc<dyn Vault> {
        self.process.as_caller(Caller::Worker)
    }

    /// What a worker with a grant for the user gets for `found`.
    async fn ask(&self, found: &SharedValue) -> Result<Option<Vec<u8>>, VaultError> {
        let access = step(self.head.owner.project, &self.process.user);
        let key = self.worker().sharing_key(found, &access).await?;
        Ok(key.map(|key| key.key.expose().to_vec()))
    }
}

async fn open_to_share(process: &Process, head: &SecretHead) -> (SharedValue, Vec<u8>) {
    let access = step(head.owner.project, &process.user);
    let worker = process.as_caller(Caller::Worker);
    let OpenedToShare { opened, key } =
        worker.open_to_share(head.secret, &access).await.expect("opening works");
    assert_eq!(opened.value.expose(), b"hush");
    let key = key.expect("a credential that works is shared");
    let found = SharedValue {
        secret: opened.head.secret,
        version: opened.head.version,
        owner: opened.head.owner,
        generation: key.generation,
    };
    (found, key.key.expose().to_vec())
}

#[tokio::test]
async fn the_key_comes_again_for_the_same_value_and_after_a_record() {
    let shared = Shared::new().await;
    let before = shared.installation.audit(shared.head.owner.project).await.len();
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), Some(shared.key.clone()));
    let audit = shared.installation.audit(shared.head.owner.project).await;
    assert_eq!(audit.len(), before + 1);
    let (record, _) = audit.last().expect("there is one");
    assert!(record.is_granted && record.run.is_some());
    assert_eq!((record.secret, record.version), (shared.head.secret, shared.head.version));
}

#[tokio::test]
async fn the_database_of_values_is_not_asked() {
    let shared = Shared::new().await;
    for method in ["value", "head", "data_key"] {
        shared.installation.faults.refuse(method);
    }
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), Some(shared.key.clone()));
}

#[tokio::test]
async fn without_the_audit_there_is_no_key() {
    let shared = Shared::new().await;
    shared.installation.faults.refuse("append_audit");
    let asked = shared.ask(&shared.found).await;
    assert!(matches!(asked, Err(VaultError::Unavailable { .. })), "{:?}", asked.err());
}

#[tokio::test]
async fn whoever_says_something_else_gets_another_key() {
    let shared = Shared::new().await;
    let project = shared.head.owner.project;
    let other_credential = SharedValue {
        owner: SecretOwner {
            project,
            subject: Subject::Credential {
                credential: CredentialId::new(),
                user: shared.process.user.clone(),
            },
        },
        ..shared.found.clone()
    };
    let other_version = SharedValue { version: 9, ..shared.found.clone() };
    let as_app = SharedValue {
        owner: SecretOwner { project, subject: Subject::App },
        ..shared.found.clone()
    };
    for lie in [other_credential, other_version, as_app] {
        let key = shared.ask(&lie).await.expect("allowed for what it says").expect("a key");
        assert_ne!(key, shared.key, "{lie:?}");
    }
}

#[tokio::test]
async fn a_grant_for_another_user_or_project_gets_no_key() {
    let shared = Shared::new().await;
    let project = shared.head.owner.project;
    let of_other_user = step(project, &EndUserId::new("user-2"));
    let refused = shared.worker().sharing_key(&shared.found, &of_other_user).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
    // A refusal is recorded, too; nobody waits for that.
    let is_noted = async || {
        let audit = shared.installation.audit(project).await;
        audit.iter().any(|(record, _)| !record.is_granted && record.secret == shared.head.secret)
    };
    for _ in 0..500 {
        if is_noted().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_noted().await);
    let of_other_project = step(ProjectId::new(), &shared.process.user);
    let refused = shared.worker().sharing_key(&shared.found, &of_other_project).await;
    assert!(matches!(refused, Err(VaultError::NotFound)));
    let gateway = shared.process.as_caller(Caller::Gateway);
    let access = step(project, &shared.process.user);
    let refused = gateway.sharing_key(&shared.found, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
}

#[tokio::test]
async fn after_two_lives_the_key_is_gone() {
    let shared = Shared::new().await;
    let life = SignedDuration::try_from(Settings::default().sharing_key_life).expect("short");
    shared.installation.clock.advance(life);
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), Some(shared.key.clone()));
    let (later, later_key) = open_to_share(&shared.process, &shared.head).await;
    assert_ne!(later.generation, shared.found.generation);
    assert_ne!(later_key, shared.key);
    shared.installation.clock.advance(life);
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), None);
    assert_eq!(shared.ask(&later).await.expect("allowed"), Some(later_key));
    shared.installation.clock.advance(life * 2);
    assert_eq!(shared.ask(&later).await.expect("allowed"), None, "nobody asked for two lives");
}

#[tokio::test]
async fn another_process_of_the_vault_does_not_know_the_key() {
    let shared = Shared::new().await;
    let other = shared.installation.process();
    let access = step(shared.head.owner.project, &other.user);
    let key = other.as_caller(Caller::Worker).sharing_key(&shared.found, &access).await;
    assert!(key.expect("allowed").is_none());
    let unknown = SharedValue { generation: Generation([7; 16]), ..shared.found.clone() };
    assert_eq!(shared.ask(&unknown).await.expect("allowed"), None);
}

#[tokio::test]
async fn a_value_that_was_replaced_deleted_or_has_ended_has_no_key_at_once() {
    let shared = Shared::new().await;
    let api = shared.process.as_caller(Caller::Api);
    let (secret, owner) = (shared.head.secret, &shared.head.owner);
    api.replace(secret, owner, value("hush")).await.expect("replacing works");
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), None, "replaced");

    let (second, second_key) = open_to_share(&shared.process, &shared.head).await;
    assert_eq!(shared.ask(&second).await.expect("allowed"), Some(second_key));
    let ended = SecretState::Expired;
    api.set_state(owner.project, secret, 2, ended).await.expect("noting works");
    assert_eq!(shared.ask(&second).await.expect("allowed"), None, "ended");

    api.replace(secret, owner, value("hush")).await.expect("replacing works");
    let (third, third_key) = open_to_share(&shared.process, &shared.head).await;
    assert_eq!(shared.ask(&third).await.expect("allowed"), Some(third_key));
    api.delete(owner.project, secret).await.expect("deleting works");
    assert_eq!(shared.ask(&third).await.expect("allowed"), None, "deleted");
}

#[tokio::test]
async fn a_renewed_token_takes_the_key_of_the_one_before() {
    use tenon_contract::vault::{RefreshClaim, RefreshOutcome};

    let shared = Shared::new().await;
    let (project, secret) = (shared.head.owner.project, shared.head.secret);
    let worker = shared.worker();
    let claim = worker.claim_refresh(project, secret, 1, Duration::from_secs(9)).await;
    let Ok(RefreshClaim::Claimed { fence }) = claim else { panic!("{claim:?}") };
    assert!(shared.ask(&shared.found).await.expect("allowed").is_some(), "still the current one");
    let renewed = RefreshOutcome::Renewed(value("hush"));
    worker.finish_refresh(project, secret, fence, renewed).await.expect("finishing works");
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), None);
}

#[tokio::test]
async fn too_many_changes_take_every_key() {
    let installation = Installation::new();
    let roots = Roots::new(installation.root.clone(), Vec::new());
    let settings = Settings { sharing_barred_max: 2, ..fast() };
    let process = installation.process_with(roots, settings);
    let owner = installation.owner(ProjectId::new());
    let head = process.create(&owner, "hush").await;
    let (found, key) = open_to_share(&process, &head).await;
    let shared = Shared { installation, process, head, found, key };
    let api = shared.process.as_caller(Caller::Api);
    for number in 0..3 {
        let kept = shared.ask(&shared.found).await.expect("allowed").is_some();
        assert!(kept, "after {number} changes");
        let other = shared.process.create(&owner, "other").await;
        api.delete(owner.project, other.secret).await.expect("deleting works");
    }
    assert_eq!(shared.ask(&shared.found).await.expect("allowed"), None);
}
