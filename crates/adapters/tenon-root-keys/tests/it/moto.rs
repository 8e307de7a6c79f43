//! The suite on `moto_server`, an emulation of AWS that nobody here wrote, with its own check of
//! signatures. Skipped, with a line that says so, where it is not installed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::aws::root;
use crate::server::nobody;
use crate::suite::{Outcome, Roots, holds, is_refused};

const START_TIMEOUT: Duration = Duration::from_secs(60);
const REGION: &str = "eu-central-1";
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"}]}"#;

/// The server; it ends with the test.
struct Moto {
    url: String,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TENON_MOTO_SERVER") {
        return Some(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("moto_server"))
        .find(|file| file.is_file())
}

async fn start(binary: PathBuf) -> anyhow::Result<Moto> {
    let url = nobody().await?;
    let port = url.rsplit(':').next().expect("a URL here has a port").to_owned();
    let child = Command::new(binary)
        .args(["-H", "127.0.0.1", "-p", &port])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let moto = Moto { url, child };
    let give_up = Instant::now() + START_TIMEOUT;
    while reqwest::get(format!("{}/moto-api/", moto.url)).await.is_err() {
        anyhow::ensure!(Instant::now() < give_up, "moto_server did not start in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(moto)
}

impl Moto {
    /// Asks a service as nobody in particular, while that is still allowed.
    fn ask(&self, service: &str) -> reqwest::RequestBuilder {
        let scope = format!("20200101/{REGION}/{service}/aws4_request");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDNOBODY/{scope}, SignedHeaders=host, Signature=0"
        );
        reqwest::Client::new().post(&self.url).header("authorization", authorization)
    }

    /// Makes a key and answers its name.
    async fn create_key(&self) -> anyhow::Result<String> {
        let request = self
            .ask("kms")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "TrentService.CreateKey")
            .body("{}");
        let made: serde_json::Value = request.send().await?.json().await?;
        let arn = made["KeyMetadata"]["Arn"].as_str();
        Ok(arn.ok_or_else(|| anyhow::anyhow!("moto made no key: {made}"))?.to_owned())
    }

    /// Makes a user who may use keys, and answers its access key and secret.
    async fn create_user(&self) -> anyhow::Result<(String, String)> {
        let user = [("Version", "2010-05-08"), ("UserName", "tenon")];
        let mut answer = String::new();
        for more in [
            vec![("Action", "CreateUser")],
            vec![("Action", "PutUserPolicy"), ("PolicyName", "keys"), ("PolicyDocument", POLICY)],
            vec![("Action", "CreateAccessKey")],
        ] {
            let request = self.ask("iam").form(&[&user[..], &more].concat());
            answer = request.send().await?.error_for_status()?.text().await?;
        }
        let field = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        field("AccessKeyId")
            .zip(field("SecretAccessKey"))
            .ok_or_else(|| anyhow::anyhow!("moto made no access key"))
    }

    /// From now on signatures and policies are checked.
    async fn check_from_now_on(&self) -> anyhow::Result<()> {
        let url = format!("{}/moto-api/reset-auth", self.url);
        let request = reqwest::Client::new().post(url).header("content-type", "text/plain");
        request.body("0").send().await?.error_for_status()?;
        Ok(())
    }
}

#[tokio::test]
async fn the_suite_holds() -> Outcome {
    let Some(binary) = binary() else {
        eprintln!("skipped: moto_server is not installed (`pip install 'moto[server]'`)");
        return Ok(());
    };
    let moto = start(binary).await?;
    let (one, two) = (moto.create_key().await?, moto.create_key().await?);
    let (access_key, secret_key) = moto.create_user().await?;
    moto.check_from_now_on().await?;
    let given = [
        ("AWS_ACCESS_KEY_ID", access_key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret_key.as_str()),
    ];
    holds(&Roots {
        root: root(&moto.url, &one, &given)?,
        again: root(&moto.url, &one, &given)?,
        other: root(&moto.url, &two, &given)?,
        away: Some(root(&nobody().await?, &one, &given)?),
    })
    .await?;
    let wrong = [given[0], ("AWS_SECRET_ACCESS_KEY", "another secret")];
    let stranger = root(&moto.url, &one, &wrong)?;
    is_refused(stranger.wrap(&[1; 32], b"c").await, "a wrong signature");
    Ok(())
}
