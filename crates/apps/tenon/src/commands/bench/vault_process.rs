//! The role `vault` in a process of its own, reached as other roles reach it: over mutual TLS.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, ensure};
use tenon_contract::vault::Vault;
use tenon_vault_rpc::{ClientSettings, Identity, VaultClient};
use tokio::process::{Child, Command};
use url::Url;

use crate::config::Settings;
use crate::roles::VaultDatabases;

/// Where it runs, and where its certificates are for.
const HOST: &str = "127.0.0.1";
/// The role that the client has.
const CLIENT_ROLE: &str = "proxy";

/// A running vault; ended when dropped.
pub(super) struct VaultProcess {
    _child: Child,
    /// The vault, as the role `proxy` sees it.
    pub(super) client: Arc<dyn Vault>,
}

impl VaultProcess {
    /// Makes certificates and starts the role over databases that are there, with the keys of
    /// `settings`. The first call waits until it listens.
    pub(super) async fn start(
        folder: &Path,
        databases: &VaultDatabases,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let tenon = std::env::current_exe()?;
        let tls = folder.join("tls");
        let made = Command::new(&tenon)
            .args(["certificates", "--vault-host", HOST, "--out"])
            .arg(&tls)
            .stdin(Stdio::null())
            .output()
            .await
            .context("certificates could not be made")?;
        ensure!(made.status.success(), "certificates could not be made");
        let root_key = settings.vault.root_key.as_deref().context("there is a root key")?;
        let grant_key = settings.vault.grant_key_file.as_ref().context("there is a grant key")?;
        let address = TcpListener::bind((HOST, 0))?.local_addr()?;
        let log = std::fs::File::create(folder.join("vault.log"))?;
        let child = Command::new(&tenon)
            .args(["server", "--roles", "vault"])
            .env("TENON_VAULT__VALUES_URL", &databases.values_url)
            .env("TENON_VAULT__KEYS_URL", &databases.keys_url)
            .env("TENON_VAULT__ROOT_KEY", root_key)
            .env("TENON_VAULT__GRANT_KEY_FILE", grant_key)
            .env("TENON_VAULT__LISTEN", address.to_string())
            .env("TENON_VAULT__AUTHORITY_FILE", tls.join("ca.pem"))
            .env("TENON_VAULT__CERTIFICATE_FILE", tls.join("{role}.pem"))
            .env("TENON_VAULT__KEY_FILE", tls.join("{role}.key"))
            .env("RUST_LOG", "warn")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .context("the vault could not be started")?;
        let identity = Identity::from_files(
            &tls.join("ca.pem"),
            &tls.join(format!("{CLIENT_ROLE}.pem")),
            &tls.join(format!("{CLIENT_ROLE}.key")),
        )?;
        let base = Url::parse(&format!("https://{address}"))?;
        let client = VaultClient::new(base, &identity, ClientSettings::default())?;
        Ok(Self { _child: child, client: Arc::new(client) })
    }
}
