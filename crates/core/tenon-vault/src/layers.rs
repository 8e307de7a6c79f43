//! Both layers of a value: sealed under a data key of its own, which is wrapped under a key of its
//! tenant's ring.
//!
//! The service opens by [`open`]. [`Layers`] is the same for those who measure it and have no
//! stores and no root; nothing of the product uses it. Who may open, the audit and where rings come
//! from is not decided here.

use tenon_contract::secret::SecretBytes;
use tenon_domain::{ProjectId, SecretId};
use uuid::Uuid;

use crate::cipher::KEY_BYTES;
use crate::envelope::{self, Binding, EnvelopeError, FreshKey, InstallId};
use crate::keyring::{OpenRingKey, WrapError};
use crate::ports::WrappedKey;

/// One of the layers does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The wrapped data key was changed, or is of another row, tenant or ring.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The envelope does not open, or the key was wrapped for a value elsewhere.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Opens a value by its wrapped key, which has to be of this very value.
pub(crate) fn open(
    ring: &OpenRingKey,
    binding: &Binding<'_>,
    row: &WrappedKey,
    envelope: &[u8],
) -> Result<SecretBytes, Error> {
    let unwrapped = ring.unwrap(binding.install, row)?;
    let bound = binding.bound(unwrapped.key.id());
    if unwrapped.digest != bound.digest {
        return Err(EnvelopeError::Forged.into());
    }
    Ok(envelope::open_bound(&unwrapped.key, &bound, envelope)?)
}

/// A ring key that is ready, for measurements.
pub struct Layers {
    install: InstallId,
    ring: OpenRingKey,
}

/// A value in both layers.
pub struct Sealed {
    key: WrappedKey,
    envelope: Vec<u8>,
}

impl Layers {
    /// With this ring key of a tenant.
    #[must_use]
    pub fn new(install: InstallId, project: ProjectId, ring_key: &[u8; KEY_BYTES]) -> Self {
        Self { install, ring: OpenRingKey::new(project, Uuid::now_v7(), ring_key) }
    }

    /// Seals a value under a fresh key and wraps that. The binding's installation and tenant are
    /// those of the ring.
    #[must_use]
    pub fn seal(&self, binding: &Binding<'_>, plaintext: &[u8]) -> Sealed {
        let fresh = FreshKey::generate();
        let id = fresh.key().id();
        let bound = binding.bound(id);
        let mut key = self.row(id, binding.secret, binding.version);
        self.ring.wrap(self.install, &mut key, fresh.key(), &bound.digest, fresh.wrap_nonce());
        Sealed { key, envelope: envelope::seal_bound(fresh, &bound, plaintext) }
    }

    /// Opens what was sealed for this binding.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(&self, binding: &Binding<'_>, sealed: &Sealed) -> Result<SecretBytes, Error> {
        open(&self.ring, binding, &sealed.key, &sealed.envelope)
    }

    fn row(&self, id: Uuid, secret: SecretId, version: u32) -> WrappedKey {
        let project = self.ring.project();
        WrappedKey { id, project, secret, version, ring_key: self.ring.id(), wrapped: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use tenon_contract::vault::{SecretOwner, Subject};

    use super::*;

    #[test]
    fn a_value_opens_where_it_was_sealed_for_and_under_its_own_key_only() {
        let owner = SecretOwner { project: ProjectId::new(), subject: Subject::App };
        let install = InstallId::from_uuid(Uuid::now_v7());
        let here = Binding { install, owner: &owner, secret: SecretId::new(), version: 1 };
        let layers = Layers::new(install, owner.project, &[3; KEY_BYTES]);
        let sealed = layers.seal(&here, b"a value");
        let opened = layers.open(&here, &sealed).expect("it was sealed for this");
        assert_eq!(opened.expose(), b"a value");

        let elsewhere = Binding { version: 2, ..here };
        assert_eq!(layers.open(&elsewhere, &sealed).err(), Some(EnvelopeError::Forged.into()));
        // The key of another value of the same place: the envelope names its own.
        let other = Sealed { key: layers.seal(&here, b"other").key, ..sealed };
        assert_eq!(layers.open(&here, &other).err(), Some(EnvelopeError::Forged.into()));
        let stranger = Layers::new(install, owner.project, &[4; KEY_BYTES]);
        let opened = stranger.open(&here, &other);
        assert!(matches!(opened.err(), Some(Error::Wrap(_))));
    }
}
