//! What calls with one account have in common while its plans and its secret stay as they are: the
//! grant, the buckets, the base URL. Nothing here is secret: a base URL that holds a secret, or one
//! that changes by itself, is made anew for each call.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use tenon_connector::connector::Connector;
use tenon_connector::field_values::is_secret;
use tenon_connector::manifest::auth::AuthMethod;
use tenon_contract::grant::{Grant, GrantKey, Work};
use tenon_contract::quota::Bucket;
use tenon_domain::{CredentialId, EndUserId, ProjectId};
use tenon_expr::{Condition, Reference, Segment, Source};
use url::Url;

use crate::ports::{AccountOf, Revisions};

/// How long a grant holds: the vault is asked at once, or within the wait for a renewal.
const GRANT_TTL: Duration = Duration::from_secs(120);
/// How long a grant is used for further calls.
const GRANT_USE: Duration = Duration::from_secs(60);
/// Locks, so that calls with different accounts do not wait for each other.
const SHARDS: usize = 16;
/// Accounts that are remembered in one of them; beyond, all of it start anew.
const SHARD_ACCOUNTS_MAX: usize = 4_096;

/// What is known of accounts.
#[derive(Default)]
pub(crate) struct Remembered {
    shards: [RwLock<HashMap<CredentialId, Arc<Known>>>; SHARDS],
}

/// What is known of one account.
pub(crate) struct Known {
    project: ProjectId,
    user: EndUserId,
    revisions: Revisions,
    granted_at: Timestamp,
    grant: Grant,
    /// With the version of the secret that it was made with.
    base: Mutex<Option<(u32, Arc<Url>)>>,
    buckets: OnceLock<Arc<[Bucket]>>,
}

impl Remembered {
    /// What is known of an account; a grant for it is signed where there is none that holds long
    /// enough.
    pub(crate) fn of(
        &self,
        account: AccountOf<'_>,
        now: Timestamp,
        grants: &GrantKey,
    ) -> Arc<Known> {
        let id = account.credential.id;
        let shard = &self.shards[usize::from(id.uuid().as_bytes()[15]) % SHARDS];
        if let Some(known) = shard.read().get(&id).filter(|known| known.fits(account, now)) {
            return known.clone();
        }
        let until = now.checked_add(GRANT_TTL).unwrap_or(now);
        let known = Arc::new(Known {
            project: account.project,
            user: account.user.clone(),
            revisions: account.revisions,
            granted_at: now,
            grant: grants.sign(account.project, account.user, &Work::Call { until }),
            base: Mutex::default(),
            buckets: OnceLock::new(),
        });
        let mut shard = shard.write();
        if shard.len() >= SHARD_ACCOUNTS_MAX {
            shard.clear();
        }
        shard.insert(id, known.clone());
        known
    }
}

impl Known {
    fn fits(&self, account: AccountOf<'_>, now: Timestamp) -> bool {
        let age = now.duration_since(self.granted_at);
        self.project == account.project
            && self.user == *account.user
            && self.revisions == account.revisions
            && Duration::try_from(age).is_ok_and(|age| age < GRANT_USE)
    }

    /// Proves that there is a call for the account's user.
    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The base URL that was made with this version of the account's secret.
    pub(crate) fn base(&self, version: u32) -> Option<Arc<Url>> {
        let base = self.base.lock();
        base.as_ref().filter(|(of, _)| *of == version).map(|(_, url)| url.clone())
    }

    /// Keeps a base URL, where it may be kept.
    pub(crate) fn keep_base(
        &self,
        version: u32,
        url: &Arc<Url>,
        connector: &Connector,
        auth: &AuthMethod,
    ) {
        if may_be_kept(connector, auth) {
            *self.base.lock() = Some((version, url.clone()));
        }
    }

    /// The buckets of every call with the account.
    pub(crate) fn buckets(&self, make: impl FnOnce() -> Arc<[Bucket]>) -> Arc<[Bucket]> {
        self.buckets.get_or_init(make).clone()
    }
}

/// Whether the base URL is made of fields that are no secret, and of nothing else.
fn may_be_kept(connector: &Connector, auth: &AuthMethod) -> bool {
    let fields = connector.fields_of(auth);
    let is_public = |reference: &Reference| {
        let Some(Segment::Key(name)) = reference.path.first() else { return false };
        reference.root == "fields"
            && fields.iter().any(|field| field.name == *name && !is_secret(field))
    };
    connector.manifest().proxy.base_url.iter().all(|choice| {
        let of_condition = choice.when.as_ref().map(Condition::references).unwrap_or_default();
        let of_url = Source::references(&choice.url);
        of_condition.into_iter().chain(of_url).all(is_public)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};
    use tenon_contract::plan::{CredentialPlan, IntegrationPlan};
    use tenon_contract::secret::SecretBytes;
    use tenon_domain::{IntegrationId, SecretId};

    use super::*;

    fn connector(base_url: Value) -> Connector {
        Connector::from_value(&json!({
            "format": 1, "name": "rig", "version": "1.0.0", "title": "Rig",
            "description": "A provider for tests.", "categories": ["testing"],
            "docs": "https://example.com/docs",
            "app_fields": [{"name": "region", "title": "Region", "type": "text"}],
            "auth": [{
                "id": "key", "type": "api_key",
                "fields": [
                    {"name": "site", "title": "Site", "type": "subdomain"},
                    {"name": "api_key", "title": "Key", "type": "password"}
                ],
                "inject": {"headers": {"x-key": "{{fields.api_key}}"}}
            }],
            "proxy": {"base_url": base_url}
        }))
        .expect("a good manifest")
    }

    #[test]
    fn only_a_base_url_without_secrets_that_stays_the_same_is_kept() {
        for (url, expected) in [
            ("https://api.example.com", true),
            ("https://{{fields.site}}.example.com/v1", true),
            ("https://api.example.com/bot{{fields.api_key}}", false),
            ("https://api.example.com/{{app.region}}", false),
            ("https://api.example.com/{{now}}", false),
        ] {
            let connector = connector(json!([{"url": url}]));
            let auth = &connector.manifest().auth[0];
            assert_eq!(may_be_kept(&connector, auth), expected, "{url}");
        }
    }

    fn plans() -> (IntegrationPlan, CredentialPlan) {
        let integration = IntegrationPlan {
            id: IntegrationId::new(),
            connector: "custom.rig".to_owned(),
            is_active: true,
            apps: HashMap::new(),
            manifest: None,
        };
        let credential = CredentialPlan {
            id: CredentialId::new(),
            integration: integration.id,
            external_id: None,
            auth_method: "key".to_owned(),
            secret: SecretId::new(),
            fields: Map::new(),
            created_at: Timestamp::UNIX_EPOCH,
            configurations: Vec::new(),
        };
        (integration, credential)
    }

    #[test]
    fn what_is_known_lasts_until_a_plan_changes_or_the_grant_is_old() {
        let remembered = Remembered::default();
        let grants = GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes");
        let (integration, credential) = plans();
        let (alice, bob) = (EndUserId::new("alice"), EndUserId::new("bob"));
        let account = AccountOf {
            project: ProjectId::new(),
            user: &alice,
            integration: &integration,
            credential: &credential,
            reference: "",
            revisions: Revisions { project: 1, user: 1 },
        };
        let now = Timestamp::from_second(1_800_000_000).expect("in range");
        let at = |seconds| now.checked_add(Duration::from_secs(seconds)).expect("in range");
        let first = remembered.of(account, now, &grants);
        let is_same = |account, at| Arc::ptr_eq(&first, &remembered.of(account, at, &grants));
        assert!(is_same(account, at(59)));
        let check = |known: &Known, user: &EndUserId, at| {
            grants.check(known.grant(), account.project, user, None, at).is_ok()
        };
        assert!(check(&first, &alice, at(119)), "it holds for as long again as it is used");
        for revisions in [Revisions { project: 2, user: 1 }, Revisions { project: 1, user: 2 }] {
            assert!(!is_same(AccountOf { revisions, ..account }, now));
        }
        let of_bob = remembered.of(AccountOf { user: &bob, ..account }, now, &grants);
        assert!(check(&of_bob, &bob, now) && !check(&of_bob, &alice, now));
        let second = remembered.of(account, at(60), &grants);
        assert!(!Arc::ptr_eq(&first, &second), "a new grant in time");
    }

    #[test]
    fn a_base_url_is_of_one_version_of_the_secret() {
        let connector = connector(json!([{"url": "https://{{fields.site}}.example.com"}]));
        let grants = GrantKey::new(SecretBytes::new(vec![7; 32])).expect("32 bytes");
        let (integration, credential) = plans();
        let user = EndUserId::new("alice");
        let account = AccountOf {
            project: ProjectId::new(),
            user: &user,
            integration: &integration,
            credential: &credential,
            reference: "",
            revisions: Revisions { project: 1, user: 1 },
        };
        let known = Remembered::default().of(account, Timestamp::UNIX_EPOCH, &grants);
        let url = Arc::new(Url::parse("https://a.example.com").expect("a URL"));
        known.keep_base(1, &url, &connector, &connector.manifest().auth[0]);
        assert_eq!(known.base(1), Some(url));
        assert_eq!(known.base(2), None);
    }
}
