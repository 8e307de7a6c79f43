//! Amazon S3's protocol: SeaweedFS checks each signature, so a byte that is signed wrongly is
//! refused.

use std::ffi::OsString;
use std::fs;

use http::Method;
use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Connected, Integration, Rig, link_error};
use super::server::{self, Launch, Server};

const ACCESS_KEY: &str = "TENONACCESSKEY";
const SECRET_KEY: &str = "tenon/secret+key";
/// A host of one's own, whose calls are signed for it.
const ENDPOINT: &str = "objects.tenon.example";

/// A running SeaweedFS.
struct SeaweedFs {
    server: Server,
    _sockets: Sockets,
}

/// The sockets that it leaves in the system's folder, wherever it keeps the rest.
struct Sockets([(&'static str, u16); 4]);

impl Drop for Sockets {
    fn drop(&mut self) {
        for (part, port) in self.0 {
            let _ = fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{port}.sock"));
        }
    }
}

/// Starts it; `None`, with the reason printed, where it cannot be had.
async fn start() -> Option<SeaweedFs> {
    let program = server::installed("seaweedfs")?.join("weed");
    let folder = server::new_folder();
    let config = folder.path().join("s3.json");
    let keys = json!({"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY});
    let actions = ["Admin", "Read", "Write", "List"];
    let identity = json!({"name": "tenon", "credentials": [keys], "actions": actions});
    fs::write(&config, json!({"identities": [identity]}).to_string()).expect("it can be written");
    let [port, master, volume, filer, ports @ ..] = server::free_ports::<8>();
    let grpc = [("master", ports[0]), ("volume", ports[1]), ("filer", ports[2]), ("s3", ports[3])];
    let socket = |name: &str| folder.path().join(name).display().to_string();
    let options = [
        ("dir", folder.path().display().to_string()),
        ("ip", "127.0.0.1".to_owned()),
        ("ip.bind", "127.0.0.1".to_owned()),
        // It would tell its makers how it is used.
        ("master.telemetry", "false".to_owned()),
        ("master.port", master.to_string()),
        ("master.volumeSizeLimitMB", "64".to_owned()),
        ("volume.port", volume.to_string()),
        ("volume.max", "8".to_owned()),
        ("filer", "true".to_owned()),
        ("filer.port", filer.to_string()),
        ("filer.localSocket", socket("filer.sock")),
        ("s3", "true".to_owned()),
        ("s3.port", port.to_string()),
        ("s3.port.iceberg", "0".to_owned()),
        ("s3.port.lance", "0".to_owned()),
        ("s3.localSocket", socket("s3.sock")),
        ("s3.config", config.display().to_string()),
        ("s3.iam", "false".to_owned()),
    ];
    let options = options.map(|(name, value)| OsString::from(format!("-{name}={value}")));
    let grpc_options = grpc.map(|(part, port)| OsString::from(format!("-{part}.port.grpc={port}")));
    let server = OsString::from("server");
    let arguments = [server].into_iter().chain(options).chain(grpc_options).collect();
    // Without a signature nobody may see the buckets: it is ready when it says so.
    let (path, statuses) = ("/", &[403][..]);
    let directory = folder.path().to_owned();
    let launch = Launch { program, arguments, directory, port, path, statuses };
    let _sockets = Sockets(grpc);
    Some(SeaweedFs { server: Server::start(launch, folder).await, _sockets })
}

/// Calls to Amazon's host and to one's own.
fn rig(seaweedfs: &SeaweedFs) -> Rig {
    let own = "https://objects.tenon.example/";
    let bases = ["https://s3.eu-central-1.amazonaws.com/", own];
    let routes = bases.map(|from| Route::new(from, &seaweedfs.server.base, "/")).into();
    Rig::new(Detour::new(routes).telling_host())
}

/// Links an account and makes its bucket.
async fn connect<'i>(
    rig: &Rig,
    app: &'i Integration,
    public: Value,
    bucket: &str,
) -> Connected<'i> {
    let linked = rig.fill_in(app, public, json!({"secret_access_key": SECRET_KEY})).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    assert_eq!(linked.identity.as_ref().map(|identity| identity.id.as_str()), Some(ACCESS_KEY));
    let account = rig.keep(app, linked).await;
    let (verdict, body) = rig.call(&account, Method::PUT, bucket, None).await;
    assert_eq!(verdict.kind, ErrorKind::Ok, "no bucket: {body}");
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_read_and_deleted() {
    let Some(seaweedfs) = start().await else { return };
    let rig = rig(&seaweedfs);
    let app = rig.switch_on("aws-s3", "access_key", json!({}), json!({})).await;
    let amazon = json!({"region": "eu-central-1", "access_key_id": ACCESS_KEY});
    let own = json!({
        "region": "eu-central-1",
        "endpoint": ENDPOINT,
        "access_key_id": ACCESS_KEY
    });
    for (public, bucket) in [(amazon, "tenon-amazon"), (own, "tenon-own")] {
        let account = connect(&rig, &app, public, bucket).await;
        for key in ["plain.txt", "a b+c&d=e/ü%25~(1).txt", "deep/er/est.json"] {
            let object = json!({"bucket": bucket, "key": key});
            let mut written = object.clone();
            written["content"] = format!("Inhalt von {key}\n").into();
            written["content_type"] = "text/plain; charset=utf-8".into();
            let put = rig.output(&account, "put_object", written.clone()).await;
            assert!(put["etag"].as_str().is_some_and(|etag| etag.len() > 10), "{key}: {put}");
            let read = rig.output(&account, "get_object", object.clone()).await;
            assert_eq!(read, written["content"], "{key}");
            rig.output(&account, "delete_object", object.clone()).await;
            let (kind, _) = rig.refusal(&account, "get_object", object).await;
            assert_eq!(kind, ErrorKind::NotFound, "{key}");
        }
        let list = format!("{bucket}?list-type=2&prefix=a%20b");
        let listed = rig.get(&account, &list).await;
        assert!(listed.as_str().is_some_and(|xml| xml.contains("<ListBucketResult")), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_an_unknown_key_are_refused() {
    let Some(seaweedfs) = start().await else { return };
    let rig = rig(&seaweedfs);
    let app = rig.switch_on("aws-s3", "access_key", json!({}), json!({})).await;
    let public = |key: &str| json!({"region": "eu-central-1", "access_key_id": key});
    let secret = json!({"secret_access_key": "canary/secret+key"});
    for (key, expected) in [
        (ACCESS_KEY, "The secret access key is wrong"),
        ("UNKNOWNKEY", "S3 does not know this access key"),
    ] {
        let error = link_error(rig.fill_in(&app, public(key), secret.clone()).await);
        let shown = format!("{error:?}");
        assert!(
            matches!(&error, LinkError::Rejected { reason } if reason.contains(expected)),
            "{shown}"
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
    // One that was right once.
    let secrets = super::rig::secret_fields(secret);
    let account = rig.put(&app, public(ACCESS_KEY), secrets).await;
    let input = json!({"bucket": "tenon", "key": "a.txt", "content": "x"});
    let (kind, message) = rig.refusal(&account, "put_object", input).await;
    assert_eq!((kind, message.as_str()), (ErrorKind::AuthDead, "The secret access key is wrong"));
}
