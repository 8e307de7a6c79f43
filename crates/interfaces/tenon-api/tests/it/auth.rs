//! Who may see what: every route, with every kind of key.

use axum::body::Body;
use http::Request;
use tenon_api::openapi;

use super::fakes::{KEY, SECOND_KEY, project, run, summary, uuid, workflow};
use super::{Bench, problem};

/// Every route of the description, with ids in place of its parameters.
fn routes(project: &str) -> Vec<(String, String)> {
    let description = serde_json::to_value(openapi()).expect("it is JSON");
    let paths = description["paths"].as_object().expect("there are paths");
    let mut routes = Vec::new();
    for (path, item) in paths {
        let path = path
            .replace("{project}", project)
            .replace("{workflow}", &workflow(7).to_string())
            .replace("{run}", &run(7).to_string())
            .replace("{day}", "2026-03-09")
            .replace("{api_key}", &uuid(5, 77).to_string())
            .replace("{user}", "user-17")
            .replace("{step}", "first")
            .replace("{field}", "output")
            .replace("{connector}", "custom.acme")
            .replace("{integration}", "custom.acme")
            .replace("{auth_method}", "oauth")
            .replace("{credential}", &uuid(8, 77).to_string())
            .replace("{webhook}", "events")
            .replace("{configuration}", "ext:x")
            .replace("{session}", &uuid(9, 77).to_string())
            .replace("{signing_key}", "0123456789abcdef")
            .replace("{secret_key}", "API_KEY");
        assert!(!path.contains('{'), "a parameter this test does not know: {path}");
        let methods = item.as_object().expect("there are methods").keys();
        routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(routes.len() >= 44, "routes are missing: {routes:?}");
    routes
}

fn request(method: &str, path: &str, authorization: Option<&str>) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(value) = authorization {
        builder = builder.header("authorization", value);
    }
    builder.body(Body::empty()).expect("it is a valid request")
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key_of_its_project() {
    let bench = Bench::new();
    let (ours, other) = (project().to_string(), uuid(1, 2).to_string());
    let valid = format!("Bearer {KEY}");
    for (project, authorization, what) in [
        (&ours, None, "no key"),
        (&ours, Some("Bearer tnn_00000000_wrong"), "wrong key"),
        (&ours, Some("Basic dG5uOng="), "another scheme"),
        (&ours, Some("Bearer "), "an empty key"),
        (&other, Some(valid.as_str()), "another project"),
    ] {
        for (method, path) in routes(project) {
            let answer = bench.send(request(&method, &path, authorization)).await;
            assert_eq!(answer.0, 401, "{what}: {method} {path}: {}", answer.1);
            problem(answer, 401, "unauthorized");
        }
    }
}

#[tokio::test]
async fn a_project_that_does_not_exist_looks_like_one_of_somebody_else() {
    let bench = Bench::new();
    let ours = format!("/api/v1/projects/{}/runs", project());
    let none = format!("/api/v1/projects/{}/runs", uuid(1, 99));
    let mut answers = Vec::new();
    for path in [ours.as_str(), none.as_str(), "/api/v1/projects/nonsense/runs"] {
        let (status, mut body) = bench.send(request("GET", path, Some("Bearer wrong"))).await;
        body.as_object_mut().expect("a problem").remove("request_id");
        answers.push((status, body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn every_key_of_the_project_is_taken() {
    let bench = Bench::new();
    for key in [KEY, SECOND_KEY] {
        let path = format!("/api/v1/projects/{}/runs", project());
        let value = format!("bearer {key}");
        assert_eq!(bench.send(request("GET", &path, Some(&value))).await.0, 200);
    }
}

#[tokio::test]
async fn what_is_not_of_the_project_is_not_there() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    for path in [
        format!("/runs/{}", run(2)),
        format!("/runs/{}/steps", run(2)),
        format!("/runs/{}/input", run(2)),
        format!("/runs/{}/events", run(2)),
        format!("/runs/{}/values/first/output", run(2)),
        format!("/workflows/{}", workflow(2)),
        format!("/workflows/{}/versions", workflow(2)),
        "/nonsense".to_owned(),
    ] {
        problem(bench.get(&path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn the_description_needs_no_key() {
    let bench = Bench::new();
    let (status, body) = bench.send(request("GET", "/api/v1/openapi.json", None)).await;
    assert_eq!((status.as_u16(), body["openapi"].as_str()), (200, Some("3.1.0")));
}
