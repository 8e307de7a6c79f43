//! Every value position in a step's configuration, for validation and for the engine's
//! look-ahead.

use std::collections::{BTreeMap, BTreeSet};

use tenon_expr::{Condition, Reference, Segment, Source};

use super::document::{StepKind, Workflow};
use super::steps::integration_request::IntegrationRequestStep;
use super::steps::request::{Pagination, RequestAuth, RequestBody, RequestStep};
use super::steps::response::{ResponseBody, ResponseStep};
use super::text::locate::escape;
use crate::secrets::SecretKey;

/// The root of references to environment secrets.
pub const SECRETS_ROOT: &str = "secrets";

/// A value position and where it is, as a pointer relative to the step.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub pointer: String,
    pub content: Content<'a>,
    /// Whether it is evaluated for each page, after the answer is there.
    pub is_per_page: bool,
    /// Whether secrets may stand here: what it evaluates to goes into one call and nowhere else.
    pub takes_secrets: bool,
}

/// What is at a position.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Source(&'a Source),
    Condition(&'a Condition),
}

impl<'a> Site<'a> {
    pub(crate) fn references(&self) -> Vec<&'a Reference> {
        match self.content {
            Content::Source(source) => source.references(),
            Content::Condition(condition) => condition.references(),
        }
    }
}

impl Workflow {
    /// Keys of the environment secrets that its steps use, each once, in order. Those written with
    /// `?` are left out: they may be missing.
    #[must_use]
    pub fn secret_keys(&self) -> BTreeSet<&str> {
        let references = self.steps.iter().flat_map(|step| step.kind.references());
        references.filter(|it| !it.is_optional).filter_map(secret_key).collect()
    }

    /// Whether a step uses this environment secret, with `?` or without.
    #[must_use]
    pub fn names_secret(&self, key: &SecretKey) -> bool {
        let mut references = self.steps.iter().flat_map(|step| step.kind.references());
        references.any(|reference| secret_key(reference) == Some(key.as_str()))
    }
}

/// The key of the environment secret that a reference names.
#[must_use]
pub fn secret_key(reference: &Reference) -> Option<&str> {
    match reference.path.first() {
        Some(Segment::Key(key)) if reference.root == SECRETS_ROOT => Some(key),
        _ => None,
    }
}

impl StepKind {
    /// Every reference in the configuration, in the order of its fields, repeats included.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        self.sites().iter().flat_map(Site::references).collect()
    }

    /// Whether secrets may stand anywhere in it. Elsewhere they would end in what is recorded, decide
    /// about it, or go to whoever called.
    #[must_use]
    pub const fn takes_secrets(&self) -> bool {
        match self {
            Self::Request(_)
            | Self::Function(_)
            | Self::Action(_)
            | Self::IntegrationRequest(_) => true,
            Self::Conditional(_) | Self::FanOut(_) | Self::Delay(_) | Self::Response(_) => false,
        }
    }

    /// Every value position, in the order of the fields.
    pub(crate) fn sites(&self) -> Vec<Site<'_>> {
        let mut sites = Sites { takes_secrets: self.takes_secrets(), ..Sites::default() };
        match self {
            Self::Request(request) => sites.request(request),
            Self::Function(function) => sites.map("/parameters", &function.parameters),
            Self::Conditional(conditional) => sites.condition("/if", &conditional.condition),
            Self::FanOut(fan_out) => sites.source("/over", &fan_out.over),
            Self::Delay(delay) => {
                sites.maybe("/seconds", delay.seconds.as_ref());
                sites.maybe("/minutes", delay.minutes.as_ref());
                sites.maybe("/hours", delay.hours.as_ref());
                sites.maybe("/days", delay.days.as_ref());
                sites.maybe("/until", delay.until.as_ref());
            }
            Self::Response(response) => sites.response(response),
            Self::Action(action) => {
                sites.account(action.account.as_ref());
                sites.source("/input", &action.input);
            }
            Self::IntegrationRequest(request) => sites.integration_request(request),
        }
        sites.found
    }
}

#[derive(Default)]
struct Sites<'a> {
    found: Vec<Site<'a>>,
    is_per_page: bool,
    takes_secrets: bool,
}

impl<'a> Sites<'a> {
    fn push(&mut self, pointer: String, content: Content<'a>) {
        let takes_secrets = self.takes_secrets && !self.is_per_page;
        self.found.push(Site { pointer, content, is_per_page: self.is_per_page, takes_secrets });
    }

    fn source(&mut self, pointer: &str, source: &'a Source) {
        self.push(pointer.to_owned(), Content::Source(source));
    }

    fn maybe(&mut self, pointer: &str, source: Option<&'a Source>) {
        if let Some(source) = source {
            self.source(pointer, source);
        }
    }

    fn condition(&mut self, pointer: &str, condition: &'a Condition) {
        self.push(pointer.to_owned(), Content::Condition(condition));
    }

    fn map(&mut self, pointer: &str, map: &'a BTreeMap<String, Source>) {
        for (key, source) in map {
            self.source(&format!("{pointer}/{}", escape(key)), source);
        }
    }

    /// Says which account, and so shows in messages.
    fn account(&mut self, source: Option<&'a Source>) {
        let takes_secrets = std::mem::take(&mut self.takes_secrets);
        self.maybe("/account", source);
        self.takes_secrets = takes_secrets;
    }

    fn response(&mut self, response: &'a ResponseStep) {
        self.source("/status", &response.status);
        self.map("/headers", &response.headers);
        match &response.body {
            Some(ResponseBody::Json(source)) => self.source("/body/json", source),
            Some(ResponseBody::File(source)) => self.source("/body/file", source),
            None => {}
        }
    }

    fn request(&mut self, request: &'a RequestStep) {
        self.source("/url", &request.url);
        self.map("/query", &request.query);
        self.map("/headers", &request.headers);
        if let Some(body) = &request.body {
            self.body(body);
        }
        self.auth(&request.auth);
        self.pagination(request.pagination.as_ref());
    }

    fn integration_request(&mut self, request: &'a IntegrationRequestStep) {
        self.account(request.account.as_ref());
        self.source("/path", &request.path);
        self.map("/query", &request.query);
        self.map("/headers", &request.headers);
        if let Some(body) = &request.body {
            self.body(body);
        }
        self.pagination(request.pagination.as_ref());
    }

    fn pagination(&mut self, pagination: Option<&'a Pagination>) {
        let Some(pagination) = pagination else { return };
        self.is_per_page = true;
        self.source("/pagination/page_token", &pagination.page_token);
        self.source("/pagination/items", &pagination.items);
        if let Some(condition) = &pagination.stop_when {
            self.condition("/pagination/stop_when", condition);
        }
    }

    fn body(&mut self, body: &'a RequestBody) {
        match body {
            RequestBody::Json(source) => self.source("/body/json", source),
            RequestBody::Form(fields) => self.map("/body/form", fields),
            RequestBody::Multipart(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    let pointer = format!("/body/multipart/{index}");
                    self.maybe(&format!("{pointer}/value"), part.value.as_ref());
                    self.maybe(&format!("{pointer}/file"), part.file.as_ref());
                    self.maybe(&format!("{pointer}/filename"), part.filename.as_ref());
                }
            }
            RequestBody::Graphql(graphql) => {
                self.map("/body/graphql/variables", &graphql.variables)
            }
            RequestBody::Xml(source) => self.source("/body/xml", source),
            RequestBody::Raw(raw) => self.source("/body/raw/content", &raw.content),
        }
    }

    fn auth(&mut self, auth: &'a RequestAuth) {
        match auth {
            RequestAuth::None => {}
            RequestAuth::Bearer { token } => self.source("/auth/token", token),
            RequestAuth::Basic { username, password } => {
                self.source("/auth/username", username);
                self.source("/auth/password", password);
            }
            RequestAuth::Query { params } => self.map("/auth/params", params),
            RequestAuth::Header { headers } => self.map("/auth/headers", headers),
            RequestAuth::Oauth2ClientCredentials {
                token_url,
                client_id,
                client_secret,
                scope,
                extra,
                credentials_in_body: _,
            } => {
                self.source("/auth/token_url", token_url);
                self.source("/auth/client_id", client_id);
                self.source("/auth/client_secret", client_secret);
                self.maybe("/auth/scope", scope.as_ref());
                self.map("/auth/extra", extra);
            }
        }
    }
}
