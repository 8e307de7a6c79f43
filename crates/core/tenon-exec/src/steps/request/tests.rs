//! The whole step, against a way out that is kept in memory.

mod auth;
mod calls;
mod pages;

use std::borrow::Cow;
use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use tenon_domain::ProjectId;
use tenon_domain::workflow::steps::request::RequestStep;
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use super::super::{Failure, Outcome};
use super::{RequestCall, RequestLimits, TokenCache, run};
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse};

/// A scope whose roots are the members of an object.
pub(super) struct Values(pub(super) Value);

impl Scope for Values {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let root = self.0.get(&reference.root);
        Ok(root.and_then(|value| resolve_path(value, &reference.path)).map(Cow::Borrowed))
    }
}

/// Gives the answers it was told to give, and remembers what it was asked.
#[derive(Default)]
struct Memory {
    answers: Mutex<VecDeque<Result<OutboundResponse, Error>>>,
    seen: Mutex<Vec<OutboundRequest>>,
}

#[async_trait]
impl Egress for Memory {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, Error> {
        self.seen.lock().push(request);
        // An answer never comes at once: others get their turn.
        tokio::task::yield_now().await;
        self.answers.lock().pop_front().expect("one more call than answers")
    }
}

/// An answer.
fn answer(
    status: u16,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> OutboundResponse {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), value.parse().expect("a header value"))
        })
        .collect();
    let status = StatusCode::from_u16(status).expect("a status");
    OutboundResponse { status, headers, body: body.into() }
}

/// A JSON answer.
fn json_answer(status: u16, body: &Value) -> OutboundResponse {
    answer(status, &[("content-type", "application/json")], body.to_string())
}

/// One installation with its token cache.
struct Bench {
    egress: Memory,
    tokens: TokenCache,
    limits: RequestLimits,
    project: ProjectId,
    is_test: bool,
}

impl Bench {
    fn answering(answers: impl IntoIterator<Item = OutboundResponse>) -> Self {
        Self {
            egress: Memory {
                answers: Mutex::new(answers.into_iter().map(Ok).collect()),
                seen: Mutex::default(),
            },
            tokens: TokenCache::new(),
            limits: RequestLimits::default(),
            project: "0190b5e8-0000-7000-8000-000000000000".parse().expect("an id"),
            is_test: false,
        }
    }

    fn then(&self, answer: Result<OutboundResponse, Error>) {
        self.egress.answers.lock().push_back(answer);
    }

    async fn run(&self, step: Value, scope: Value) -> Result<Outcome, Failure> {
        let step: RequestStep = serde_json::from_value(step).expect("a request step");
        let call = RequestCall {
            egress: &self.egress,
            tokens: &self.tokens,
            project: self.project,
            idempotency_key: "run:step",
            limits: &self.limits,
            is_test: self.is_test,
        };
        run(&step, &Values(scope), &call).await
    }

    fn seen(&self) -> Vec<OutboundRequest> {
        self.egress.seen.lock().clone()
    }

    /// The only call there was.
    fn only(&self) -> OutboundRequest {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }
}

/// Builds the call of a step and gives it back.
async fn sent(step: Value, scope: Value) -> OutboundRequest {
    let bench = Bench::answering([answer(204, &[], "")]);
    bench.run(step, scope).await.expect("answered");
    bench.only()
}

/// The failure of a step whose call must not go out.
async fn refused(step: Value, scope: Value) -> Failure {
    let bench = Bench::answering([]);
    let failure = bench.run(step, scope).await.expect_err("refused");
    assert_eq!(bench.seen().len(), 0);
    failure
}
