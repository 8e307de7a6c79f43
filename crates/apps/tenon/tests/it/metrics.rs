//! Metrics, health and readiness as those see them who watch: what the reference says is there, and
//! nothing else, for every role.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use tenon_testkit::postgres_server::fresh_database;

use crate::product::{PATIENCE, Product, ends_within, signal, text_of};
use crate::service::{Reply, Service};

/// The published reference.
const REFERENCE: &str = include_str!("../../../../../docs/reference/metrics.md");

/// A metric as the reference has it.
struct Documented {
    name: String,
    /// The values of each label.
    labels: BTreeMap<String, BTreeSet<String>>,
    roles: BTreeSet<String>,
}

impl Documented {
    fn is_of(&self, roles: &[&str]) -> bool {
        self.roles.contains("all") || roles.iter().any(|role| self.roles.contains(*role))
    }
}

fn words(list: &str) -> BTreeSet<String> {
    list.split(", ").map(str::to_owned).collect()
}

fn reference() -> Vec<Documented> {
    let rows = REFERENCE.lines().filter(|line| line.starts_with("| `"));
    let read = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let labels = cells[2].split("; ").filter_map(|label| {
            let (name, values) = label.split_once(": ")?;
            Some((name.trim_matches('`').to_owned(), words(values)))
        });
        Documented {
            name: cells[0].trim_matches('`').to_owned(),
            labels: labels.collect(),
            roles: words(cells[3]),
        }
    };
    rows.map(read).collect()
}

/// A text in the format of Prometheus.
struct Shown(String);

impl Shown {
    /// The metrics in it and their kinds.
    fn kinds(&self) -> BTreeMap<&str, &str> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| line.split_once(' ')).collect()
    }

    /// The sum of all series of a metric whose labels hold all of these.
    fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let series = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Holds it against the reference: exactly the metrics of these roles, and no label or value
    /// of one that is not listed there.
    fn must_be_as_documented(&self, roles: &[&str]) {
        let reference = reference();
        assert!(reference.len() > 50, "the reference is read");
        let kinds = self.kinds();
        for documented in &reference {
            let is_there = kinds.contains_key(documented.name.as_str());
            assert_eq!(is_there, documented.is_of(roles), "{} of {roles:?}", documented.name);
        }
        for line in self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let name = line.split(['{', ' ']).next().expect("a name");
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                name.strip_suffix(end).filter(|base| kinds.get(base) == Some(&"histogram"))
            });
            let name = base.unwrap_or(name);
            let documented = reference.iter().find(|documented| documented.name == name);
            let documented = documented.unwrap_or_else(|| panic!("{name} is not documented"));
            for (label, value) in labels_of(line) {
                if label == "le" && base.is_some() {
                    continue;
                }
                let values = documented.labels.get(&label);
                let values = values.unwrap_or_else(|| panic!("{name} has the label {label}"));
                assert!(values.contains(&value), "{name}: {label} is `{value}`");
            }
        }
    }
}

/// The labels of a line.
fn labels_of(line: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = line.split_once('{') else { return Vec::new() };
    let (labels, _) = rest.split_once('}').expect("the labels end");
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect()
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it listens").to_string()
}

async fn get(address: &str, path: &str) -> (StatusCode, String) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = http.get(format!("http://{address}{path}")).send().await.expect("it answers");
    (answer.status(), answer.text().await.expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_documented_is_there_and_counts_what_ran() {
    let address = free_address();
    let product = Product::own(&[
        ("TENON_METRICS__LISTEN", &address),
        ("TENON_METRICS__SAMPLE_INTERVAL_MS", "100"),
    ]);
    let (status, before) = get(&address, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let before = Shown(before);
    before.must_be_as_documented(&["api", "gateway", "worker", "controller", "proxy", "vault"]);

    let service = Service::start(|call| match call.path.as_str() {
        "/broken" => Reply::json(500, &json!({})),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    let good = json!([
        { "id": "compute", "type": "function", "next": "call",
          "code": "function run() { return 'x'.repeat(100000); }" },
        { "id": "call", "type": "request", "method": "GET", "url": format!("{}/fine", service.url) },
    ]);
    let bad = json!([
        { "id": "call", "type": "request", "method": "GET", "url": format!("{}/broken", service.url) },
    ]);
    let waits = json!([{ "id": "wait", "type": "delay", "days": 1 }]);
    let run = product.run(good, json!({})).await;
    assert_eq!(run["status"], "succeeded");
    product.value(&text_of(&run["id"]), "compute", "output").await;
    assert_eq!(product.run(bad, json!({})).await["status"], "failed");
    let event = product.deploy(waits).await;
    let waiting = product.fire(&event, json!({})).await;
    product.in_status(&waiting[0], "waiting").await;

    let give_up = Instant::now() + PATIENCE;
    let after = loop {
        let after = Shown(get(&address, "/metrics").await.1);
        if after.value("tenon_queue_jobs", &["place=\"delayed\""]) >= 1.0 {
            break after;
        }
        assert!(Instant::now() < give_up, "the queues are not counted: {}", after.0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    after.must_be_as_documented(&["api", "gateway", "worker", "controller", "proxy", "vault"]);
    let grown =
        |name: &str, labels: &[&str]| after.value(name, labels) - before.value(name, labels);
    for (name, labels, least) in [
        ("tenon_accepts_total", &["outcome=\"new\""][..], 3.0),
        ("tenon_queue_pushes_total", &["outcome=\"pushed\""], 3.0),
        ("tenon_queue_claims_total", &["kind=\"new\""], 3.0),
        ("tenon_queue_acks_total", &[], 2.0),
        ("tenon_queue_nacks_total", &[], 1.0),
        ("tenon_runs_ended_total", &["outcome=\"succeeded\""], 1.0),
        ("tenon_runs_ended_total", &["outcome=\"failed\""], 1.0),
        ("tenon_run_start_wait_seconds_count", &[], 3.0),
        ("tenon_steps_total", &["kind=\"function\"", "outcome=\"succeeded\""], 1.0),
        ("tenon_steps_total", &["kind=\"request\"", "outcome=\"failed\""], 1.0),
        ("tenon_steps_total", &["kind=\"delay\"", "outcome=\"waiting\""], 1.0),
        ("tenon_record_batch_entries_count", &[], 1.0),
        ("tenon_egress_calls_total", &["outcome=\"2xx\""], 1.0),
        ("tenon_egress_calls_total", &["outcome=\"5xx\""], 1.0),
        ("tenon_function_calls_total", &["outcome=\"done\""], 1.0),
        ("tenon_plan_reads_total", &["kind=\"project\"", "found=\"memory\""], 1.0),
        ("tenon_blob_calls_total", &["kind=\"write\"", "of=\"segment\"", "outcome=\"done\""], 1.0),
        ("tenon_blob_calls_total", &["kind=\"read\"", "of=\"segment\"", "outcome=\"done\""], 1.0),
        ("tenon_blob_bytes_total", &["direction=\"written\"", "of=\"segment\""], 100_000.0),
        ("tenon_blob_bytes_total", &["direction=\"read\"", "of=\"segment\""], 100_000.0),
        ("tenon_blob_call_duration_seconds_count", &["kind=\"write\""], 1.0),
        ("tenon_blob_segment_values_count", &[], 1.0),
        ("tenon_http_requests_total", &["status=\"2xx\""], 6.0),
    ] {
        assert!(grown(name, labels) >= least, "{name} {labels:?}: {}", grown(name, labels));
    }
    assert!(after.value("tenon_pool_connections_max", &["pool=\"execution\""]) >= 1.0);
    assert!(after.value("tenon_queue_generation", &[]) >= 1.0);
    assert!((after.value("tenon_build_info", &[]) - 1.0).abs() < f64::EPSILON);

    assert_eq!(get(&address, "/health").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(get(&address, "/ready").await.0, StatusCode::OK);
    assert_eq!(get(&address, "/api/v1/openapi.json").await.0, StatusCode::NOT_FOUND);
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let posted = http.post(format!("http://{address}/metrics")).send().await.expect("it answers");
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    // What watches has no door to what is watched, nor the other way round.
    let (status, _) = get(product.base.trim_start_matches("http://"), "/metrics").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// A process with one role.
struct Alone {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Alone {
    fn start(role: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        let log = folder.path().join("log");
        let errors = File::create(&log).expect("a log file can be made");
        let child = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(["server", "--roles", role, "--listen", "127.0.0.1:0"])
            .env("TENON_METRICS__LISTEN", &address)
            .env("NO_COLOR", "1")
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("the product can be started");
        let mut alone = Self { child, address, _folder: folder };
        alone.wait_until_it_says_where(&log);
        alone
    }

    fn wait_until_it_says_where(&mut self, log: &Path) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            if said.contains("/metrics") {
                return;
            }
            let has_ended = self.child.try_wait().expect("it can be asked").is_some();
            assert!(!has_ended, "the process ended before it was ready:\n{said}");
            assert!(Instant::now() < give_up, "it does not listen in time:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        signal(self.child.id(), "TERM");
        if !ends_within(&mut self.child, Duration::from_secs(10)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_listens_for_nothing_else_is_watched_too() {
    let execution = fresh_database().await.expect("a database");
    for role in ["controller", "worker"] {
        let alone = Alone::start(role, &[("TENON_POSTGRES__EXECUTION_URL", &execution.url)]);
        let (status, text) = get(&alone.address, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        Shown(text).must_be_as_documented(&[role]);
        assert_eq!(get(&alone.address, "/health").await.0, StatusCode::OK);
    }
}
