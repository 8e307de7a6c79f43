//! Certificates as an installation has them.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tenon_vault_rpc::Identity;

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// A certificate with these names, that trusts this authority.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.identity_that_trusts(self, names)
    }

    /// The same, trusting another authority.
    pub fn identity_that_trusts(&self, trusted: &Self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("valid names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity::from_pem(
            trusted.0.pem().into_bytes(),
            certificate.pem().into_bytes(),
            key.serialize_pem().into_bytes(),
        )
    }
}
