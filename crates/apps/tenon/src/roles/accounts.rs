//! What the roles need to use connected accounts: the vault, the way out, the connectors, and the
//! key that signs grants.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tenon_connector::catalog::Catalog;
use tenon_contract::grant::GrantKey;
use tenon_contract::vault::{SharedValues, Vault};
use tenon_credentials::access::{AccessParts, CredentialAccess};
use tenon_domain::Clock;
use tenon_egress::HttpEgress;
use tenon_gateway::webhooks::WebhookSecrets;
use tenon_vault::policy::Caller;
use tenon_vault_rpc::{ClientSettings, VaultClient};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::measured_vault::MeasuredVault;
use super::vault::{ROLE_PLACE, VaultRole, grant_key, has_certificate_for_each_role, identity};
use super::{Parts, Role, Store};
use crate::config::Settings;

/// The roles that ask the vault, and as whom it knows them.
const USERS: [(Role, Caller); 4] = [
    (Role::Api, Caller::Api),
    (Role::Worker, Caller::Worker),
    (Role::Proxy, Caller::Proxy),
    (Role::Gateway, Caller::Gateway),
];
/// How often what webhooks are signed with is tidied up in memory.
const TIDY_INTERVAL: Duration = Duration::from_secs(60);

/// What the roles of one process share.
pub(super) struct Accounts {
    /// Signs that there is work; not for processes that only work.
    pub(super) grants: Option<Arc<GrantKey>>,
    /// The connectors.
    pub(super) catalog: Arc<Catalog>,
    /// The vault itself, where this process has the role.
    pub(super) vault_service: Option<VaultRole>,
    egress: Option<Arc<HttpEgress>>,
    /// The vault elsewhere, as each role of this process that uses it.
    remotes: Vec<(Caller, Arc<dyn Vault>)>,
    /// One for each role that uses accounts: the vault knows them apart.
    accesses: Vec<(Caller, CredentialAccess)>,
    /// What webhooks are signed with, for the role `gateway`.
    webhook_secrets: Option<Arc<WebhookSecrets>>,
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
        shared_values: Option<&Arc<dyn SharedValues>>,
    ) -> anyhow::Result<Self> {
        let settings = &parts.settings;
        let vault_service = match parts.roles.has(Role::Vault) {
            true => {
                let databases = parts.vault.as_ref();
                Some(VaultRole::open(settings, databases, clock).await?)
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
        let users: Vec<Caller> = USERS
            .into_iter()
            .filter(|(role, _)| parts.roles.has(*role))
            .map(|(_, caller)| caller)
            .collect();
        let remotes = match &settings.vault.url {
            Some(url) if vault_service.is_none() => remotes(settings, url, &users)?,
            _ => Vec::new(),
        };
        let mut accounts = Self {
            grants,
            catalog: Arc::new(Catalog::default()),
            vault_service,
            egress,
            remotes,
            accesses: Vec::new(),
            webhook_secrets: None,
        };
        for caller in users {
            if caller == Caller::Gateway {
                let ttl = settings.webhook_settings().secret_ttl;
                let secrets = WebhookSecrets::new(accounts.vault(caller), clock.clone(), ttl);
                let secrets = Arc::new(secrets);
                tasks.spawn(tidy(secrets.clone(), stopping.clone()));
                accounts.webhook_secrets = Some(secrets);
                continue;
            }
            let Some(vault) = accounts.vault(caller) else { continue };
            let access_parts = AccessParts {
                vault,
                egress: accounts.egress()?,
                catalog: accounts.catalog.clone(),
                clock: clock.clone(),
                settings: settings.credentials(),
            };
            let access = match shared_values {
                Some(values) => CredentialAccess::sharing(access_parts, values.clone()),
                None => CredentialAccess::new(access_parts),
            };
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
            None => {
                let remote = self.remotes.iter().find(|(other, _)| *other == caller);
                remote.map(|(_, vault)| vault.clone())
            }
        }
    }

    /// Credentials in use, for a role; `None` where there is no vault to ask.
    pub(super) fn access(&self, caller: Caller) -> Option<&CredentialAccess> {
        self.accesses.iter().find(|(other, _)| *other == caller).map(|(_, access)| access)
    }

    /// What webhooks are signed with; `None` where nothing takes any in.
    pub(super) fn webhook_secrets(&self) -> Option<&Arc<WebhookSecrets>> {
        self.webhook_secrets.as_ref()
    }

    /// Forgets opened values that an announcement names, until the token fires.
    pub(super) fn follow(
        &self,
        mut announcements: broadcast::Receiver<String>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let accesses: Vec<CredentialAccess> =
            self.accesses.iter().map(|(_, access)| access.clone()).collect();
        let webhook_secrets = self.webhook_secrets.clone();
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
                            webhook_secrets.iter().for_each(|kept| kept.forget(secret));
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

async fn tidy(secrets: Arc<WebhookSecrets>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TIDY_INTERVAL) => secrets.tidy(),
        }
    }
}

/// The vault at `url`, once for each of its users: the vault knows a role by its certificate, so
/// several roles in one process come with one each.
fn remotes(
    settings: &Settings,
    url: &Url,
    users: &[Caller],
) -> anyhow::Result<Vec<(Caller, Arc<dyn Vault>)>> {
    if users.len() > 1 && !has_certificate_for_each_role(settings) {
        let roles: Vec<&str> = users.iter().map(|caller| caller.name()).collect();
        bail!(
            "the vault knows a role by its certificate, and this process has the roles {}: write \
             {ROLE_PLACE} where the names of the files differ, as in vault.certificate_file = \
             \"/etc/tenon/tls/{ROLE_PLACE}.pem\" and vault.key_file = \
             \"/etc/tenon/tls/{ROLE_PLACE}.key\"",
            roles.join(", ")
        );
    }
    let mut remotes: Vec<(Caller, Arc<dyn Vault>)> = Vec::with_capacity(users.len());
    for caller in users {
        let identity = identity(settings, caller.name())?;
        let client = VaultClient::new(url.clone(), &identity, ClientSettings::default())?;
        remotes.push((*caller, MeasuredVault::around(Arc::new(client))));
    }
    Ok(remotes)
}
