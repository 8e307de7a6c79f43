//! The proxy in front of other routes: what is whose, and what every answer has.

use crate::stage::{Provider, Stage, text};

#[tokio::test]
async fn other_routes_are_served_as_they_are() {
    let provider = Provider::new(|_| text(200, &[], "provider")).await;
    let stage = Stage::new(&provider).await;
    let client = stage.client();
    let answer = client.get("/health").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "well"));
    for path in ["/", "/projects", "/api/v1/projects/x/proxy/", "/api/v1/projects/x/proxyx/crm/a"] {
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (404, Some("not_found"))
        );
    }
    assert_eq!(provider.seen().len(), 0);
}

#[tokio::test]
async fn answers_of_the_proxy_have_an_id_and_the_headers_of_all_answers() {
    let provider = Provider::new(|_| text(200, &[], "provider")).await;
    let stage = Stage::new(&provider).await;
    let client = stage.client();
    let unknown = format!("/api/v1/projects/{}/proxy/unknown/a", stage.project);
    for path in [stage.own("a"), stage.sdk("a"), unknown] {
        let answer = client.get(&path).await;
        assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
    let problem = client.get(&format!("/api/v1/projects/{}/proxy/unknown/a", stage.project)).await;
    assert_eq!(problem.json()["request_id"].as_str(), problem.header("x-request-id"));
}
