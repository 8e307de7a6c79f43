//! Stripe: an API key, forms, and pages that go on after the last item.

use http::Method;
use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;

use super::detour::{Detour, Route};
use super::rig::{Rig, secret_fields};
use super::server;

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_created_and_listed_over_pages() {
    let Some(stripe) = server::emulate("stripe", &json!({"stripe": {}})).await else { return };
    let rig = Rig::new(Detour::new(vec![Route::new("https://api.stripe.com/", &stripe.base, "/")]));
    let app = rig.switch_on("stripe", "api_key", json!({}), json!({})).await;
    // emulate has no /v1/account, which says whose key it is.
    let secrets = secret_fields(json!({"api_key": "sk_test_0123456789abcdef"}));
    let account = rig.put(&app, json!({}), secrets).await;
    let known = rig.output(&account, "list_customers", json!({})).await;
    let known = known.as_array().expect("a list").len();

    let input = json!({"email": "ada+1@example.com", "name": "Ada & Söhne", "description": "a=b"});
    let created = rig.output(&account, "create_customer", input).await;
    let id = created["id"].as_str().expect("an id");
    let back = rig.get(&account, &format!("customers/{id}")).await;
    assert_eq!(back["name"], "Ada & Söhne");
    assert_eq!(
        (&back["email"], &back["description"]),
        (&json!("ada+1@example.com"), &json!("a=b"))
    );
    for number in 0..100 {
        let input = json!({"name": format!("Customer {number}")});
        rig.output(&account, "create_customer", input).await;
    }
    let all = rig.output(&account, "list_customers", json!({})).await;
    let mut ids: Vec<&str> =
        all.as_array().expect("a list").iter().filter_map(|it| it["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), known + 101, "a page holds 100, and none comes twice");
    let input = json!({"email": "ada+1@example.com"});
    let found = rig.output(&account, "list_customers", input).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(found[0]["id"], id);

    let (verdict, _) = rig.call(&account, Method::GET, "customers/cus_none", None).await;
    assert_eq!(verdict.kind, ErrorKind::NotFound);
    assert_eq!(verdict.message.as_deref(), Some("No such customer: 'cus_none'"));
    let (path, body) = ("payment_intents", Some(json!({"amount": 100})));
    let (verdict, _): (_, Value) = rig.call(&account, Method::POST, path, body).await;
    assert_eq!(verdict.kind, ErrorKind::Invalid);
    assert!(verdict.message.is_some_and(|text| text.contains("amount and currency")));
}
