//! One call, from the caller's request to the answer's last byte.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use jiff::Timestamp;
use tenon_contract::plan::CredentialPlan;
use tenon_http_kit::{Problem, RequestId, codes as kit};
use url::Url;

use crate::attempt::Attempt;
use crate::body::{self, Received};
use crate::caller;
use crate::codes;
use crate::failure::Failure;
use crate::headers::{
    OursOrParagons, clean_answer, clean_request, is_ambiguous, is_truthy, of_caller, ours,
};
use crate::limits::Slot;
use crate::log::{self, CallLog, CallRecord};
use crate::metrics;
use crate::ports::{AccountOf, Accounts, ReadyAccount, Revisions};
use crate::route::{Dialect, Route};
use crate::service::Inner;
use crate::target::{self, Asked};
use crate::wrap;

/// Says that an answer is the provider's.
const SOURCE: HeaderName = HeaderName::from_static("x-tenon-source");
/// Says what became of a credential that the provider refused.
const CREDENTIAL_MARK: HeaderName = HeaderName::from_static("x-tenon-credential");

/// What a call holds until its last byte, and what is told of it then.
pub(crate) struct Guard {
    record: Option<CallRecord>,
    /// Of the project and of the credential.
    slots: [Option<Slot>; 2],
    started: Instant,
    received: Arc<Received>,
    log: Arc<dyn CallLog>,
}

impl Guard {
    /// The provider's answer has begun.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        if let Some(record) = &mut self.record {
            record.status = status.as_u16();
        }
    }

    /// Bytes went to the caller.
    pub(crate) fn passed(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.response_bytes += bytes as u64;
        }
    }

    /// The last byte is out.
    pub(crate) fn complete(&mut self) {
        self.slots = [const { None }; 2];
        if let Some(mut record) = self.record.take() {
            record.is_complete = true;
            self.tell(record);
        }
    }

    fn note(&mut self, note: impl FnOnce(&mut CallRecord)) {
        if let Some(record) = &mut self.record {
            note(record);
        }
    }

    fn tell(&self, mut record: CallRecord) {
        record.duration = self.started.elapsed();
        record.request_bytes = self.received.bytes();
        log::write(&record);
        self.log.record(record);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.tell(record);
        }
    }
}

/// A call that may be made.
struct Call<'a, R> {
    account: AccountOf<'a>,
    ready: R,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
    now: Timestamp,
}

impl<A: Accounts> Inner<A> {
    /// Answers a request, whatever it is.
    pub(crate) async fn handle(&self, request: Request<Body>) -> Response {
        let (mut parts, body) = request.into_parts();
        let uri = std::mem::take(&mut parts.uri);
        let Some(route) = Route::parse(uri.path()) else {
            return Problem::not_found().into_response();
        };
        if let Some(answer) = preflight(&parts) {
            return answer;
        }
        let is_of_browser = parts.headers.contains_key(ORIGIN);
        let mut guard = Box::new(self.guard(&route, &parts.method));
        let started = guard.started;
        let outcome = self.call(&route, uri.query(), parts, body, &mut guard).await;
        let is_of_provider = outcome.is_ok();
        let mut response = match outcome {
            Ok(answered) => {
                let Passed { response, method, is_wrapped } = answered;
                let text_bytes_max = self.settings.wrapped_text_bytes_max;
                wrap::answer(response, &method, is_wrapped, text_bytes_max, guard).await
            }
            Err(failure) => {
                guard.note(|record| {
                    (record.status, record.problem) =
                        (failure.code.status, Some(failure.code.name));
                    record.is_complete = true;
                });
                drop(guard);
                failure.into_response(route.dialect)
            }
        };
        metrics::called(is_of_provider, response.status(), started.elapsed());
        if is_of_browser {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        }
        response
    }

    fn guard(&self, route: &Route<'_>, method: &Method) -> Guard {
        let is_wanted = self.log.is_on() || log::is_traced();
        let record = is_wanted.then(|| CallRecord {
            project: route.project,
            user: None,
            integration: None,
            credential: None,
            method: method.to_string(),
            host: String::new(),
            path: route.rest.to_owned(),
            status: 499,
            problem: None,
            duration: std::time::Duration::ZERO,
            request_bytes: 0,
            response_bytes: 0,
            is_complete: false,
            attempts: 0,
        });
        Guard {
            record,
            slots: [const { None }; 2],
            started: Instant::now(),
            received: Arc::default(),
            log: self.log.clone(),
        }
    }

    async fn call(
        &self,
        route: &Route<'_>,
        query: Option<&str>,
        parts: Parts,
        body: Body,
        guard: &mut Guard,
    ) -> Result<Passed, Failure> {
        let Parts { method, headers, extensions, .. } = parts;
        check_framing(&method, &headers)?;
        let now = self.clock.now();
        let plan = self.plans.project(route.project).await;
        let plan = plan.map_err(|error| Failure::away("read the project's plan", &error))?;
        let plan = plan.ok_or_else(|| Failure::new(&kit::UNAUTHORIZED))?;
        let caller = caller::identify(&plan, &self.tokens, &headers, now)?;
        let user = &caller.user;
        let integration = route.integration.of(&plan);
        let integration = integration.ok_or_else(|| Failure::new(&codes::UNKNOWN_CONNECTOR))?;
        guard.note(|record| {
            (record.user, record.integration) = (Some(user.clone()), Some(integration.id));
        });
        if !integration.is_active {
            return Err(Failure::new(&codes::INTEGRATION_INACTIVE));
        }
        let accounts = self.plans.user(route.project, user).await;
        let accounts = accounts.map_err(|error| Failure::away("read the user's plan", &error))?;
        let wanted = header(&headers, &CREDENTIAL)?;
        let (credential, revision) = accounts
            .as_ref()
            .and_then(|it| Some((it.credential(integration.id, wanted)?, it.revision)))
            .ok_or_else(|| Failure::new(&codes::NO_ACCOUNT).of_integration())?;
        caller.check(integration, credential)?;
        guard.note(|record| record.credential = Some(credential.id));
        self.enter(route, credential, guard)?;

        let reference = extensions.get::<RequestId>().map_or("", RequestId::as_str);
        let revisions = Revisions { project: plan.revision, user: revision };
        let project = route.project;
        let account = AccountOf { project, user, integration, credential, reference, revisions };
        let ready = self.accounts.ready(account).await?;
        let url = {
            let asked = header(&headers, &PROXY_URL)?;
            let asked = Asked { path: route.rest, query, url: asked };
            let base = ready.base_url()?;
            target::resolve(&base, &asked, |url| ready.is_allowed(url))?
        };
        guard.note(|record| record.host = url.host_str().unwrap_or_default().to_owned());
        let buckets = ready.buckets(&method, url.path());
        self.limits.take(&buckets, now).await.map_err(|wait| {
            Failure::new(&codes::PROVIDER_RATE_LIMITED).retry_after(wait).of_integration()
        })?;

        let call = Call { account, ready, method, url, headers, body, now };
        self.pass_on(route.dialect, call, guard).await
    }

    /// Sends a call that may be made, and cleans what comes back.
    async fn pass_on(
        &self,
        dialect: Dialect,
        call: Call<'_, A::Ready>,
        guard: &mut Guard,
    ) -> Result<Passed, Failure> {
        let Call { account, ready, method, url, mut headers, body, now } = call;
        let asks_raw = header(&headers, &RAW_RESPONSE)?;
        let is_wrapped = dialect == Dialect::Sdk && !is_truthy(asks_raw);
        let token_type = header(&headers, &TOKEN_TYPE)?.map(str::to_owned);
        let content = body::take(&mut headers, body, &guard.received, &self.settings).await?;
        clean_request(&mut headers, is_wrapped);
        let health = self.health.integration(account.integration.id);
        let attempt = Attempt {
            proxy: self,
            account,
            health: &health,
            method: method.clone(),
            url,
            headers,
            token_type: token_type.as_deref(),
            content,
            received: &guard.received,
            now,
        };
        let answered = attempt.run(ready).await?;
        guard.note(|record| record.attempts = answered.attempts);
        let mut response = answered.response;
        clean_answer(response.headers_mut());
        response.headers_mut().insert(SOURCE, HeaderValue::from_static("provider"));
        if let Some(mark) = answered.mark {
            response.headers_mut().insert(CREDENTIAL_MARK, HeaderValue::from_static(mark));
        }
        Ok(Passed { response, method, is_wrapped })
    }

    /// Takes a slot of the project and one of the credential.
    fn enter(
        &self,
        route: &Route<'_>,
        credential: &CredentialPlan,
        guard: &mut Guard,
    ) -> Result<(), Failure> {
        let busy = |detail: &'static str| {
            Failure::new(&kit::RATE_LIMITED)
                .detail(detail)
                .retry_after(self.settings.busy_retry_after)
        };
        let of_project = self
            .counters
            .enter(route.project.uuid(), self.settings.calls_per_project_max)
            .ok_or_else(|| busy("too many calls of this project are under way"))?;
        guard.slots[0] = Some(of_project);
        let of_credential = self
            .counters
            .enter(credential.id.uuid(), self.settings.calls_per_credential_max)
            .ok_or_else(|| busy("too many calls with this account are under way"))?;
        guard.slots[1] = Some(of_credential);
        Ok(())
    }
}

/// Which account it is.
static CREDENTIAL: OursOrParagons = ours("x-tenon-credential", "x-paragon-credential");
/// Where to, instead of the path.
static PROXY_URL: OursOrParagons = ours("x-tenon-proxy-url", "x-paragon-proxy-url");
/// The caller wants the provider's answer as it is.
static RAW_RESPONSE: OursOrParagons = ours("x-tenon-raw-response", "x-paragon-use-raw-response");
/// The caller wants a type of token by name.
static TOKEN_TYPE: OursOrParagons = ours("x-tenon-token-type", "x-paragon-use-slack-token-type");

/// An answer that is passed on.
struct Passed {
    response: http::Response<tenon_contract::egress::StreamBody>,
    method: Method,
    is_wrapped: bool,
}

/// Methods that make no sense here, and requests whose end is not clear.
fn check_framing(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(Failure::new(&kit::METHOD_NOT_ALLOWED));
    }
    if is_ambiguous(headers) {
        return Err(Failure::new(&kit::AMBIGUOUS_LENGTH));
    }
    Ok(())
}

fn header<'a>(headers: &'a HeaderMap, names: &OursOrParagons) -> Result<Option<&'a str>, Failure> {
    of_caller(headers, names).map_err(|()| {
        Failure::new(&kit::INVALID_FIELD).detail("a header of ours is there twice or is no text")
    })
}

/// The answer to a browser that asks whether a page may call. Any may: nothing here relies on
/// cookies.
fn preflight(parts: &Parts) -> Option<Response> {
    let is_preflight = parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    if let Some(wanted) = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(response)
}
