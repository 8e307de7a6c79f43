//! Object stores that nobody here wrote, on loopback, started for one test and stopped with it:
//! SeaweedFS for S3, fake-gcs-server for Google Cloud Storage, Azurite for Azure.
//!
//! `scripts/ensure-test-tools.sh` installs them. Where one is missing its start answers `None`,
//! with the reason printed, and the test is passed over.

mod gcs_put;

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The bucket or container that each has.
const BUCKET: &str = "tenon";
/// The account that Azurite always has, and its key, which its makers published.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Runs its arguments until its standard input ends, so that they never outlive the test.
const KEEPER: &str = r#""$@" & read -r _; kill -KILL "$!"; wait "$!""#;

/// A running store with one empty bucket.
pub struct ObjectServer {
    /// Its address, `http://127.0.0.1:port`.
    pub base: String,
    /// The file that a client reads its credentials from.
    pub credentials: PathBuf,
    kind: Kind,
    keeper: Child,
    folder: TempDir,
}

#[derive(Clone, Copy)]
enum Kind {
    S3,
    Gcs,
    Azure,
}

impl ObjectServer {
    /// The URL of a prefix in its bucket.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        self.url_at(&self.base, prefix)
    }

    /// The same, reached at another address: that of a proxy.
    #[must_use]
    pub fn url_at(&self, base: &str, prefix: &str) -> String {
        match self.kind {
            Kind::S3 => format!("s3://{BUCKET}/{prefix}?endpoint={base}&region=us-east-1"),
            Kind::Gcs => format!("gs://{BUCKET}/{prefix}?endpoint={base}"),
            Kind::Azure => format!(
                "az://{AZURITE_ACCOUNT}/{BUCKET}/{prefix}?endpoint={base}/{AZURITE_ACCOUNT}"
            ),
        }
    }

    async fn start(
        kind: Kind,
        program: &Path,
        arguments: Vec<OsString>,
        port: u16,
        folder: TempDir,
    ) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log file can be made");
        let errors = log.try_clone().expect("the log file can be opened again");
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(program)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("a shell can be started");
        let credentials = folder.path().join("credentials");
        let base = format!("http://127.0.0.1:{port}");
        Self { base, credentials, kind, keeper, folder }
    }

    /// Waits until a request makes the bucket.
    async fn make_bucket(&self, request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            let answer = request(&http).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < give_up, "the server is not ready in time: {log}");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn write_credentials(&self, text: &str) {
        fs::write(&self.credentials, text).expect("the credentials can be written");
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        // The end of its input tells the keeper to stop the server.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// SeaweedFS, which checks every signature.
pub async fn seaweedfs() -> Option<ObjectServer> {
    let program = installed("target/test-tools/seaweedfs/bin/weed")?;
    let folder = new_folder();
    let keys = json!({"accessKey": "TENONTESTS", "secretKey": "tenon/secret+key"});
    let actions = ["Admin", "Read", "Write", "List"];
    let identity = json!({"name": "tenon", "credentials": [keys], "actions": actions});
    let config = folder.path().join("s3.json");
    fs::write(&config, json!({"identities": [identity]}).to_string()).expect("it can be written");
    let [port, master, volume, filer, grpc @ ..] = free_ports::<8>();
    let socket = |name: &str| folder.path().join(name).display().to_string();
    let mut options = vec![
        ("dir".to_owned(), folder.path().display().to_string()),
        ("ip".to_owned(), "127.0.0.1".to_owned()),
        ("ip.bind".to_owned(), "127.0.0.1".to_owned()),
        // It would tell its makers how it is used.
        ("master.telemetry".to_owned(), "false".to_owned()),
        ("master.port".to_owned(), master.to_string()),
        ("master.volumeSizeLimitMB".to_owned(), "128".to_owned()),
        ("volume.port".to_owned(), volume.to_string()),
        ("volume.max".to_owned(), "8".to_owned()),
        ("filer".to_owned(), "true".to_owned()),
        ("filer.port".to_owned(), filer.to_string()),
        ("filer.localSocket".to_owned(), socket("filer.sock")),
        ("s3".to_owned(), "true".to_owned()),
        ("s3.port".to_owned(), port.to_string()),
        ("s3.port.iceberg".to_owned(), "0".to_owned()),
        ("s3.port.lance".to_owned(), "0".to_owned()),
        ("s3.localSocket".to_owned(), socket("s3.sock")),
        ("s3.config".to_owned(), config.display().to_string()),
        ("s3.iam".to_owned(), "false".to_owned()),
    ];
    for (part, port) in ["master", "volume", "filer", "s3"].iter().zip(grpc) {
        options.push((format!("{part}.port.grpc"), port.to_string()));
    }
    let options = options.into_iter().map(|(name, value)| format!("-{name}={value}").into());
    let arguments = std::iter::once(OsString::from("server")).chain(options).collect();
    let server = ObjectServer::start(Kind::S3, &program, arguments, port, folder).await;
    server.write_credentials(
        "[default]\naws_access_key_id = TENONTESTS\naws_secret_access_key = tenon/secret+key\n",
    );
    // A folder of its files is a bucket.
    let bucket = format!("http://127.0.0.1:{filer}/buckets/{BUCKET}/");
    server.make_bucket(|http| http.post(&bucket)).await;
    // The part that speaks S3 is ready when it refuses who does not sign.
    let base = format!("{}/", server.base);
    let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
    let give_up = Instant::now() + START_TIMEOUT;
    while !http.get(&base).send().await.is_ok_and(|answer| answer.status() == 403) {
        assert!(Instant::now() < give_up, "SeaweedFS does not speak S3 in time");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Some(server)
}

/// fake-gcs-server, which asks for no credentials.
pub async fn fake_gcs() -> Option<ObjectServer> {
    let home = installed("target/test-tools/fakegcs/lib")?;
    let name = match std::env::consts::ARCH {
        "aarch64" => "fake-gcs-server-linux-arm64",
        _ => "fake-gcs-server-linux-amd64",
    };
    let Some(program) = find_file(&home, name) else {
        println!("SKIPPED: fake-gcs-server has no program for this machine");
        return None;
    };
    let folder = new_folder();
    let [port] = free_ports::<1>();
    let host = format!("127.0.0.1:{port}");
    let arguments =
        ["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory", "-log-level", "warn"]
            .into_iter()
            .map(OsString::from)
            .chain(["-port".into(), port.to_string().into(), "-public-host".into(), host.into()]);
    let mut server =
        ObjectServer::start(Kind::Gcs, &program, arguments.collect(), port, folder).await;
    let credentials = json!({
        "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""
    });
    server.write_credentials(&credentials.to_string());
    let buckets = format!("{}/storage/v1/b?project=tenon", server.base);
    server.make_bucket(|http| http.post(&buckets).json(&json!({"name": BUCKET}))).await;
    server.base = gcs_put::start(&server.base).await;
    Some(server)
}

/// Azurite, which checks the key.
pub async fn azurite() -> Option<ObjectServer> {
    let main = installed("tests/azurite/node_modules/azurite/dist/src/blob/main.js")?;
    let folder = new_folder();
    let [port] = free_ports::<1>();
    let flags =
        ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"];
    let mut arguments: Vec<OsString> = vec![main.into()];
    arguments.extend(flags.map(OsString::from));
    arguments.extend(["--blobHost", "127.0.0.1", "--blobPort"].map(OsString::from));
    arguments.push(port.to_string().into());
    let server = ObjectServer::start(Kind::Azure, Path::new("node"), arguments, port, folder).await;
    server.write_credentials(AZURITE_KEY);
    let url = format!("{}/{AZURITE_ACCOUNT}/{BUCKET}?restype=container", server.base);
    let now = http_date();
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{now}\nx-ms-version:2021-08-06\n\
         /{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{BUCKET}\nrestype:container"
    );
    let key = STANDARD.decode(AZURITE_KEY).expect("the published key is base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let authorization = format!("SharedKey {AZURITE_ACCOUNT}:{signature}");
    server
        .make_bucket(|http| {
            http.put(&url)
                .header("x-ms-date", &now)
                .header("x-ms-version", "2021-08-06")
                .header("authorization", &authorization)
        })
        .await;
    Some(server)
}

/// Now, as HTTP writes it.
fn http_date() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A file or folder of the repository; `None`, with the reason printed, where it is missing.
fn installed(path: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let found = repository.join(path).canonicalize().ok();
    if found.is_none() {
        println!("SKIPPED: {path} is missing; scripts/ensure-test-tools.sh installs it");
    }
    found
}

fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries.map(|entry| entry.path()).find_map(|path| match path.is_dir() {
        true => find_file(&path, name),
        false => path.file_name().is_some_and(|found| found == name).then_some(path),
    })
}

fn new_folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// Ports that nobody listens on.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    // All are held until the last is found, so that they differ.
    let held = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    held.map(|listener| listener.local_addr().expect("it listens").port())
}
