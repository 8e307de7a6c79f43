//! What the roles need to use connected accounts: the vault, the way out, the connectors, and the
//! key that signs grants.

use std::sync::Arc;

use anyhow::Context;
use tenon_connector::catalog::Catalog;
use tenon_contract::grant::GrantKey;
use tenon_contract::vault::Vault;
use tenon_credentials::access::{AccessParts, CredentialAccess};
use tenon_domain::Clock;
use tenon_egress::HttpEgress;
use tenon_vault::policy::Caller;
use tenon_vault_rpc::{ClientSettings, VaultClient};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::vault::{VaultRole, grant_key, identity};
use super::{Parts, Role, Store};

/// What the roles of one process share.
pub(super) struct Accounts {
    /// Signs that there is work; not for processes that only work.
    pub(super) grants: Option<Arc<GrantKey>>,
    /// The connectors.
    pub(super) catalog: Arc<Catalog>,
    /// The vault itself, where this process has the role.
    pub(super) vault_service: Option<VaultRole>,
    egress: Option<Arc<HttpEgress>>,
    remote: Option<Arc<dyn Vault>>,
    /// One for each role that uses accounts: the vault knows them apart.
    accesses: Vec<(Caller, CredentialAccess)>,
}

impl Accounts {
    /// Opens what the roles may open.
    ///
    /// # Errors
    /// When the vault's databases or root key cannot be used.
    pub(super) async fn open(
        parts: &Parts,
        clock: &Arc<dyn Clock>,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let settings = &parts.settings;
        let vault_service = match parts.roles.has(Role::Vault) {
            true => {
                let databases = parts.vault.as_ref();
                Some(VaultRole::open(settings, databases, clock, tasks).await?)
            }
            false => None,
        };
        let egress = match parts.roles.may_open(Store::Egress) {
            true => Some(Arc::new(HttpEgress::new(settings.outgoing())?)),
            false => None,
        };
        // A worker alone must not be able to sign for work of its own making.
        let signs = [Role::Api, Role::Gateway, Role::Controller, Role::Proxy];
        let grants = match signs.into_iter().any(|role| parts.roles.has(role)) {
            true => grant_key(settings)?.map(Arc::new),
            false => None,
        };
        let remote: Option<Arc<dyn Vault>> = match &settings.vault.url {
            Some(url) if vault_service.is_none() => {
                let client =
                    VaultClient::new(url.clone(), &identity(settings)?, ClientSettings::default())?;
                Some(Arc::new(client))
            }
            _ => None,
        };
        let mut accounts = Self {
            grants,
            catalog: Arc::new(Catalog::default()),
            vault_service,
            egress,
            remote,
            accesses: Vec::new(),
        };
        let users = [
            (Role::Api, Caller::Api),
            (Role::Worker, Caller::Worker),
            (Role::Proxy, Caller::Proxy),
        ];
        for (_, caller) in users.into_iter().filter(|(role, _)| parts.roles.has(*role)) {
            let Some(vault) = accounts.vault(caller) else { continue };
            let access = CredentialAccess::new(AccessParts {
                vault,
                egress: accounts.egress()?,
                catalog: accounts.catalog.clone(),
                clock: clock.clone(),
                settings: settings.credentials(),
            });
            let (kept, stop) = (access.clone(), stopping.clone());
            tasks.spawn(async move { kept.keep_house(stop).await });
            accounts.accesses.push((caller, access));
        }
        Ok(accounts)
    }

    /// The way out.
    ///
    /// # Errors
    /// When no role of this process may use it.
    pub(super) fn egress(&self) -> anyhow::Result<Arc<HttpEgress>> {
        self.egress.clone().context("this process may not call the network outside")
    }

    /// The vault as a role sees it; `None` where there is none to ask.
    pub(super) fn vault(&self, caller: Caller) -> Option<Arc<dyn Vault>> {
        match &self.vault_service {
            Some(service) => Some(service.handle(caller)),
            None => self.remote.clone(),
        }
    }

    /// Credentials in use, for a role; `None` where there is no vault to ask.
    pub(super) fn access(&self, caller: Caller) -> Option<&CredentialAccess> {
        self.accesses.iter().find(|(other, _)| *other == caller).map(|(_, access)| access)
    }

    /// Forgets opened values that an announcement names, until the token fires.
    pub(super) fn follow(
        &self,
        mut announcements: broadcast::Receiver<String>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let accesses: Vec<CredentialAccess> =
            self.accesses.iter().map(|(_, access)| access.clone()).collect();
        async move {
            loop {
                let heard = tokio::select! {
                    () = stop.cancelled() => return,
                    heard = announcements.recv() => heard,
                };
                match heard {
                    Ok(topic) => {
                        let secret = topic.strip_prefix("secret:").and_then(|id| id.parse().ok());
                        if let Some(secret) = secret {
                            accesses.iter().for_each(|access| access.forget(secret));
                        }
                    }
                    // What was missed is found when the entry is checked, within a minute.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        }
    }

    /// Waits for renewals under way: a token that a provider has rotated must reach the vault.
    pub(super) async fn drain(&self) {
        for (_, access) in &self.accesses {
            access.drain().await;
        }
    }
}
