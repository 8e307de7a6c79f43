//! What TLS trusts and what it shows of itself.
//!
//! Calls without a client certificate share one configuration. Each identity has its own, so that
//! neither a connection nor a session that could be resumed is shared with anybody else's.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, sign};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, ClientConfig, InconsistentKeys};
use rustls_platform_verifier::Verifier;
use tenon_contract::egress::ClientIdentity;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::settings::EgressSettings;

/// Certificates of one chain; more are a mistake.
const CHAIN_MAX: usize = 16;
/// Sessions of one identity that may be resumed: a few for each of the hosts it calls.
const SESSIONS_MAX: usize = 8;

/// Why a client certificate cannot be used. No text holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("there is no certificate in it (PEM is expected)")]
    NoCertificate,
    #[error("the certificate is not valid PEM")]
    Certificate(#[source] pem::Error),
    #[error("the chain has more than {CHAIN_MAX} certificates")]
    TooLong,
    #[error("the key is not a private key in PEM, or it is encrypted")]
    Key,
    #[error("the key cannot be used to sign")]
    KeyKind,
    #[error("the key does not belong to the certificate")]
    Mismatch,
    #[error("the certificate cannot be read")]
    Unreadable(#[source] rustls::Error),
}

/// Makes configurations of TLS.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<Verifier>,
    anonymous: TlsConnector,
}

impl Tls {
    pub(super) fn new(settings: &EgressSettings) -> Result<Self, rustls::Error> {
        let provider = Arc::new(default_provider());
        let extra = settings.extra_authorities.iter().cloned().map(CertificateDer::from);
        let verifier = Arc::new(Verifier::new_with_extra_roots(extra, provider.clone())?);
        let config = config(&provider, &verifier, None)?;
        Ok(Self { provider, verifier, anonymous: TlsConnector::from(Arc::new(config)) })
    }

    /// Shows no certificate.
    pub(super) fn anonymous(&self) -> &TlsConnector {
        &self.anonymous
    }

    /// Shows a certificate to servers that ask for one.
    pub(super) fn showing(&self, identity: &ClientIdentity) -> Result<TlsConnector, IdentityError> {
        let certified = Arc::new(SingleCertAndKey::from(certified(identity)?));
        let mut config = config(&self.provider, &self.verifier, Some(certified))
            .map_err(IdentityError::Unreadable)?;
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<Verifier>,
    certified: Option<Arc<SingleCertAndKey>>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone());
    let mut config = match certified {
        Some(certified) => builder.with_client_cert_resolver(certified),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certified(identity: &ClientIdentity) -> Result<CertifiedKey, IdentityError> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(identity.certificate().as_bytes()) {
        if chain.len() == CHAIN_MAX {
            return Err(IdentityError::TooLong);
        }
        chain.push(certificate.map_err(IdentityError::Certificate)?);
    }
    if chain.is_empty() {
        return Err(IdentityError::NoCertificate);
    }
    // What a parser says of a key is not passed on.
    let key = PrivateKeyDer::from_pem_slice(identity.key()).map_err(|_| IdentityError::Key)?;
    let key = Zeroizing::new(key);
    let key = sign::any_supported_type(&key).map_err(|_| IdentityError::KeyKind)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch),
        Err(error) => Err(IdentityError::Unreadable(error)),
    }
}

/// What a server says of a client certificate that it does not take, or misses.
pub(crate) fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}
