//! The integration request: a call as in a request step, below the account's base URL and with
//! its credential.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tenon_connector::call::Call;
use tenon_connector::manifest::proxy::{ErrorKind, Idempotency, ProxyRules};
use tenon_connector::proxy::{self, AllowedHosts};
use tenon_connector::request::body::{self, Nulls};
use tenon_connector::request::template::{eval, texts_of};
use tenon_connector::request::{self, BuildError, headers, url as request_url};
use tenon_credentials::access::Ready;
use tenon_domain::workflow::steps::integration_request::IntegrationRequestStep;
use tenon_domain::workflow::steps::request::{RequestBody, ResponseFormat};
use tenon_expr::Scope;
use url::Url;

use super::super::request::exchange::Exchange;
use super::super::request::pages::{self, Fetch, Reach};
use super::super::request::record::Secrets;
use super::super::{Failure, Outcome};
use super::caller::{Caller, failed_answer, timeout};
use super::{IntegrationCall, account, failure, wanted_account};
use crate::ports::store::RunMode;

/// Runs an integration request.
pub(super) async fn run(
    step: &IntegrationRequestStep,
    scope: &(dyn Scope + Sync),
    call: &IntegrationCall<'_>,
) -> Result<Outcome, Failure> {
    let wanted = wanted_account(step.account.as_ref(), scope)?;
    let found = account::find(call, &step.connector, wanted.as_deref()).await?;
    let longest = timeout(step.timeout_ms, call.limits.timeout);
    let caller = Caller::open(call, &found, longest).await?;
    let mut pages = Pages { step, call, caller };
    if let Some(pagination) = &step.pagination {
        let is_test = call.job.mode == RunMode::Test;
        let reach = Reach { limits: call.limits, is_test };
        return pages::run(pagination, scope, &reach, &mut pages).await;
    }
    let exchange = pages.exchange(scope, call.idempotency_key).await?;
    Ok(Outcome {
        input: Some(exchange.input),
        output: json!({ "response": exchange.answer.into_value() }),
        ..Outcome::default()
    })
}

/// Makes the calls of one attempt.
struct Pages<'a> {
    step: &'a IntegrationRequestStep,
    call: &'a IntegrationCall<'a>,
    caller: Caller<'a>,
}

#[async_trait]
impl Fetch for Pages<'_> {
    async fn page(&mut self, scope: &(dyn Scope + Sync), page: u32) -> Result<Exchange, Failure> {
        let key = format!("{}:p{page}", self.call.idempotency_key);
        self.exchange(scope, &key).await
    }
}

impl Pages<'_> {
    async fn exchange(
        &mut self,
        scope: &(dyn Scope + Sync),
        key: &str,
    ) -> Result<Exchange, Failure> {
        let ready = self.caller.ready().clone();
        let (call, input) = self.prepare(scope, &ready, key).map_err(|e| failure::of_build(&e))?;
        let format = self.step.response;
        let outcome = self.answer(&call, format).await;
        outcome.map_or_else(
            |mut failure| {
                failure.input = Some(Box::new(input.clone()));
                Err(failure)
            },
            |answer| Ok(Exchange { input: input.clone(), answer }),
        )
    }

    async fn answer(
        &mut self,
        call: &Call,
        format: ResponseFormat,
    ) -> Result<super::super::request::answer::Answer, Failure> {
        let answered = self.caller.send(call, &[]).await?;
        if answered.verdict.kind == ErrorKind::Ok {
            return self.caller.shown(answered.answer, format, &call.url).await;
        }
        Err(failed_answer(&self.caller, answered, &call.url, format).await)
    }

    /// The call without its credential, and what history keeps of it.
    fn prepare(
        &self,
        scope: &(dyn Scope + Sync),
        ready: &Arc<Ready>,
        key: &str,
    ) -> Result<(Call, Value), BuildError> {
        let (step, limits) = (self.step, self.call.limits);
        let connector = ready.connector();
        let context = ready.context(self.call.clock.now());
        let base = proxy::base_url(connector, &context)?;
        let url_max = limits.url_bytes_max;
        let mut url = request_url::build(&step.path, Some(&base), scope, "the path", url_max)?;
        if url.origin() != base.origin() {
            let allowed = proxy::allowed_hosts(connector, &context)?;
            check_host(&allowed, &url)?;
        }
        let mut params = Vec::with_capacity(step.query.len());
        for (name, source) in &step.query {
            let value = eval(source, scope, &format!("the query parameter `{name}`"))?;
            params.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
        }
        request_url::append(&mut url, &params, url_max)?;
        let mut headers = headers::build(&step.headers, scope)?;
        let (mut bytes, mut shown_body) = (Bytes::new(), Value::Null);
        if let Some(body) = &step.body {
            let built = body::build(body, scope, key, limits.request_bytes_max, Nulls::Kept)?;
            let is_ours = matches!(body, RequestBody::Multipart(_));
            if let Some(content_type) = built.content_type
                && (is_ours || !headers.contains_key(header::CONTENT_TYPE))
            {
                let value = headers::parse_value("content-type", &content_type)?;
                headers.insert(header::CONTENT_TYPE, value);
            }
            (bytes, shown_body) = (built.bytes, built.record);
        }
        add_defaults(&mut headers, step, &connector.manifest().proxy, key)?;
        let input = json!({
            "connector": step.connector,
            "method": step.method.as_str(),
            "url": url.as_str(),
            "headers": Secrets::default().headers(&headers, &[]),
            "body": shown_body,
        });
        let method = request::method(step.method);
        Ok((Call { method, url, headers, body: bytes }, input))
    }
}

/// A template may give a whole URL; its host must be one that the connector allows.
fn check_host(allowed: &AllowedHosts, url: &Url) -> Result<(), BuildError> {
    if allowed.contains(url) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    let message = format!("calls of this account may not go to `{host}`");
    Err(BuildError::new("request_url", message))
}

/// Headers that neither the step nor the connector sets.
fn add_defaults(
    headers: &mut http::HeaderMap,
    step: &IntegrationRequestStep,
    rules: &ProxyRules,
    key: &str,
) -> Result<(), BuildError> {
    let is_rule = |name: &str| rules.headers.keys().any(|rule| rule.eq_ignore_ascii_case(name));
    if !headers.contains_key(header::ACCEPT) && !is_rule("accept") {
        let accept = match step.response {
            ResponseFormat::Json => "application/json",
            ResponseFormat::Auto | ResponseFormat::Text | ResponseFormat::Binary => "*/*",
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    }
    if let Some(Idempotency::Header(name)) = &rules.idempotency {
        let name: HeaderName = headers::parse_name(name)?;
        if !headers.contains_key(&name) {
            headers.insert(name, headers::parse_value("the idempotency key", key)?);
        }
    }
    Ok(())
}
