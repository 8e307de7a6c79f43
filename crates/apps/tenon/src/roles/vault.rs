//! The role `vault`: the service over its two databases and the root key, for the roles of this
//! process directly and for those of others over mutual TLS.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tenon_contract::grant::GrantKey;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::Vault;
use tenon_domain::Clock;
use tenon_pg_vault::{PgKeyStore, PgValueStore};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::rotation::Rotation;
use tenon_vault::service::{Parts as ServiceParts, VaultService};
use tenon_vault_rpc::{Identity, ServerSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::measured_vault::MeasuredVault;
use super::monitoring::Pools;
use super::{Role, VaultDatabases};
use crate::config::Settings;

/// Stands for the role's name in `vault.certificate_file` and `vault.key_file`.
pub(super) const ROLE_PLACE: &str = "{role}";

/// The vault of this process.
pub(crate) struct VaultRole {
    service: Arc<VaultService>,
    values: Arc<PgValueStore>,
    keys: Arc<PgKeyStore>,
}

impl VaultRole {
    /// Opens the databases and the root key.
    ///
    /// # Errors
    /// When one of them cannot be reached, or there is no root key or grant key.
    pub(crate) async fn open(
        settings: &Settings,
        databases: Option<&VaultDatabases>,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let databases = databases.context(
            "the role `vault` needs its two databases: set vault.values_url and vault.keys_url",
        )?;
        let store = |url: &str| tenon_pg_vault::Settings {
            connections_max: settings.vault.connections_max,
            readers_max: settings.vault.connections_max,
            acquire_timeout: Duration::from_millis(settings.postgres.acquire_timeout_ms),
            statement_timeout: Duration::from_millis(settings.postgres.statement_timeout_ms),
            ..tenon_pg_vault::Settings::new(url)
        };
        let values = PgValueStore::new(&store(&databases.values_url))?;
        let keys = PgKeyStore::new(&store(&databases.keys_url))?;
        values.migrate().await.context("cannot bring the vault's values up to date")?;
        keys.migrate().await.context("cannot bring the vault's keys up to date")?;
        let install = InstallId::from_uuid(keys.install_id().await?);
        let (values, keys) = (Arc::new(values), Arc::new(keys));
        let (service, background) = VaultService::new(ServiceParts {
            install,
            values: values.clone(),
            keys: keys.clone(),
            roots: roots(settings)?,
            policy: Policy::new(grant_key(settings)?.into_iter().collect()),
            clock: clock.clone(),
            settings: settings.vault_service(),
        });
        // It ends with the service, which lives as long as its users: a stop cannot wait for it,
        // and need not. Whoever waits for a record of the audit is waited for.
        tokio::spawn(background.run());
        Ok(Self { service, values, keys })
    }

    /// The vault as a role of this very process sees it.
    pub(crate) fn handle(&self, caller: Caller) -> Arc<dyn Vault> {
        MeasuredVault::around(self.service.for_caller(caller))
    }

    /// Adds the pools of its databases.
    pub(super) fn add_pools(&self, pools: &Pools) {
        let (values, keys) = (self.values.pools(), self.keys.pools());
        pools.add("vault_values", values.writers);
        pools.add("vault_values_readers", values.readers);
        pools.add("vault_keys", keys.writers);
        pools.add("vault_keys_readers", keys.readers);
    }

    /// Rotations, for the commands that run them.
    pub(crate) fn rotation(&self) -> Rotation {
        self.service.rotation()
    }

    /// The key database, for reading the audit.
    pub(crate) fn keys(&self) -> &Arc<PgKeyStore> {
        &self.keys
    }

    /// Listens for the roles of other processes, where an address is set.
    ///
    /// # Errors
    /// When the address is taken or the certificates cannot be used.
    pub(super) async fn listen(
        &self,
        settings: &Settings,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> anyhow::Result<()> {
        let Some(address) = settings.vault.listen else { return Ok(()) };
        let identity = identity(settings, Role::Vault.name())?;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("the vault cannot listen on {address}; set another `vault.listen`")
        })?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "the vault listens for the other roles");
        let handles: HashMap<String, Arc<dyn Vault>> = Caller::ALL
            .into_iter()
            .map(|caller| (caller.name().to_owned(), self.handle(caller)))
            .collect();
        let stop = stopping.clone();
        tasks.spawn(async move {
            let limits = ServerSettings::default();
            let served = tenon_vault_rpc::serve(listener, &identity, handles, limits, stop).await;
            if let Err(error) = served {
                tracing::error!(error = %error, "the vault does not listen");
            }
        });
        Ok(())
    }
}

/// Whether the files of certificates are named by role.
pub(super) fn has_certificate_for_each_role(settings: &Settings) -> bool {
    let vault = &settings.vault;
    [&vault.certificate_file, &vault.key_file]
        .into_iter()
        .all(|file| file.as_ref().is_some_and(|file| file.to_string_lossy().contains(ROLE_PLACE)))
}

/// The certificate of a role of this process.
///
/// # Errors
/// When one of the files is not set or cannot be read.
pub(super) fn identity(settings: &Settings, role: &str) -> anyhow::Result<Identity> {
    let vault = &settings.vault;
    let (Some(authority), Some(certificate), Some(key)) =
        (&vault.authority_file, &vault.certificate_file, &vault.key_file)
    else {
        bail!(
            "the vault is spoken to over mutual TLS: set vault.authority_file, \
             vault.certificate_file and vault.key_file (`tenon certificates` makes them)"
        );
    };
    let of_role = |file: &Path| match file.to_str() {
        Some(text) => PathBuf::from(text.replace(ROLE_PLACE, role)),
        None => file.to_owned(),
    };
    Ok(Identity::from_files(authority, &of_role(certificate), &of_role(key))?)
}

/// The key that signs grants, where one is set.
///
/// # Errors
/// When the file cannot be read or is too short.
pub(super) fn grant_key(settings: &Settings) -> anyhow::Result<Option<GrantKey>> {
    let Some(path) = &settings.vault.grant_key_file else { return Ok(None) };
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read the grant key {}", path.display()))?;
    let key = GrantKey::new(SecretBytes::new(bytes))
        .with_context(|| format!("the grant key {} is shorter than 32 bytes", path.display()))?;
    Ok(Some(key))
}

/// The current root and the earlier ones. There is no default: whoever has no root key has no
/// vault, and finds out now.
fn roots(settings: &Settings) -> anyhow::Result<Roots> {
    let uri = settings.vault.root_key.as_deref().context(
        "the role `vault` has no root key: set vault.root_key (TENON_VAULT__ROOT_KEY), for \
         example file:/etc/tenon/root.key; `tenon vault new-root-key FILE` makes one",
    )?;
    let current = open_root(uri)?;
    let mut others = Vec::new();
    for uri in &settings.vault.old_root_keys {
        others.push(open_root(uri)?);
    }
    Ok(Roots::new(current, others))
}

fn open_root(uri: &str) -> anyhow::Result<Arc<dyn tenon_vault::ports::RootKey>> {
    let settings = tenon_root_keys::Settings::new(std::env::vars().collect());
    tenon_root_keys::open(uri, &settings)
        .context("the root key of vault.root_key or vault.old_root_keys cannot be used")
}

/// The root and grant keys of a laptop: made where there are none, with a loud notice.
///
/// # Errors
/// When a file cannot be made.
pub(crate) fn ensure_development_keys(settings: &mut Settings, dir: &Path) -> anyhow::Result<()> {
    if settings.vault.root_key.is_none() {
        let path = std::path::absolute(dir.join("root.key"))?;
        if !path.exists() {
            tenon_root_keys::FileRoot::create_for_development(&path)?;
            eprintln!(
                "NOTICE: made a development root key, {}. Whoever has this file and the databases \
                 reads every secret; whoever loses it loses every secret. For anything but this \
                 laptop set vault.root_key.",
                path.display()
            );
        }
        settings.vault.root_key = Some(format!("file:{}", path.display()));
    }
    if settings.vault.grant_key_file.is_none() {
        let path = dir.join("grant.key");
        if !path.exists() {
            write_new_key(&path)?;
        }
        settings.vault.grant_key_file = Some(path);
    }
    if settings.redis.url.is_some() && settings.redis.key_file.is_none() {
        let path = dir.join("redis.key");
        if !path.exists() {
            write_new_key(&path)?;
        }
        settings.redis.key_file = Some(path);
    }
    Ok(())
}

/// Writes 32 random bytes into a new file that only the owner can read.
///
/// # Errors
/// When the file is there already or cannot be made.
pub(crate) fn write_new_key(path: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut key = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *key).context("the system gives no random bytes")?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(&*key)?;
    Ok(())
}
