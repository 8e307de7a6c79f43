//! Makes a call until it has an answer to pass on: puts the credential in, follows redirects of
//! the same origin, renews a refused token once, repeats what may be repeated.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, LOCATION, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use tenon_contract::egress::{Error as EgressError, ForwardBody, ForwardRequest, StreamBody};
use tenon_http_kit::codes as kit;
use url::Url;

use crate::body::{Content, Received};
use crate::breaker::{Integration, Pass};
use crate::codes;
use crate::failure::Failure;
use crate::ports::{
    AccountOf, Accounts, CallBody, Injected, Injection, Judged, NotReady, ReadyAccount,
};
use crate::service::Inner;
use crate::settings::ProxySettings;

/// A call and what is needed to make it again.
pub(crate) struct Attempt<'a, A: Accounts> {
    pub(crate) proxy: &'a Inner<A>,
    pub(crate) account: AccountOf<'a>,
    pub(crate) health: &'a Integration,
    pub(crate) method: Method,
    /// Without the credential.
    pub(crate) url: Url,
    /// Without the credential.
    pub(crate) headers: HeaderMap,
    pub(crate) token_type: Option<&'a str>,
    pub(crate) content: Content,
    pub(crate) received: &'a Received,
    pub(crate) now: Timestamp,
}

/// What came of a call.
pub(crate) struct Answered {
    pub(crate) response: Response<StreamBody>,
    /// What became of the credential, where the provider refused it.
    pub(crate) mark: Option<&'static str>,
    /// How often the provider was asked.
    pub(crate) attempts: u32,
}

/// What to do after an answer or its lack.
enum Next {
    Again,
    Pass(Option<&'static str>),
}

/// What a call has used up so far.
#[derive(Default)]
struct Used {
    attempts: u32,
    retries: u32,
    redirects: u32,
    is_renewed: bool,
}

impl<A: Accounts> Attempt<'_, A> {
    /// Makes the call.
    pub(crate) async fn run(mut self, mut ready: A::Ready) -> Result<Answered, Failure> {
        let mut used = Used::default();
        self.health.save(&self.proxy.settings);
        loop {
            used.attempts += 1;
            let pass = self.enter()?;
            let (outcome, injected) = self.send(&ready).await?;
            let (mut head, body) = match outcome {
                Ok(response) => response.into_parts(),
                Err(error) => {
                    self.note_failure(&pass, &error)?;
                    if is_passing(&error) && self.may_repeat(&used, None) {
                        pause(&self.proxy.settings, &mut used).await;
                        continue;
                    }
                    return Err(error.into());
                }
            };
            if is_unavailable(head.status) {
                pass.fail(&self.proxy.settings);
            } else {
                pass.succeed();
            }
            drop(pass);
            match self.after(&mut ready, &head, &mut used).await? {
                Next::Again => {}
                Next::Pass(mark) => {
                    hide_credential(&mut head.headers, &injected);
                    let response = Response::from_parts(head, body);
                    return Ok(Answered { response, mark, attempts: used.attempts });
                }
            }
        }
    }

    /// Leave to call the host.
    fn enter(&self) -> Result<Pass, Failure> {
        let host = self.url.host_str().unwrap_or_default();
        self.health.enter(host, &self.proxy.settings).map_err(|wait| {
            Failure::new(&codes::PROVIDER_PAUSED).retry_after(wait).of_integration()
        })
    }

    async fn send(
        &mut self,
        ready: &A::Ready,
    ) -> Result<(Result<Response<StreamBody>, EgressError>, Injected), Failure> {
        let (mut url, mut headers) = (self.url.clone(), self.headers.clone());
        let Some(mut body) = self.content.take() else {
            // `may_repeat` and its like ask before; a stream is never sent twice.
            return Err(Failure::new(&kit::INTERNAL));
        };
        let injected = ready.inject(Injection {
            method: &self.method,
            url: &mut url,
            headers: &mut headers,
            body: match &mut body {
                ForwardBody::Whole(bytes) => CallBody::Whole(bytes),
                ForwardBody::Stream { .. } => CallBody::Streamed,
            },
            token_type: self.token_type,
        })?;
        for name in &injected.query {
            keep_last(&mut url, name);
        }
        headers.remove(CONTENT_LENGTH);
        let outcome = self
            .proxy
            .egress
            .forward(ForwardRequest {
                method: self.method.clone(),
                url,
                headers,
                body,
                identity: injected.identity.clone(),
                head_timeout: self.proxy.settings.head_timeout,
                idle_timeout: self.proxy.settings.idle_timeout,
            })
            .await;
        Ok((outcome, injected))
    }

    /// Counts a failure of the host; one of the caller ends the call as such.
    fn note_failure(&self, pass: &Pass, error: &EgressError) -> Result<(), Failure> {
        if let Some(fault) = self.received.fault() {
            return Err(fault);
        }
        if is_passing(error) {
            pass.fail(&self.proxy.settings);
        }
        Ok(())
    }

    /// Whether a call that failed may be made again. `answer` is what came, where anything did.
    fn may_repeat(&self, used: &Used, answer: Option<&HeaderMap>) -> bool {
        // A provider that says when to come back is not asked again before.
        let is_told_to_wait = answer.is_some_and(|headers| headers.contains_key(RETRY_AFTER));
        self.method.is_idempotent()
            && self.content.is_whole()
            && !is_told_to_wait
            && used.retries < self.proxy.settings.retries_max
            && self.health.spend()
    }

    /// What an answer asks for.
    async fn after(
        &mut self,
        ready: &mut A::Ready,
        head: &Parts,
        used: &mut Used,
    ) -> Result<Next, Failure> {
        let (status, headers) = (head.status, &head.headers);
        match ready.judge(status, headers) {
            Judged::TokenRefused => return self.after_refusal(ready, used).await,
            Judged::RateLimited { bucket, wait } => {
                self.proxy.limits.block(&bucket, wait, self.now).await;
                return Ok(Next::Pass(None));
            }
            Judged::Fine => {}
        }
        let rules = ready.rules();
        if is_unavailable(status)
            && rules.retry_statuses.contains(&status.as_u16())
            && self.may_repeat(used, Some(headers))
        {
            pause(&self.proxy.settings, used).await;
            return Ok(Next::Again);
        }
        if rules.follows_redirects
            && used.redirects < self.proxy.settings.redirects_max
            && let Some(url) = self.redirected(status, headers)
            && ready.is_allowed(&url)
        {
            used.redirects += 1;
            self.url = url;
            return Ok(Next::Again);
        }
        Ok(Next::Pass(None))
    }

    /// The provider refuses the token: it is renewed once. A call that cannot be made again gets
    /// its 401, and the next one finds the new token.
    async fn after_refusal(
        &mut self,
        ready: &mut A::Ready,
        used: &mut Used,
    ) -> Result<Next, Failure> {
        let accounts = &self.proxy.accounts;
        if used.is_renewed {
            accounts.report_dead(self.account, ready).await;
            return Ok(Next::Pass(Some("refused")));
        }
        used.is_renewed = true;
        match accounts.renew(self.account, ready).await {
            Ok(renewed) if self.content.is_whole() => {
                *ready = renewed;
                Ok(Next::Again)
            }
            Ok(_) => Ok(Next::Pass(Some("renewed"))),
            Err(dead @ (NotReady::Dead { .. } | NotReady::Gone)) => Err(dead.into()),
            Err(error) => {
                tracing::debug!(%error, "a refused token was not renewed");
                Ok(Next::Pass(Some("refused")))
            }
        }
    }

    /// Where a redirect leads that may be followed: a safe method, the same origin.
    fn redirected(&self, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        if !is_redirect || !matches!(self.method, Method::GET | Method::HEAD) {
            return None;
        }
        if !self.content.is_whole() {
            return None;
        }
        let location = headers.get(LOCATION)?.to_str().ok()?;
        let mut url = self.url.join(location).ok()?;
        url.set_fragment(None);
        let is_same = url.origin() == self.url.origin()
            && url.username().is_empty()
            && url.password().is_none();
        is_same.then_some(url)
    }
}

/// Waits between a half and the whole of a time that doubles.
async fn pause(settings: &ProxySettings, used: &mut Used) {
    let whole = settings.retry_wait * 2_u32.saturating_pow(used.retries);
    used.retries += 1;
    let drawn = whole.mul_f64(rand::random_range(0.5..=1.0));
    tokio::time::sleep(drawn.min(Duration::from_secs(5))).await;
}

/// Whether another try may go better.
fn is_passing(error: &EgressError) -> bool {
    matches!(error, EgressError::Unreachable { .. } | EgressError::Timeout { .. })
}

/// Whether a status says that the host cannot answer now.
fn is_unavailable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

/// Of a query parameter that the credential has set, what the caller sent under the same name
/// goes. The credential's is the last.
fn keep_last(url: &mut Url, name: &str) {
    let count = url.query_pairs().filter(|(key, _)| key == name).count();
    if count < 2 {
        return;
    }
    let mut left = count;
    let kept: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let is_named = url::form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == name);
            if is_named {
                left -= 1;
            }
            !is_named || left == 0
        })
        .map(str::to_owned)
        .collect();
    url.set_query(Some(&kept.join("&")));
}

/// A provider may repeat the query in `Location`: the credential in it is taken out.
fn hide_credential(headers: &mut HeaderMap, injected: &Injected) {
    if injected.query.is_empty() {
        return;
    }
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Some((before, rest)) = location.split_once('?') else { return };
    let (query, fragment) = match rest.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (rest, None),
    };
    let is_secret = |pair: &&str| {
        url::form_urlencoded::parse(pair.as_bytes())
            .any(|(key, _)| injected.query.iter().any(|name| *name == key))
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_secret(pair)).collect();
    let mut hidden = before.to_owned();
    for (mark, part) in [('?', Some(kept.join("&"))), ('#', fragment.map(str::to_owned))] {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            hidden.push(mark);
            hidden.push_str(&part);
        }
    }
    match HeaderValue::from_str(&hidden) {
        Ok(hidden) => headers.insert(LOCATION, hidden),
        Err(_) => headers.remove(LOCATION),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_wins_over_the_callers_parameter_of_the_same_name() {
        let mut url =
            Url::parse("https://a.example/?key=mine&x=1&%6bey=too&key=real").expect("URL");
        keep_last(&mut url, "key");
        assert_eq!(url.query(), Some("x=1&key=real"));
    }

    #[test]
    fn a_location_does_not_carry_the_credential() {
        let injected = Injected { query: vec!["key".to_owned()], identity: None };
        for (location, expected) in [
            ("/a?key=secret&x=1#f", "/a?x=1#f"),
            ("https://b.example/?%6Bey=secret", "https://b.example/"),
            ("/a?x=key", "/a?x=key"),
            ("/a", "/a"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_str(location).expect("a value"));
            hide_credential(&mut headers, &injected);
            assert_eq!(headers[LOCATION], expected);
        }
    }
}
