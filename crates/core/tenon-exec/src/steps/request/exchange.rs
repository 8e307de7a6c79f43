//! One call: builds it, makes it, reads its answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use tenon_connector::answer::retry_after;
use tenon_connector::request::body::{self, Nulls};
use tenon_connector::request::template::{eval, texts_of};
use tenon_connector::request::{headers, method, url as request_url};
use tenon_contract::egress::{Error, OutboundRequest, OutboundResponse};
use tenon_domain::workflow::steps::request::{RequestBody, RequestStep, ResponseFormat};
use tenon_expr::Scope;
use url::Url;

use super::super::{Failure, FailureClass};
use super::answer::{self, Answer};
use super::auth::{self, Credentials};
use super::record::{MASK, Secrets};
use super::{RequestCall, permanent};

/// Names the key that a provider may use to act once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A call that was answered with a status below 400.
pub(in crate::steps) struct Exchange {
    /// What history keeps of the call.
    pub(in crate::steps) input: Value,
    pub(in crate::steps) answer: Answer,
}

/// A call that is ready to go.
struct Prepared {
    request: OutboundRequest,
    credentials: Credentials,
    input: Value,
}

/// Makes one call under an idempotency key.
pub(super) async fn run(
    step: &RequestStep,
    scope: &(dyn Scope + Sync),
    call: &RequestCall<'_>,
    key: &str,
) -> Result<Exchange, Failure> {
    let prepared = prepare(step, scope, call, key)?;
    let path = prepared.request.url.path().to_owned();
    let host = prepared.request.url.host_str().unwrap_or_default().to_owned();
    let Prepared { request, credentials, input } = prepared;
    let with_input = |mut failure: Failure, input: Value| {
        failure.input = Some(Box::new(input));
        failure
    };
    let response = match send(request, &credentials, call).await {
        Ok(response) => response,
        Err(failure) => return Err(with_input(failure, input)),
    };
    let status = response.status.as_u16();
    let wait = retry_after(&response.headers, Timestamp::now(), call.limits.retry_after_max);
    let answer = match answer::decode(response, step.response, &path).await {
        Ok(answer) => answer,
        Err(failure) => return Err(with_input(failure, input)),
    };
    if status < 400 {
        return Ok(Exchange { input, answer });
    }
    let class = FailureClass::Status { status, retry_after: wait };
    let message = format!("{host} answered {status}");
    let mut failure = Failure::new("request_status", message, class);
    failure.output = Some(Box::new(json!({ "response": answer.into_value() })));
    Err(with_input(failure, input))
}

/// Sends a call; with a token that was kept and is refused, once more with a new one.
async fn send(
    mut request: OutboundRequest,
    credentials: &Credentials,
    call: &RequestCall<'_>,
) -> Result<OutboundResponse, Failure> {
    let Some(wanted) = &credentials.token else {
        return call.egress.send(request).await.map_err(|error| failure_of(&error));
    };
    let issued = call.tokens.get(wanted, call.egress, call.limits).await?;
    request.headers.insert(header::AUTHORIZATION, auth::bearer(&issued.value)?);
    let again = request.clone();
    let response = call.egress.send(request).await.map_err(|error| failure_of(&error))?;
    if response.status != http::StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    call.tokens.forget(wanted, &issued);
    if issued.is_new {
        return Ok(response);
    }
    let issued = call.tokens.get(wanted, call.egress, call.limits).await?;
    let mut request = again;
    request.headers.insert(header::AUTHORIZATION, auth::bearer(&issued.value)?);
    call.egress.send(request).await.map_err(|error| failure_of(&error))
}

/// The failure of a call that got no answer.
pub(in crate::steps) fn failure_of(error: &Error) -> Failure {
    let (code, class) = match error {
        Error::Refused { .. } => ("request_refused", FailureClass::Permanent),
        Error::Identity { .. } => ("credential_invalid", FailureClass::Permanent),
        Error::Unreachable { .. } => ("request_unreachable", FailureClass::Transient),
        Error::Timeout { .. } => ("request_no_answer", FailureClass::Transient),
        Error::TooLarge { .. } => ("request_too_large", FailureClass::Permanent),
    };
    Failure::new(code, error.to_string(), class)
}

fn prepare(
    step: &RequestStep,
    scope: &(dyn Scope + Sync),
    call: &RequestCall<'_>,
    key: &str,
) -> Result<Prepared, Failure> {
    let limits = call.limits;
    let mut secrets = Secrets::default();
    let credentials =
        auth::resolve(&step.auth, scope, call.project, limits.url_bytes_max, &mut secrets)?;
    let mut url = request_url::build(&step.url, None, scope, "the URL", limits.url_bytes_max)?;
    let mut params = Vec::with_capacity(step.query.len());
    for (name, source) in &step.query {
        let value = eval(source, scope, &format!("the query parameter `{name}`"))?;
        params.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
    }
    request_url::append(&mut url, &params, limits.url_bytes_max)?;

    let mut headers = headers::build(&step.headers, scope)?;
    let (bytes, content_type, mut body_record) = match &step.body {
        Some(body) => {
            let built = body::build(body, scope, key, limits.request_bytes_max, Nulls::Kept)?;
            (built.bytes, built.content_type, built.record)
        }
        None => (Bytes::new(), None, Value::Null),
    };
    add_defaults(&mut headers, step, content_type.as_deref(), key)?;
    let secret_names: Vec<HeaderName> = credentials.headers.keys().cloned().collect();
    for name in &secret_names {
        headers.remove(name);
    }
    for (name, value) in &credentials.headers {
        headers.append(name.clone(), value.clone());
    }

    secrets.mask_value(&mut body_record);
    let input = json!({
        "method": step.method.as_str(),
        "url": shown_url(&url, &credentials, &secrets),
        "headers": secrets.headers(&headers, &secret_names),
        "body": body_record,
    });
    request_url::append(&mut url, &credentials.params, limits.url_bytes_max)?;
    let request = OutboundRequest {
        method: method(step.method),
        url,
        headers,
        body: bytes,
        identity: None,
        timeout: timeout(step, limits.timeout),
        response_bytes_max: limits.response_bytes_max,
    };
    Ok(Prepared { request, credentials, input })
}

/// Headers that the step may set itself, where it has not.
fn add_defaults(
    headers: &mut HeaderMap,
    step: &RequestStep,
    content_type: Option<&str>,
    key: &str,
) -> Result<(), Failure> {
    // The boundary of a multipart body is ours, so its type is ours too.
    let is_multipart = matches!(step.body, Some(RequestBody::Multipart(_)));
    if let Some(content_type) = content_type
        && (is_multipart || !headers.contains_key(header::CONTENT_TYPE))
    {
        headers.insert(header::CONTENT_TYPE, headers::parse_value("content-type", content_type)?);
    }
    if !headers.contains_key(header::ACCEPT) {
        let accept = match step.response {
            ResponseFormat::Json => "application/json",
            ResponseFormat::Auto | ResponseFormat::Text | ResponseFormat::Binary => "*/*",
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    }
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        let value = HeaderValue::from_str(key)
            .map_err(|_| permanent("request_header", "the idempotency key cannot be sent"))?;
        headers.insert(IDEMPOTENCY_KEY, value);
    }
    Ok(())
}

/// The URL as history shows it: parameters of `auth` are named, their values masked.
fn shown_url(url: &Url, credentials: &Credentials, secrets: &Secrets) -> String {
    let mut shown = secrets.mask(url.as_str());
    for (name, _) in &credentials.params {
        shown.push(if shown.contains('?') { '&' } else { '?' });
        shown.push_str(&request_url::encode(name));
        shown.push('=');
        shown.push_str(MASK);
    }
    shown
}

fn timeout(step: &RequestStep, longest: Duration) -> Duration {
    step.timeout_ms.map_or(longest, |millis| Duration::from_millis(millis.into()).min(longest))
}
