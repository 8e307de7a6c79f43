//! The API from outside: requests to the router, the ports behind it replaced by small ones in
//! memory. One file a part of the URL tree.

mod api_keys;
mod auth;
mod client;
mod credentials;
mod fakes;
mod integrations;
mod malformed;
mod oauth;
mod openapi;
mod outages;
mod portal;
mod projects;
mod proxy_calls;
mod queues;
mod runs;
mod secrets;
mod users;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tenon_api::{ApiSettings, ApiState, router};
use tenon_exec::archive::Reader;
use tenon_http_kit::{LayerSettings, with_layers};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use fakes::{KEY, World};

/// The router with a world behind it.
struct Bench {
    world: Arc<World>,
    router: Router,
}

impl Bench {
    fn new() -> Self {
        Self::with(ApiSettings::default(), CancellationToken::new())
    }

    fn with(settings: ApiSettings, shutdown: CancellationToken) -> Self {
        let world = Arc::new(World::new());
        let router = router(ApiState {
            plans: world.clone(),
            config: world.clone(),
            history: world.clone(),
            calls: world.clone(),
            control: world.clone(),
            operations: world.clone(),
            blobs: world.clone(),
            archive: Reader::new(world.clone()),
            functions: None,
            settings: Arc::new(settings),
            shutdown,
        });
        Self { world, router: with_layers(router, &LayerSettings::default()) }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("the body is whole").to_bytes();
        let value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"))
        };
        (status, value)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(request(Method::GET, path, None)).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(request(Method::POST, path, Some(body))).await
    }

    async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(request(Method::PUT, path, Some(body))).await
    }

    async fn patch(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(request(Method::PATCH, path, Some(body))).await
    }

    async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.send(request(Method::DELETE, path, None)).await
    }
}

/// A request with the project's key; `path` is below the project.
fn request(method: Method, path: &str, body: Option<Value>) -> Request<Body> {
    let path = format!("/api/v1/projects/{}{path}", fakes::project());
    let builder = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {KEY}"))
        .header("x-request-id", "test");
    let request = match body {
        Some(body) => {
            builder.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
        None => builder.body(Body::empty()),
    };
    request.expect("it is a valid request")
}

/// Asserts on a problem: its status and code. Gives it back for more.
fn problem((status, body): (StatusCode, Value), expected: u16, code: &str) -> Value {
    assert_eq!((status.as_u16(), body["code"].as_str()), (expected, Some(code)), "{body}");
    assert_eq!(body["help"], format!("docs/errors/{code}.md"), "{body}");
    body
}
