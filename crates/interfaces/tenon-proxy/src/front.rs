//! The proxy in front of all other routes.
//!
//! Finding a route among many, and the layers around each, cost more than a call has to. The
//! paths of the proxy are told by their beginning, so its calls go straight to it, through a frame
//! of their own that does what the frame of the routes does: ids, limits, deadlines, panics.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::Request;
use tenon_http_kit::{FrameLayer, LayerSettings};
use tower::Layer;
use tower_service::Service;

use crate::ports::Accounts;
use crate::route;
use crate::service::Proxy;

impl<A: Accounts> Proxy<A> {
    /// Puts the proxy in front of `rest`, which is served as it is. `settings` are for the proxy's
    /// calls; they are counted apart from other requests.
    pub fn in_front_of(self, rest: Router, settings: &LayerSettings) -> Router {
        let framed = FrameLayer::new(settings).layer(self);
        Router::new().fallback_service(Front { framed, rest })
    }
}

type Framed<A> = <FrameLayer as Layer<Proxy<A>>>::Service;

struct Front<A> {
    framed: Framed<A>,
    rest: Router,
}

impl<A> Clone for Front<A> {
    fn clone(&self) -> Self {
        Self { framed: self.framed.clone(), rest: self.rest.clone() }
    }
}

impl<A: Accounts> Service<Request<Body>> for Front<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Neither the proxy nor the router ever waits.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if route::is_proxys(request.uri().path()) {
            return self.framed.call(request);
        }
        Box::pin(self.rest.call(request))
    }
}
