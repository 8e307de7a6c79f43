//! The client: one method a route.

mod accounts;
mod archive;
mod portal;
mod secrets;

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tenon_domain::{ProjectId, RunId, WorkflowId};
use url::Url;

use crate::error::{Error, Refusal};
use crate::follow::Follow;
use crate::model::configuration::{
    ApplyResult, Document, ProjectQueue, User, UserList, VersionList, Workflow, WorkflowDetail,
    WorkflowList, WorkflowVersion,
};
use crate::model::proxy_call::{ProxyCallFilter, ProxyCallList};
use crate::model::run::{AcceptedRun, ReplayFrom, Run, RunFilter, RunList, TestRun, Why};
use crate::model::step::{OmittedValue, StepList};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take; following a run is not bound by it.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
/// What stays as it is in a part of a path.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client of one project. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
    project: ProjectId,
}

impl Client {
    /// A client of a project.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for an address, project id or key that cannot be used.
    pub fn new(server: &str, project: &str, api_key: &str) -> Result<Self, Error> {
        let project =
            project.parse().map_err(|_| setting("the project", "it must be a UUID".to_owned()))?;
        Self::with_key(server, project, api_key)
    }

    /// A client that speaks for no project, with the installation's key.
    pub(crate) fn of_no_project(server: &str, installation_key: &str) -> Result<Self, Error> {
        Self::with_key(server, ProjectId::from_uuid(uuid::Uuid::nil()), installation_key)
    }

    fn with_key(server: &str, project: ProjectId, api_key: &str) -> Result<Self, Error> {
        let server = server_url(server)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {api_key}"))
            .map_err(|_| setting("the API key", "it has characters no key has".to_owned()))?;
        bearer.set_sensitive(true);
        let http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tenon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setting("the TLS set-up", error.to_string()))?;
        Ok(Self { http, server, project })
    }

    /// The project it speaks for.
    #[must_use]
    pub const fn project(&self) -> ProjectId {
        self.project
    }

    /// Checks documents and deploys them, all or none; with [`DryRun::Yes`] only checks.
    pub async fn apply(
        &self,
        documents: &[Document],
        dry_run: DryRun,
    ) -> Result<ApplyResult, Error> {
        let body = json!({"documents": documents, "dry_run": dry_run == DryRun::Yes});
        self.json(self.post("workflows/apply", &body)).await
    }

    /// All workflows, by name.
    pub async fn workflows(&self) -> Result<Vec<Workflow>, Error> {
        let list: WorkflowList = self.json(self.get("workflows")).await?;
        Ok(list.workflows)
    }

    /// One workflow with its document.
    pub async fn workflow(&self, workflow: WorkflowId) -> Result<WorkflowDetail, Error> {
        self.json(self.get(&format!("workflows/{workflow}"))).await
    }

    /// The versions of a workflow, newest first.
    pub async fn versions(&self, workflow: WorkflowId) -> Result<Vec<WorkflowVersion>, Error> {
        let list: VersionList =
            self.json(self.get(&format!("workflows/{workflow}/versions"))).await?;
        Ok(list.versions)
    }

    /// Stops new runs of a workflow.
    pub async fn undeploy(&self, workflow: WorkflowId) -> Result<(), Error> {
        let path = format!("workflows/{workflow}");
        self.answer(self.call(Method::DELETE, &path).timeout(CALL_TIMEOUT)).await.map(drop)
    }

    /// How the project's queue is served.
    pub async fn project_queue(&self) -> Result<ProjectQueue, Error> {
        self.json(self.get("queue")).await
    }

    /// Sets how the project's queue is served, as a whole. Takes the installation's key.
    pub async fn set_project_queue(&self, queue: &ProjectQueue) -> Result<ProjectQueue, Error> {
        self.json(self.call(Method::PUT, "queue").json(queue)).await
    }

    /// A page of users, in order of their ids.
    pub async fn users(&self, cursor: Option<&str>) -> Result<UserList, Error> {
        let cursor = cursor.map(|cursor| [("cursor", cursor)]);
        self.json(self.get("users").query(cursor.as_slice().as_flattened())).await
    }

    /// Makes a user known, and changes whether nothing runs for the user; `None` leaves that.
    pub async fn put_user(&self, user: &str, is_disabled: Option<bool>) -> Result<User, Error> {
        let path = format!("users/{}", part(user));
        let body = is_disabled.map_or(json!({}), |is_disabled| json!({"disabled": is_disabled}));
        self.json(self.put(&path, &body)).await
    }

    /// Turns a workflow on or off for a user.
    pub async fn choose(
        &self,
        user: &str,
        workflow: WorkflowId,
        is_enabled: bool,
    ) -> Result<(), Error> {
        let path = format!("users/{}/workflows/{workflow}", part(user));
        self.answer(self.put(&path, &json!({"enabled": is_enabled}))).await.map(drop)
    }

    /// A page of runs, newest first.
    pub async fn runs(&self, filter: &RunFilter) -> Result<RunList, Error> {
        self.json(self.get("runs").query(filter)).await
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Run, Error> {
        self.json(self.get(&format!("runs/{run}"))).await
    }

    /// Why a run does not go on.
    pub async fn why(&self, run: RunId) -> Result<Why, Error> {
        self.json(self.get(&format!("runs/{run}/why"))).await
    }

    /// A page of calls that went through the proxy, newest first.
    pub async fn proxy_calls(&self, filter: &ProxyCallFilter) -> Result<ProxyCallList, Error> {
        self.json(self.get("proxy-calls").query(filter)).await
    }

    /// The trigger's input of a run, JSON text.
    pub async fn run_input(&self, run: RunId) -> Result<Bytes, Error> {
        self.bytes(self.get(&format!("runs/{run}/input"))).await
    }

    /// A page of step records, in the order they ended; at most 200.
    pub async fn steps(&self, run: RunId, cursor: Option<&str>) -> Result<StepList, Error> {
        let mut query = vec![("limit", "200")];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.json(self.get(&format!("runs/{run}/steps")).query(&query)).await
    }

    /// A value that a page of steps left out, JSON text.
    pub async fn value(&self, value: &OmittedValue) -> Result<Bytes, Error> {
        let url = self.server.join(value.href.trim_start_matches('/'));
        // The key goes to our own server only, whatever a page says.
        let url = url.ok().filter(|url| url.origin() == self.server.origin());
        let url = url.ok_or_else(|| setting("the value's address", value.href.clone()))?;
        self.bytes(self.http.get(url).timeout(CALL_TIMEOUT)).await
    }

    /// Follows a run until it has ended.
    #[must_use]
    pub fn follow(&self, run: RunId) -> Follow {
        Follow::new(self.clone(), run)
    }

    /// Starts a new run with the same version and input.
    pub async fn replay(&self, run: RunId, from: ReplayFrom) -> Result<AcceptedRun, Error> {
        self.json(self.post(&format!("runs/{run}/replay"), &json!({"from": from}))).await
    }

    /// Ends a run.
    pub async fn cancel(&self, run: RunId) -> Result<(), Error> {
        let path = format!("runs/{run}/cancel");
        self.answer(self.call(Method::POST, &path).timeout(CALL_TIMEOUT)).await.map(drop)
    }

    /// Runs a draft once without deploying it.
    pub async fn test(&self, test: &TestRun) -> Result<AcceptedRun, Error> {
        self.json(self.post("test-runs", test)).await
    }

    /// Opens the events of a run.
    pub(crate) async fn run_events(
        &self,
        run: RunId,
        last_event_id: Option<&str>,
    ) -> Result<Response, Error> {
        let mut request = self.call(Method::GET, &format!("runs/{run}/events"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        self.answer(request).await
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let path = format!("api/v1/projects/{}/{path}", self.project);
        let url = self.server.join(&path).expect("ids and encoded parts make a valid path");
        self.http.request(method, url)
    }

    /// A call about the installation, not about a project.
    pub(crate) fn call_installation(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.server.join(&format!("api/v1/{path}"));
        let url = url.expect("ids and encoded parts make a valid path");
        self.http.request(method, url).timeout(CALL_TIMEOUT)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.call(Method::GET, path).timeout(CALL_TIMEOUT)
    }

    fn post(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.call(Method::POST, path).timeout(CALL_TIMEOUT).json(body)
    }

    fn put(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.call(Method::PUT, path).timeout(CALL_TIMEOUT).json(body)
    }

    fn patch(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.call(Method::PATCH, path).timeout(CALL_TIMEOUT).json(body)
    }

    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let response = self.answer(request).await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|source| self.unreachable(source))?;
        serde_json::from_slice(&bytes).map_err(|error| self.not_ours(status, error.to_string()))
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<Bytes, Error> {
        let response = self.answer(request).await?;
        response.bytes().await.map_err(|source| self.unreachable(source))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refused(response).await)
        }
    }

    async fn refused(&self, response: Response) -> Error {
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok().map(Duration::from_secs));
        let bytes = response.bytes().await.unwrap_or_default();
        match serde_json::from_slice::<Refusal>(&bytes) {
            Ok(refusal) => Error::Refused(Box::new(Refusal { retry_after, ..refusal })),
            Err(_) => self.not_ours(status, "the error is not problem+json".to_owned()),
        }
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { server: self.server.to_string(), source: source.without_url() }
    }

    pub(crate) fn not_ours(&self, status: u16, reason: String) -> Error {
        Error::NotOurs { server: self.server.to_string(), status, reason }
    }
}

/// Whether an apply only checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Nothing is deployed.
    Yes,
    /// The documents are deployed.
    No,
}

fn setting(what: &'static str, reason: String) -> Error {
    Error::Setting { what, reason }
}

/// The address with a slash at its end, so that paths are joined below it.
fn server_url(text: &str) -> Result<Url, Error> {
    let mut url = Url::parse(text)
        .map_err(|error| setting("the server's address", format!("`{text}`: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        let reason = format!("`{text}` is not an http or https address");
        return Err(setting("the server's address", reason));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn part(text: &str) -> String {
    // `.` and `..` would be resolved away.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        text => utf8_percent_encode(text, PATH_PART).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(server: &str, path: &str) -> String {
        let client = Client::new(server, "00000000-0000-4000-8000-000000000001", "tnn_x");
        let request = client.expect("it is valid").get(path).build().expect("it can be built");
        request.url().to_string()
    }

    #[test]
    fn paths_are_below_the_servers_address() {
        let project = "api/v1/projects/00000000-0000-4000-8000-000000000001";
        assert_eq!(path_of("http://x:1", "runs"), format!("http://x:1/{project}/runs"));
        assert_eq!(path_of("https://x/tenon", "runs"), format!("https://x/tenon/{project}/runs"));
    }

    #[test]
    fn a_users_id_is_one_part_of_the_path() {
        for user in ["a/b", "a b?c#d", "ü", "%2F"] {
            let url = Url::parse(&path_of("http://x", &format!("users/{}", part(user))));
            let url = url.expect("it is a URL");
            let last = url.path_segments().and_then(Iterator::last).expect("it has a path");
            let decoded = percent_encoding::percent_decode_str(last).decode_utf8();
            assert_eq!(decoded.expect("it is UTF-8"), user);
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let project = "00000000-0000-4000-8000-000000000001";
        for (server, project, key) in [
            ("localhost:7070", project, "tnn_x"),
            ("/x", project, "tnn_x"),
            ("ftp://x", project, "tnn_x"),
            ("http://x", "p1", "tnn_x"),
            ("http://x", project, "a\nb"),
        ] {
            let refused = Client::new(server, project, key);
            assert!(matches!(refused, Err(Error::Setting { .. })), "{server} {project} {key}");
        }
    }
}
