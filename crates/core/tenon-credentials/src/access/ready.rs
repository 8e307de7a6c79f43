//! A credential for one call, in plaintext; wiped when it is dropped.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_connector::call::Call;
use tenon_connector::connector::Connector;
use tenon_connector::context::{self, Context, Seed};
use tenon_connector::exchange;
use tenon_connector::inject::{self, Head, InjectError, Injected};
use tenon_connector::manifest::auth::AuthMethod;
use tenon_connector::token::{AccountSecrets, Token};
use tenon_connector::{proxy, quota};
use tenon_contract::quota::Bucket;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::NewValue;
use tenon_domain::SecretId;
use zeroize::Zeroize as _;

use super::account::{Account, Method};
use super::error::AccessError;
use super::load;
use super::scrub::{self, Scrubber};

/// A credential that is ready to use, of one version. It is meant for one call: drop it then.
pub struct Ready {
    method: Method,
    secret: SecretId,
    version: u32,
    written_at: Timestamp,
    plain: Plain,
}

/// Everything that templates of the connector may read of an account.
pub(crate) struct Plain {
    app: Map<String, Value>,
    fields: Map<String, Value>,
    token: Option<Token>,
    /// Which of `app` are secret.
    secret_app: Vec<String>,
    /// Which of `fields` are.
    secret_fields: Vec<String>,
    /// Which of `fields` are no secret and came from the vault all the same: a renewal brought them.
    brought_fields: Vec<String>,
}

fn quota_caller(account: Account<'_>) -> quota::Caller {
    let Account { project, integration, credential, .. } = account;
    quota::Caller { project, integration: integration.id, credential: credential.id }
}

impl Ready {
    /// The connector.
    #[must_use]
    pub fn connector(&self) -> &Arc<Connector> {
        self.method.connector()
    }

    /// How the account was linked.
    #[must_use]
    pub fn auth(&self) -> &AuthMethod {
        self.method.auth()
    }

    /// The version of the account's secret.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// When this version was written.
    #[must_use]
    pub fn written_at(&self) -> Timestamp {
        self.written_at
    }

    /// The account's secret.
    #[must_use]
    pub fn secret(&self) -> SecretId {
        self.secret
    }

    /// Whether a newer token can be had without a person.
    #[must_use]
    pub fn can_renew(&self) -> bool {
        exchange::can_refresh(self.auth(), self.plain.token.as_ref())
    }

    /// What templates see of the account, for one call: `random` is new each time.
    #[must_use]
    pub fn context(&self, now: Timestamp) -> Context<'_> {
        self.plain.context(now)
    }

    /// What of the provider's limits a call draws from. Limits name paths as they follow the base URL.
    #[must_use]
    pub fn buckets(&self, account: Account<'_>, call: &Call, now: Timestamp) -> Vec<Bucket> {
        let base = proxy::base_url(self.connector(), &self.context(now)).ok();
        let path = call.url.path();
        let below = base.as_ref().and_then(|base| {
            let below = path.strip_prefix(base.path().trim_end_matches('/'))?;
            below.starts_with('/').then_some(below)
        });
        let caller = quota_caller(account);
        quota::buckets(self.connector(), &caller, &call.method, below.unwrap_or(path))
    }

    /// The name under which everybody who shares the provider's limit is kept from calling.
    #[must_use]
    pub fn block_key(&self, account: Account<'_>) -> String {
        quota::block_key(self.connector(), &quota_caller(account))
    }

    /// Puts the credential into a call. `token_type` chooses one of the method's other ways, such
    /// as Slack's `user`.
    ///
    /// # Errors
    /// When the connector's templates do not fit the account, or there is no such type of token.
    pub fn inject(
        &self,
        call: &mut Call,
        token_type: Option<&str>,
        now: Timestamp,
    ) -> Result<Injected, InjectError> {
        let context = self.context(now);
        inject::apply(self.connector(), self.auth(), &context, token_type, call)
    }

    /// The same for a call whose body streams.
    ///
    /// # Errors
    /// See [`Self::inject`]; and when the whole body would be needed.
    pub fn inject_head(
        &self,
        head: Head<'_>,
        token_type: Option<&str>,
        now: Timestamp,
    ) -> Result<Injected, InjectError> {
        let context = self.context(now);
        inject::apply_head(self.connector(), self.auth(), &context, token_type, head)
    }

    /// Takes the account's secrets out of texts.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber {
        self.plain.scrubber()
    }

    /// What the vault is to keep when the account gets this token. Fields that came with it are kept
    /// beside the secret ones, where they win over those of the plan: whoever opens the new token
    /// has them too, before the configuration has taken them over.
    pub(crate) fn sealed_with(&self, token: Token, mut brought: Map<String, Value>) -> NewValue {
        let answered = self.method.answered_fields();
        brought.retain(|name, _| answered.contains(&name.as_str()));
        let mut fields: Map<String, Value> = (self.plain.fields.iter())
            .filter(|(name, _)| self.plain.is_kept_in_vault(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        fields.extend(brought);
        seal(AccountSecrets { fields, token: Some(token) })
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Reads what the vault gave.
    pub(crate) fn assemble(
        method: &Method,
        account: Account<'_>,
        credential: load::Value,
        app: Option<load::Value>,
    ) -> Result<Self, AccessError> {
        let secrets =
            serde_json::from_slice(&credential.plaintext).map_err(|_| AccessError::Damaged)?;
        let app_values = account.integration.apps.get(&method.auth().id).map(|app| &app.values);
        let app_secret = match &app {
            Some(value) => value.object()?,
            None => Map::new(),
        };
        Ok(Self {
            method: method.clone(),
            secret: credential.head.secret,
            version: credential.head.version,
            written_at: credential.head.written_at,
            plain: Plain::new(app_values, app_secret, &account.credential.fields, secrets)
                .with_public(&method.answered_fields()),
        })
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("connector", &self.connector().name())
            .field("secret", &self.secret)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Plain {
    /// Merges what is public with what is secret; the secret value wins.
    pub(crate) fn new(
        app: Option<&Map<String, Value>>,
        app_secret: Map<String, Value>,
        fields: &Map<String, Value>,
        secrets: AccountSecrets,
    ) -> Self {
        let mut plain = Self {
            app: app.cloned().unwrap_or_default(),
            fields: fields.clone(),
            token: secrets.token,
            secret_app: app_secret.keys().cloned().collect(),
            secret_fields: secrets.fields.keys().cloned().collect(),
            brought_fields: Vec::new(),
        };
        plain.app.extend(app_secret);
        plain.fields.extend(secrets.fields);
        plain
    }

    /// Takes these fields of the vault's for no secrets.
    fn with_public(mut self, answered: &[&str]) -> Self {
        if answered.is_empty() {
            return self;
        }
        let (brought, secret) = std::mem::take(&mut self.secret_fields)
            .into_iter()
            .partition(|name| answered.contains(&name.as_str()));
        self.brought_fields = brought;
        self.secret_fields = secret;
        self
    }

    fn is_kept_in_vault(&self, name: &String) -> bool {
        self.secret_fields.contains(name) || self.brought_fields.contains(name)
    }

    /// What templates see.
    pub(crate) fn context(&self, now: Timestamp) -> Context<'_> {
        let account =
            context::Account { app: &self.app, fields: &self.fields, token: self.token.as_ref() };
        Context::new(account, now, Seed::new(rand::random()))
    }

    pub(crate) fn scrubber(&self) -> Scrubber {
        let mut scrubber = Scrubber::default();
        let secrets = [(&self.secret_app, &self.app), (&self.secret_fields, &self.fields)];
        for (names, values) in secrets {
            names.iter().filter_map(|name| values.get(name)).for_each(|it| scrubber.add_value(it));
        }
        if let Some(token) = &self.token {
            scrubber.add(&token.access_token);
            token.refresh_token.iter().for_each(|token| scrubber.add(token));
            scrubber.add_all(&token.extra);
        }
        scrubber
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        scrub::wipe(&mut self.app);
        scrub::wipe(&mut self.fields);
        self.token.iter_mut().for_each(wipe_token);
    }
}

/// Writes an account's secrets as the vault keeps them, and wipes them.
pub(crate) fn seal(mut secrets: AccountSecrets) -> NewValue {
    let expires_at = secrets.token.as_ref().and_then(|token| token.expires_at);
    let json = serde_json::to_vec(&secrets).expect("maps with text keys can be written as JSON");
    scrub::wipe(&mut secrets.fields);
    secrets.token.iter_mut().for_each(wipe_token);
    NewValue { value: SecretBytes::new(json), expires_at }
}

fn wipe_token(token: &mut Token) {
    token.access_token.zeroize();
    token.refresh_token.zeroize();
    scrub::wipe(&mut token.extra);
}
