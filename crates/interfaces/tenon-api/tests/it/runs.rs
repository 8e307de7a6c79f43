//! `/runs`.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, StepId};
use tenon_exec::ports::history::{Payload, RunStatus, StepError, StepStatus};
use tenon_exec::ports::script::ConsoleLine;

use super::fakes::{at, record, run, summary, workflow};
use super::workflows::document;
use super::{Bench, problem};

fn ids(body: &Value) -> Vec<String> {
    let runs = body["runs"].as_array().expect("there are runs");
    runs.iter().map(|run| run["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_run_is_shown_in_full() {
    let bench = Bench::new();
    bench.post("/workflows/apply", json!({"documents": [document("welcome", 1)]})).await;
    let mut failed = summary(1);
    failed.status = RunStatus::Failed;
    failed.error = Some(StepError {
        code: "http_status".into(),
        message: "the service answered 404".into(),
        step: Some(StepId::new("lookup")),
    });
    failed.replay_of = Some(run(9));
    bench.world.add_run(failed, Vec::new());
    insta::assert_json_snapshot!(bench.get(&format!("/runs/{}", run(1))).await.1, @r#"
    {
      "id": "03000000-0000-4000-8000-000000000001",
      "workflow_id": "02000000-0000-4000-8000-000000000001",
      "workflow": "welcome",
      "version_id": "04000000-0000-4000-8000-000000000001",
      "user": "user-17",
      "credential": null,
      "configuration": null,
      "trigger": "app_event",
      "status": "failed",
      "error": {
        "code": "http_status",
        "message": "the service answered 404",
        "step": "lookup"
      },
      "attempts": 2,
      "created_at": "2026-03-01T08:00:01Z",
      "started_at": "2026-03-01T08:00:01Z",
      "finished_at": "2026-03-01T08:00:02.25Z",
      "duration_ms": 1250.0,
      "resumes_at": null,
      "replay_of": "03000000-0000-4000-8000-000000000009",
      "crashes": 0
    }
    "#);
}

#[tokio::test]
async fn pages_hold_every_run_once_newest_first() {
    let bench = Bench::new();
    for number in 1..=7 {
        bench.world.add_run(summary(number), Vec::new());
    }
    let mut seen = Vec::new();
    let mut path = "/runs?limit=3".to_owned();
    loop {
        let (_, body) = bench.get(&path).await;
        seen.extend(ids(&body));
        let Some(next) = body["next"].as_str() else { break };
        path = format!("/runs?limit=3&cursor={next}");
    }
    let expected: Vec<String> = (1..=7).rev().map(|number| run(number).to_string()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_filter_leaves_the_runs_it_says() {
    let bench = Bench::new();
    for number in 1..=3 {
        bench.world.add_run(summary(number), Vec::new());
    }
    let mut other = summary(4);
    other.workflow = workflow(2);
    other.user = Some(EndUserId::new("a b&c"));
    other.status = RunStatus::Failed;
    let (credential, configuration) = (CredentialId::new(), ConfigurationId::new());
    other.credential = Some(credential);
    other.configuration = Some(configuration);
    bench.world.add_run(other, Vec::new());
    let workflow_filter = format!("workflow={}", workflow(2));
    let credential_filter = format!("credential={credential}");
    let configuration_filter = format!("configuration={configuration}");
    let other_account = format!("credential={}", CredentialId::new());
    for (query, expected) in [
        (workflow_filter.as_str(), vec![4]),
        (credential_filter.as_str(), vec![4]),
        (configuration_filter.as_str(), vec![4]),
        (other_account.as_str(), vec![]),
        ("user=a%20b%26c", vec![4]),
        ("status=failed", vec![4]),
        ("status=succeeded", vec![3, 2, 1]),
        ("after=2026-03-01T08:00:03Z", vec![4, 3]),
        ("before=2026-03-01T08:00:02Z", vec![1]),
        ("status=failed&user=user-17", vec![]),
    ] {
        let (_, body) = bench.get(&format!("/runs?{query}")).await;
        let expected: Vec<String> = expected.into_iter().map(|n| run(n).to_string()).collect();
        assert_eq!(ids(&body), expected, "{query}");
    }
}

#[tokio::test]
async fn a_step_record_is_shown_in_full() {
    let bench = Bench::new();
    let mut step = record("first", 1);
    step.iteration = vec![3, 0];
    step.attempt = 2;
    step.status = StepStatus::Retrying;
    step.input = Some(Payload::Inline(Bytes::from_static(b"{\"b\": 1, \"a\": 1e2}")));
    step.error = Some(StepError { code: "threw".into(), message: "boom".into(), step: None });
    step.retry_at = Some(at(10));
    step.logs = vec![ConsoleLine { level: "warn".into(), message: "careful".into() }];
    step.logs_dropped = 4;
    bench.world.add_run(summary(1), vec![step]);
    insta::assert_json_snapshot!(bench.get(&format!("/runs/{}/steps", run(1))).await.1, @r#"
    {
      "steps": [
        {
          "step": "first",
          "type": "function",
          "iteration": [
            3,
            0
          ],
          "attempt": 2,
          "status": "retrying",
          "started_at": "2026-03-01T08:00:01Z",
          "duration_ms": 12.345,
          "input": {
            "b": 1,
            "a": 100.0
          },
          "output": {
            "n": 1
          },
          "error": {
            "code": "threw",
            "message": "boom"
          },
          "retry_at": "2026-03-01T08:00:10Z",
          "logs": [
            {
              "level": "warn",
              "message": "careful"
            }
          ],
          "logs_dropped": 4
        }
      ],
      "next": null
    }
    "#);
}

#[tokio::test]
async fn pages_hold_every_step_record_once() {
    for is_eager in [false, true] {
        let bench = Bench::new();
        bench.world.set_eager_cursors(is_eager);
        let steps = (0..5).map(|number| record(&format!("s{number}"), number)).collect();
        bench.world.add_run(summary(1), steps);
        let mut seen = Vec::new();
        let mut path = format!("/runs/{}/steps?limit=2", run(1));
        loop {
            let (_, body) = bench.get(&path).await;
            let steps = body["steps"].as_array().expect("there are steps");
            seen.extend(steps.iter().map(|step| step["step"].as_str().unwrap_or("").to_owned()));
            let Some(next) = body["next"].as_str() else { break };
            path = format!("/runs/{}/steps?limit=2&cursor={next}", run(1));
        }
        assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"], "eager: {is_eager}");
    }
}

#[tokio::test]
async fn large_values_are_left_out_named_and_can_be_had_whole() {
    let bench = Bench::new();
    let large = format!("\"{}\"", "x".repeat(70_000));
    let mut big = record("big", 2);
    big.iteration = vec![1];
    big.output = Some(bench.world.add_blob(large.clone()));
    let mut retried = record("big", 3);
    retried.iteration = vec![1];
    retried.attempt = 2;
    bench.world.add_run(summary(1), vec![record("first", 1), big, retried]);
    let steps = format!("/runs/{}/steps", run(1));

    let (_, first) = bench.get(&format!("{steps}?limit=1")).await;
    let next = first["next"].as_str().expect("there are more");
    let (_, body) = bench.get(&format!("{steps}?cursor={next}")).await;
    let shown = &body["steps"][0];
    assert_eq!(shown.get("output"), None);
    assert_eq!(shown["output_omitted"]["bytes"], 70_002);
    let href = shown["output_omitted"]["href"].as_str().expect("it says where");
    let prefix = format!("/api/v1/projects/{}", super::fakes::project());
    let path = href.strip_prefix(&prefix).expect("it is of this project");
    let (status, whole) = bench.get(path).await;
    assert_eq!((status, whole.to_string()), (StatusCode::OK, large.clone()));

    let (_, full) = bench.get(&format!("{steps}?payloads=full")).await;
    assert_eq!(full["steps"][1]["output"].to_string(), large);
    let (_, none) = bench.get(&format!("{steps}?payloads=none")).await;
    assert_eq!(none["steps"][0]["output_omitted"]["bytes"], 7);
    let last = format!("/runs/{}/values/big/output?iteration=1", run(1));
    assert_eq!(bench.get(&last).await.1, json!({"n": 3}), "the last attempt");
    let missing = format!("/runs/{}/values/big/input?iteration=1", run(1));
    problem(bench.get(&missing).await, 404, "not_found");
}

#[tokio::test]
async fn a_page_never_holds_more_bytes_than_its_budget() {
    let settings = tenon_api::ApiSettings { page_bytes_max: 25, ..Default::default() };
    let bench = Bench::with(settings, tokio_util::sync::CancellationToken::new());
    let steps = (0..5).map(|number| record(&format!("s{number}"), number)).collect();
    bench.world.add_run(summary(1), steps);
    for payloads in ["inline", "full"] {
        let path = format!("/runs/{}/steps?payloads={payloads}", run(1));
        let (_, body) = bench.get(&path).await;
        let steps = body["steps"].as_array().expect("there are steps");
        let shown = steps.iter().filter(|step| step.get("output").is_some()).count();
        assert_eq!(shown, 3, "three of 7 bytes fit into 25: {body}");
        assert_eq!(steps.iter().filter(|step| step.get("output_omitted").is_some()).count(), 2);
    }
}

#[tokio::test]
async fn a_value_that_was_lost_spoils_no_page() {
    let bench = Bench::new();
    let lost = match bench.world.add_blob("1".to_owned()) {
        Payload::Blob(blob) => {
            Payload::Blob(tenon_exec::ports::blobs::BlobRef { offset: 99, ..blob })
        }
        Payload::Inline(_) => unreachable!("it is a blob"),
    };
    let mut step = record("first", 1);
    step.output = Some(lost);
    bench.world.add_run(summary(1), vec![step]);
    let (status, body) = bench.get(&format!("/runs/{}/steps?payloads=full", run(1))).await;
    assert_eq!((status.as_u16(), &body["steps"][0]["output_omitted"]["bytes"]), (200, &json!(1)));
    let value = bench.get(&format!("/runs/{}/values/first/output", run(1))).await;
    problem(value, 500, "internal");
}

#[tokio::test]
async fn the_triggers_input_is_given_as_it_came() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    bench.world.add_input(run(1), Payload::Inline(Bytes::from_static(b"{\"event\":{\"n\":1}}")));
    let (_, body) = bench.get(&format!("/runs/{}/input", run(1))).await;
    assert_eq!(body, json!({"event": {"n": 1}}));
}

#[tokio::test]
async fn a_run_that_has_ended_is_replayed_and_one_that_goes_on_is_not() {
    let bench = Bench::new();
    bench.world.add_run(summary(1), Vec::new());
    let mut running = summary(2);
    running.status = RunStatus::Running;
    bench.world.add_run(running, Vec::new());
    let path = format!("/runs/{}/replay", run(1));
    let (status, body) = bench.post(&path, json!({"from": "failed_step"})).await;
    assert_eq!((status.as_u16(), body), (202, json!({"run_id": run(101)})));
    assert_eq!(bench.world.asked(), [format!("replay {} from FailedStep", run(1))]);
    let answer = bench.post(&format!("/runs/{}/replay", run(2)), json!({"from": "start"})).await;
    let body = problem(answer, 409, "conflict");
    assert!(body["detail"].as_str().unwrap_or("").contains("cancel it first"), "{body}");
    let answer = bench.post(&format!("/runs/{}/replay", run(3)), json!({"from": "start"})).await;
    problem(answer, 404, "not_found");
}

#[tokio::test]
async fn a_run_is_cancelled() {
    let bench = Bench::new();
    let mut running = summary(1);
    running.status = RunStatus::Running;
    bench.world.add_run(running, Vec::new());
    let path = format!("/runs/{}/cancel", run(1));
    let answer = bench.send(super::request(http::Method::POST, &path, None)).await;
    assert_eq!(answer, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(bench.world.asked(), [format!("cancel {}", run(1))]);
}

#[tokio::test]
async fn a_run_tells_what_keeps_it() {
    let bench = Bench::new();
    let mut failed = summary(1);
    failed.status = RunStatus::Failed;
    failed.finished_at = Some(failed.created_at);
    failed.crashes = 2;
    failed.error = Some(StepError {
        code: "http_status".into(),
        message: "the service answered 404".into(),
        step: Some(StepId::new("lookup")),
    });
    bench.world.add_run(failed, Vec::new());
    let (status, why) = bench.get(&format!("/runs/{}/why", run(1))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&why["run"], &why["status"]), (&json!(run(1)), &json!("failed")));
    let [ended, taken_over] = why["reasons"].as_array().expect("reasons").as_slice() else {
        panic!("two reasons: {why:#}");
    };
    assert_eq!(ended["code"], "ended");
    assert_eq!(ended["error"]["step"], "lookup");
    let message = ended["message"].as_str().expect("a sentence");
    assert!(message.contains("(http_status: the service answered 404)"), "{message}");
    assert_eq!((&taken_over["code"], &taken_over["times"]), (&json!("taken_over"), &json!(2)));
    assert!(taken_over.get("until").is_none(), "what does not apply is left out");
    problem(bench.get(&format!("/runs/{}/why", run(9))).await, 404, "not_found");
}
