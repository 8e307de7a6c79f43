//! The proxy as a service.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tenon_contract::egress::Forward;
use tenon_contract::plan::PlanSource;
use tenon_contract::quota::Quotas;
use tenon_contract::user_token::UserTokens;
use tenon_domain::Clock;
use tower_service::Service;

use crate::breaker::Health;
use crate::limits::Counters;
use crate::log::CallLog;
use crate::ports::Accounts;
use crate::quotas::Limits;
use crate::settings::ProxySettings;

/// What the proxy works with.
pub struct ProxyParts<A> {
    /// Keys, integrations, users and their accounts; from memory, as it is asked twice a call.
    pub plans: Arc<dyn PlanSource>,
    /// Accounts that are ready to use.
    pub accounts: A,
    /// The way out.
    pub egress: Arc<dyn Forward>,
    /// The providers' limits of calls, shared between processes.
    pub quotas: Option<Arc<dyn Quotas>>,
    /// Takes calls that are over.
    pub log: Arc<dyn CallLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: ProxySettings,
}

/// The proxy. Cheap to clone.
pub struct Proxy<A>(Arc<Inner<A>>);

pub(crate) struct Inner<A> {
    pub(crate) plans: Arc<dyn PlanSource>,
    pub(crate) accounts: A,
    pub(crate) egress: Arc<dyn Forward>,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<dyn CallLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: ProxySettings,
    pub(crate) tokens: UserTokens,
    pub(crate) counters: Arc<Counters>,
    pub(crate) health: Health,
}

impl<A> Clone for Proxy<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Accounts> Proxy<A> {
    /// A proxy of these parts.
    #[must_use]
    pub fn new(parts: ProxyParts<A>) -> Self {
        Self(Arc::new(Inner {
            plans: parts.plans,
            accounts: parts.accounts,
            egress: parts.egress,
            limits: Limits::new(parts.quotas),
            log: parts.log,
            clock: parts.clock,
            tokens: UserTokens::new(parts.settings.user_tokens_max),
            settings: parts.settings,
            counters: Arc::default(),
            health: Health::default(),
        }))
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        self.0.handle(request).await
    }
}

impl<A: Accounts> Service<Request<Body>> for Proxy<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let proxy = self.clone();
        Box::pin(async move { Ok(proxy.answer(request).await) })
    }
}
