//! Makes the one call of a page: within the provider's limits, with the token renewed once where
//! it is refused, its answer judged by the connector's rules.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenon_connector::answer::Verdict;
use tenon_connector::call::{Answer, Call};
use tenon_connector::connector::Connector;
use tenon_connector::data_source::{Page, PageRun, Query};
use tenon_connector::inject;
use tenon_connector::manifest::data_sources::Select;
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::request::BuildLimits;
use tenon_contract::egress::{OutboundRequest, OutboundResponse};
use tenon_contract::quota::Taken;
use tenon_contract::vault::Access;
use tenon_credentials::access::{Account, Ready};

use crate::{Error, SourcesParts};

/// The wait where a provider does not say how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// Calls a provider for one page.
pub(crate) struct Caller<'a> {
    parts: &'a SourcesParts,
    account: Account<'a>,
    access: &'a Access,
    ready: Arc<Ready>,
    /// How long it has waited for the provider's limits.
    waited: Duration,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(
        parts: &'a SourcesParts,
        account: Account<'a>,
        access: &'a Access,
        ready: Arc<Ready>,
    ) -> Self {
        Self { parts, account, access, ready, waited: Duration::ZERO }
    }

    /// The page.
    pub(crate) async fn page(
        mut self,
        connector: &Connector,
        select: &Select,
        query: Query,
    ) -> Result<Page, Error> {
        // What templates see of the account. A renewed token replaces the one that is put into
        // the call, not these.
        let account = self.ready.clone();
        let context = account.context(self.parts.clock.now());
        let limits = BuildLimits::default();
        let run = PageRun::start(connector, select, query, &context, limits)?;
        let call = run.call()?;
        let answer = self.send(&call, &run).await?;
        let taken = run.receive(&answer, &call.url);
        let mut page = taken.map_err(|error| self.cleaned(error.into()))?;
        let secrets = self.ready.scrubber();
        page.options.clean(&|text| secrets.masked(text));
        if let Some(next) = &mut page.next {
            // It goes to a browser, and comes back.
            next.forget(&inject::protected_names(self.ready.auth(), None));
            if next.holds(&|text| secrets.masked(text).is_some()) {
                let reason = format!("the next page of {} repeats the credential", self.name());
                return Err(Error::Provider { reason });
            }
        }
        Ok(page)
    }

    /// Makes the call. Errors of the provider come back as answers, but a refused credential and
    /// a rate limit are dealt with here.
    async fn send(&mut self, call: &Call, run: &PageRun<'_>) -> Result<Answer, Error> {
        let mut is_renewed = false;
        loop {
            self.take_quota(call).await?;
            let answer = self.exchange(call).await?;
            let verdict = run.judge(&answer);
            match verdict.kind {
                ErrorKind::TokenExpired if !is_renewed => {
                    is_renewed = true;
                    let renewed =
                        self.parts.access.renew(self.account, self.access, &self.ready).await;
                    self.ready = Arc::new(renewed.map_err(|error| self.cleaned(error.into()))?);
                }
                ErrorKind::TokenExpired | ErrorKind::AuthDead => {
                    return Err(self.give_up(&answer, &verdict).await);
                }
                ErrorKind::RateLimited => {
                    let until = self.after(verdict.wait.unwrap_or(WAIT_DEFAULT));
                    self.block(until).await;
                    self.wait(until).await?;
                }
                kind => {
                    if let (ErrorKind::Ok, Some(wait)) = (kind, verdict.wait) {
                        // The provider says that this was the last call of its window.
                        self.block(self.after(wait)).await;
                    }
                    return self.no_redirect(answer);
                }
            }
        }
    }

    /// An answer that sends elsewhere holds no options, and nobody goes there.
    fn no_redirect(&self, answer: Answer) -> Result<Answer, Error> {
        if !answer.status.is_redirection() {
            return Ok(answer);
        }
        let (name, status) = (self.name(), answer.status.as_u16());
        Err(Error::Provider { reason: format!("{name} answered {status} and sends elsewhere") })
    }

    fn name(&self) -> &str {
        &self.account.integration.connector
    }

    /// The error without secrets that the provider repeated.
    fn cleaned(&self, error: Error) -> Error {
        let secrets = self.ready.scrubber();
        match error {
            Error::Provider { reason } => Error::Provider { reason: secrets.clean(&reason) },
            Error::Account { reason } => Error::Account { reason: secrets.clean(&reason) },
            other => other,
        }
    }

    /// Takes from the buckets that the call draws from, when there is room.
    async fn take_quota(&mut self, call: &Call) -> Result<(), Error> {
        let buckets = self.ready.buckets(self.account, call, self.parts.clock.now());
        loop {
            match self.parts.quotas.take(&buckets).await {
                Ok(Taken::Granted) => return Ok(()),
                Ok(Taken::Wait { until }) => self.wait(until).await?,
                Err(error) => {
                    let credential = self.account.credential.id;
                    tracing::warn!(
                        error = %error, credential.id = %credential,
                        "the provider is called without looking at its limits"
                    );
                    return Ok(());
                }
            }
        }
    }

    /// Keeps everybody who shares the provider's limit from calling.
    async fn block(&self, until: Timestamp) {
        let key = self.ready.block_key(self.account);
        if let Err(error) = self.parts.quotas.block(&key, until).await {
            tracing::warn!(error = %error, "a provider's rate limit is not shared");
        }
    }

    /// Waits if that is short: somebody looks at an open list.
    async fn wait(&mut self, until: Timestamp) -> Result<(), Error> {
        let now = self.parts.clock.now();
        let left = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
        // A moment that has come already is not waited for again and again.
        let left = left.max(Duration::from_millis(1));
        if self.waited + left > self.parts.settings.wait_max {
            return Err(Error::Limited { connector: self.name().to_owned(), until });
        }
        self.waited += left;
        tokio::time::sleep(left).await;
        Ok(())
    }

    /// The provider refuses a credential that is as new as it can be.
    async fn give_up(&self, answer: &Answer, verdict: &Verdict) -> Error {
        let status = answer.status.as_u16();
        let reason = match &verdict.message {
            Some(said) => said.clone(),
            None => format!("{} answered {status}", self.name()),
        };
        self.parts.access.report_dead(self.account, &self.ready, &reason).await;
        self.cleaned(Error::Account { reason })
    }

    /// Puts the credential into the call and makes it.
    async fn exchange(&self, call: &Call) -> Result<Answer, Error> {
        let mut call = call.clone();
        let injected = self.ready.inject(&mut call, None, self.parts.clock.now());
        let injected = injected.map_err(|error| {
            let reason = format!("the credential of {} cannot be used: {error}", self.name());
            self.cleaned(Error::Provider { reason })
        })?;
        let Call { method, url, headers, body } = call;
        let request = OutboundRequest {
            method,
            url,
            headers,
            body,
            identity: injected.client_certificate,
            timeout: self.parts.settings.timeout,
            response_bytes_max: self.parts.settings.response_bytes_max,
        };
        let answered = self.parts.egress.send(request).await;
        let OutboundResponse { status, headers, body } = answered.map_err(|error| {
            let reason = error.to_string();
            self.cleaned(Error::Provider { reason })
        })?;
        Ok(Answer { status, headers, body })
    }

    fn after(&self, wait: Duration) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.parts.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}
