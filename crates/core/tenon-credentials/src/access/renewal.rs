//! Renews a token once: the claim, the exchange, and what is noted of its end.
//!
//! | The provider | Then |
//! | --- | --- |
//! | gives a token | it is recorded, however long the vault is away; a newer one is never dropped |
//! | calls the refresh token dead | the head is read again: somebody else may have renewed it. Else one more try, then the credential has ended |
//! | is away, or answers rubbish | the claim is given back; the old token is used while it lasts |
//! | does not know the client | the same, and the builder has to act |
//!
//! Killed before it is recorded, the new token is lost. The claim then runs out, the next one
//! tries with the old refresh token, and the provider decides.

use std::sync::Arc;
use std::time::Duration;

use tenon_connector::exchange::Exchange;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, NewValue, Purpose, RefreshFinish, RefreshOutcome, SecretState, VaultError,
};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Inner;
use super::account::OwnedAccount;
use super::claim::Claim;
use super::error::AccessError;
use super::flights::Landing;
use super::ready::Ready;
use super::timing;
use crate::exchange::{self, Failure};
use crate::settings::ExchangeSettings;

/// A claim that is held, and what it is for.
struct Held<'a> {
    inner: &'a Inner,
    account: &'a OwnedAccount,
    ready: Ready,
    fence: u64,
    is_after_lapse: bool,
    since: Instant,
}

/// Renews a version of an account's secret. `Ok`: there is something new to read.
pub(super) async fn renew(
    inner: &Arc<Inner>,
    account: &OwnedAccount,
    access: &Access,
    version: u32,
) -> Landing {
    let access = Access { purpose: Purpose::Refresh, ..access.clone() };
    let ready = read(inner, account, &access).await?;
    if ready.version() != version {
        return Ok(());
    }
    let held = match inner.claim(account, version).await? {
        Claim::Held { fence, is_after_lapse } => {
            Held { inner, account, ready, fence, is_after_lapse, since: Instant::now() }
        }
        Claim::Moved => {
            inner.cache.forget(account.credential.secret);
            return Ok(());
        }
        Claim::FailedElsewhere { failures } => {
            let reason = "another process tried it a moment ago".to_owned();
            return Err(inner.wait(account, version, failures, Failure::temporary(reason)));
        }
    };
    held.renew().await
}

/// Opens what the exchange needs, before anybody is kept waiting by a claim.
async fn read(
    inner: &Inner,
    account: &OwnedAccount,
    access: &Access,
) -> Result<Ready, AccessError> {
    let account = account.borrowed();
    let method = inner.method(account)?;
    let value = inner.credential(account, access).await?;
    let app = inner.app_of(account, access).await?;
    Ready::assemble(&method, account, value, app)
}

impl Held<'_> {
    async fn renew(self) -> Landing {
        let failure = match self.ask(self.limits()).await {
            Ok(value) => return self.record(value).await,
            Err(failure) => failure,
        };
        let Failure::Dead { reason: first, .. } = failure else {
            return self.give_back(failure).await;
        };
        if !self.is_current().await? {
            self.inner.cache.forget(self.ready.secret());
            return Ok(());
        }
        // The provider may have been a moment behind itself.
        tokio::time::sleep(self.inner.settings.renewal.dead_retry_after).await;
        match self.ask(self.limits()).await {
            Ok(value) => self.record(value).await,
            Err(Failure::Dead { reason, .. }) => self.end(&first, &reason).await,
            Err(failure) => self.give_back(failure).await,
        }
    }

    /// The exchange. Its end is before the end of the claim.
    async fn ask(&self, limits: ExchangeSettings) -> Result<NewValue, Failure> {
        let context = self.ready.context(self.inner.clock.now());
        let exchange = Exchange::refresh(self.ready.connector(), self.ready.auth(), &context)?;
        let outcome = exchange::drive(&*self.inner.egress, exchange, &limits).await?;
        let Some(token) = outcome.token else {
            let reason = "the connector's renewal gives no token".to_owned();
            return Err(Failure::NotAllowed { reason });
        };
        Ok(self.ready.sealed_with(token, outcome.fields))
    }

    fn limits(&self) -> ExchangeSettings {
        let settings = &self.inner.settings;
        let second = Duration::from_secs(1);
        let left = settings.renewal.claim_ttl.saturating_sub(self.since.elapsed() + second);
        ExchangeSettings {
            timeout: settings.exchange.timeout.min(left.max(second)),
            ..settings.exchange.clone()
        }
    }

    /// Whether the version that is being renewed is still the current one.
    async fn is_current(&self) -> Result<bool, AccessError> {
        let head = self.inner.vault.head(self.account.project, self.ready.secret()).await?;
        let head = head.ok_or(AccessError::Gone)?;
        Ok(head.version == self.ready.version() && head.state == SecretState::Valid)
    }

    /// Keeps the new token. The provider has already ended the old one, so a vault that is away is
    /// asked again for a long time.
    async fn record(&self, new: NewValue) -> Landing {
        let NewValue { value, expires_at } = new;
        let give_up = Instant::now() + self.inner.settings.renewal.record_for;
        let mut tries = 0;
        loop {
            let copy = SecretBytes::new(value.expose().to_vec());
            let outcome = RefreshOutcome::Renewed(NewValue { value: copy, expires_at });
            match self.finish(outcome).await {
                Ok(RefreshFinish::Recorded { head }) => {
                    info!(
                        credential.id = %self.account.credential.id,
                        version = head.version,
                        "credential `{}` was renewed",
                        self.account.credential.id
                    );
                    // Announced to this process first; other processes hear of it by the vault.
                    self.inner.cache.forget(head.secret);
                    let (asked, now) = (self.inner.cache.moment(), self.inner.clock.now());
                    self.inner.cache.put(Arc::new(head), value.expose(), asked, now);
                    self.inner.waits.forget(self.ready.secret());
                    return Ok(());
                }
                Ok(RefreshFinish::Superseded) => {
                    self.inner.cache.forget(self.ready.secret());
                    return Ok(());
                }
                Err(VaultError::Unavailable { source }) if Instant::now() < give_up => {
                    warn!(
                        credential.id = %self.account.credential.id,
                        error = %source,
                        "a renewed token waits for the vault"
                    );
                    let pause = timing::poll_pause(tries, &self.inner.settings.renewal);
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                Err(error) => {
                    error!(
                        credential.id = %self.account.credential.id,
                        error = %error,
                        "a renewed token could not be kept and is lost"
                    );
                    return Err(error.into());
                }
            }
        }
    }

    /// The credential does not work any more: what the provider said first, and then.
    async fn end(&self, first: &str, then: &str) -> Landing {
        let scrubber = self.ready.scrubber();
        let (first, reason) = (scrubber.clean(first), scrubber.clean(then));
        let code = self.code_of_end([&first, &reason]).await?;
        warn!(
            credential.id = %self.account.credential.id,
            code,
            reason,
            "credential `{}` cannot be renewed any more",
            self.account.credential.id
        );
        let state = SecretState::Invalid { code: code.to_owned(), reason };
        self.finish(RefreshOutcome::Ended(state)).await?;
        self.inner.cache.forget(self.ready.secret());
        // Reading again tells the state, or the value that somebody else brought meanwhile.
        Ok(())
    }

    /// Tells apart why a refresh token is dead, as well as can be told from here.
    async fn code_of_end(&self, said: [&str; 2]) -> Result<&'static str, AccessError> {
        if !self.ready.method().needs_refresh_token() {
            return Ok("rejected");
        }
        // An earlier renewal of this version ended without an answer that we could keep: the
        // provider may have rotated the token then. The vault counts a claim that ran out, too.
        let head = self.inner.vault.head(self.account.project, self.ready.secret()).await?;
        if self.is_after_lapse || head.is_some_and(|head| head.refresh_failures > 0) {
            return Ok("lost_rotation");
        }
        let words = ["already", "reuse", "re-use", "rotat", "used"];
        let tells = |text: &str| words.iter().any(|word| text.to_lowercase().contains(word));
        Ok(if said.into_iter().any(tells) { "rotated_elsewhere" } else { "revoked" })
    }

    /// It may work later.
    async fn give_back(&self, failure: Failure) -> Landing {
        let failure = failure.map_reason(|reason| self.ready.scrubber().clean(reason));
        let reason = failure.reason().to_owned();
        warn!(
            credential.id = %self.account.credential.id,
            reason,
            "credential `{}` could not be renewed now",
            self.account.credential.id
        );
        let failures = match self.finish(RefreshOutcome::Failed { reason }).await {
            Ok(RefreshFinish::Recorded { head }) => head.refresh_failures,
            Ok(RefreshFinish::Superseded) => {
                self.inner.cache.forget(self.ready.secret());
                return Ok(());
            }
            // The claim ends by itself.
            Err(_) => 1,
        };
        Err(self.inner.wait(self.account, self.ready.version(), failures, failure))
    }

    async fn finish(&self, outcome: RefreshOutcome) -> Result<RefreshFinish, VaultError> {
        let (project, secret) = (self.account.project, self.ready.secret());
        self.inner.vault.finish_refresh(project, secret, self.fence, outcome).await
    }
}

impl Inner {
    /// Leaves a failed renewal alone for a while, and says so.
    fn wait(
        &self,
        account: &OwnedAccount,
        version: u32,
        failures: u32,
        failure: Failure,
    ) -> AccessError {
        let backoff = timing::backoff(failures.max(1), &self.settings.renewal);
        let wait = failure.wait().unwrap_or_default().max(backoff);
        let wait = wait.min(self.settings.renewal.backoff_max);
        let error = failure.into_access_error(wait);
        let until = self.clock.now().checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
        self.waits.note(account.credential.secret, version, until, error.clone());
        error
    }
}
