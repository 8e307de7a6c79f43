//! What both planes know of providers' webhooks without asking each other: where a signing secret is
//! in the vault, the id of a webhook on the wire, and which values route an event to an account.
//!
//! Ids are derived, so that the gateway needs no table of them. They say nothing secret.

use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_domain::{CredentialId, IntegrationId, SecretId};
use uuid::{Builder, Uuid};

/// Whose webhook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookOwner<'a> {
    /// The builder's app for an auth method of an integration: one URL for all accounts.
    App {
        /// The integration.
        integration: IntegrationId,
        /// The auth method.
        auth_method: &'a str,
    },
    /// An account, which has a URL of its own.
    Account(CredentialId),
}

/// Where the vault keeps the secret that a webhook of this owner is proven with.
#[must_use]
pub fn secret_of(owner: WebhookOwner<'_>, webhook: &str) -> SecretId {
    let id = match owner {
        WebhookOwner::App { integration, auth_method } => {
            derived("app", integration.uuid(), &[auth_method, webhook])
        }
        WebhookOwner::Account(credential) => derived("account", credential.uuid(), &[webhook]),
    };
    SecretId::from_uuid(id)
}

/// The id of an integration's webhook where the wire wants a UUID. The same for ever.
#[must_use]
pub fn id_of(integration: IntegrationId, webhook: &str) -> Uuid {
    derived("webhook", integration.uuid(), &[webhook])
}

/// The longest value that routes events, in bytes.
const ROUTE_BYTES_MAX: usize = 1_024;

/// A field's value as events are routed by it: providers write ids as text and as numbers, and not
/// always the same way in both places. `None` for what routes nothing.
#[must_use]
pub fn route_value(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= ROUTE_BYTES_MAX).then_some(text)
}

/// A UUID in the form of version 4, since clients refuse others.
fn derived(kind: &str, of: Uuid, names: &[&str]) -> Uuid {
    let mut digest = Sha256::new();
    digest.update("tenon webhook 1");
    for part in
        [kind.as_bytes(), of.as_bytes()].into_iter().chain(names.iter().map(|n| n.as_bytes()))
    {
        digest.update(u64::try_from(part.len()).expect("lengths fit").to_be_bytes());
        digest.update(part);
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    Builder::from_random_bytes(half).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_for_ever_and_none_is_another_ones() {
        let integration =
            IntegrationId::from_uuid(Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef));
        let account = CredentialId::from_uuid(integration.uuid());
        let app = |auth_method, webhook| {
            secret_of(WebhookOwner::App { integration, auth_method }, webhook).uuid()
        };
        let all = [
            app("oauth", "events"),
            app("oauthe", "vents"),
            app("oauth", "other"),
            secret_of(WebhookOwner::Account(account), "events").uuid(),
            id_of(integration, "events"),
            id_of(IntegrationId::new(), "events"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one));
            assert_eq!(one.get_version_num(), 4);
        }
        assert_eq!(route_value(&Value::from(7)).as_deref(), Some("7"));
        assert_eq!(route_value(&Value::from("")), None);
        // A value of the vault is found by it: it must never change.
        assert_eq!(all[0].to_string(), "a72e8e06-f248-4fef-ab2e-e815bcb8dc57");
        assert_eq!(all[3].to_string(), "ad5ba42a-5fb4-4825-9aa3-c714dd318d39");
    }
}
