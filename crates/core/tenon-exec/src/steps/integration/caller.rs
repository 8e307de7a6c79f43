//! Makes one call with a credential: within the provider's limits, renewed once where it is
//! refused, its answer judged by the connector's rules.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenon_connector::answer::{Reading, Verdict, classify};
use tenon_connector::call::{Answer, Call};
use tenon_connector::connector::Connector;
use tenon_connector::manifest::proxy::{ErrorKind, ErrorRule};
use tenon_contract::egress::{OutboundRequest, OutboundResponse};
use tenon_contract::quota::Taken;
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::{Account, Ready};
use tenon_domain::workflow::steps::request::ResponseFormat;
use url::Url;

use super::super::Failure;
use super::super::request::{answer, exchange};
use super::account::Found;
use super::mask::Mask;
use super::slots::CallSlot;
use super::{IntegrationCall, Integrations, failure};
use crate::ports::call_pools::Pool;

/// The wait where a provider does not say how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// Redirects that are followed, where the connector allows any.
const REDIRECTS_MAX: usize = 3;

/// Calls a provider for one attempt of a step.
pub(super) struct Caller<'a> {
    call: &'a IntegrationCall<'a>,
    integrations: &'a Integrations,
    account: Account<'a>,
    access: Access,
    ready: Arc<Ready>,
    timeout: Duration,
    /// Calls at a time.
    calls_max: u32,
    /// Something was read: a pause would have it read again.
    has_progress: bool,
    /// How long it has waited for the provider's limits.
    waited: Duration,
}

/// An answer and what it means.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) verdict: Verdict,
}

impl<'a> Caller<'a> {
    /// Gets the account's credential ready.
    pub(super) async fn open(
        call: &'a IntegrationCall<'a>,
        found: &'a Found,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let integrations = call.integrations()?;
        let account = found.account();
        let access = Access {
            project: call.job.project,
            purpose: Purpose::Step,
            run: Some(call.job.run),
            step: Some(call.step.clone()),
            reference: None,
            grant: call.job.grant.clone(),
        };
        let ready = integrations.access.ready(account, &access).await;
        let ready =
            ready.map_err(|error| failure::of_access(&account.integration.connector, &error))?;
        Ok(Self {
            call,
            integrations,
            account,
            access,
            ready: Arc::new(ready),
            timeout,
            calls_max: found.calls_max().unwrap_or(integrations.limits.calls_per_connector_max),
            has_progress: false,
            waited: Duration::ZERO,
        })
    }

    /// The credential as it is now.
    pub(super) fn ready(&self) -> &Arc<Ready> {
        &self.ready
    }

    /// The connector as the project names it.
    pub(super) fn name(&self) -> &'a str {
        &self.account.integration.connector
    }

    /// Makes a call that has no credential in it yet. The answer may be an error that is the
    /// step's to judge; a refused credential and a rate limit are dealt with here.
    pub(super) async fn send(
        &mut self,
        call: &Call,
        errors: &[ErrorRule],
    ) -> Result<Answered, Failure> {
        let mut is_renewed = false;
        loop {
            let slot = self.admitted(call).await?;
            let answer = self.exchange(call).await?;
            drop(slot);
            let verdict = self.judge(errors, &answer);
            match verdict.kind {
                ErrorKind::TokenExpired if !is_renewed => {
                    is_renewed = true;
                    self.renew().await?;
                }
                ErrorKind::TokenExpired | ErrorKind::AuthDead => {
                    return Err(self.give_up(call, answer, &verdict).await);
                }
                ErrorKind::RateLimited => {
                    let until = self.after(verdict.wait.unwrap_or(WAIT_DEFAULT));
                    self.block(until).await;
                    self.wait(until).await?;
                }
                _ => {
                    if let (ErrorKind::Ok, Some(wait)) = (verdict.kind, verdict.wait) {
                        // The provider says that this was the last call of its window.
                        self.block(self.after(wait)).await;
                    }
                    self.has_progress = true;
                    return Ok(Answered { answer, verdict });
                }
            }
        }
    }

    /// Reads an answer as history and later steps see it.
    pub(super) async fn shown(
        &self,
        answer: Answer,
        format: ResponseFormat,
        url: &Url,
    ) -> Result<answer::Answer, Failure> {
        let Answer { status, headers, body } = answer;
        answer::decode(OutboundResponse { status, headers, body }, format, url.path()).await
    }

    /// A slot for a call, once the provider's limits have room too. No slot is held while those are
    /// waited for.
    async fn admitted(&mut self, call: &Call) -> Result<CallSlot, Failure> {
        let buckets = self.ready.buckets(self.account, call, self.call.clock.now());
        loop {
            let slot = self.slot().await?;
            match self.integrations.quotas.take(&buckets).await {
                Ok(Taken::Granted) => return Ok(slot),
                Ok(Taken::Wait { until }) => {
                    drop(slot);
                    self.wait(until).await?;
                }
                Err(error) => {
                    tracing::warn!(
                        error = %error, execution.id = %self.call.job.run,
                        "the provider is called without looking at its limits"
                    );
                    return Ok(slot);
                }
            }
        }
    }

    /// A slot among the calls that are under way, waited for as long as for the provider's limits.
    async fn slot(&mut self) -> Result<CallSlot, Failure> {
        let (project, integration) = (self.account.project, self.account.integration.id);
        let of = Pool { project, integration };
        let left = self.wait_max().saturating_sub(self.waited);
        let began = tokio::time::Instant::now();
        let slot = tokio::select! {
            () = self.call.stopping.cancelled() => None,
            slot = self.integrations.slots.enter(of, self.calls_max, left) => slot,
        };
        self.waited += began.elapsed();
        let until = || self.after(self.integrations.limits.busy_pause);
        slot.ok_or_else(|| failure::busy(self.name(), until()))
    }

    fn wait_max(&self) -> Duration {
        let limits = &self.integrations.limits;
        if self.has_progress { limits.wait_amid_pages_max } else { limits.wait_max }
    }

    /// Keeps everybody who shares the provider's limit from calling.
    async fn block(&self, until: Timestamp) {
        let key = self.ready.block_key(self.account);
        if let Err(error) = self.integrations.quotas.block(&key, until).await {
            tracing::warn!(error = %error, "a provider's rate limit is not shared");
        }
    }

    /// Waits here if that is short, else pauses the run.
    async fn wait(&mut self, until: Timestamp) -> Result<(), Failure> {
        let longest = self.wait_max();
        let now = self.call.clock.now();
        let left = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
        // A moment that has come already is not waited for again and again.
        let left = left.max(Duration::from_millis(1));
        if self.waited + left > longest {
            return Err(failure::paused(self.name(), until));
        }
        self.waited += left;
        tokio::select! {
            () = self.call.stopping.cancelled() => Err(failure::paused(self.name(), until)),
            () = tokio::time::sleep(left) => Ok(()),
        }
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        let renewed = self.integrations.access.renew(self.account, &self.access, &self.ready).await;
        self.ready = Arc::new(renewed.map_err(|error| failure::of_access(self.name(), &error))?);
        Ok(())
    }

    /// The provider refuses a credential that is as new as it can be: nobody needs to try it
    /// again.
    async fn give_up(&self, call: &Call, answer: Answer, verdict: &Verdict) -> Failure {
        let status = answer.status.as_u16();
        let reason = match &verdict.message {
            Some(said) => said.clone(),
            None => format!("{} answered {status}", self.name()),
        };
        self.integrations.access.report_dead(self.account, &self.ready, &reason).await;
        let mut failure = failure::dead(self.name(), "rejected", &reason);
        if let Ok(shown) = self.shown(answer, ResponseFormat::Auto, &call.url).await {
            let output = serde_json::json!({ "response": shown.into_value() });
            failure.output = Some(Box::new(output));
        }
        failure
    }

    /// What the answer means.
    fn judge(&self, errors: &[ErrorRule], answer: &Answer) -> Verdict {
        let context = self.ready.context(self.call.clock.now());
        classify(self.ready.connector(), errors, &Reading::of(answer), &context)
    }

    /// Puts the credential into the call, makes it, and follows the connector's redirects.
    async fn exchange(&self, call: &Call) -> Result<Answer, Failure> {
        let mut target = call.clone();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.exchange_once(&target).await?;
            match redirected(self.ready.connector(), &target, &answer) {
                Some(url) => target.url = url,
                None => return Ok(answer),
            }
        }
        self.exchange_once(&target).await
    }

    async fn exchange_once(&self, call: &Call) -> Result<Answer, Failure> {
        let mut call = call.clone();
        let now = self.call.clock.now();
        let injected = self.ready.inject(&mut call, None, now);
        let injected = injected.map_err(|error| failure::of_inject(self.name(), &error))?;
        let mask = Mask::of(&call, &injected);
        let Call { method, url, headers, body } = call;
        let request = OutboundRequest {
            method,
            url,
            headers,
            body,
            identity: injected.client_certificate,
            timeout: self.timeout,
            response_bytes_max: self.call.limits.response_bytes_max,
        };
        let response = self.call.egress.send(request).await;
        let OutboundResponse { status, headers, body } =
            response.map_err(|error| exchange::failure_of(&error))?;
        Ok(mask.clean(Answer { status, headers, body }).await)
    }

    fn after(&self, wait: Duration) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.call.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

/// Where a redirect leads that may be followed: to the same origin, for a call that changes
/// nothing, where the connector allows it.
fn redirected(connector: &Connector, call: &Call, answer: &Answer) -> Option<Url> {
    let changes_nothing = matches!(call.method, http::Method::GET | http::Method::HEAD);
    let follows = connector.manifest().proxy.follow_redirects && changes_nothing;
    if !follows || !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers.get(http::header::LOCATION)?.to_str().ok()?;
    let url = call.url.join(location).ok()?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    (url.origin() == call.url.origin() && !has_user).then_some(url)
}

/// How long one call may take.
pub(super) fn timeout(asked_ms: Option<u32>, longest: Duration) -> Duration {
    asked_ms.map_or(longest, |millis| Duration::from_millis(millis.into()).min(longest))
}

/// `{"statusCode", "headers", "body"}` of an answer that failed the step.
pub(super) async fn failed_answer(
    caller: &Caller<'_>,
    answered: Answered,
    url: &Url,
    format: ResponseFormat,
) -> Failure {
    let Answered { answer, verdict } = answered;
    let status = answer.status.as_u16();
    let shown = match caller.shown(answer, format, url).await {
        Ok(shown) => shown.into_value(),
        Err(_) => Value::Null,
    };
    failure::of_answer(caller.name(), status, &verdict, shown)
}
