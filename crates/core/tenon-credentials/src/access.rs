//! A credential that is ready to use, for whoever calls a provider.
//!
//! Values come from the cache, else from the vault. A token that is about to end is renewed
//! meanwhile, one that has ended before anything else. However many callers, workers and
//! processes want it, the provider is asked once for each end of a token: in this process by
//! [`flights`], among processes by the vault's claim. See `renewal`.
//!
//! Nothing here calls the provider for the caller's own purpose.

mod account;
mod claim;
mod error;
mod flights;
mod gates;
mod load;
pub(crate) mod pulse;
mod ready;
mod renewal;
mod scrub;
mod timing;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tenon_connector::catalog::Catalog;
use tenon_contract::egress::Egress;
use tenon_contract::vault::{Access, SecretHead, SecretState, SharedValues, Subject, Vault};
use tenon_domain::{Clock, ProjectId, SecretId};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zeroize::Zeroizing;

pub(crate) use self::account::Method;
use self::account::OwnedAccount;
pub use self::account::{Account, answered_fields};
pub use self::error::AccessError;
use self::flights::Flights;
use self::gates::Gates;
use self::pulse::Pulse;
pub use self::ready::Ready;
pub(crate) use self::ready::{Plain, seal};
pub use self::scrub::Scrubber;
pub(crate) use self::scrub::wipe;
use self::timing::{Due, Jitter};
use self::waits::Waits;
use crate::cache::SecretCache;
use crate::cache::shared::Shared;
use crate::settings::Settings;

/// How often a caller reads again after a renewal of somebody else, before it gives up.
const READS_MAX: u32 = 4;

/// What [`CredentialAccess`] is made of.
pub struct AccessParts {
    /// The vault, bound to the role of this process.
    pub vault: Arc<dyn Vault>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// The connectors.
    pub catalog: Arc<Catalog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Settings,
}

/// Gives out credentials that are ready to use. A clone is the same one.
#[derive(Clone)]
pub struct CredentialAccess(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) egress: Arc<dyn Egress>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    cache: SecretCache,
    shared: Option<Shared>,
    gates: Gates,
    flights: Flights,
    waits: Waits,
    jitter: Jitter,
}

impl CredentialAccess {
    /// With an empty cache.
    #[must_use]
    pub fn new(parts: AccessParts) -> Self {
        Self::build(parts, None)
    }

    /// With an empty cache of its own, and one that it shares with other processes.
    #[must_use]
    pub fn sharing(parts: AccessParts, values: Arc<dyn SharedValues>) -> Self {
        let shared = Shared::new(values, &parts.settings.cache);
        Self::build(parts, Some(shared))
    }

    fn build(parts: AccessParts, shared: Option<Shared>) -> Self {
        let AccessParts { vault, egress, catalog, clock, settings } = parts;
        Self(Arc::new(Inner {
            vault,
            egress,
            catalog,
            cache: SecretCache::new(&settings.cache, clock.now()),
            shared,
            clock,
            settings,
            gates: Gates::default(),
            flights: Flights::default(),
            waits: Waits::default(),
            jitter: Jitter::default(),
        }))
    }

    /// The account's credential, with a token that works as far as anybody knows. Waits for a
    /// renewal only when the token has ended.
    ///
    /// # Errors
    /// [`AccessError`]. A dead credential is an error at once, without a request.
    pub async fn ready(&self, account: Account<'_>, access: &Access) -> Result<Ready, AccessError> {
        let method = self.0.method(account)?;
        self.ready_by(&method, account, access).await
    }

    /// A text that the vault keeps and that is no credential: an environment secret of the project,
    /// or a password among the settings of an account. It must belong to `subject`.
    ///
    /// # Errors
    /// [`AccessError`]; [`AccessError::Gone`] where it was deleted.
    pub async fn text(
        &self,
        project: ProjectId,
        secret: SecretId,
        subject: &Subject,
        access: &Access,
    ) -> Result<Zeroizing<String>, AccessError> {
        self.0.text(project, secret, subject, access).await
    }

    /// A newer credential than the one that the provider has just refused (401). At most one
    /// request goes to the provider, however many ask. Where nothing can be renewed, and where the
    /// token was renewed a moment ago, the value is read again from the vault and may be the same:
    /// worth one more try.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn renew(
        &self,
        account: Account<'_>,
        access: &Access,
        refused: &Ready,
    ) -> Result<Ready, AccessError> {
        let method = self.0.method(account)?;
        for _ in 0..READS_MAX {
            if !refused.can_renew() || self.0.is_new(refused) {
                self.0.check_head(account).await?;
                return self.ready_by(&method, account, access).await;
            }
            let current = self.0.credential(account, access).await?;
            if current.head.version == refused.version() {
                self.renew_version(account, access, refused.version()).await?;
            }
            let ready = self.ready_by(&method, account, access).await?;
            if ready.version() != refused.version() {
                return Ok(ready);
            }
        }
        Err(changing_too_fast())
    }

    /// Says that the provider refuses the credential: 401 again with what [`Self::renew`] gave, or
    /// an answer that means it. Where the connector has a probe it is asked first, because some
    /// providers answer 401 where they mean that something is not allowed. When the credential is
    /// dead its users fail at once from now on. Does nothing when a newer version is there.
    pub async fn report_dead(&self, account: Account<'_>, refused: &Ready, reason: &str) {
        if let Ok(Pulse::Works | Pulse::Answers(_)) = pulse::health(&self.0, refused).await {
            info!(
                credential.id = %account.credential.id,
                "credential `{}` was refused for one call and works",
                account.credential.id
            );
            return;
        }
        self.note_dead(account, refused, reason).await;
    }

    /// Notes that a credential is dead.
    pub(crate) async fn note_dead(&self, account: Account<'_>, refused: &Ready, reason: &str) {
        let reason = refused.scrubber().clean(reason);
        let state = SecretState::Invalid { code: "rejected".to_owned(), reason };
        self.0.end(account, refused.version(), state).await;
    }

    /// Renews the token when it is about to end, before anybody needs it. `true`: it was due.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn renew_ahead(
        &self,
        account: Account<'_>,
        access: &Access,
    ) -> Result<bool, AccessError> {
        let method = self.0.method(account)?;
        let head = self.0.vault.head(account.project, account.credential.secret).await?;
        let head = head.ok_or(AccessError::Gone)?;
        if let Some(error) = AccessError::of_state(&head) {
            return Err(error);
        }
        if !method.may_renew() || self.0.due(&head) == Due::No {
            return Ok(false);
        }
        let current = self.0.credential(account, access).await?;
        if current.head.version != head.version {
            self.forget(head.secret);
            return Ok(false);
        }
        if !Ready::assemble(&method, account, current, None)?.can_renew() {
            return Ok(false);
        }
        self.renew_version(account, access, head.version).await.map(|()| true)
    }

    /// An announcement came that the head of a secret changed: it is read again.
    pub fn forget(&self, secret: SecretId) {
        self.0.cache.forget(secret);
        self.0.waits.forget(secret);
    }

    /// Replaces the cache's key in time and drops what is too old, until `stop`. To be spawned
    /// once in a process.
    pub async fn keep_house(&self, stop: CancellationToken) {
        let pause = (self.0.settings.cache.key_life / 10).max(Duration::from_millis(100));
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let now = self.0.clock.now();
            self.0.cache.tidy(now);
            self.0.waits.tidy(now);
        }
    }

    /// Waits for the renewals under way: a token that a provider has already rotated must reach
    /// the vault before the process ends.
    pub async fn drain(&self) {
        self.0.flights.drain().await;
    }

    /// The credential as it is kept, renewed or not; for taking it back.
    pub(crate) async fn as_it_is(
        &self,
        account: Account<'_>,
        access: &Access,
    ) -> Result<Ready, AccessError> {
        let method = self.0.method(account)?;
        let value = self.0.credential(account, access).await?;
        let app = self.0.app_of(account, access).await?;
        Ready::assemble(&method, account, value, app)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    async fn ready_by(
        &self,
        method: &Method,
        account: Account<'_>,
        access: &Access,
    ) -> Result<Ready, AccessError> {
        for _ in 0..READS_MAX {
            let value = self.0.credential(account, access).await?;
            let (due, version) = (self.0.due(&value.head), value.head.version);
            let app = self.0.app_of(account, access).await?;
            let ready = Ready::assemble(method, account, value, app)?;
            match due {
                Due::No => return Ok(ready),
                Due::Soon => {
                    self.renew_meanwhile(account, access, &ready);
                    return Ok(ready);
                }
                Due::Now if ready.can_renew() => {
                    self.renew_version(account, access, version).await?;
                }
                Due::Now => {
                    self.0.end(account, version, SecretState::Expired).await;
                    return Err(self.0.expired());
                }
            }
        }
        Err(changing_too_fast())
    }

    /// Starts a renewal unless one is under way or has failed a moment ago.
    fn renew_meanwhile(&self, account: Account<'_>, access: &Access, ready: &Ready) {
        let (secret, version) = (account.credential.secret, ready.version());
        let is_waiting = self.0.waits.holds(secret, version, self.0.clock.now()).is_some();
        if ready.can_renew() && !is_waiting {
            drop(self.join(account, access, version));
        }
    }

    /// Renews a version, or waits for whoever does. `Ok`: read again.
    async fn renew_version(
        &self,
        account: Account<'_>,
        access: &Access,
        version: u32,
    ) -> Result<(), AccessError> {
        let secret = account.credential.secret;
        loop {
            if let Some(error) = self.0.waits.holds(secret, version, self.0.clock.now()) {
                return Err(error);
            }
            let flight = self.join(account, access, version);
            let is_own = flight.is_own;
            match flight.land(self.0.settings.renewal.wait_max).await {
                // It was refused to somebody else: this caller's grant may be better.
                Ok(Err(AccessError::Refused { .. })) if !is_own => {}
                Ok(landing) => return landing,
                Err(flights::NotLanded) => {
                    let reason = "the provider takes too long to renew it".to_owned();
                    let retry_after = self.0.settings.renewal.backoff_min;
                    return Err(AccessError::Temporary { reason, retry_after });
                }
            }
        }
    }

    fn join(&self, account: Account<'_>, access: &Access, version: u32) -> flights::Flight {
        self.0.flights.join(account.credential.secret, || {
            let inner = Arc::clone(&self.0);
            let (account, access) = (OwnedAccount::of(account), access.clone());
            async move { renewal::renew(&inner, &account, &access, version).await }
        })
    }
}

impl Inner {
    /// Whether a token was renewed a moment ago: refused even so, it is not the token's age.
    fn is_new(&self, refused: &Ready) -> bool {
        let age = self.clock.now().duration_since(refused.written_at());
        refused.version() > 1 && age.unsigned_abs() < self.settings.renewal.pause_min
    }

    fn due(&self, head: &SecretHead) -> Due {
        let share = self.jitter.of(head);
        timing::due(head, share, &self.settings.renewal, self.clock.now())
    }

    /// Notes in the vault that a version does not work any more. Best effort: the next caller
    /// finds out, too.
    async fn end(&self, account: Account<'_>, version: u32, state: SecretState) {
        let secret = account.credential.secret;
        info!(
            project.id = %account.project,
            credential.id = %account.credential.id,
            version,
            ?state,
            "credential `{}` does not work any more",
            account.credential.id
        );
        let noted = self.vault.set_state(account.project, secret, version, state).await;
        if let Err(error) = noted {
            warn!(
                credential.id = %account.credential.id,
                error = %error,
                "failed to note that a credential does not work any more"
            );
        }
        self.cache.forget(secret);
    }

    fn expired(&self) -> AccessError {
        AccessError::Dead {
            code: "expired".to_owned(),
            reason: "it has ended and cannot be renewed".to_owned(),
            since: self.clock.now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Somebody renews or replaces the value faster than it can be read.
fn changing_too_fast() -> AccessError {
    AccessError::Temporary {
        reason: "it changes faster than it can be read".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}
