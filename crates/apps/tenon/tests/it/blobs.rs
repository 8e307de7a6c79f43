//! Large values in a bucket, and the commands that look after them.

use std::path::Path;
use std::process::{Command, Output};

use bytes::Bytes;
use serde_json::{Value, json};
use tenon_exec::ports::blobs::BlobStore;
use tenon_testkit::object_servers;

use crate::product::{Product, text_of};

/// `tenon blobs` with settings from the environment, in a folder that has no settings of its own.
fn blobs(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["blobs", "--json"])
        .args(arguments)
        .current_dir(folder)
        .env("TENON_LOG__FILTER", "warn")
        .envs(settings.iter().copied())
        .output()
        .expect("the program can be started")
}

/// What a command printed; it must have ended well.
fn printed(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_of_a_run_are_in_the_bucket_and_come_back() {
    let Some(server) = object_servers::seaweedfs().await else { return };
    let (url, credentials) = (server.url("product"), server.credentials.display().to_string());
    let settings =
        [("TENON_BLOBS__URL", url.as_str()), ("TENON_BLOBS__CREDENTIALS_FILE", &credentials)];
    let product = Product::own(&settings);
    let steps = json!([{
        "id": "large", "type": "function", "next": "after",
        "code": "function run() { return 'é'.repeat(200000); }",
    }, {
        "id": "after", "type": "function", "parameters": { "text": "{{large.result}}" },
        "code": "function run(parameters) { return parameters.text.length; }",
    }]);
    let run = product.run(steps, json!({})).await;
    let value = product.value(&text_of(&run["id"]), "large", "output").await;
    assert_eq!(value, json!({ "result": "é".repeat(200_000) }));
    let folder = tempfile::tempdir().expect("a folder");
    let seen = printed(&blobs(folder.path(), &settings, &["verify"]));
    assert_eq!(seen["damaged"], 0, "{seen}");
    assert!(seen["values"].as_u64() >= Some(1), "{seen}");
    let local = product.data_folder().join("blobs");
    assert!(!local.exists(), "something is on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_counted_verified_and_moved() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| format!("file://{}", folder.path().join(name).display());
    let (here, there) = (place("here"), place("there"));
    let settings = [("TENON_BLOBS__URL", here.as_str())];
    let url = here.parse().expect("a place");
    let store = tenon_blob::Store::open(&url, &tenon_blob::Settings::default()).await;
    let store = store.expect("it opens");
    let mut places = Vec::new();
    for value in ["one", "two", "three"] {
        places.extend(store.put_packed(&[Bytes::from(value)]).await.expect("stored"));
    }
    let run = |arguments: &[&str]| blobs(folder.path(), &settings, arguments);
    assert_eq!(printed(&run(&["stats"]))["segments"], 3);
    let seen = printed(&run(&["verify"]));
    assert_eq!((&seen["sound"], &seen["values"]), (&json!(3), &json!(3)));

    let moved = printed(&run(&["copy", "--to", &there]));
    assert_eq!((&moved["copied"], &moved["already"]), (&json!(3), &json!(0)));
    let again = printed(&run(&["copy", "--to", &there]));
    assert_eq!((&again["copied"], &again["already"]), (&json!(0), &json!(3)));
    let moved = printed(&blobs(folder.path(), &[("TENON_BLOBS__URL", &there)], &["verify"]));
    assert_eq!(moved["sound"], 3);

    let bad = places[1].segment;
    let file = folder.path().join(format!("here/{:02x}/{bad}.seg", bad.as_bytes()[15]));
    let mut bytes = std::fs::read(&file).expect("the segment");
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let found = run(&["verify"]);
    assert_eq!(found.status.code(), Some(1));
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(text.contains(&bad.to_string()) && text.contains("fails its checksum"), "{text}");
    let one = run(&["verify", "--segment", &places[0].segment.to_string()]);
    assert!(one.status.success());
}

#[test]
fn credentials_in_the_url_are_refused_and_not_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [("TENON_BLOBS__URL", "s3://key:canary@bucket/prefix")];
    let refused = blobs(folder.path(), &settings, &["stats"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("blobs.url") && text.contains("must not hold credentials"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}
