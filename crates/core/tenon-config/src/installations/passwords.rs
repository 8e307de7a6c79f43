//! Settings that are secret: their text goes to the vault, the configuration holds its id.

use serde_json::{Map, Value};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::NewValue;
use tenon_domain::portal::{Input, InputKind, secret_of_setting, secret_setting};
use tenon_domain::{ProjectId, SecretId};

use super::AccountSettings;
use crate::credentials::Credential;
use crate::{Configuration, Error};

impl Configuration {
    /// Puts the passwords among checked values into the vault, and their ids in their places.
    /// What was made is pushed to `made`, so that the caller can take it back.
    pub(super) async fn seal_passwords(
        &self,
        (project, credential): (ProjectId, &Credential),
        inputs: &[Input],
        given: &mut Map<String, Value>,
        made: &mut Vec<SecretId>,
    ) -> Result<(), Error> {
        let passwords = inputs.iter().filter(|one| matches!(one.kind, InputKind::Password {}));
        for input in passwords {
            let Some(Value::String(text)) = given.get_mut(&input.id) else { continue };
            if text.is_empty() {
                continue;
            }
            let value = SecretBytes::from_text(std::mem::take(text));
            let secret = SecretId::new();
            let owner = credential.owner(project);
            let vault = &self.linking()?.vault;
            vault.create(secret, &owner, NewValue { value, expires_at: None }).await?;
            made.push(secret);
            given.insert(input.id.clone(), secret_setting(secret));
        }
        Ok(())
    }
}

/// Every secret that a configuration holds.
pub(crate) fn secrets_of(settings: &AccountSettings) -> Vec<SecretId> {
    let of_workflows = settings
        .workflows
        .values()
        .filter_map(|value| value.get("settings")?.as_object())
        .flat_map(Map::values);
    settings.shared.values().chain(of_workflows).filter_map(secret_of_setting).collect()
}
