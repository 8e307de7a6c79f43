//! How the portal looks, and links to its page.

use http::StatusCode;
use serde_json::json;

use super::{Bench, problem};

#[tokio::test]
async fn what_is_left_out_stays_and_null_takes_away() {
    let bench = Bench::new();
    let nothing = json!({"name": null, "accent_color": null, "logo": null, "return_origins": []});
    assert_eq!(bench.get("/portal").await, (StatusCode::OK, nothing));
    let file = json!({"media_type": "image/png", "data": "iVBORw0KGgo="});
    let change = json!({"name": "Acorn", "accent_color": "#0a7cff", "logo": file});
    let (status, shown) = bench.patch("/portal", change).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let logo = json!({"url": null, "media_type": "image/png", "sha256": "07".repeat(32)});
    assert_eq!((&shown["name"], &shown["logo"]), (&json!("Acorn"), &logo));
    let change = json!({"name": null, "return_origins": ["https://app.example.com"]});
    let (_, shown) = bench.patch("/portal", change).await;
    assert_eq!((&shown["name"], &shown["accent_color"]), (&json!(null), &json!("#0a7cff")));
    assert_eq!(shown["return_origins"], json!(["https://app.example.com"]));
}

#[tokio::test]
async fn a_logo_is_an_address_or_a_file() {
    let bench = Bench::new();
    for (logo, pointer) in [
        (json!({}), "/logo"),
        (json!({"url": "https://x.example/l", "data": "AA=="}), "/logo"),
        (json!({"media_type": "image/png"}), "/logo"),
        (json!({"media_type": "text/html", "data": "AA=="}), "/logo/media_type"),
        (json!({"media_type": "image/png", "data": "%"}), "/logo/data"),
    ] {
        let refused =
            problem(bench.patch("/portal", json!({"logo": logo})).await, 422, "invalid_field");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    for bad in [json!({"logo": {"svg": "x"}}), json!({"colour": "red"}), json!({"name": 1})] {
        let (status, answer) = bench.patch("/portal", bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    }
}

#[tokio::test]
async fn a_link_is_made_for_a_user() {
    let bench = Bench::new();
    let asked = json!({"user": "user-17", "metadata": {"plan": "pro"}, "expires_seconds": 60});
    let (status, made) = bench.post("/portal-links", asked).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["url"], "https://tenon.example/ui/hosted#link=user-17");
    assert!(made["expires_at"].is_string());
    let nobody =
        problem(bench.post("/portal-links", json!({"user": ""})).await, 422, "invalid_field");
    assert_eq!(nobody["errors"][0]["pointer"], "/user");
    for bad in
        [json!({}), json!({"user": "u", "expires_seconds": -1}), json!({"user": "u", "x": 1})]
    {
        let (status, answer) = bench.post("/portal-links", bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    }
}
