//! The rules of the ports, on every kind of store.

use std::sync::Arc;

use tenon_blob::{Settings, Store, StoreUrl};
use tenon_testkit::object_servers::{self as servers, ObjectServer};
use tenon_testkit::{archive_suite, blob_suite};

/// Small enough that the suite's large value goes in parts and its many callers share segments.
fn settings() -> Settings {
    Settings {
        segment_bytes_max: 8 << 20,
        multipart_bytes_min: 9 << 20,
        // A busy machine is not what is tested here.
        attempt_timeout: std::time::Duration::from_secs(20),
        timeout: std::time::Duration::from_secs(40),
        ..Settings::default()
    }
}

/// The rules of both ports.
async fn run(url: &str, settings: Settings) {
    let url: StoreUrl = url.parse().expect("it is a place");
    let store = Arc::new(Store::open(&url, &settings).await.expect("it opens"));
    blob_suite::run(store.clone()).await;
    archive_suite::run(store.clone(), store).await;
}

async fn on_server(server: Option<ObjectServer>, settings: Settings) {
    let Some(server) = server else { return };
    let settings = Settings { credentials_file: Some(server.credentials.clone()), ..settings };
    run(&server.url("suite/here"), settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}/blobs", folder.path().display());
    run(&url, settings()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    on_server(servers::seaweedfs().await, settings()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    // The imitation knows no upload in parts.
    let settings = Settings { multipart_bytes_min: 1 << 30, ..settings() };
    on_server(servers::fake_gcs().await, settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure() {
    on_server(servers::azurite().await, settings()).await;
}
