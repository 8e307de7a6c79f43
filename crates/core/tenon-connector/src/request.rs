//! From a request as data to a call: URL, query, headers and body, each template encoded for its
//! place. It sends nothing, adds no credential and knows no workflow: whatever implements
//! [`Scope`] can be what the templates see.

pub mod body;
pub mod file;
pub mod headers;
mod multipart;
pub mod template;
pub mod url;

#[cfg(test)]
pub(crate) mod tests;

use ::url::Url;
use bytes::Bytes;
use http::header;
use tenon_domain::workflow::steps::request::{Method, RequestBody};
use tenon_expr::Scope;

use crate::call::Call;
use crate::manifest::request::RequestSpec;
use body::Nulls;
use template::{eval, texts_of};

/// Why a call cannot be built: it would be the same however often it is tried. It never holds a
/// value, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// `request_url`, `request_header`, `request_body`, `request_template`, `request_too_large`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl BuildError {
    /// An error.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Bounds of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLimits {
    /// The longest URL, in bytes.
    pub url_bytes_max: usize,
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
}

impl Default for BuildLimits {
    fn default() -> Self {
        Self { url_bytes_max: 16 << 10, body_bytes_max: 32 << 20 }
    }
}

/// What the boundaries of multipart bodies are made from: the same call has the same bytes.
const BOUNDARY_KEY: &str = "connector";

/// Builds a call. A relative URL goes on `base`; an absolute one is taken as it is, so the caller
/// checks its host. Members of JSON objects and form fields whose template gives null are left
/// out.
///
/// # Errors
/// When a template has no value, a value does not fit its place, or something is too large.
pub fn build(
    spec: &RequestSpec,
    base: Option<&Url>,
    scope: &(dyn Scope + Sync),
    limits: &BuildLimits,
) -> Result<Call, BuildError> {
    let mut url = url::build(&spec.url, base, scope, "the URL", limits.url_bytes_max)?;
    let mut params = Vec::with_capacity(spec.query.len());
    for (name, source) in &spec.query {
        let value = eval(source, scope, &format!("the query parameter `{name}`"))?;
        params.extend(texts_of(value).into_iter().map(|text| (name.clone(), text)));
    }
    url::append(&mut url, &params, limits.url_bytes_max)?;
    let mut headers = headers::build(&spec.headers, scope)?;
    let mut bytes = Bytes::new();
    if let Some(body) = &spec.body {
        let built = body::build(body, scope, BOUNDARY_KEY, limits.body_bytes_max, Nulls::LeftOut)?;
        bytes = built.bytes;
        // The boundary of a multipart body is ours, so its type is ours too.
        let is_ours = matches!(body, RequestBody::Multipart(_));
        if let Some(content_type) = built.content_type
            && (is_ours || !headers.contains_key(header::CONTENT_TYPE))
        {
            let value = headers::parse_value("content-type", &content_type)?;
            headers.insert(header::CONTENT_TYPE, value);
        }
    }
    Ok(Call { method: method(spec.method), url, headers, body: bytes })
}

/// The method on the wire.
#[must_use]
pub fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
        Method::Head => http::Method::HEAD,
    }
}
