//! One small HTTP client for all providers: no redirects, no proxy, a time limit and a size limit.
//! Errors name what was tried and the status, and never a body, a header or a query.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use tenon_vault::ports::RootKeyError;
use url::Url;
use zeroize::Zeroizing;

use crate::binding::{refused, unavailable};
use crate::uri::check_origin;
use crate::{OpenError, Settings};

/// The client and its limits.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    answer_bytes_max: usize,
}

/// An answer, whole. A body may hold a token or a key, so it is wiped.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, OpenError> {
        Self::trusting(settings, None)
    }

    /// A client that also trusts the authorities in a PEM file.
    pub(crate) fn trusting(settings: &Settings, pem: Option<&[u8]>) -> Result<Self, OpenError> {
        let set_up = |error: reqwest::Error| OpenError::SetUp { reason: error.to_string() };
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .timeout(settings.timeout);
        if let Some(pem) = pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(set_up)?;
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(set_up)?;
        Ok(Self { client, answer_bytes_max: settings.answer_bytes_max })
    }

    pub(crate) fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    pub(crate) fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn put(&self, url: &str) -> RequestBuilder {
        self.client.put(url)
    }

    /// Sends and reads the answer. A busy or broken server is [`RootKeyError::Unavailable`]; any
    /// other status is for the caller to judge.
    pub(crate) async fn send(
        &self,
        action: &'static str,
        request: RequestBuilder,
    ) -> Result<Answer, RootKeyError> {
        let away = |error: reqwest::Error| unavailable(describe(action, &error));
        let mut response = request.send().await.map_err(away)?;
        let status = response.status();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > self.answer_bytes_max {
                return Err(refused(format!("{action}: the answer is too large")));
            }
            body.extend_from_slice(&chunk);
        }
        let is_away = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT;
        if is_away {
            return Err(unavailable(format!("{action}: status {}", status.as_u16())));
        }
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of a success.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        action: &'static str,
    ) -> Result<T, RootKeyError> {
        if !self.status.is_success() {
            return Err(refused(format!("{action}: status {}", self.status.as_u16())));
        }
        // The text of a JSON error may quote the body.
        serde_json::from_slice(&self.body)
            .map_err(|_| refused(format!("{action}: the answer is not what was expected")))
    }

    /// Whether the credentials were not good enough, which new ones may cure.
    pub(crate) fn is_unauthorised(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

/// Without the URL, which may hold names that are nobody's business.
fn describe(action: &'static str, error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection failed"
    };
    format!("{action}: {kind}")
}

/// An address from a setting or a variable, without a slash at its end.
pub(crate) fn endpoint(name: &str, text: &str) -> Result<String, OpenError> {
    let wrong = |reason: String| OpenError::SetUp { reason: format!("{name}: {reason}") };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    check_origin(&url).map_err(|error| wrong(error.to_string()))?;
    Ok(text.trim_end_matches('/').to_owned())
}
