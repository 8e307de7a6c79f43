//! A vault and a provider in memory, and what else the state asks for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tenon_config::ports::Announcer;
use tenon_config::ports::linker::{
    Health, LinkError, LinkFinish, LinkStart, LinkStarted, LinkTarget, Linked, LinkedAccount,
    LinkedIdentity, Linker,
};
use tenon_connect::account_auth::{AccountAuth, AuthError, AuthOf};
use tenon_connect::sources::{Ask, DataSources, Options, SourceError};
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, RefreshClaim, RefreshFinish, RefreshOutcome, SecretHead,
    SecretOwner, SecretState, Vault, VaultError,
};
use tenon_domain::{Clock, EndUserId, ProjectId, SecretId, VersionId, WorkflowId};
use tenon_testkit::fakes::FakeClock;
use url::Url;

/// A cache that keeps nothing, and nobody to announce to.
pub struct Forgetful;

#[async_trait]
impl PlanSource for Forgetful {
    async fn project(&self, _: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        Ok(None)
    }

    async fn workflow(&self, _: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Ok(None)
    }

    async fn user(&self, _: ProjectId, _: &EndUserId) -> Result<Option<Arc<UserPlan>>, PlanError> {
        Ok(None)
    }

    async fn installations(
        &self,
        _: ProjectId,
        _: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Ok(None)
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl PlanCache for Forgetful {
    async fn put_project(&self, _: &ProjectPlan) -> Result<(), PlanError> {
        Ok(())
    }

    async fn put_user(&self, _: &UserPlan) -> Result<(), PlanError> {
        Ok(())
    }

    async fn put_installations(&self, _: &InstallationsPlan) -> Result<(), PlanError> {
        Ok(())
    }

    async fn put_workflow(&self, _: &WorkflowPlan) -> Result<(), PlanError> {
        Ok(())
    }

    async fn is_filled(&self) -> Result<bool, PlanError> {
        Ok(true)
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        Ok(())
    }
}

#[async_trait]
impl Announcer for Forgetful {
    async fn announce(&self, _: &str) {}
}

/// Options in two pages; what was asked with comes back in a label.
pub struct Sources;

#[async_trait]
impl DataSources for Sources {
    async fn options(&self, ask: Ask<'_>) -> Result<Options, SourceError> {
        match ask.source {
            "channels" => {}
            "dead" => return Err(SourceError::Account { reason: "it was revoked".to_owned() }),
            "unchosen" => {
                return Err(SourceError::Parameters { reason: "choose `bases` first".to_owned() });
            }
            "away" => return Err(SourceError::Away("the vault sleeps".into())),
            "broken" => return Err(SourceError::Provider { reason: "Acme says: no".to_owned() }),
            other => {
                return Err(SourceError::Unknown {
                    connector: ask.integration.connector.clone(),
                    source_key: other.to_owned(),
                });
            }
        }
        let asked = format!(
            "{} {:?} {:?} {}",
            ask.user.as_str(),
            ask.cursor,
            ask.search,
            json!(ask.parameters),
        );
        let records = vec![json!({"label": asked, "value": ask.account.credential.id})];
        let next_cursor = ask.cursor.is_none().then(|| "2".to_owned());
        Ok(Options { records, next_cursor })
    }
}

/// Gives one token to file pickers.
pub struct Picker;

#[async_trait]
impl AccountAuth for Picker {
    async fn access_token(&self, account: AuthOf<'_>) -> Result<SecretBytes, AuthError> {
        let text = format!("picker token of {}", account.user.as_str());
        Ok(SecretBytes::from_text(text))
    }
}

/// A provider that takes every key but `bad` and every code but `bad`.
#[derive(Default)]
pub struct Provider {
    /// How often it was asked for an account.
    pub asked: Mutex<usize>,
}

impl Provider {
    fn linked(&self, target: LinkTarget<'_>, name: &str) -> Linked {
        *self.asked.lock() += 1;
        let secrets = json!({"fields": target.secrets, "token": null});
        Linked {
            value: NewValue {
                value: SecretBytes::from_text(secrets.to_string()),
                expires_at: None,
            },
            fields: target.fields.clone(),
            identity: Some(LinkedIdentity {
                id: format!("acme-{name}"),
                name: format!("{name}@acme.example"),
            }),
            scopes: Some("read".to_owned()),
        }
    }
}

#[async_trait]
impl Linker for Provider {
    async fn start(
        &self,
        _: LinkTarget<'_>,
        _: &Access,
        start: LinkStart<'_>,
    ) -> Result<LinkStarted, LinkError> {
        let mut url = Url::parse("https://acme.example/authorize").expect("it is a URL");
        url.query_pairs_mut()
            .append_pair("state", start.state)
            .append_pair("redirect_uri", start.redirect_uri);
        Ok(LinkStarted { url, keep: None })
    }

    async fn finish(
        &self,
        target: LinkTarget<'_>,
        _: &Access,
        finish: LinkFinish<'_>,
    ) -> Result<Linked, LinkError> {
        if let Some(error) = finish.params.get("error") {
            return Err(LinkError::Denied { reason: error.clone() });
        }
        match finish.params.get("code").map(String::as_str) {
            Some("bad") | None => {
                Err(LinkError::Rejected { reason: "the code is not known".to_owned() })
            }
            Some(code) => Ok(self.linked(target, code)),
        }
    }

    async fn link_fields(
        &self,
        target: LinkTarget<'_>,
        _: &Access,
        _: Timestamp,
    ) -> Result<Linked, LinkError> {
        match target.secrets.get("api_key").and_then(|key| key.as_str()) {
            Some("bad") => Err(LinkError::Rejected { reason: "the key is not known".to_owned() }),
            _ => {
                let name = target.fields.get("subdomain").and_then(|name| name.as_str());
                Ok(self.linked(target, name.unwrap_or("somebody")))
            }
        }
    }

    async fn probe(&self, _: LinkedAccount<'_>, _: &Access) -> Result<Health, LinkError> {
        Ok(Health::Valid)
    }

    async fn revoke(&self, _: LinkedAccount<'_>, _: &Access) -> Result<(), LinkError> {
        Ok(())
    }
}

#[derive(Default)]
struct Rows {
    values: HashMap<SecretId, (SecretHead, Vec<u8>)>,
    changes: Vec<HeadChange>,
}

/// The vault's promises without its cryptography.
pub struct MemoryVault {
    rows: Mutex<Rows>,
    clock: Arc<FakeClock>,
}

impl MemoryVault {
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { rows: Mutex::default(), clock }
    }

    /// How many values are kept.
    pub fn count(&self) -> usize {
        self.rows.lock().values.len()
    }

    /// Whether a text is in any of them.
    pub fn holds(&self, text: &str) -> bool {
        let rows = self.rows.lock();
        rows.values.values().any(|(_, value)| String::from_utf8_lossy(value).contains(text))
    }

    /// Every account is refused by its provider from now on.
    pub fn break_all(&self) {
        let mut rows = self.rows.lock();
        let now = self.clock.now();
        let ids: Vec<SecretId> = rows.values.keys().copied().collect();
        for secret in ids {
            let (head, _) = rows.values.get_mut(&secret).expect("it is there");
            head.state = SecretState::Invalid {
                code: "refused".to_owned(),
                reason: "Acme refuses it".to_owned(),
            };
            head.state_at = now;
            let head = head.clone();
            rows.note(secret, head.owner.project, Some(head));
        }
    }

    fn write(&self, secret: SecretId, owner: &SecretOwner, new: NewValue) -> SecretHead {
        let now = self.clock.now();
        let mut rows = self.rows.lock();
        let version = rows.values.get(&secret).map_or(1, |(head, _)| head.version + 1);
        let head = SecretHead {
            secret,
            owner: owner.clone(),
            version,
            state: SecretState::Valid,
            state_at: now,
            expires_at: new.expires_at,
            written_at: now,
            refresh_failures: 0,
        };
        rows.values.insert(secret, (head.clone(), new.value.expose().to_vec()));
        rows.note(secret, owner.project, Some(head.clone()));
        head
    }
}

impl Rows {
    fn note(&mut self, secret: SecretId, project: ProjectId, head: Option<SecretHead>) {
        let sequence = i64::try_from(self.changes.len() + 1).expect("there are few");
        self.changes.push(HeadChange { sequence, head, secret, project });
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn create(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        Ok(self.write(secret, owner, value))
    }

    async fn replace(
        &self,
        secret: SecretId,
        owner: &SecretOwner,
        value: NewValue,
    ) -> Result<SecretHead, VaultError> {
        Ok(self.write(secret, owner, value))
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        let rows = self.rows.lock();
        let (head, value) = rows.values.get(&secret).ok_or(VaultError::NotFound)?;
        if head.owner.project != access.project {
            return Err(VaultError::NotFound);
        }
        Ok(Opened { head: head.clone(), value: SecretBytes::new(value.clone()) })
    }

    async fn head(&self, _: ProjectId, secret: SecretId) -> Result<Option<SecretHead>, VaultError> {
        Ok(self.rows.lock().values.get(&secret).map(|(head, _)| head.clone()))
    }

    async fn claim_refresh(
        &self,
        _: ProjectId,
        _: SecretId,
        _: u32,
        _: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        unreachable!("nothing is renewed here")
    }

    async fn finish_refresh(
        &self,
        _: ProjectId,
        _: SecretId,
        _: u64,
        _: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        unreachable!("nothing is renewed here")
    }

    async fn set_state(
        &self,
        _: ProjectId,
        _: SecretId,
        _: u32,
        _: SecretState,
    ) -> Result<(), VaultError> {
        unreachable!("configuration finds nothing out by itself")
    }

    async fn delete(&self, project: ProjectId, secret: SecretId) -> Result<(), VaultError> {
        let mut rows = self.rows.lock();
        if rows.values.remove(&secret).is_some() {
            rows.note(secret, project, None);
        }
        Ok(())
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<Vec<HeadChange>, VaultError> {
        let rows = self.rows.lock();
        let behind = rows.changes.iter().filter(|change| change.sequence > after);
        Ok(behind.take(limit as usize).cloned().collect())
    }
}
