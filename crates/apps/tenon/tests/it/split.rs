//! Every role in a process of its own: each can die while the others go on.

mod caps;
mod installation;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::accounts::provider::Provider;
use crate::accounts::stage::Stage;
use crate::product::{PATIENCE, Product, answer, fresh_name, text_of, until};
use crate::service::{Reply, Service};
use installation::Split;

/// Longer than plans are used from memory without a look at the cache.
const PLAN_AGE: Duration = Duration::from_secs(11);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A product whose runs call a service and whose proxy calls reach a provider.
struct Scene {
    split: Split,
    stage: Stage,
    service: Service,
    /// Starts a run of one call.
    event: String,
}

impl Scene {
    async fn start() -> Self {
        let split = Split::start(&["--workers", "2"]);
        let stage = Stage::of(split.product(), Provider::start().await, &json!({})).await;
        stage.connect(&stage.user).await;
        let service = Service::echo().await;
        let url = format!("{}/{{{{trigger.event.n}}}}", service.url);
        let step = json!([{ "id": "call", "type": "request", "url": url }]);
        let event = stage.product.deploy(step).await;
        let scene = Self { split, stage, service, event };
        scene.runs_go_on("at first").await;
        scene.proxy_calls_go_on("at first").await;
        scene
    }

    fn product(&self) -> &Product {
        &self.stage.product
    }

    /// Takes an event in and sees its run call the service: the API is not asked.
    async fn runs_go_on(&self, when: &str) {
        let name = fresh_name();
        let began = Instant::now();
        self.product().fire(&self.event, json!({ "n": name })).await;
        let path = format!("/{name}");
        until(&format!("a run calls its service {when}"), || {
            !self.service.calls_of(&path).is_empty()
        })
        .await;
        println!("{when}: from the event to the call of its run {:?}", began.elapsed());
    }

    async fn proxy_calls_go_on(&self, when: &str) {
        let (status, answered) = self.stage.proxied(&self.stage.user, "/things/7").await;
        assert_eq!(status, StatusCode::OK, "{when}: {answered:#}");
    }

    /// A call that a role answers which is down: refused by the front, to be tried again.
    async fn is_refused(&self, method: Method, path: &str) {
        let call = self.product().call(method, path).json(&json!({ "name": self.event }));
        let response = call.send().await.expect("the front answers");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        let problem: Value = response.json().await.expect("a problem");
        assert_eq!(problem["code"], "unavailable", "{problem:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_dies_alone_and_comes_back() {
    let scene = Scene::start().await;
    without_the_api(&scene).await;
    without_the_gateway(&scene).await;
    without_a_worker(&scene).await;
    without_the_controller(&scene).await;
    without_the_vault(&scene).await;
    let pids = scene.split.pids();
    assert!(pids.len() >= 8, "seven roles and a Redis: {pids:?}");
    scene.split.stop();
    for pid in pids {
        assert!(!installation::is_alive(pid), "process {pid} was left behind");
    }
}

/// Plans are in the memory of the others and in Redis; and in memory alone once Redis has lost
/// them, as long as that takes.
async fn without_the_api(scene: &Scene) {
    scene.split.take_down("api");
    scene.runs_go_on("without the api").await;
    scene.proxy_calls_go_on("without the api").await;
    scene.is_refused(Method::GET, "/runs").await;

    scene.split.flush_redis();
    scene.runs_go_on("without the api, Redis emptied").await;
    scene.proxy_calls_go_on("without the api, Redis emptied").await;
    tokio::time::sleep(PLAN_AGE).await;
    scene.runs_go_on("and after plans in memory have become old").await;
    scene.proxy_calls_go_on("and after plans in memory have become old").await;

    scene.split.bring_back("api");
    let began = Instant::now();
    while scene.product().get("/runs").await.0 != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the api does not come back");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    a_change_reaches_everybody(scene).await;

    // A role that starts with nothing in memory while the plans are gone has them put.
    scene.split.flush_redis();
    scene.split.restart("proxy");
    let began = Instant::now();
    while scene.stage.proxied(&scene.stage.user, "/things/7").await.0 != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the plans are not put again");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    println!("plans: emptied and asked for by a new proxy, served after {:?}", began.elapsed());
}

async fn a_change_reaches_everybody(scene: &Scene) {
    let product = scene.product();
    let path = format!("/{}", fresh_name());
    let url = format!("{}{path}", scene.service.url);
    let began = Instant::now();
    let event = product.deploy(json!([{ "id": "call", "type": "request", "url": url }])).await;
    while product.fire(&event, json!({})).await.is_empty() {
        assert!(began.elapsed() < PATIENCE, "the gateway does not see a new workflow");
    }
    println!("a change: deployed and seen by the gateway {:?}", began.elapsed());
    until("a worker runs a new workflow", || !scene.service.calls_of(&path).is_empty()).await;
    println!("a change: deployed and run by a worker {:?}", began.elapsed());

    let user = fresh_name();
    let began = Instant::now();
    scene.stage.connect_by_key(&user, "canary-key-7").await;
    while scene.stage.proxied(&user, "/things/7").await.0 != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the proxy does not see a new account");
    }
    println!("a change: an account linked and used by the proxy {:?}", began.elapsed());
}

async fn without_the_gateway(scene: &Scene) {
    scene.split.take_down("gateway");
    scene.is_refused(Method::POST, "/events").await;
    scene.proxy_calls_go_on("without the gateway").await;
    assert_eq!(scene.product().get("/runs").await.0, StatusCode::OK);
    scene.split.bring_back("gateway");
    let began = Instant::now();
    loop {
        let body = json!({ "name": scene.event, "payload": { "n": "back" } });
        let call = scene.product().call(Method::POST, "/events").json(&body);
        if answer(call).await.0 == StatusCode::ACCEPTED {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the gateway does not come back");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Its runs are taken over by the other.
async fn without_a_worker(scene: &Scene) {
    const RUNS: usize = 12;
    let slow =
        Service::start(|_| Reply::json(200, &Value::Null).after(Duration::from_millis(1_500)))
            .await;
    let url = format!("{}/{{{{trigger.event.n}}}}", slow.url);
    let step = json!([{ "id": "call", "type": "request", "url": url }]);
    let event = scene.product().deploy(step).await;
    let mut runs = Vec::new();
    for n in 0..RUNS {
        runs.extend(scene.product().fire(&event, json!({ "n": n })).await);
    }
    until("all runs are in their step", || slow.calls().len() >= RUNS).await;
    let began = Instant::now();
    scene.split.take_down("worker-1");
    for run in &runs {
        assert_eq!(scene.product().ended(run).await["status"], "succeeded");
    }
    println!("a worker killed: all of {RUNS} runs ended after {:?}", began.elapsed());
    let called: BTreeSet<String> = slow.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(called.len(), RUNS);
    scene.split.bring_back("worker-1");
}

/// Runs go on; the clock stands still and goes on afterwards.
async fn without_the_controller(scene: &Scene) {
    let path = format!("/{}", fresh_name());
    let url = format!("{}{path}", scene.service.url);
    let steps = json!([{ "id": "call", "type": "request", "url": url }]);
    let triggers = json!([{ "type": "schedule", "cron": "* * * * * *", "time_zone": "UTC" }]);
    let document = crate::product::document(&fresh_name(), triggers, steps);
    scene.product().apply(&document).await;
    until("the schedule ticks", || !scene.service.calls_of(&path).is_empty()).await;
    scene.split.take_down("controller");
    scene.runs_go_on("without the controller").await;
    scene.proxy_calls_go_on("without the controller").await;
    // What was accepted by the clock before is run first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ticked = scene.service.calls_of(&path).len();
    scene.split.bring_back("controller");
    until("the schedule ticks again", || scene.service.calls_of(&path).len() > ticked).await;
}

/// What was opened lately is used on; the rest is refused in a way that may be tried again.
async fn without_the_vault(scene: &Scene) {
    let cold = fresh_name();
    scene.stage.connect_by_key(&cold, "canary-key-8").await;
    scene.proxy_calls_go_on("before the vault goes").await;
    scene.split.take_down("vault");
    scene.runs_go_on("without the vault").await;
    scene.proxy_calls_go_on("without the vault").await;
    let (status, problem) = scene.stage.proxied(&cold, "/things/7").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem:#}");
    scene.split.bring_back("vault");
    let began = Instant::now();
    while scene.stage.proxied(&cold, "/things/7").await.0 != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the vault does not come back");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind_when_the_parent_is_killed() {
    let split = Split::start(&["--workers", "1"]);
    let product = split.product();
    let output =
        product.output(json!([{ "id": "wait", "type": "delay", "seconds": 1 }]), json!({}), "wait");
    drop(output.await);
    let pids = split.pids();
    assert!(pids.len() >= 7, "six roles and a Redis: {pids:?}");
    split.kill();
    until("the kernel has ended the children", || {
        pids.iter().all(|pid| !installation::is_alive(*pid))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_sdk_and_its_run_pass_through_the_front() {
    let split = Split::start(&["--workers", "1", "--redis", "sentinel"]);
    let product = split.product();
    let steps =
        json!([{ "id": "answer", "type": "response", "status": 201, "body": {"json": {"n": 7}} }]);
    let name = fresh_name();
    let document = crate::product::document(&name, json!([{ "type": "request" }]), steps);
    product.apply(&document).await;
    let call = product.call(Method::POST, &format!("/triggers/{name}")).json(&json!({}));
    let (status, answered) = answer(call).await;
    assert_eq!(
        (status, text_of(&json!(answered.to_string()))),
        (StatusCode::CREATED, "{\"n\":7}".into())
    );
}
