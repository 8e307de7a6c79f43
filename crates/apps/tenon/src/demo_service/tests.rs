//! The service as its callers see it: over HTTP, on a free port.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Demo, STOP_GRACE, serve_with};

struct Service {
    url: String,
    client: Client,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Service {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(effects: Option<&Path>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let demo = Demo::new(effects).expect("the effects file can be used");
        let task = tokio::spawn(serve_with(listener, demo, stop.clone()));
        let client = Client::builder().no_proxy().build().expect("the client needs nothing");
        Self { url: format!("http://{address}"), client, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the service does not panic").expect("the service ends well");
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    async fn json(&self, path: &str) -> Value {
        body(sent(self.get(path)).await).await
    }
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("the service answers")
}

async fn status(request: RequestBuilder) -> u16 {
    sent(request).await.status().as_u16()
}

async fn body(response: Response) -> Value {
    response.json().await.expect("the answer is JSON")
}

#[tokio::test]
async fn the_cursor_leads_to_every_contact_once() {
    let service = Service::start().await;
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.json(&format!("/contacts?limit=60&cursor={cursor}")).await;
        let contacts = page["contacts"].as_array().expect("a page has contacts");
        ids.extend(contacts.iter().map(|contact| contact["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let expected: Vec<Value> = (1..=250).map(|number| json!(format!("c-{number}"))).collect();
    assert_eq!(ids, expected);
    assert_eq!(status(service.get("/contacts?cursor=else")).await, 422);
    assert_eq!(status(service.get("/contacts?limit=many")).await, 400);
}

#[tokio::test]
async fn a_contact_lives_from_create_to_delete() {
    let service = Service::start().await;
    let create = || {
        let contact = json!({ "email": "new@example.test", "plan": "team" });
        service.post("/contacts").header("Idempotency-Key", "k").json(&contact)
    };
    let first = sent(create()).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let first = body(first).await;
    assert_eq!(first["id"], "c-251");
    let again = sent(create()).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(body(again).await, first);

    let url = format!("{}/contacts/c-251", service.url);
    let changes = json!({ "plan": null, "name": "New", "id": "c-1" });
    let changed = body(sent(service.client.patch(&url).json(&changes)).await).await;
    assert_eq!((&changed["name"], &changed["id"]), (&json!("New"), &json!("c-251")));
    assert!(changed.get("plan").is_none());
    assert_eq!(service.json("/contacts/c-251").await, changed);
    let spoilt = json!({ "email": null });
    assert_eq!(status(service.client.patch(&url).json(&spoilt)).await, 422);
    assert_eq!(service.json("/contacts/c-251").await, changed, "a refused change changes nothing");

    assert_eq!(status(service.client.delete(&url)).await, 204);
    assert_eq!(status(service.get("/contacts/c-251")).await, 404);
    assert_eq!(status(service.post("/contacts").json(&json!({ "email": "none" }))).await, 422);
    assert_eq!(status(service.post("/contacts").json(&json!([]))).await, 422);
}

#[tokio::test]
async fn orders_come_by_page_or_by_offset() {
    let service = Service::start().await;
    let last = service.json("/orders?page=3&per_page=50").await;
    assert_eq!(last["orders"].as_array().map(Vec::len), Some(20));
    assert_eq!((&last["total"], &last["next_page"]), (&json!(120), &Value::Null));
    assert_eq!(service.json("/orders?page=2&per_page=50").await["next_page"], 3);
    let part = service.json("/orders?offset=118&limit=10").await;
    assert_eq!((&part["orders"][0]["id"], &part["next_offset"]), (&json!("o-119"), &Value::Null));
    assert_eq!(service.json("/orders?limit=100").await["next_offset"], 100);
    assert_eq!(service.json("/orders?status=paid").await["total"], 30);
    assert_eq!(status(service.get("/orders?page=1&offset=1")).await, 422);
    // Far beyond the end is an empty page, not an overflow.
    let far = service.json(&format!("/orders?page={0}&per_page=100", usize::MAX)).await;
    assert_eq!((&far["orders"], &far["next_page"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_repeated_order_is_made_once() {
    let service = Service::start().await;
    let order = json!({ "contact_id": "c-7", "total_cents": 100 });
    let create = || service.post("/orders").header("Idempotency-Key", "run:order").json(&order);
    let first = sent(create()).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let again = sent(create()).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(body(first).await, body(again).await);
    assert_eq!(service.json("/orders?limit=1").await["total"], 121);
    assert_eq!(service.json("/orders/o-121").await["status"], "open");
    let unknown = json!({ "contact_id": "c-999" });
    assert_eq!(status(service.post("/orders").json(&unknown)).await, 422);
}

#[tokio::test]
async fn a_flaky_call_fails_as_often_as_asked_for_each_key() {
    let service = Service::start().await;
    let call = |key: &'static str| service.get("/flaky?fail=2").header("Idempotency-Key", key);
    let failed = sent(call("a")).await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failed.headers()["retry-after"], "1");
    assert_eq!(status(call("b")).await, 503, "each key counts for itself");
    assert_eq!([status(call("a")).await, status(call("a")).await], [503, 200]);
    assert_eq!(status(call("a")).await, 200, "what works goes on working");

    let mut shared = Vec::new();
    for _ in 0..4 {
        shared.push(status(service.post("/flaky")).await);
    }
    assert_eq!(shared, [503, 200, 503, 200], "without a key every other call fails");
    assert_eq!(status(service.get("/flaky?fail=x")).await, 422);
}

#[tokio::test]
async fn too_many_calls_of_a_key_are_refused() {
    let service = Service::start().await;
    let mut refused = 0;
    for _ in 0..10 {
        let answer = sent(service.get("/limited?per_second=1&key=a")).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.headers()["retry-after"], "1");
            refused += 1;
        }
    }
    // Ten calls take less than five seconds, so that at least five of them are too many.
    assert!(refused >= 5, "{refused} were refused");
    assert_eq!(status(service.get("/limited?per_second=1&key=b")).await, 200);
}

#[tokio::test]
async fn a_slow_call_takes_its_time() {
    let service = Service::start().await;
    let started = Instant::now();
    assert_eq!(service.json("/slow?ms=50").await, json!({ "ok": true, "ms": 50 }));
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(status(service.get("/slow?ms=120001")).await, 422);
}

#[tokio::test]
async fn echo_tells_what_arrived() {
    let service = Service::start().await;
    let url = format!("{}/echo/a%20b?x=1&x=2&y=%C3%A4", service.url);
    let put = service.client.put(&url).header("X-One", "1").json(&json!({ "n": 1.5 }));
    let told = body(sent(put).await).await;
    assert_eq!(told["method"], "PUT");
    assert_eq!(told["path"], "/echo/a%20b");
    assert_eq!(told["query"], json!({ "x": ["1", "2"], "y": "ä" }));
    assert_eq!(told["headers"]["x-one"], "1");
    assert_eq!(told["body"], json!({ "n": 1.5 }));
    let text = body(sent(service.post("/echo").body("plain")).await).await;
    assert_eq!(text["body"], "plain");
    let binary = body(sent(service.post("/echo").body(vec![0xFF, 0x00])).await).await;
    assert_eq!(binary["body"], json!({ "base64": "/wA=" }));
    assert_eq!(service.json("/echo").await["body"], Value::Null);
    let large = vec![b'x'; super::BODY_BYTES_MAX + 1];
    assert_eq!(status(service.post("/echo").body(large)).await, 413);
}

#[tokio::test]
async fn upload_tells_the_parts() {
    let service = Service::start().await;
    let file = reqwest::multipart::Part::bytes(b"abc".to_vec())
        .file_name("a.bin")
        .mime_str("application/octet-stream")
        .expect("it is a content type");
    let form = reqwest::multipart::Form::new().text("note", "hi").part("file", file);
    let told = body(sent(service.post("/upload").multipart(form)).await).await;
    let [note, file] = &told["parts"].as_array().expect("there are parts")[..] else {
        panic!("not two parts: {told}");
    };
    assert_eq!((&note["name"], &note["text"]), (&json!("note"), &json!("hi")));
    assert_eq!((&file["filename"], &file["size"]), (&json!("a.bin"), &json!(3)));
    assert_eq!(file["sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(file["text"], Value::Null, "a file's content is not told");
}

#[tokio::test]
async fn a_token_opens_what_is_secure_until_it_expires() {
    let service = Service::start().await;
    let form = |lifetime: &'static str| {
        let fields =
            [("grant_type", "client_credentials"), ("scope", "read"), ("expires_in", lifetime)];
        service.post("/oauth/token").form(&fields)
    };
    let secure = |token: &Value| {
        service.get("/secure/profile").bearer_auth(token.as_str().unwrap_or_default())
    };
    let given = sent(form("60").basic_auth("demo-client", Some("demo-secret"))).await;
    assert_eq!(given.headers()["cache-control"], "no-store");
    let given = body(given).await;
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(60)));
    let opened = body(sent(secure(&given["access_token"])).await).await;
    assert_eq!((&opened["ok"], &opened["scope"]), (&json!(true), &json!("read")));

    let expired = body(sent(form("0").basic_auth("demo-client", Some("demo-secret"))).await).await;
    assert_eq!(status(secure(&expired["access_token"])).await, 401);
    let closed = sent(service.get("/secure/profile")).await;
    assert_eq!(
        (closed.status().as_u16(), &closed.headers()["www-authenticate"]),
        (401, &"Bearer".parse().expect("it is a value"))
    );
    let wrong = form("60").basic_auth("demo-client", Some("other"));
    assert_eq!(status(wrong).await, 401);
    let in_form = [
        ("grant_type", "client_credentials"),
        ("client_id", "demo-client"),
        ("client_secret", "demo-secret"),
    ];
    assert_eq!(status(service.post("/oauth/token").form(&in_form)).await, 200);
}

#[tokio::test]
async fn graphql_gives_the_fields_asked_for() {
    let service = Service::start().await;
    let ask = async |query: &str, variables: Value| {
        let call = json!({ "query": query, "variables": variables });
        body(sent(service.post("/graphql").json(&call)).await).await
    };
    let one = ask(
        "query One($id: ID!) { it: contact(id: $id) { id mail: email } # comment\n }",
        json!({ "id": "c-3" }),
    );
    let contact = json!({ "id": "c-3", "mail": "contact-3@example.test" });
    assert_eq!(one.await, json!({ "data": { "it": contact } }));
    let list = ask("{ contacts(first: 2) { id } contact(id: \"c-0\") { id } }", json!({})).await;
    let ids = json!([{ "id": "c-1" }, { "id": "c-2" }]);
    assert_eq!(list["data"], json!({ "contacts": ids, "contact": null }));
    let wrong = ask("{ orders { id } }", json!({})).await;
    assert!(wrong.get("data").is_none());
    assert!(wrong["errors"][0]["message"].as_str().is_some_and(|text| text.contains("orders")));
}

#[tokio::test]
async fn effects_are_counted_by_key() {
    let service = Service::start().await;
    let effect = |key: &'static str| service.post("/effects").header("Idempotency-Key", key);
    for (key, count) in [("a", 1), ("b", 1), ("a", 2)] {
        assert_eq!(body(sent(effect(key)).await).await, json!({ "key": key, "count": count }));
    }
    assert_eq!(status(service.post("/effects")).await, 200);
    assert_eq!(service.json("/effects?key=a").await["count"], 2);
    assert_eq!(service.json("/effects?key=c").await["count"], 0);
    let all = json!({
        "calls": 3, "keys": 2, "without_key": 1,
        "repeated_keys": 1, "repeated": [{ "key": "a", "count": 2 }],
    });
    assert_eq!(service.json("/effects").await, all);
    let clear = service.client.delete(format!("{}/effects", service.url));
    assert_eq!(status(clear).await, 200);
    assert_eq!(service.json("/effects").await["keys"], 0);
}

#[tokio::test]
async fn effects_in_a_file_outlive_the_service() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("effects");
    let service = Service::start_with(Some(&path)).await;
    for key in ["a", "b", "a"] {
        assert_eq!(status(service.post("/effects").header("Idempotency-Key", key)).await, 200);
    }
    service.stop().await;
    // A line that a kill cut short was never answered, so it does not count.
    let mut text = std::fs::read_to_string(&path).expect("the file is there");
    assert_eq!(text, "a\nb\na\n");
    text.push_str("b-and-so-");
    std::fs::write(&path, text).expect("the file can be written");
    let service = Service::start_with(Some(&path)).await;
    assert_eq!(status(service.post("/effects").header("Idempotency-Key", "b")).await, 200);
    assert_eq!(service.json("/effects?key=a").await["count"], 2);
    assert_eq!(service.json("/effects?key=b").await["count"], 2);
    assert_eq!(service.json("/effects").await["keys"], 2);
    let text = std::fs::read_to_string(&path).expect("the file is there");
    assert_eq!(text, "a\nb\na\nb\n");
    assert!(Demo::new(Some(folder.path())).is_err(), "a folder is no file");
}

#[tokio::test]
async fn files_have_their_types() {
    let service = Service::start().await;
    let pdf = sent(service.get("/file.pdf")).await;
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    assert!(pdf.bytes().await.expect("it has a body").starts_with(b"%PDF-1.4"));
    let xml = sent(service.get("/xml")).await;
    assert_eq!(xml.headers()["content-type"], "application/xml; charset=utf-8");
    assert!(xml.text().await.expect("it is text").contains("<contact id=\"c-10\">"));
    let index = sent(service.get("/")).await.text().await.expect("it is text");
    assert!(index.contains("/contacts"));
    assert_eq!(service.json("/healthz").await, json!({ "status": "ok" }));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let service = Service::start().await;
    let missing = sent(service.get("/nowhere")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(missing).await["error"]["code"], "not_found");
    let wrong = sent(service.post("/healthz")).await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body(wrong).await["error"]["code"], "method_not_allowed");
    assert_eq!(status(service.get("/effects").header("Idempotency-Key", "x")).await, 200);
    let long = service.post("/effects").header("Idempotency-Key", "x".repeat(257));
    assert_eq!(status(long).await, 422);
}

#[tokio::test]
async fn the_page_shows_a_contact_as_it_is() {
    let page = include_str!("../../../../../docs/reference/demo-service.md");
    let (_, rest) = page.split_once("```json").expect("the page shows a contact");
    let (shown, _) = rest.split_once("```").expect("the example ends");
    let shown: Value = serde_json::from_str(shown).expect("the example is JSON");
    let service = Service::start().await;
    assert_eq!(service.json("/contacts/c-3").await, shown);
}

/// The call is under way for certain: the service asks for its body, which never comes.
#[tokio::test]
async fn a_stop_waits_for_calls_under_way_but_not_for_long() {
    let service = Service::start().await;
    let address = service.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    let head =
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the call can be sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("the service answers");
    assert_eq!(&answer, b"HTTP/1.1 100");
    let started = Instant::now();
    service.stop().await;
    let took = started.elapsed();
    assert!(took >= STOP_GRACE, "it waited {took:?} only");
    assert!(took < STOP_GRACE * 10, "it waited for {took:?}");
}
