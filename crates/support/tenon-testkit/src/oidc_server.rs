//! A certified authorization server (npm `oidc-provider`, see `tests/oidc`) for one test, and the
//! browser of a user who consents to everything.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use url::Url;

/// How long the server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The oldest Node that it runs on.
const NODE_MAJOR_MIN: u32 = 20;

/// Redirects that a browser follows before it gives up.
const REDIRECTS_MAX: u32 = 10;

/// The one client of the server.
pub const CLIENT_ID: &str = "tenon-tests";

/// The client's secret.
pub const CLIENT_SECRET: &str = "canary-client-secret";

/// Where the server sends browsers back to.
pub const REDIRECT_URI: &str = "http://127.0.0.1/oauth/callback";

/// A running server; ends when it is dropped.
pub struct OidcServer {
    issuer: String,
    http: reqwest::Client,
    /// Its standard input is held open by this; the server ends with it.
    _process: Child,
    /// Held open too: a server that cannot write ends.
    _output: Lines<BufReader<ChildStdout>>,
}

/// What a server is told at its start.
#[derive(Debug, Clone, Copy)]
pub struct OidcSettings {
    /// How long access tokens live, in seconds.
    pub token_seconds: u32,
}

/// A user's browser: follows redirects and keeps cookies.
pub struct Browser<'a> {
    server: &'a OidcServer,
    cookies: BTreeMap<String, String>,
}

impl OidcServer {
    /// Starts one. `Ok(None)`, with the reason printed, where there is no Node or its packages
    /// cannot be had.
    ///
    /// # Errors
    /// When it is installed and does not start.
    pub async fn start(settings: OidcSettings) -> anyhow::Result<Option<Self>> {
        if let Err(reason) = installed() {
            println!("SKIPPED, oidc-provider cannot be installed: {reason:#}");
            return Ok(None);
        }
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder())
            .env("TOKEN_SECONDS", settings.token_seconds.to_string())
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("REDIRECT_URI", REDIRECT_URI)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start node")?;
        let stdout = process.stdout.take().context("the output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START_TIMEOUT, lines.next_line())
            .await
            .context("oidc-provider does not listen in time")??
            .context("oidc-provider ended at once")?;
        let said: Value = serde_json::from_str(&line).context("its first line is no JSON")?;
        let issuer = said["issuer"].as_str().context("it says no issuer")?.to_owned();
        let http = reqwest::Client::builder()
            .no_proxy()
            // The server closes idle connections after a while; one that is met then is no answer.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Some(Self { issuer, http, _process: process, _output: lines }))
    }

    /// Its issuer and base URL. Under it are `/auth`, `/token`, `/token/revocation`, `/me` and
    /// `/session/end`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A fresh browser.
    #[must_use]
    pub fn browser(&self) -> Browser<'_> {
        Browser { server: self, cookies: BTreeMap::new() }
    }

    /// Whether a token works, as the server itself says (RFC 7662).
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_active(&self, token: &str) -> anyhow::Result<bool> {
        let form = [("token", token)];
        let url = format!("{}/token/introspection", self.issuer);
        let call = self.http.post(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).form(&form);
        let answer: Value = call.send().await?.error_for_status()?.json().await?;
        answer["active"].as_bool().context("the answer says nothing")
    }
}

impl Browser<'_> {
    /// Goes through login and consent. Answers the URL of the callback, with its parameters.
    ///
    /// # Errors
    /// When it does not end at the callback.
    pub async fn authorize(&mut self, url: &Url) -> anyhow::Result<Url> {
        let mut next = url.clone();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.get(&next).await?;
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location else {
                let status = answer.status();
                bail!("the server answers {status} for {}: {}", next.path(), answer.text().await?);
            };
            next = next.join(location)?;
            if next.as_str().starts_with(REDIRECT_URI) {
                return Ok(next);
            }
        }
        bail!("the server redirects for ever")
    }

    /// Logs out at the server (OpenID Connect RP-Initiated Logout), which ends what was granted
    /// for the length of the session.
    ///
    /// # Errors
    /// When the server does not end the session.
    pub async fn log_out(&mut self) -> anyhow::Result<()> {
        let url = Url::parse(&format!("{}/session/end", self.server.issuer))?;
        let page = self.get(&url).await?.error_for_status()?.text().await?;
        let xsrf = page
            .split_once("name=\"xsrf\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .context("the page has no form")?
            .0
            .to_owned();
        let form = [("xsrf", xsrf.as_str()), ("logout", "yes")];
        let call = self.server.http.post(format!("{url}/confirm")).form(&form);
        let answer = self.send(call).await?;
        let status = answer.status();
        ensure!(status.is_redirection() || status.is_success(), "the logout ends with {status}");
        Ok(())
    }

    async fn get(&mut self, url: &Url) -> anyhow::Result<reqwest::Response> {
        let call = self.server.http.get(url.clone());
        self.send(call).await
    }

    async fn send(&mut self, call: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = call.header(COOKIE, cookies.join("; ")).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie has a name")?;
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/oidc")
}

/// Installs the packages where that was not done; one test does it, the others wait.
fn installed() -> anyhow::Result<()> {
    let version = Blocking::new("node").arg("--version").output().context("there is no node")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next();
    let major: u32 = major.and_then(|text| text.parse().ok()).context("node has no version")?;
    ensure!(major >= NODE_MAJOR_MIN, "node {} is too old", version.trim());
    let package = folder().join("node_modules/oidc-provider/package.json");
    let lock = File::create(std::env::temp_dir().join("tenon-oidc-install.lock"))?;
    lock.lock()?;
    if package.is_file() {
        return Ok(());
    }
    let npm = Blocking::new("npm")
        .args(["ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"])
        .current_dir(folder())
        .stdin(Stdio::null())
        .output()
        .context("there is no npm")?;
    let errors = String::from_utf8_lossy(&npm.stderr).into_owned();
    ensure!(npm.status.success(), "`npm ci` in tests/oidc failed: {errors}");
    Ok(())
}
