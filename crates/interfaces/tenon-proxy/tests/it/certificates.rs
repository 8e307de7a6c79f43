//! Accounts whose credential is a client certificate, with a real vault and a provider that asks
//! for one in TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_connector::connector::Connector;
use tenon_connector::token::AccountSecrets;
use tenon_contract::plan::{CredentialPlan, IntegrationPlan, UserPlan};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue, Purpose, SecretOwner, Subject};
use tenon_credentials::Settings;
use tenon_credentials::access::{AccessParts, Account, CredentialAccess};
use tenon_credentials::linking::{Health, Linking};
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId, SecretId, SystemClock};
use tenon_egress::{EgressSettings, HttpEgress};
use tenon_proxy::{Credentials, ProxyParts, ProxySettings};
use tenon_vault::policy::Caller;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::DropGuard;

use crate::stage::{Calls, Client, Plans, listen, project_plan};
use crate::whole::{grant_key, vault};

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }
}

/// A provider that answers with the number of the connection and whose certificate was shown.
async fn provider(authority: &Authority) -> SocketAddr {
    let rustls_provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).expect("an authority");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), rustls_provider.clone());
    let (certificate, key) = authority.signed("127.0.0.1");
    let config = ServerConfig::builder_with_provider(rustls_provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, number) = (acceptor.clone(), connections.fetch_add(1, Ordering::SeqCst));
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let shown = tls.get_ref().1.peer_certificates().expect("verified")[0].to_vec();
                let has = |name: &str| shown.windows(name.len()).any(|it| it == name.as_bytes());
                let who = ["alice", "bob"].into_iter().find(|name| has(name)).unwrap_or("nobody");
                let answer = Bytes::from(format!("{number} {who}"));
                let service = service_fn(move |_: Request<Incoming>| {
                    let answer = answer.clone();
                    async move { Ok::<_, Infallible>(Response::new(Full::new(answer))) }
                });
                // How the client leaves is the client's business.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(tls), service)
                    .await;
            });
        }
    });
    address
}

fn manifest() -> Value {
    json!({
        "format": 1, "name": "bank", "version": "1.0.0", "title": "Bank",
        "description": "A provider for tests.", "categories": ["testing"],
        "docs": "https://example.com/docs",
        "auth": [{
            "id": "certificate", "type": "fields",
            "fields": [
                {"name": "base", "title": "Base URL", "type": "url"},
                {"name": "certificate", "title": "Certificate", "type": "multiline"},
                {"name": "key", "title": "Key", "type": "multiline", "secret": true}
            ],
            "inject": {"client_certificate": {
                "certificate": "{{fields.certificate}}", "key": "{{fields.key}}"
            }}
        }],
        "lifecycle": {"health": {"url": "{{fields.base}}/"}},
        "proxy": {"base_url": [{"url": "{{fields.base}}"}]}
    })
}

/// Two accounts of one user, each with its certificate, and one whose key is of the other.
struct Bank {
    authority: Authority,
    base: String,
    project: ProjectId,
    user: EndUserId,
    integration: IntegrationPlan,
    access: CredentialAccess,
    vault: Arc<tenon_vault::service::VaultService>,
    credentials: Vec<CredentialPlan>,
}

impl Bank {
    async fn open() -> Self {
        let authority = Authority::new();
        let base = format!("https://{}", provider(&authority).await);
        let project = ProjectId::new();
        let mut integration = project_plan(project, IntegrationId::new()).integrations.remove(0);
        integration.connector = "custom.bank".to_owned();
        Connector::from_value(&manifest()).expect("a good manifest");
        integration.manifest = Some(Arc::new(manifest()));
        let vault = vault();
        let access = CredentialAccess::new(AccessParts {
            vault: vault.for_caller(Caller::Proxy),
            egress: Arc::new(way_out(&authority)),
            catalog: Arc::new(Catalog::default()),
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        });
        let user = EndUserId::new("user-1");
        let mut bank = Self {
            authority,
            base,
            project,
            user,
            integration,
            access,
            vault,
            credentials: Vec::new(),
        };
        let (alice, alices) = bank.authority.signed("alice");
        let (bob, bobs) = bank.authority.signed("bob");
        bank.keep(&alice, &alices).await;
        bank.keep(&bob, &bobs).await;
        bank.keep(&alice, &bobs).await;
        bank
    }

    async fn keep(&mut self, certificate: &rcgen::Certificate, key: &KeyPair) {
        let fields = json!({"base": self.base, "certificate": certificate.pem()});
        let credential = CredentialPlan {
            id: CredentialId::new(),
            integration: self.integration.id,
            external_id: None,
            auth_method: "certificate".to_owned(),
            secret: SecretId::new(),
            fields: fields.as_object().expect("an object").clone(),
            created_at: Timestamp::now(),
            configurations: Vec::new(),
        };
        let mut secrets = AccountSecrets { fields: Map::new(), token: None };
        secrets.fields.insert("key".to_owned(), key.serialize_pem().into());
        let value = serde_json::to_vec(&secrets).expect("JSON");
        let value = NewValue { value: SecretBytes::new(value), expires_at: None };
        let subject = Subject::Credential { credential: credential.id, user: self.user.clone() };
        let owner = SecretOwner { project: self.project, subject };
        let api = self.vault.for_caller(Caller::Api);
        api.create(credential.secret, &owner, value).await.expect("kept");
        self.credentials.push(credential);
    }

    async fn proxy(&self) -> (Client, DropGuard) {
        let mut plan = project_plan(self.project, self.integration.id);
        plan.integrations[0] = self.integration.clone();
        let user = UserPlan {
            project: self.project,
            user: self.user.clone(),
            revision: 1,
            credentials: self.credentials.clone(),
            meta: Map::new(),
        };
        let clock = Arc::new(SystemClock);
        let (address, stop) = listen(ProxyParts {
            plans: Arc::new(Plans { project: Mutex::new(plan), user: Mutex::new(user) }),
            accounts: Credentials::new(self.access.clone(), Arc::new(grant_key()), clock.clone()),
            egress: Arc::new(way_out(&self.authority)),
            quotas: None,
            log: Arc::new(Calls::default()),
            clock,
            settings: ProxySettings::default(),
        })
        .await;
        (Client::new(address), stop)
    }
}

/// A way out that may call loopback and trusts the authority.
fn way_out(authority: &Authority) -> HttpEgress {
    let settings = EgressSettings {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        extra_authorities: vec![authority.0.der().to_vec()],
        ..EgressSettings::default()
    };
    HttpEgress::new(settings).expect("TLS can be set up")
}

#[tokio::test]
async fn proxy_calls_show_the_certificate_of_their_account_and_of_no_other() {
    let bank = Bank::open().await;
    let (client, _stop) = bank.proxy().await;
    let path = format!("/api/v1/projects/{}/proxy/custom.bank/x", bank.project);
    for _ in 0..2 {
        for (number, said) in ["0 alice", "1 bob"].into_iter().enumerate() {
            let id = bank.credentials[number].id.to_string();
            let headers = [("x-tenon-credential", id.as_str())];
            let answer = client.call(http::Method::GET, &path, &headers, "").await;
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, said));
        }
    }
    let id = bank.credentials[2].id.to_string();
    let headers = [("x-tenon-credential", id.as_str())];
    let answer = client.call(http::Method::GET, &path, &headers, "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].as_str()),
        (409, Some("credential_invalid"))
    );
    assert!(answer.text().contains("does not belong"), "{}", answer.text());
}

#[tokio::test]
async fn a_probe_shows_the_certificate() {
    let bank = Bank::open().await;
    let linking = Linking::new(&bank.access);
    let work = tenon_contract::grant::Work::Call { until: Timestamp::MAX };
    let grant = grant_key().sign(bank.project, &bank.user, &work);
    let access = Access {
        project: bank.project,
        purpose: Purpose::Proxy,
        run: None,
        step: None,
        reference: None,
        grant: Some(grant),
    };
    let probe = |number: usize| {
        let account = Account {
            project: bank.project,
            user: &bank.user,
            integration: &bank.integration,
            credential: &bank.credentials[number],
        };
        linking.probe(account, &access)
    };
    assert_eq!(probe(0).await.expect("asked"), Health::Works);
    let error = probe(2).await.expect_err("not its key").to_string();
    assert!(error.contains("does not belong"), "{error}");
}
