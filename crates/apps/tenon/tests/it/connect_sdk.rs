//! The published SDK, unmodified, in a real browser against the product. The checks are in
//! `tests/connect`; each prints a line, and those that failed say why.
//!
//! Where Node, Chromium or the packages cannot be had, the tests say so and are passed over.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::product::Product;

/// The oldest Node that the packages run on.
const NODE_MAJOR_MIN: u32 = 20;
/// For the versions of the SDK that know nothing but hosts.
const HOSTS: &str = "*.tenon.test";

#[tokio::test(flavor = "multi_thread")]
async fn an_app_does_everything_with_the_published_sdk() {
    check(&["users", "work", "headless"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_connect_and_set_up_in_the_portal() {
    check(&["portal"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_the_window_and_with_tokens_are_refused() {
    check(&["tricks"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_versions_of_the_sdk_go_on_working() {
    check(&["older"]).await;
}

/// Runs files of `tests/connect/checks` against a product of the test's own, whose whole log is
/// then searched for tokens.
async fn check(parts: &[&str]) {
    let chromium = match tools() {
        Ok(chromium) => chromium,
        Err(reason) => {
            println!("SKIPPED, the published SDK cannot be run in a browser: {reason}");
            return;
        }
    };
    let product = Product::own(&[("TENON_LOG__FILTER", "debug")]);
    let portal = product.http.get(format!("{}/ui", product.base)).send().await;
    if portal.expect("the product answers").status() == StatusCode::NOT_FOUND {
        println!("SKIPPED, the portal was not built: run scripts/ensure-portal.sh");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (settings, secrets) =
        (folder.path().join("settings.json"), folder.path().join("secrets.json"));
    let mut text = settings_of(&product, parts, &chromium);
    text["secrets"] = secrets.to_str().expect("a path is text").into();
    fs::write(&settings, text.to_string()).expect("the settings can be written");
    let report =
        tokio::task::spawn_blocking(move || run(&settings)).await.expect("it does not panic");
    println!("{report}");
    assert!(
        report.contains("\nok ") || report.starts_with("ok "),
        "nothing was checked:\n{report}"
    );
    let failed: Vec<_> = report.lines().filter(|line| line.starts_with("not ok")).collect();
    assert!(failed.is_empty(), "{} failed:\n{report}", failed.len());
    assert_nothing_leaked(&product, &secrets);
}

fn settings_of(product: &Product, parts: &[&str], chromium: &Path) -> Value {
    let key = rcgen::generate_simple_self_signed([HOSTS.to_owned()]).expect("a key can be made");
    json!({
        "base": product.base, "project": product.project, "apiKey": product.key,
        "parts": parts, "chromium": chromium,
        "pictures": repository().join("target/connect-screenshots"),
        "certificate": key.cert.pem(), "key": key.signing_key.serialize_pem(),
    })
}

/// What the checks print; the end says why, where they did not come to one.
fn run(settings: &Path) -> String {
    let run = Command::new("node")
        .arg("run.mjs")
        .arg(settings)
        .current_dir(repository().join("tests/connect"))
        .stdin(Stdio::null())
        .output()
        .expect("node can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut report = text(&run.stdout);
    if !run.status.success() && !report.contains("not ok") {
        report.push_str("not ok - the run itself\n");
        report.push_str(&text(&run.stderr));
    }
    report
}

/// The SDK puts users' tokens into two addresses; they must be in no log.
fn assert_nothing_leaked(product: &Product, secrets: &Path) {
    let log = product.data_folder().with_file_name("product.log");
    let log = fs::read_to_string(log).expect("the product has a log");
    assert!(log.contains("/sdk/actions/build-oauth"), "requests are logged");
    let secrets = fs::read_to_string(secrets).expect("the run says what is secret");
    let secrets: Vec<String> = serde_json::from_str(&secrets).expect("it is a list");
    assert!(secrets.len() > 1, "tokens were made");
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}

/// Chromium, once everything that the checks need is there.
fn tools() -> Result<PathBuf, String> {
    let version = Command::new("node").arg("--version").output();
    let version = version.map_err(|error| format!("there is no node: {error}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next();
    let major: u32 = major.and_then(|text| text.parse().ok()).unwrap_or_default();
    if major < NODE_MAJOR_MIN {
        return Err(format!("node {} is too old", version.trim()));
    }
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    let chromium = PathBuf::from(chromium);
    if !chromium.is_file() {
        return Err(format!("there is no Chromium at {}", chromium.display()));
    }
    install("tests/connect", "playwright-core")?;
    install("tests/oidc", "oidc-provider")?;
    Ok(chromium)
}

/// `npm ci`, where that was not done; one test does it, the others wait.
fn install(folder: &str, package: &str) -> Result<(), String> {
    let lock = std::env::temp_dir().join(format!("tenon-{package}-install.lock"));
    let lock = File::create(lock).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    let folder = repository().join(folder);
    if folder.join("node_modules").join(package).join("package.json").is_file() {
        return Ok(());
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm cannot be run: {error}"))?;
    let errors = String::from_utf8_lossy(&npm.stderr);
    if npm.status.success() {
        return Ok(());
    }
    Err(format!("`npm ci` in {} failed: {errors}", folder.display()))
}

fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    path.canonicalize().expect("the repository is there")
}
