//! Certificates: who this process is, and whom it believes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

/// The suffix of the names in certificates: `worker.role.tenon.internal`.
pub(crate) const ROLE_SUFFIX: &str = ".role.tenon.internal";

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A text is not what it should be.
    #[error("there is no usable {what} in it")]
    Pem {
        /// What was looked for.
        what: &'static str,
    },
    /// TLS cannot be set up with it.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A certificate with its key, and the authority that signs all certificates of the installation.
pub struct Identity {
    authority_pem: Vec<u8>,
    certificate_pem: Vec<u8>,
    key_pem: Zeroizing<Vec<u8>>,
}

impl Identity {
    /// From PEM texts.
    #[must_use]
    pub fn from_pem(authority: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) -> Self {
        Self {
            authority_pem: authority,
            certificate_pem: certificate,
            key_pem: Zeroizing::new(key),
        }
    }

    /// From files.
    ///
    /// # Errors
    /// [`IdentityError::Read`].
    pub fn from_files(
        authority: &Path,
        certificate: &Path,
        key: &Path,
    ) -> Result<Self, IdentityError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|source| IdentityError::Read { path: path.to_owned(), source })
        };
        Ok(Self::from_pem(read(authority)?, read(certificate)?, read(key)?))
    }

    fn authorities(&self) -> Result<Arc<RootCertStore>, IdentityError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authority_pem) {
            let certificate = certificate.map_err(|_| IdentityError::Pem { what: "authority" })?;
            roots.add(certificate).map_err(|error| IdentityError::Tls(Box::new(error)))?;
        }
        if roots.is_empty() {
            return Err(IdentityError::Pem { what: "authority" });
        }
        Ok(Arc::new(roots))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&self.certificate_pem).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Ok(chain),
            _ => Err(IdentityError::Pem { what: "certificate" }),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        PrivateKeyDer::from_pem_slice(&self.key_pem)
            .map_err(|_| IdentityError::Pem { what: "private key" })
    }

    /// TLS 1.3 only, and only for clients that the authority signed.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, IdentityError> {
        let tls = |error: rustls::Error| IdentityError::Tls(Box::new(error));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.authorities()?, Arc::clone(&provider))
                .build()
                .map_err(|error| IdentityError::Tls(Box::new(error)))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain()?, self.key()?)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// TLS 1.3 only, and only to a server that the authority signed.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, IdentityError> {
        let tls = |error: rustls::Error| IdentityError::Tls(Box::new(error));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_root_certificates(self.authorities()?)
            .with_client_auth_cert(self.chain()?, self.key()?)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The role that a verified certificate names; `None` for none or more than one.
pub(crate) fn role_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut roles = parsed.valid_dns_names().filter_map(|name| name.strip_suffix(ROLE_SUFFIX));
    let role = roles.next()?.to_owned();
    roles.next().is_none().then_some(role)
}
