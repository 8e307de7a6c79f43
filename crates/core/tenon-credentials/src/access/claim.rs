//! The right to renew, among all processes: the vault's claim, or the wait for whoever has it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenon_contract::vault::{RefreshClaim, SecretState};
use tokio::time::Instant;

use super::Inner;
use super::account::OwnedAccount;
use super::error::AccessError;
use super::timing;

/// What became of the wish to renew.
pub(super) enum Claim {
    /// This process renews.
    Held {
        /// Proves it.
        fence: u64,
        /// Whether a claim of somebody else was seen to run out: a process was killed meanwhile.
        is_after_lapse: bool,
    },
    /// There is another version, or another state: read again.
    Moved,
    /// Somebody else tried just now, and the provider was not able to.
    FailedElsewhere {
        /// How often in a row.
        failures: u32,
    },
}

/// What another process' renewal looks like from here.
enum Look {
    Moved,
    GivenBack { failures: u32 },
    Running,
}

impl Inner {
    /// Claims the renewal of a version, or waits until whoever holds it is through.
    pub(super) async fn claim(
        &self,
        account: &OwnedAccount,
        version: u32,
    ) -> Result<Claim, AccessError> {
        let settings = &self.settings.renewal;
        let (project, secret) = (account.project, account.credential.secret);
        let give_up = Instant::now() + settings.wait_max;
        let mut seen_until = None;
        loop {
            let claim =
                self.vault.claim_refresh(project, secret, version, settings.claim_ttl).await?;
            let until = match claim {
                RefreshClaim::Claimed { fence } => {
                    let now = self.clock.now();
                    let is_after_lapse = seen_until.is_some_and(|until| until <= now);
                    return Ok(Claim::Held { fence, is_after_lapse });
                }
                RefreshClaim::Changed => return Ok(Claim::Moved),
                RefreshClaim::Busy { until } => until,
            };
            seen_until = Some(until);
            if let Some(end) = self.watch(account, version, self.ask_again(until)).await? {
                return Ok(end);
            }
            if Instant::now() >= give_up {
                return Err(AccessError::Temporary {
                    reason: "another process takes too long to renew it".to_owned(),
                    retry_after: settings.backoff_min,
                });
            }
        }
    }

    /// When the claim is asked for again: when it ends by itself, and every few looks, because one
    /// that was given back before the first look cannot be told from one that is held.
    fn ask_again(&self, until: Timestamp) -> Instant {
        let settings = &self.settings.renewal;
        let left = until.duration_since(self.clock.now()).max(SignedDuration::ZERO);
        let left = Duration::try_from(left).unwrap_or_default();
        Instant::now() + left.min(settings.poll_max * 4).max(settings.poll_min)
    }

    /// Looks at the head until `end`. `None`: nothing has happened.
    async fn watch(
        &self,
        account: &OwnedAccount,
        version: u32,
        end: Instant,
    ) -> Result<Option<Claim>, AccessError> {
        let mut failures_before = None;
        let mut looks = 0;
        while Instant::now() < end {
            match self.look(account, version, &mut failures_before).await? {
                Look::Moved => return Ok(Some(Claim::Moved)),
                Look::GivenBack { failures } => {
                    return Ok(Some(Claim::FailedElsewhere { failures }));
                }
                Look::Running => {}
            }
            let pause = timing::poll_pause(looks, &self.settings.renewal);
            tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            looks += 1;
        }
        Ok(None)
    }

    async fn look(
        &self,
        account: &OwnedAccount,
        version: u32,
        failures_before: &mut Option<u32>,
    ) -> Result<Look, AccessError> {
        let head = self.vault.head(account.project, account.credential.secret).await?;
        let Some(head) = head else { return Err(AccessError::Gone) };
        if head.version != version || head.state != SecretState::Valid {
            return Ok(Look::Moved);
        }
        let before = *failures_before.get_or_insert(head.refresh_failures);
        if head.refresh_failures > before {
            return Ok(Look::GivenBack { failures: head.refresh_failures });
        }
        Ok(Look::Running)
    }
}
