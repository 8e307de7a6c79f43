//! A vault that listens, and clients of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tenon_contract::grant::{Grant, GrantKey, Work};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue, Purpose, SecretOwner, Subject, Vault};
use tenon_domain::{Clock, CredentialId, EndUserId, ProjectId, RunId, SystemClock};
use tenon_testkit::fakes::{MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::service::{Parts, VaultService};
use tenon_vault_rpc::{ClientSettings, Identity, ServerSettings, VaultClient, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::certificates::Authority;

/// A vault on loopback.
pub struct Installation {
    pub authority: Authority,
    pub address: SocketAddr,
    /// Fails calls of the vault's stores.
    pub faults: VaultFaults,
    pub project: ProjectId,
    pub user: EndUserId,
    stop: CancellationToken,
}

pub fn grant_key() -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes")
}

impl Installation {
    pub async fn start() -> Self {
        let authority = Authority::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let faults = VaultFaults::default();
        let root = Arc::new(MemoryRoot::new("root", faults.clone()));
        let (service, background) = VaultService::new(Parts {
            install: InstallId::from_uuid(ProjectId::new().uuid()),
            values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
            keys: Arc::new(MemoryKeys::new(clock.clone(), faults.clone())),
            roots: Roots::new(root, Vec::new()),
            policy: Policy::new(vec![grant_key()]),
            clock,
            settings: tenon_vault::settings::Settings::default(),
        });
        tokio::spawn(background.run());
        let handles: HashMap<String, Arc<dyn Vault>> = Caller::ALL
            .into_iter()
            .map(|caller| (caller.name().to_owned(), service.for_caller(caller)))
            .collect();
        let identity = authority.identity(&["vault.role.tenon.internal", "127.0.0.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let token = stop.clone();
        tokio::spawn(async move {
            let settings = ServerSettings::default();
            serve(listener, &identity, handles, settings, token).await.expect("TLS is set up");
        });
        let (project, user) = (ProjectId::new(), EndUserId::new("user-1"));
        Self { authority, address, faults, project, user, stop }
    }

    /// A client with the certificate of a role.
    pub fn client(&self, role: &str) -> VaultClient {
        self.client_as(&self.authority.identity(&[&format!("{role}.role.tenon.internal")]))
    }

    /// A client with any certificate; it gives up soon.
    pub fn client_as(&self, identity: &Identity) -> VaultClient {
        let base = Url::parse(&format!("https://{}", self.address)).expect("a URL");
        let settings =
            ClientSettings { deadline: Duration::from_millis(400), ..ClientSettings::default() };
        VaultClient::new(base, identity, settings).expect("TLS is set up")
    }

    pub fn owner(&self) -> SecretOwner {
        let credential = CredentialId::new();
        let subject = Subject::Credential { credential, user: self.user.clone() };
        SecretOwner { project: self.project, subject }
    }

    pub fn grant(&self, run: RunId) -> Grant {
        grant_key().sign(self.project, &self.user, &Work::Run(run))
    }

    pub fn access(&self, run: RunId, grant: Option<Grant>) -> Access {
        Access {
            project: self.project,
            purpose: Purpose::Step,
            run: Some(run),
            step: None,
            reference: None,
            grant,
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn value(text: &str) -> NewValue {
    NewValue { value: SecretBytes::from_text(text.to_owned()), expires_at: None }
}
