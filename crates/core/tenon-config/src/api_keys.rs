//! API keys speak for a project. The text of a key is shown once, when it is made; what is kept is
//! its SHA-256.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use subtle::ConstantTimeEq;
use tenon_contract::plan::ApiKeyDigest;
use tenon_domain::{ApiKeyId, ProjectId};
use zeroize::Zeroizing;

use crate::ports::ApiKeyRow;
use crate::projects::DisplayName;
use crate::{Configuration, Error};

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The text of a key: `tnn_<first 8 digits of the project id>_<43 characters>`. It cannot be
/// printed by accident, and is wiped from memory when dropped.
pub struct ApiKeyText(Zeroizing<String>);

impl ApiKeyText {
    /// Wraps a text that was kept.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one place that shows or sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Draws a fresh key of a project.
    fn draw(project: ProjectId) -> Result<Self, Error> {
        let mut random = Zeroizing::new([0_u8; KEY_BYTES]);
        getrandom::fill(&mut *random).map_err(|error| {
            Error::Store(crate::ports::StoreError::Failed {
                action: "draw random bytes",
                source: Box::new(error),
            })
        })?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str("tnn_");
        text.push_str(&project.uuid().simple().to_string()[..8]);
        text.push('_');
        URL_SAFE_NO_PAD.encode_string(*random, &mut text);
        Ok(Self(text))
    }
}

/// The key of the installation, as a digest: who has it may make projects, and nothing else.
#[derive(Clone)]
pub struct InstallationKey(ApiKeyDigest);

impl InstallationKey {
    /// The shortest text of one, in bytes.
    pub const BYTES_MIN: usize = 32;

    /// A key of this text.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it could be guessed for its length, or cannot be sent.
    pub fn of(text: &str) -> Result<Self, Error> {
        // Others could not be sent in a header.
        let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() < Self::BYTES_MIN || !is_sendable {
            let rule = "at least 32 letters, digits and signs, drawn at random, without blanks";
            return Err(Error::Invalid { what: "the installation's key", rule });
        }
        Ok(Self(ApiKeyDigest::of(ApiKeyId::new(), text)))
    }

    /// Whether this is its text. Takes the same time for any text of a length.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        ApiKeyDigest::of(self.0.id, text).sha256.ct_eq(&self.0.sha256).into()
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey")
    }
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: DisplayName,
    /// The last four characters of its text, to tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key that was just made.
pub struct NewApiKey {
    /// What may be shown later too.
    pub key: ApiKey,
    /// The text, this once.
    pub text: ApiKeyText,
}

impl Configuration {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::LimitReached`], [`Error::Unavailable`],
    /// [`Error::Store`].
    pub async fn create_api_key(
        &self,
        project: ProjectId,
        name: &DisplayName,
    ) -> Result<NewApiKey, Error> {
        let text = ApiKeyText::draw(project)?;
        let key = ApiKey {
            id: ApiKeyId::new(),
            name: name.clone(),
            hint: text.expose()[text.expose().len() - 4..].to_owned(),
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let digest = ApiKeyDigest::of(key.id, text.expose());
        let mut work = self.begin_change(project).await?;
        if work.valid_api_key_digests(project).await?.len() >= self.limits.api_keys_max {
            return Err(Error::LimitReached {
                what: "valid API keys in a project",
                max: self.limits.api_keys_max,
            });
        }
        work.insert_api_key(project, &ApiKeyRow { key: key.clone(), digest }).await?;
        self.commit_and_publish(work, project, &[]).await?;
        Ok(NewApiKey { key, text })
    }

    /// All keys of a project, revoked ones too, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn api_keys(&self, project: ProjectId) -> Result<Vec<ApiKey>, Error> {
        Ok(self.read(project).await?.api_keys(project).await?)
    }

    /// Revokes a key: every process refuses it once it has the new plan.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NoSuchApiKey`] (also when it was revoked before),
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn revoke_api_key(&self, project: ProjectId, key: ApiKeyId) -> Result<(), Error> {
        let mut work = self.begin_change(project).await?;
        if !work.revoke_api_key(project, key, self.clock.now()).await? {
            return Err(Error::NoSuchApiKey(key));
        }
        self.commit_and_publish(work, project, &[]).await
    }

    /// Whether a text is a valid key of a project, by the store and not by a plan.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn is_valid_api_key(
        &self,
        project: ProjectId,
        text: &ApiKeyText,
    ) -> Result<bool, Error> {
        let digests = self.read(project).await?.valid_api_key_digests(project).await?;
        Ok(digests.iter().any(|digest| {
            let asked = ApiKeyDigest::of(digest.id, text.expose());
            bool::from(asked.sha256.ct_eq(&digest.sha256))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_project_and_holds_256_random_bits() {
        let project = ProjectId::new();
        let first = ApiKeyText::draw(project).expect("the system has random bytes");
        let second = ApiKeyText::draw(project).expect("the system has random bytes");
        let prefix = format!("tnn_{}_", &project.uuid().simple().to_string()[..8]);
        let secret = first.expose().strip_prefix(&prefix).expect("the key names its project");
        assert_eq!(secret.len(), 43);
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).expect("it is base64url").len(), KEY_BYTES);
        assert_ne!(first.expose(), second.expose());
    }

    #[test]
    fn the_installations_key_is_long_and_shows_nothing() {
        assert!(InstallationKey::of(&"k".repeat(31)).is_err());
        assert!(InstallationKey::of(&"k ".repeat(20)).is_err());
        let key = InstallationKey::of(&"k".repeat(32)).expect("it is long enough");
        assert!(key.is(&"k".repeat(32)) && !key.is(&"k".repeat(33)) && !key.is(""));
        assert_eq!(format!("{key:?}"), "InstallationKey");
    }
}
