//! Signing keys: RSA pairs whose private half signs the tokens of connected users, in the
//! builder's own service. It is shown once, when it is made; only the public half is kept.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tenon_contract::plan::SigningKeyPlan;
use tenon_contract::secret::SecretBytes;
use tenon_domain::ProjectId;
use zeroize::Zeroizing;

use crate::ports::StoreError;
use crate::{Configuration, Error};

/// Characters in a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigningKey {
    /// The `kid` of its tokens: the first 16 hexadecimal digits of the SHA-256 of the public key.
    pub id: String,
    /// The public half, PEM (SubjectPublicKeyInfo).
    pub public_pem: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key that was just made.
pub struct NewSigningKey {
    /// What may be shown later too.
    pub key: SigningKey,
    /// The private half, PEM (PKCS#8), this once.
    pub private_pem: SecretBytes,
}

impl Configuration {
    /// Makes a key pair.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::LimitReached`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn create_signing_key(&self, project: ProjectId) -> Result<NewSigningKey, Error> {
        let now = self.clock.now();
        // Finding primes takes a good part of a second.
        let made = tokio::task::spawn_blocking(move || generate(now)).await;
        let new = made.map_err(|error| failed(Box::new(error)))??;
        let mut work = self.begin_change(project).await?;
        let valid = work.signing_keys(project).await?;
        if valid.iter().filter(|key| key.revoked_at.is_none()).count()
            >= self.limits.signing_keys_max
        {
            return Err(Error::LimitReached {
                what: "valid signing keys in a project",
                max: self.limits.signing_keys_max,
            });
        }
        work.insert_signing_key(project, &new.key).await?;
        self.commit_and_publish(work, project, &[]).await?;
        Ok(new)
    }

    /// All keys of a project, revoked ones too, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn signing_keys(&self, project: ProjectId) -> Result<Vec<SigningKey>, Error> {
        Ok(self.read(project).await?.signing_keys(project).await?)
    }

    /// Revokes a key: its tokens are refused by every process that has the new plan.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`] (also when it was revoked before),
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn revoke_signing_key(&self, project: ProjectId, id: &str) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        if !work.revoke_signing_key(project, id, self.clock.now()).await? {
            return Err(Error::NotFound { what: "valid signing key", id: id.to_owned() });
        }
        self.commit_and_publish(work, project, &[]).await
    }
}

/// The keys that are not revoked, for the plan.
pub(crate) fn plans(keys: Vec<SigningKey>) -> Vec<SigningKeyPlan> {
    keys.into_iter()
        .filter(|key| key.revoked_at.is_none())
        .map(|key| SigningKeyPlan { id: key.id, public_pem: key.public_pem })
        .collect()
}

fn generate(now: Timestamp) -> Result<NewSigningKey, Error> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|error| failed(Box::new(error)))?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| failed(Box::new(error)))?;
    let public: PublicKeyX509Der<'_> =
        pair.public_key().as_der().map_err(|error| failed(Box::new(error)))?;
    let digest = Sha256::digest(public.as_ref());
    let id = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let public_pem = pem("PUBLIC KEY", public.as_ref()).to_string();
    let private_pem = pem("PRIVATE KEY", private.as_ref());
    Ok(NewSigningKey {
        key: SigningKey { id, public_pem, created_at: now, revoked_at: None },
        private_pem: SecretBytes::new(private_pem.as_bytes().to_vec()),
    })
}

fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 32 + 64));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Store(StoreError::Failed { action: "make a key pair", source })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};

    use super::*;

    fn der(pem: &str) -> Vec<u8> {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).expect("it is base64")
    }

    #[test]
    fn what_the_private_half_signs_the_public_half_verifies() {
        let new = generate(Timestamp::UNIX_EPOCH).expect("the system makes keys");
        let private = std::str::from_utf8(new.private_pem.expose()).expect("it is text");
        let pair = KeyPair::from_pkcs8(&der(private)).expect("it is PKCS#8");
        let mut signature = vec![0; pair.public_modulus_len()];
        let rng = SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &rng, b"token", &mut signature).expect("it signs");
        // The verifier takes RSAPublicKey or SubjectPublicKeyInfo.
        let public = der(&new.key.public_pem);
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
        key.verify(b"token", &signature).expect("the halves belong together");
        assert!(key.verify(b"other", &signature).is_err());
        assert_eq!((new.key.id.len(), pair.public_modulus_len()), (16, 256));
        let longest = new.key.public_pem.lines().map(str::len).max();
        assert_eq!(longest, Some(PEM_LINE));
    }
}
