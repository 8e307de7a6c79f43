//! Requests: which installation they run for, and how they are answered.

use serde_json::{Value, json};
use tenon_exec::ports::history::Payload;

use crate::rig::{Answer, KEY, Rig, USER};

async fn with_key(rig: &Rig, workflow: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("/api/v1/projects/{}/triggers/{workflow}", rig.id());
    rig.post(&path, KEY, headers, &json!({ "n": 1 })).await
}

#[tokio::test]
async fn a_request_runs_for_the_default_installation_or_the_one_that_is_named() {
    for (headers, expected) in [
        (vec![], "slack first"),
        (vec![("x-tenon-credential", "second")], "slack second"),
        (vec![("x-paragon-credential", "ext:second")], "slack second"),
    ] {
        let rig = Rig::new().await;
        let mut with_user = headers.clone();
        with_user.push(("x-tenon-user", USER));
        assert_eq!(with_key(&rig, "slack", &with_user).await.status, 202);
        assert_eq!(rig.running().await, [expected]);
        let workflow = rig.project.workflows[1].id.to_string();
        let answer = rig.request(&rig.token(Value::Null), &workflow, &headers).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert!(answer.headers.contains_key("tenon-run"));
        assert_eq!(rig.running().await, [expected, expected]);
    }
}

#[tokio::test]
async fn what_is_missing_is_said_and_nothing_runs() {
    let rig = Rig::new().await;
    let user = ("x-tenon-user", USER);
    let account = ("x-tenon-credential", "second");
    for (headers, expected) in [
        (vec![], (409, "installation_missing")),
        (vec![("x-tenon-user", "bob")], (404, "no_account")),
        (vec![user, ("x-tenon-credential", "nobody")], (404, "no_account")),
        (vec![user, account, ("x-tenon-configuration", "nothing")], (409, "installation_missing")),
        (vec![user, account, ("x-tenon-configuration", "ext:team")], (409, "installation_missing")),
    ] {
        let answer = with_key(&rig, "slack", &headers).await;
        assert_eq!(answer.status, expected.0, "{headers:?}: {}", answer.body);
        assert_eq!(answer.body["code"], expected.1, "{headers:?}");
    }
    assert!(rig.running().await.is_empty());
}

#[tokio::test]
async fn a_token_runs_only_what_it_allows() {
    let rig = Rig::new().await;
    for (claim, workflow, is_allowed) in [
        (json!({ "integration:slack": ["workflow"] }), "slack", true),
        (json!({ "integration:slack": ["event"] }), "slack", false),
        (json!({ "integration:slack": true }), "hubspot", false),
        (json!({ "integration:slack": true }), "plain", false),
        (Value::Null, "plain", true),
    ] {
        let before = rig.running().await.len();
        let answer = rig.request(&rig.token(claim.clone()), workflow, &[]).await;
        let expected = if is_allowed { 202 } else { 403 };
        assert_eq!(answer.status, expected, "{claim} {workflow}");
        assert!(is_allowed || answer.body["code"] == "7210", "{}", answer.body);
        assert_eq!(rig.running().await.len(), before + usize::from(is_allowed));
    }
}

#[tokio::test]
async fn the_sdks_errors_have_its_shape_and_do_not_end_its_session() {
    let rig = Rig::new().await;
    let token = rig.token(Value::Null);
    for (workflow, headers, expected) in [
        ("nothing", vec![], (404, "not_found")),
        ("slack", vec![("x-paragon-credential", "nobody")], (404, "no_account")),
        ("slack", vec![("x-paragon-configuration-id", "ext:team")], (409, "installation_missing")),
    ] {
        let answer = rig.request(&token, workflow, &headers).await;
        assert_eq!(answer.status, expected.0, "{}", answer.body);
        assert_eq!(answer.body["code"], expected.1);
        assert_eq!(answer.body["status"], expected.0);
        assert!(answer.body["message"].is_string() && answer.body["meta"].is_object());
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn a_run_that_does_not_answer_in_time_is_named() {
    let mut rig = Rig::new().await;
    rig.change(|plan| plan.workflows[1].has_response = true).await;
    let answer = rig.request(&rig.token(Value::Null), "slack", &[]).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (504, &json!("response_timeout")));
    assert!(answer.headers.contains_key("tenon-run"));
    assert_eq!(rig.running().await, ["slack first"], "it goes on");
}

#[tokio::test]
async fn a_workflow_sees_the_request_without_the_token() {
    let rig = Rig::new().await;
    let token = rig.token(Value::Null);
    rig.request(&token, "plain", &[("x-own", "7")]).await;
    let job = rig.jobs().await.remove(0);
    let Payload::Inline(bytes) = job.input else { panic!("a small input") };
    let input: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(input["request"]["body"], json!({ "n": 1 }));
    assert_eq!(input["request"]["headers"]["x-own"], "7");
    assert_eq!(input["request"]["params"], json!({}));
    assert!(!String::from_utf8_lossy(&bytes).contains(&token));
    assert_eq!(job.user.expect("ada").as_str(), USER);
}
