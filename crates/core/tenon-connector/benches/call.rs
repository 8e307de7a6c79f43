//! What one proxied call costs here: its URL and its credential. `cargo bench -p tenon-connector`.

use divan::{Bencher, black_box};
use http::{HeaderMap, Method};
use serde_json::{Map, json};
use tenon_connector::connector::Connector;
use tenon_connector::context::{Account, Context, Seed};
use tenon_connector::inject::{self, BodyForSigning, Head};
use tenon_connector::proxy;
use tenon_connector::token::Token;

fn main() {
    divan::main();
}

fn connector() -> Connector {
    let manifest = json!({
        "format": 1, "name": "sample", "version": "1.0.0", "title": "Sample",
        "description": "A sample.", "categories": ["crm"], "docs": "https://docs.example.com/",
        "auth": [{
            "id": "oauth", "type": "oauth2",
            "authorize_url": "https://auth.example.com/authorize",
            "token_url": "https://auth.example.com/token",
        }],
        "proxy": {
            "base_url": [{"url": "https://api.example.com/v1"}],
            "headers": {"x-version": "2026-01-01"},
        },
    });
    Connector::load("sample.json", &manifest.to_string()).expect("the sample is valid")
}

/// The URL of a caller's path, and the token in the head.
#[divan::bench]
fn target_and_inject(bencher: Bencher<'_, '_>) {
    let connector = connector();
    let method = connector.auth(None).expect("a method");
    let now = "2026-01-02T03:04:05Z".parse().expect("a moment");
    let token: Token = serde_json::from_value(json!({
        "access_token": "xoxb-1234567890-abcdefghijklmnopqrstuvwxyz", "issued_at": now,
    }))
    .expect("a token");
    let (app, fields) = (Map::new(), Map::new());
    let account = Account { app: &app, fields: &fields, token: Some(&token) };
    let mut start = HeaderMap::new();
    start.insert("accept", http::HeaderValue::from_static("application/json"));
    bencher.bench_local(|| {
        let ctx = Context::new(account, now, Seed::new([0; 16]));
        let mut url = proxy::target(&connector, &ctx, black_box("/users/17?expand=team"))
            .expect("it stays on the base");
        let mut headers = start.clone();
        let head = Head {
            method: &Method::GET,
            url: &mut url,
            headers: &mut headers,
            body: BodyForSigning::Unsigned,
        };
        inject::apply_head(&connector, method, &ctx, None, head).expect("it goes in");
        (url, headers)
    });
}
