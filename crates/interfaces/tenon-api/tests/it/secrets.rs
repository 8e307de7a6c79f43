//! `/secrets`, and what documents say of them.

use http::StatusCode;
use serde_json::{Value, json};
use tenon_domain::limits::DocumentLimits;

use super::{Bench, problem};

#[tokio::test]
async fn a_value_goes_in_and_never_comes_out() {
    let bench = Bench::new();
    let body = json!({"key": "API_KEY", "value": "value-canary"});
    let (status, made) = bench.post("/secrets", body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        made,
        json!({"id": "0c000000-0000-4000-8000-000000000001", "key": "API_KEY",
               "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z"})
    );
    assert_eq!(bench.world.secret_value("API_KEY").as_deref(), Some("value-canary"));
    assert_eq!(bench.get("/secrets").await, (StatusCode::OK, json!({"secrets": [made]})));
    let (status, put) = bench.put("/secrets/API_KEY", json!({"value": "other-canary"})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(put["updated_at"], "2026-03-01T08:01:00Z");
    assert!(!put.to_string().contains("canary"));
    assert_eq!(bench.world.secret_value("API_KEY").as_deref(), Some("other-canary"));
    assert_eq!(bench.delete("/secrets/API_KEY").await, (StatusCode::NO_CONTENT, Value::Null));
    problem(bench.delete("/secrets/API_KEY").await, 404, "not_found");
    problem(
        bench.put("/secrets/API_KEY", json!({"value": "value-canary"})).await,
        404,
        "not_found",
    );
}

#[tokio::test]
async fn what_is_no_key_or_no_value_is_refused_without_showing_it() {
    let bench = Bench::new();
    for (body, pointer) in [
        (json!({"key": "api-key", "value": "value-canary"}), "/key"),
        (json!({"key": "API_KEY", "value": "canary"}), "/value"),
    ] {
        let answer = problem(bench.post("/secrets", body).await, 422, "invalid_field");
        assert_eq!(answer["errors"][0]["pointer"], pointer);
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    problem(bench.delete("/secrets/api-key").await, 404, "not_found");
}

/// The answer to an apply, and to a test run, of a workflow whose request names what a template
/// says.
async fn applied(bench: &Bench, step: &str) -> [(StatusCode, Value); 2] {
    let text = format!(
        "version: 1\nname: calls\nintegration: custom.acme\ntriggers: [{{type: request}}]\nsteps:\n  - {step}\n"
    );
    let document = json!({"file": "calls.yaml", "text": text});
    [
        bench.post("/workflows/apply", json!({"documents": [document]})).await,
        bench.post("/test-runs", json!({"document": document})).await,
    ]
}

#[tokio::test]
async fn a_document_that_names_an_unknown_secret_is_refused_with_its_line() {
    let bench = Bench::new();
    bench.post("/secrets", json!({"key": "STRIPE_KEY", "value": "value-canary"})).await;
    let wrong = "{id: a, type: request, url: 'https://x.example/{{secrets.STRIPE_KEI}}'}";
    for answer in applied(&bench, wrong).await {
        let answer = problem(answer, 422, "invalid_document");
        let error = &answer["errors"][0];
        assert_eq!((&error["code"], &error["line"]), (&json!("unknown_secret"), &json!(6)));
        assert_eq!(error["column"], 54, "{error}");
        assert_eq!(error["help"], "did you mean \"STRIPE_KEY\"?");
    }
    let right = wrong.replace("KEI", "KEY");
    assert_eq!(applied(&bench, &right).await.map(|(status, _)| status.as_u16()), [200, 202]);
}

#[tokio::test]
async fn a_password_of_the_integration_is_refused_where_it_would_show() {
    let bench = Bench::new();
    let document = "kind: integration\nversion: 1\nconnector: custom.acme\ninputs:\n  - {id: token, title: T, type: password}\n";
    let integration = tenon_domain::portal::load("acme.yaml", document, &DocumentLimits::default());
    bench.world.apply_integration(integration.expect("a good document"));
    let shows = "{id: a, type: response, body: {json: '{{shared.token}}'}}";
    for answer in applied(&bench, shows).await {
        let answer = problem(answer, 422, "invalid_document");
        assert_eq!(answer["errors"][0]["code"], "secret_not_allowed", "{answer}");
    }
    // The document that is applied along with it says what is a password.
    let text = format!(
        "version: 1\nname: calls\nintegration: custom.acme\ntriggers: [{{type: request}}]\nsteps:\n  - {shows}\n"
    );
    let plain = document.replace("password", "text");
    let both = json!({"documents": [
        {"file": "calls.yaml", "text": text}, {"file": "acme.yaml", "text": plain},
    ]});
    let (status, answer) = bench.post("/workflows/apply", both).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
