//! Traces as a collector sees them: from the trigger over the run and its steps to the call of a
//! provider, and nothing in them that does not belong there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use crate::product::{PATIENCE, Product, text_of};
use crate::service::{Reply, Service};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// What must be in no trace.
const SECRET: &str = "not-for-collectors";

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts it; answers its address.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let router =
            Router::new().route("/v1/traces", post(Self::take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, format!("http://{address}"))
    }

    async fn take(State(collector): State<Self>, body: Bytes) -> Vec<u8> {
        let request = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
        let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        let mut kept = collector.0.lock().expect("nobody panicked with it");
        kept.extend(scopes.flat_map(|scope| scope.spans));
        ExportTraceServiceResponse::default().encode_to_vec()
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("nobody panicked with it").clone()
    }

    /// Waits until a trace has these spans; answers them by name.
    async fn trace(&self, trace: &str, names: &[&str]) -> BTreeMap<String, Span> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            let ours = spans.iter().filter(|span| hex(&span.trace_id) == trace);
            let found: BTreeMap<String, Span> =
                ours.map(|span| (span.name.clone(), span.clone())).collect();
            if names.iter().all(|name| found.contains_key(*name)) {
                return found;
            }
            let said: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
            assert!(Instant::now() < give_up, "{trace} is not whole; there are {said:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a trace has these steps, each as id and status; answers their spans.
    async fn steps(&self, trace: &str, steps: &[&str]) -> BTreeMap<String, Span> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            let ours = spans.into_iter().filter(|span| hex(&span.trace_id) == trace);
            let ours = ours.filter(|span| span.name == "exec.step");
            let named = |span: Span| {
                let name =
                    format!("{} {}", attribute(&span, "step.id"), attribute(&span, "step.status"));
                (name, span)
            };
            let found: BTreeMap<String, Span> = ours.map(named).collect();
            if steps.iter().all(|step| found.contains_key(*step)) {
                return found;
            }
            assert!(Instant::now() < give_up, "there are only {:?}", found.keys());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.clone()) {
        Some(Attribute::StringValue(text)) => text,
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => panic!("{name} of {} is {other:?}", span.name),
    }
}

async fn traced(per_mille: &str) -> (Product, Collector) {
    let (collector, endpoint) = Collector::start().await;
    let product = Product::own(&[
        ("TENON_TELEMETRY__OTLP_ENDPOINT", &endpoint),
        ("TENON_TELEMETRY__SAMPLED_PER_MILLE", per_mille),
        ("TENON_TELEMETRY__EXPORT_INTERVAL_MS", "50"),
    ]);
    (product, collector)
}

/// Sends an event within a trace of the caller's; answers the run.
async fn fire(product: &Product, event: &str) -> String {
    let accepted = product
        .call(Method::POST, "/events?not-for-collectors=1")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .json(&json!({ "name": event, "payload": { "secret": SECRET } }))
        .send()
        .await
        .expect("the product answers");
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let accepted: serde_json::Value = accepted.json().await.expect("JSON");
    text_of(&accepted["runs"][0]["id"])
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_trigger_over_the_steps_to_the_call() {
    let (product, collector) = traced("1000").await;
    let service = Service::start(|_| Reply::json(200, &json!({ "body": SECRET }))).await;
    let steps = json!([
        { "id": "call", "type": "request", "method": "GET",
          "url": format!("{}/things?key={SECRET}", service.url) },
    ]);
    let event = product.deploy(steps).await;
    let run = fire(&product, &event).await;
    assert_eq!(product.ended(&run).await["status"], "succeeded");

    let names = ["http.request", "exec.run", "exec.step", "egress.call"];
    let spans = collector.trace(TRACE, &names).await;
    let [accept, exec, step, call] = names.map(|name| &spans[name]);
    assert_eq!(hex(&accept.parent_span_id), CALLER);
    assert_eq!(exec.parent_span_id, accept.span_id);
    assert_eq!(step.parent_span_id, exec.span_id);
    assert_eq!(call.parent_span_id, step.span_id);

    assert_eq!(attribute(accept, "http.status"), "202");
    assert_eq!(attribute(exec, "execution.id"), run);
    assert_eq!(attribute(step, "step.id"), "call");
    assert_eq!(attribute(step, "step.kind"), "request");
    assert_eq!(attribute(step, "step.status"), "succeeded");
    assert_eq!(attribute(call, "server.address"), "127.0.0.1");
    assert_eq!(attribute(call, "outcome"), "2xx");

    // The provider is told of no trace, and the collector of nothing that was said.
    assert_eq!(service.calls_of("/things")[0].header("traceparent"), "");
    let everything = format!("{:?}", collector.spans());
    assert!(!everything.contains(SECRET), "{everything}");
    assert!(!everything.contains(&product.key), "{everything}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waited_goes_on_in_the_trace_of_its_trigger() {
    let (mut product, collector) = traced("1000").await;
    let steps = json!([
        { "id": "wait", "type": "delay", "seconds": 3, "next": "after" },
        { "id": "after", "type": "function", "code": "function run() { return 1; }" },
    ]);
    let event = product.deploy(steps).await;
    let run = fire(&product, &event).await;
    product.in_status(&run, "waiting").await;
    // What the process knew of the trace goes with it; the row does not.
    product.kill().await;
    product.start_again().await;
    assert_eq!(product.ended(&run).await["status"], "succeeded");
    let steps =
        collector.steps(TRACE, &["wait waiting", "wait succeeded", "after succeeded"]).await;
    let kinds =
        ["wait waiting", "after succeeded"].map(|step| attribute(&steps[step], "step.kind"));
    assert_eq!(kinds, ["delay", "function"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_fan_out_are_within_it() {
    let (product, collector) = traced("1000").await;
    let steps = json!([
        { "id": "items", "type": "function", "code": "function run() { return [1, 2]; }", "next": "all" },
        { "id": "all", "type": "fan_out", "over": "{{items.result}}", "each": "each", "next": "after" },
        { "id": "each", "type": "function", "code": "function run() { return 1; }" },
        { "id": "after", "type": "function", "code": "function run() { return 2; }" },
    ]);
    let event = product.deploy(steps).await;
    let run = fire(&product, &event).await;
    assert_eq!(product.ended(&run).await["status"], "succeeded");
    let names = ["all succeeded", "each succeeded", "after succeeded"];
    let steps = collector.steps(TRACE, &names).await;
    let [all, each, after] = names.map(|name| &steps[name]);
    let spans = collector.trace(TRACE, &["exec.run"]).await;
    assert_eq!(attribute(all, "step.kind"), "fan_out");
    assert_eq!(all.parent_span_id, spans["exec.run"].span_id);
    assert_eq!(each.parent_span_id, all.span_id);
    assert_eq!(after.parent_span_id, all.parent_span_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_here_is_not_sent_whatever_the_caller_says() {
    // The first bytes of the trace's id are beyond one in a thousand.
    let (product, collector) = traced("1").await;
    let event = product
        .deploy(json!([{ "id": "a", "type": "function", "code": "function run() { return 1; }" }]))
        .await;
    let run = fire(&product, &event).await;
    assert_eq!(product.ended(&run).await["status"], "succeeded");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ours = collector.spans().iter().filter(|span| hex(&span.trace_id) == TRACE).count();
    assert_eq!(ours, 0);
}
