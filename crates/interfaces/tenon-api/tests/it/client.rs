//! The client and the API fit each other: over a real connection, following a run included.

use std::time::Duration;

use serde_json::{Map, json};
use tenon_api::ApiSettings;
use tenon_client::{
    AppChange, Client, ConfigurationChange, ConnectRequest, ConnectStatus, CredentialStatus,
    Document, DryRun, Error, FollowEvent, ReplayFrom, RunFilter, RunStatus, TestRun,
};
use tenon_exec::ports::history;
use tenon_http_kit::{ServeSettings, serve};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::fakes::connect::{self, CONNECTOR};
use super::fakes::{KEY, project, record, run, summary};
use super::{Bench, workflows};

struct Served {
    bench: Bench,
    client: Client,
    shutdown: CancellationToken,
    _stop: DropGuard,
}

async fn serve_with(settings: ApiSettings) -> Served {
    let shutdown = CancellationToken::new();
    let bench = Bench::with(settings, shutdown.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, bench.router.clone(), ServeSettings::default(), stop.clone()));
    let server = format!("http://{address}");
    let client = Client::new(&server, &project().to_string(), KEY).expect("it is valid");
    Served { bench, client, shutdown, _stop: stop.drop_guard() }
}

fn fast() -> ApiSettings {
    ApiSettings { follow_interval: Duration::from_millis(5), ..ApiSettings::default() }
}

fn document(name: &str) -> Document {
    let document = workflows::document(name, 1);
    let text = |field: &str| document[field].as_str().expect("it is text").to_owned();
    Document { file: text("file"), text: text("text") }
}

#[tokio::test]
async fn every_call_of_the_client_is_understood() {
    let served = serve_with(fast()).await;
    let Served { bench, client, .. } = &served;
    let applied = client.apply(&[document("welcome")], DryRun::No).await.expect("it is valid");
    let workflow = applied.applied[0].workflow_id.expect("it is deployed");
    assert!(client.apply(&[document("welcome")], DryRun::Yes).await.expect("it is valid").dry_run);
    assert_eq!(client.workflows().await.expect("it answers")[0].name, "welcome");
    let detail = client.workflow(workflow).await.expect("it is there");
    assert_eq!(detail.document.expect("it has one")["name"], "welcome");
    assert_eq!(client.versions(workflow).await.expect("it is there")[0].number, 1);

    let user = "a/b ü";
    assert!(client.put_user(user, Some(true)).await.expect("it is added").disabled);
    assert!(client.put_user(user, None).await.expect("it stays").disabled);
    client.choose(user, workflow, false).await.expect("it is kept");
    assert_eq!(bench.world.choices()[0].user.as_str(), user);
    assert_eq!(client.users(None).await.expect("it answers").users[0].id, user);

    let test = TestRun { document: document("draft"), user: None, input: json!({"event": 1}) };
    assert_eq!(client.test(&test).await.expect("it is accepted").run_id, run(100));
    bench.world.add_run(summary(1), vec![record("first", 1)]);
    let replayed = client.replay(run(1), ReplayFrom::Start).await.expect("it is accepted");
    assert_eq!(replayed.run_id, run(101));
    client.cancel(run(1)).await.expect("the fake cancels anything");
    client.undeploy(workflow).await.expect("it is there");
}

#[tokio::test]
async fn integrations_and_accounts_are_understood() {
    let served = serve_with(fast()).await;
    let client = &served.client;
    assert_eq!(client.connectors().await.expect("it answers")[0].name, CONNECTOR);
    client.put_connector(CONNECTOR, &connect::manifest()).await.expect("it is valid");
    assert!(client.remove_connector(CONNECTOR).await.is_err(), "it is in use");
    client.add_integration(CONNECTOR).await.expect("it is known");
    let mut change = AppChange::default();
    change.values.insert("client_id".to_owned(), json!("id"));
    change.values.insert("client_secret".to_owned(), json!("secret-canary"));
    assert!(!format!("{change:?}").contains("secret-canary"));
    let set = client.set_app(CONNECTOR, "oauth", &change).await.expect("it is valid");
    assert!(set.apps["oauth"].has_secret);
    assert!(!client.set_integration_active(CONNECTOR, false).await.expect("it is there").active);
    client.set_integration_active(CONNECTOR, true).await.expect("it is there");
    assert_eq!(client.integrations().await.expect("it answers").len(), 1);

    let user = "a/b ü";
    let mut request =
        ConnectRequest { integration: CONNECTOR.to_owned(), ..ConnectRequest::default() };
    let opened = client.open_connect(user, &request).await.expect("it is opened");
    assert!(opened.authorize_url.is_some());
    let session = client.connect_session(opened.id).await.expect("it is there");
    assert_eq!((session.status, session.authorize_url), (ConnectStatus::Open, None));
    request.fields.insert("api_key".to_owned(), json!("key-canary"));
    assert!(!format!("{request:?}").contains("key-canary"));
    let linked = client.link(user, &request).await.expect("it is linked");
    assert_eq!((linked.user.as_str(), linked.status), (user, CredentialStatus::Valid));
    assert_eq!(client.credentials(user).await.expect("it answers"), std::slice::from_ref(&linked));
    assert_eq!(client.credential(linked.id).await.expect("it is there"), linked);
    assert_eq!(client.probe(linked.id).await.expect("it answers").health, "refused");
    assert!(client.configurations(linked.id).await.expect("it answers")[0].default);
    let added = client.add_configuration(linked.id, Some("team a/1")).await.expect("it is new");
    assert_eq!(added.external_id.as_deref(), Some("team a/1"));
    let mut change = ConfigurationChange::default();
    change.shared_settings.insert("list".to_owned(), json!("a"));
    let name = "ext:team a/1";
    let changed = client.change_configuration(linked.id, name, &change).await.expect("it is there");
    assert_eq!(changed.shared_settings, change.shared_settings);
    client.remove_configuration(linked.id, name).await.expect("it is there");
    assert!(client.remove_configuration(linked.id, name).await.is_err(), "it is gone");
    served.bench.world.leave_pending(linked.id);
    let known = client.credential(linked.id).await.expect("it is there");
    assert_eq!(known.status, CredentialStatus::Pending);
    let fields = Map::from_iter([("site".to_owned(), json!("north"))]);
    let known = client.complete_setup(linked.id, &fields).await.expect("it is complete");
    assert_eq!((known.status, &known.fields["site"]), (CredentialStatus::Valid, &json!("north")));
    client.disconnect(linked.id).await.expect("it is there");
    client.remove_integration(CONNECTOR).await.expect("it is there");

    let key = client.create_signing_key().await.expect("it is made");
    assert_eq!(key.private_key.as_deref(), Some("private-canary"));
    assert!(!format!("{key:?}").contains("private-canary"));
    client.revoke_signing_key(&key.id).await.expect("it is valid");
    assert!(client.signing_keys().await.expect("it answers")[0].revoked_at.is_some());
    let kept = client.create_secret("API_KEY", "value-canary").await.expect("it is kept");
    assert_eq!(client.secrets().await.expect("it answers"), [kept]);
    client.replace_secret("API_KEY", "other-canary").await.expect("it is there");
    assert_eq!(served.bench.world.secret_value("API_KEY").as_deref(), Some("other-canary"));
    client.delete_secret("API_KEY").await.expect("it is there");
    assert!(client.delete_secret("API_KEY").await.is_err());
    let events = client.events(1, 200).await.expect("it answers");
    assert_eq!((events.events.len(), events.next), (2, 3));
}

#[tokio::test]
async fn runs_steps_and_large_values_are_read() {
    let served = serve_with(fast()).await;
    let Served { bench, client, .. } = &served;
    let mut big = record("big", 2);
    big.output = Some(bench.world.add_blob(format!("\"{}\"", "x".repeat(70_000))));
    bench.world.add_run(summary(1), vec![record("first", 1), big]);
    bench.world.add_run(summary(2), Vec::new());
    let filter = RunFilter {
        status: Some(RunStatus::Succeeded),
        user: Some("user-17".into()),
        limit: Some(1),
        ..RunFilter::default()
    };
    let page = client.runs(&filter).await.expect("it answers");
    assert_eq!((page.runs[0].id, page.runs[0].duration_ms), (run(2), Some(1_250.0)));
    let next = RunFilter { cursor: page.next, ..filter };
    assert_eq!(client.runs(&next).await.expect("it answers").runs[0].id, run(1));
    let steps = client.steps(run(1), None).await.expect("it answers").steps;
    assert_eq!(steps[0].output, Some(json!({"n": 1})));
    let omitted = steps[1].output_omitted.as_ref().expect("it is large");
    assert_eq!(client.value(omitted).await.expect("it is there").len(), 70_002);
}

#[tokio::test]
async fn a_refusal_shows_what_the_server_said() {
    let served = serve_with(fast()).await;
    let Served { client, .. } = &served;
    let broken = Document { file: "a.yaml".into(), text: "version: [".into() };
    let error = client.apply(&[broken], DryRun::No).await.expect_err("it is not valid");
    let Error::Refused(refusal) = &error else { panic!("{error}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (422, "invalid_document"));
    assert!(error.to_string().contains("a.yaml:2:1: "), "{error}");
    assert!(error.to_string().contains("see docs/errors/invalid_document.md"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let server = format!("http://{address}");
    let client = Client::new(&server, &project().to_string(), KEY).expect("it is valid");
    let error = client.workflows().await.expect_err("nobody is there");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// Follows a run while `change` is made to it, and gives the names of the events, with the step.
async fn followed(served: &Served) -> Vec<String> {
    let mut follow = served.client.follow(run(1));
    let mut seen = Vec::new();
    while let Some(event) = follow.next().await.expect("the stream goes on") {
        seen.push(match event {
            FollowEvent::Run(run) => format!("run {}", run.status.name()),
            FollowEvent::Step(step) => step.step,
            FollowEvent::End(run) => format!("end {}", run.status.name()),
        });
    }
    seen
}

fn start_run(bench: &Bench) {
    let mut running = summary(1);
    running.status = history::RunStatus::Running;
    running.attempts = 0;
    running.finished_at = None;
    bench.world.add_run(running, Vec::new());
}

#[tokio::test]
async fn a_follower_sees_each_step_once_in_order_until_the_end() {
    for is_eager in [false, true] {
        let served = serve_with(ApiSettings { follow_page_max: 2, ..fast() }).await;
        served.bench.world.set_eager_cursors(is_eager);
        start_run(&served.bench);
        let world = served.bench.world.clone();
        let work = async move {
            for number in 0..5 {
                tokio::time::sleep(Duration::from_millis(15)).await;
                let step = record(&format!("s{number}"), number);
                world.record(run(1), Some(step), |run| run.attempts += 1);
            }
            world.record(run(1), Some(record("s5", 5)), |run| {
                run.status = history::RunStatus::Succeeded;
            });
        };
        let (seen, ()) = tokio::join!(followed(&served), work);
        let steps: Vec<&str> =
            seen.iter().map(String::as_str).filter(|name| name.starts_with('s')).collect();
        assert_eq!(steps, ["s0", "s1", "s2", "s3", "s4", "s5"], "{seen:?}");
        assert_eq!(seen.first().map(String::as_str), Some("run running"));
        assert_eq!(seen.last().map(String::as_str), Some("end succeeded"));
    }
}

#[tokio::test]
async fn a_broken_stream_goes_on_where_it_broke() {
    // Every stream is cut after 30 ms, so most steps are seen only by coming back.
    let settings = ApiSettings { follow_duration_max: Duration::from_millis(30), ..fast() };
    let served = serve_with(settings).await;
    start_run(&served.bench);
    let world = served.bench.world.clone();
    let work = async move {
        for number in 0..4 {
            let step = record(&format!("s{number}"), number);
            world.record(run(1), Some(step), |run| run.attempts += 1);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        world.record(run(1), None, |run| run.status = history::RunStatus::Failed);
    };
    let (seen, ()) = tokio::join!(followed(&served), work);
    let steps: Vec<&str> =
        seen.iter().map(String::as_str).filter(|name| name.starts_with('s')).collect();
    assert_eq!(steps, ["s0", "s1", "s2", "s3"], "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("end failed"));
}

#[tokio::test]
async fn followers_are_bounded_and_make_room_when_they_go() {
    let served = serve_with(ApiSettings { followers_max: 1, ..fast() }).await;
    start_run(&served.bench);
    let mut first = served.client.follow(run(1));
    first.next().await.expect("there is room for one");
    let refused = served.client.follow(run(1)).next().await.expect_err("there is room for one");
    let Error::Refused(refusal) = refused else { panic!("{refused}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (503, "too_many_followers"));
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(2)));
    drop(first);
    let mut second = served.client.follow(run(1));
    let room = tokio::time::timeout(Duration::from_secs(10), async {
        while second.next().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    room.await.expect("the first follower's place becomes free");
}

#[tokio::test]
async fn followers_are_let_go_when_the_process_stops() {
    let served = serve_with(fast()).await;
    start_run(&served.bench);
    let path = format!("/runs/{}/events", run(1));
    let request = super::request(http::Method::GET, &path, None);
    let reading = tokio::spawn({
        let router = served.bench.router.clone();
        async move {
            let response = tower::ServiceExt::oneshot(router, request).await.expect("it answers");
            http_body_util::BodyExt::collect(response.into_body())
                .await
                .expect("it ends")
                .to_bytes()
        }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    served.shutdown.cancel();
    let bytes = tokio::time::timeout(Duration::from_secs(10), reading).await;
    let bytes = bytes.expect("the stream ends").expect("the reader is well");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("event: run") && !text.contains("event: end"), "{text}");
}
