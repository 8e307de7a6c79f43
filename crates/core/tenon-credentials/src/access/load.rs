//! Values from the cache, else from the vault.

use std::sync::Arc;

use serde_json::Map;
use tenon_contract::plan::IntegrationPlan;
use tenon_contract::vault::{Access, OpenedToShare, SecretHead, Subject};
use tenon_domain::{ProjectId, SecretId};
use zeroize::Zeroizing;

use super::Inner;
use super::account::Account;
use super::error::AccessError;
use crate::cache::Lookup;

/// A value that works, opened for one use.
pub(crate) struct Value {
    pub(crate) head: Arc<SecretHead>,
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
}

impl Value {
    /// A JSON object, as the secrets of an app are kept.
    pub(crate) fn object(&self) -> Result<Map<String, serde_json::Value>, AccessError> {
        serde_json::from_slice(&self.plaintext).map_err(|_| AccessError::Damaged)
    }
}

impl Inner {
    /// The account's secrets.
    pub(crate) async fn credential(
        &self,
        account: Account<'_>,
        access: &Access,
    ) -> Result<Value, AccessError> {
        let value = self.value(account.project, account.credential.secret, access).await?;
        // The vault has checked the grant when it opened the value, maybe for somebody else.
        match &value.head.owner.subject {
            Subject::Credential { credential, user }
                if *credential == account.credential.id && user == account.user =>
            {
                Ok(value)
            }
            _ => Err(AccessError::Refused {
                reason: "the secret belongs to another account".to_owned(),
            }),
        }
    }

    /// The secrets of the builder's app for a method; `None` where it has none.
    pub(crate) async fn app_secret(
        &self,
        project: ProjectId,
        integration: &IntegrationPlan,
        method: &str,
        access: &Access,
    ) -> Result<Option<Value>, AccessError> {
        let app = integration.apps.get(method);
        let Some(secret) = app.and_then(|app| app.secret) else { return Ok(None) };
        let value = self.value(project, secret, access).await?;
        if value.head.owner.subject != Subject::App {
            let reason = "the app's secret belongs to something else".to_owned();
            return Err(AccessError::Refused { reason });
        }
        Ok(Some(value))
    }

    /// A text that belongs to `subject` and to nothing else.
    pub(super) async fn text(
        &self,
        project: ProjectId,
        secret: SecretId,
        subject: &Subject,
        access: &Access,
    ) -> Result<Zeroizing<String>, AccessError> {
        let Value { head, plaintext } = self.value(project, secret, access).await?;
        // The vault has checked the grant when it opened the value, maybe for somebody else.
        if head.owner.subject != *subject {
            let reason = "the secret belongs to something else".to_owned();
            return Err(AccessError::Refused { reason });
        }
        let text = std::str::from_utf8(&plaintext).map_err(|_| AccessError::Damaged)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The same for an account.
    pub(super) async fn app_of(
        &self,
        account: Account<'_>,
        access: &Access,
    ) -> Result<Option<Value>, AccessError> {
        let method = &account.credential.auth_method;
        self.app_secret(account.project, account.integration, method, access).await
    }

    /// Asks the vault for the head, and drops what is kept of another version.
    pub(super) async fn check_head(&self, account: Account<'_>) -> Result<(), AccessError> {
        let secret = account.credential.secret;
        let asked = self.cache.moment();
        let Some(head) = self.vault.head(account.project, secret).await? else {
            self.cache.forget(secret);
            return Err(AccessError::Gone);
        };
        self.cache.confirm(head, asked, self.clock.now());
        Ok(())
    }

    async fn value(
        &self,
        project: ProjectId,
        secret: SecretId,
        access: &Access,
    ) -> Result<Value, AccessError> {
        if let Some(found) = self.kept(project, secret) {
            return found;
        }
        let _pass = self.gates.enter(secret).await;
        if let Some(found) = self.kept(project, secret) {
            return found;
        }
        if let Lookup::Stale = self.cache.get(project, secret, self.clock.now()) {
            let asked = self.cache.moment();
            match self.vault.head(project, secret).await? {
                Some(head) => drop(self.cache.confirm(head, asked, self.clock.now())),
                None => self.cache.forget(secret),
            }
            if let Some(found) = self.kept(project, secret) {
                return found;
            }
        }
        if let Some(value) = self.found(secret, access).await? {
            return Ok(value);
        }
        let asked = self.cache.moment();
        let opened = match &self.shared {
            Some(shared) => {
                let OpenedToShare { opened, key } =
                    self.vault.open_to_share(secret, access).await?;
                // What was announced meanwhile may be newer than what was opened.
                if let Some(key) = key.as_ref().filter(|_| asked == self.cache.moment()) {
                    shared.leave(&opened, key, self.clock.now()).await;
                }
                opened
            }
            None => self.vault.open(secret, access).await?,
        };
        let head = Arc::new(opened.head);
        let value = opened.value.expose();
        self.cache.put(Arc::clone(&head), value, asked, self.clock.now());
        match AccessError::of_state(&head) {
            Some(error) => Err(error),
            None => Ok(Value { head, plaintext: Zeroizing::new(value.to_vec()) }),
        }
    }

    /// What another process left, where the vault gives its key.
    async fn found(&self, secret: SecretId, access: &Access) -> Result<Option<Value>, AccessError> {
        let Some(shared) = &self.shared else { return Ok(None) };
        if !self.cache.trusts_shared(secret) {
            return Ok(None);
        }
        let asked = self.cache.moment();
        let found = shared.find(&*self.vault, &*self.clock, secret, access).await?;
        let Some(found) = found else { return Ok(None) };
        self.cache.put_found(&found, asked, self.clock.now());
        Ok(Some(Value { head: found.head, plaintext: found.value }))
    }

    fn kept(&self, project: ProjectId, secret: SecretId) -> Option<Result<Value, AccessError>> {
        match self.cache.get(project, secret, self.clock.now()) {
            Lookup::Fresh(head, plaintext) => Some(Ok(Value { head, plaintext })),
            Lookup::Dead(head) => AccessError::of_state(&head).map(Err),
            Lookup::Stale | Lookup::Missing => None,
        }
    }
}
