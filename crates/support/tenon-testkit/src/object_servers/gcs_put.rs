//! In front of fake-gcs-server: it turns `PUT /bucket/object`, which that server does not know,
//! into the upload of the JSON API, with the same condition. All else passes through as it is.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tokio::net::TcpListener;

/// The largest body; tests send less.
const BODY_BYTES_MAX: usize = 64 << 20;

#[derive(Clone)]
struct Upstream {
    base: Arc<str>,
    http: reqwest::Client,
}

/// Starts it; answers its address. It ends with the test's runtime.
pub async fn start(upstream: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
    let state = Upstream { base: upstream.into(), http };
    let router = Router::new().fallback(pass).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(State(upstream): State<Upstream>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    // The server looks at its own name.
    parts.headers.remove(header::HOST);
    // A body that breaks off is no upload.
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return plain(StatusCode::BAD_REQUEST);
    };
    let is_upload = parts.method == Method::PUT && parts.uri.query().is_none();
    let sent = if is_upload {
        let url = upload_url(&upstream.base, parts.uri.path(), &parts.headers);
        upstream.http.post(url).body(body)
    } else {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", upstream.base);
        upstream.http.request(parts.method, url).headers(parts.headers).body(body)
    };
    let Ok(answer) = sent.send().await else { return plain(StatusCode::BAD_GATEWAY) };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return plain(StatusCode::BAD_GATEWAY) };
    if is_upload && status.is_success() {
        headers = HeaderMap::new();
        let object: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        for (name, field) in [("etag", "etag"), ("x-goog-generation", "generation")] {
            let value = object[field].as_str().and_then(|value| HeaderValue::from_str(value).ok());
            headers.extend(value.map(|value| (header::HeaderName::from_static(name), value)));
        }
    }
    headers.remove(header::TRANSFER_ENCODING);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// `path` is `/bucket/object`, encoded, which is how the query wants the name, too.
fn upload_url(base: &str, path: &str, headers: &HeaderMap) -> String {
    let (bucket, object) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let condition = headers.get("x-goog-if-generation-match").and_then(|value| value.to_str().ok());
    let condition =
        condition.map_or_else(String::new, |value| format!("&ifGenerationMatch={value}"));
    format!("{base}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={object}{condition}")
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
