//! The loop that carries an exchange's requests out and its answers back, within limits.
//!
//! What is asked and how answers are read is decided by [`tenon_connector::exchange`]; here are
//! time, sizes and what a missing answer means.

use std::time::Duration;

use tenon_connector::call::{Answer, Call};
use tenon_connector::exchange::{Exchange, ExchangeError, Outcome, Redirect, Step};
use tenon_contract::egress::{self, ClientIdentity, Egress, OutboundRequest};
use tokio::time::Instant;

use crate::access::AccessError;
use crate::settings::ExchangeSettings;

/// Why an exchange gave nothing, by what can be done. Reasons are for people and quote at most
/// what the provider says of an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The provider calls the account's credential dead.
    #[error("the provider refuses the credential: {reason}")]
    Dead {
        /// The provider's code, such as `invalid_grant`.
        code: String,
        /// For people.
        reason: String,
    },
    /// The provider does not know the builder's app, or refuses its secret.
    #[error("the provider refuses the app's client: {reason}")]
    WrongClient {
        /// For people.
        reason: String,
    },
    /// The user said no.
    #[error("access was denied: {reason}")]
    Denied {
        /// For people.
        reason: String,
    },
    /// It may work later.
    #[error("the provider cannot answer now: {reason}")]
    Temporary {
        /// For people.
        reason: String,
        /// How long the provider asks to wait.
        wait: Option<Duration>,
    },
    /// The provider's answer cannot be used.
    #[error("the provider's answer cannot be used: {reason}")]
    Garbage {
        /// For people; never the answer itself.
        reason: String,
    },
    /// What was put in does not fit: a field, a callback's parameters.
    #[error("{reason}")]
    BadInput {
        /// For people.
        reason: String,
    },
    /// The connector's request cannot be made, or may not go where it wants.
    #[error("the request cannot be made: {reason}")]
    NotAllowed {
        /// For people.
        reason: String,
    },
}

impl Failure {
    pub(crate) fn temporary(reason: String) -> Self {
        Self::Temporary { reason, wait: None }
    }

    /// How long the provider asks to wait.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Temporary { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The text for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Dead { reason, .. }
            | Self::WrongClient { reason }
            | Self::Denied { reason }
            | Self::Temporary { reason, .. }
            | Self::Garbage { reason }
            | Self::BadInput { reason }
            | Self::NotAllowed { reason } => reason,
        }
    }

    /// The same with another text.
    pub(crate) fn map_reason(mut self, map: impl FnOnce(&str) -> String) -> Self {
        match &mut self {
            Self::Dead { reason, .. }
            | Self::WrongClient { reason }
            | Self::Denied { reason }
            | Self::Temporary { reason, .. }
            | Self::Garbage { reason }
            | Self::BadInput { reason }
            | Self::NotAllowed { reason } => *reason = map(reason),
        }
        self
    }

    /// What it means for somebody who wants to use the account.
    pub(crate) fn into_access_error(self, retry_after: Duration) -> AccessError {
        let text = self.to_string();
        match self {
            Self::Temporary { reason, .. } | Self::Garbage { reason } => {
                AccessError::Temporary { reason, retry_after }
            }
            Self::Dead { .. } | Self::Denied { .. } => {
                AccessError::Temporary { reason: text, retry_after }
            }
            Self::WrongClient { .. } | Self::BadInput { .. } | Self::NotAllowed { .. } => {
                AccessError::Misconfigured { reason: text }
            }
        }
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Dead { code, reason } => Self::Dead { code, reason },
            ExchangeError::WrongClient { reason } => Self::WrongClient { reason },
            ExchangeError::Denied { reason } => Self::Denied { reason },
            ExchangeError::Temporary { reason, wait } => Self::Temporary { reason, wait },
            ExchangeError::Garbage { reason } => Self::Garbage { reason },
            ExchangeError::BadInput { reason } => Self::BadInput { reason },
        }
    }
}

/// Where an exchange ended.
pub(crate) enum End {
    /// With a token.
    Done(Outcome),
    /// The user has to go somewhere first.
    Redirect(Redirect),
}

/// A call as it goes out.
pub(crate) struct Outbound {
    pub(crate) call: Call,
    /// What TLS shows, where the credential is a certificate.
    pub(crate) identity: Option<ClientIdentity>,
}

impl From<Call> for Outbound {
    fn from(call: Call) -> Self {
        Self { call, identity: None }
    }
}

/// Carries an exchange to its end. All of its requests share one time limit; redirects are
/// answers like any other.
///
/// # Errors
/// [`Failure`].
pub async fn drive(
    egress: &dyn Egress,
    exchange: Exchange<'_>,
    limits: &ExchangeSettings,
) -> Result<Outcome, Failure> {
    match drive_to_end(egress, exchange, limits).await? {
        End::Done(outcome) => Ok(outcome),
        End::Redirect(_) => Err(Failure::BadInput {
            reason: "the connector wants the user's consent in the middle of this".to_owned(),
        }),
    }
}

/// The same for the requests that come before the user's consent.
pub(crate) async fn drive_to_end(
    egress: &dyn Egress,
    mut exchange: Exchange<'_>,
    limits: &ExchangeSettings,
) -> Result<End, Failure> {
    let end = Instant::now() + limits.timeout;
    for _ in 0..=limits.requests_max {
        match exchange.next()? {
            Step::Done(outcome) => return Ok(End::Done(outcome)),
            Step::Redirect(redirect) => return Ok(End::Redirect(redirect)),
            Step::Send(call) => {
                let answer = send(egress, call.into(), end, limits).await?;
                exchange.receive(&answer)?;
            }
        }
    }
    let reason = format!("the connector makes more than {} requests", limits.requests_max);
    Err(Failure::NotAllowed { reason })
}

/// Sends one call before `end`.
pub(crate) async fn send(
    egress: &dyn Egress,
    outbound: Outbound,
    end: Instant,
    limits: &ExchangeSettings,
) -> Result<Answer, Failure> {
    let Outbound { call: Call { method, url, headers, body }, identity } = outbound;
    let timeout = end.saturating_duration_since(Instant::now());
    if timeout.is_zero() {
        return Err(Failure::temporary("the provider takes too long to answer".to_owned()));
    }
    let response_bytes_max = limits.response_bytes_max;
    let request =
        OutboundRequest { method, url, headers, body, identity, timeout, response_bytes_max };
    // The adapter keeps to the timeout itself; a fault in it must not outlast a claim.
    let late = timeout + Duration::from_millis(500);
    match tokio::time::timeout(late, egress.send(request)).await {
        Ok(Ok(answer)) => {
            Ok(Answer { status: answer.status, headers: answer.headers, body: answer.body })
        }
        Ok(Err(error)) => Err(of_egress(&error)),
        Err(_) => Err(Failure::temporary("the provider takes too long to answer".to_owned())),
    }
}

fn of_egress(error: &egress::Error) -> Failure {
    match error {
        egress::Error::Refused { .. } => Failure::NotAllowed { reason: error.to_string() },
        egress::Error::Identity { .. } => Failure::BadInput { reason: error.to_string() },
        egress::Error::Unreachable { .. } | egress::Error::Timeout { .. } => {
            Failure::temporary(error.to_string())
        }
        egress::Error::TooLarge { .. } => Failure::Garbage { reason: error.to_string() },
    }
}
