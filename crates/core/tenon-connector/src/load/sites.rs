//! Every value position of a manifest: where it is, and what its templates may see.

mod auth;
mod data_sources;

use std::collections::BTreeMap;

use serde_json::Value;
use tenon_domain::workflow::steps::request::RequestBody;
use tenon_expr::{Condition, Reference, Source};

use super::finder::at;
use super::parts;
use crate::manifest::Manifest;
use crate::manifest::actions::Action;
use crate::manifest::auth::AuthMethod;
use crate::manifest::lifecycle::Lifecycle;
use crate::manifest::proxy::{ErrorRule, ProxyRules};
use crate::manifest::request::{NextPage, Pagination, RequestSpec, RequestStep};
use crate::manifest::webhooks::{Registration, Route, Verification, Webhook, WebhookAnswer};

/// Roots that are known everywhere.
pub(crate) const EVERYWHERE: &[&str] = &["app", "fields", "now", "random"];

const PROXY: &[&str] = &["token"];
const ANSWER: &[&str] = &["token", "response"];
const LIFECYCLE: &[&str] = &["token", "steps"];
const LIFECYCLE_ANSWER: &[&str] = &["token", "steps", "response"];
const ACTION: &[&str] = &["token", "input", "steps", "page"];
const ACTION_ANSWER: &[&str] = &["token", "input", "steps", "page", "response", "items"];
const WEBHOOK: &[&str] = &["webhook", "secret", "item", "request"];
const SUBSCRIBE: &[&str] = &["token", "webhook", "secret", "steps"];
const SUBSCRIBE_ANSWER: &[&str] = &["token", "webhook", "secret", "steps", "response"];

/// A value position.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub pointer: String,
    pub content: Content<'a>,
    /// What its templates see beside [`EVERYWHERE`].
    pub roots: &'static [&'static str],
    /// The auth method it belongs to.
    pub auth: Option<&'a AuthMethod>,
    /// What earlier requests of the sequence saved.
    pub steps: Vec<(&'a str, Vec<&'a str>)>,
    /// The schema of `input`.
    pub input: Option<&'a Value>,
    /// What `chosen` has.
    pub chosen: &'a [String],
}

/// What is at a position.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Source(&'a Source),
    Condition(&'a Condition),
}

impl<'a> Site<'a> {
    pub fn references(&self) -> Vec<&'a Reference> {
        match self.content {
            Content::Source(source) => source.references(),
            Content::Condition(condition) => condition.references(),
        }
    }
}

/// Every value position, in the order of the format.
pub(crate) fn sites(manifest: &Manifest) -> Vec<Site<'_>> {
    let mut walk = Walk::default();
    for (index, method) in manifest.auth.iter().enumerate() {
        walk.auth = Some(method);
        walk.method(&format!("/auth/{index}"), method);
    }
    walk.auth = None;
    walk.proxy(&manifest.proxy);
    walk.lifecycle(&manifest.lifecycle);
    for (index, webhook) in manifest.webhooks.iter().enumerate() {
        walk.webhook(&format!("/webhooks/{index}"), webhook);
    }
    for (index, action) in manifest.actions.iter().enumerate() {
        walk.input = Some(&action.input);
        walk.action(&format!("/actions/{index}"), action);
    }
    walk.input = None;
    walk.steps.clear();
    for (pointer, select) in parts::selects(manifest) {
        walk.select(&pointer, select);
    }
    walk.found
}

#[derive(Default)]
struct Walk<'a> {
    found: Vec<Site<'a>>,
    roots: &'static [&'static str],
    auth: Option<&'a AuthMethod>,
    steps: Vec<(&'a str, Vec<&'a str>)>,
    input: Option<&'a Value>,
    chosen: &'a [String],
}

impl<'a> Walk<'a> {
    fn push(&mut self, pointer: String, content: Content<'a>) {
        self.found.push(Site {
            pointer,
            content,
            roots: self.roots,
            auth: self.auth,
            steps: self.steps.clone(),
            input: self.input,
            chosen: self.chosen,
        });
    }

    fn source(&mut self, pointer: &str, source: &'a Source) {
        self.push(pointer.to_owned(), Content::Source(source));
    }

    fn maybe(&mut self, pointer: &str, source: Option<&'a Source>) {
        if let Some(source) = source {
            self.source(pointer, source);
        }
    }

    fn condition(&mut self, pointer: &str, condition: Option<&'a Condition>) {
        if let Some(condition) = condition {
            self.push(pointer.to_owned(), Content::Condition(condition));
        }
    }

    fn map(&mut self, pointer: &str, map: &'a BTreeMap<String, Source>) {
        for (key, source) in map {
            self.source(&at(pointer, key), source);
        }
    }

    /// Requests of which later ones see what earlier ones saved. What they saved stays known.
    fn sequence(
        &mut self,
        pointer: &str,
        steps: &'a [RequestStep],
        before: &'static [&'static str],
        after: &'static [&'static str],
    ) {
        for (index, step) in steps.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            self.roots = before;
            self.condition(&format!("{pointer}/when"), step.when.as_ref());
            self.request(&format!("{pointer}/request"), &step.request);
            self.roots = after;
            self.map(&format!("{pointer}/save"), &step.save);
            self.steps.push((&step.id, step.save.keys().map(String::as_str).collect()));
        }
        self.roots = before;
    }

    fn request(&mut self, pointer: &str, request: &'a RequestSpec) {
        self.source(&format!("{pointer}/url"), &request.url);
        self.map(&format!("{pointer}/query"), &request.query);
        self.map(&format!("{pointer}/headers"), &request.headers);
        match &request.body {
            None => {}
            Some(RequestBody::Json(source)) => self.source(&format!("{pointer}/body/json"), source),
            Some(RequestBody::Form(fields)) => self.map(&format!("{pointer}/body/form"), fields),
            Some(RequestBody::Multipart(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    let pointer = format!("{pointer}/body/multipart/{index}");
                    self.maybe(&format!("{pointer}/value"), part.value.as_ref());
                    self.maybe(&format!("{pointer}/file"), part.file.as_ref());
                    self.maybe(&format!("{pointer}/filename"), part.filename.as_ref());
                }
            }
            Some(RequestBody::Graphql(graphql)) => {
                self.map(&format!("{pointer}/body/graphql/variables"), &graphql.variables);
            }
            Some(RequestBody::Xml(source)) => self.source(&format!("{pointer}/body/xml"), source),
            Some(RequestBody::Raw(raw)) => {
                self.source(&format!("{pointer}/body/raw/content"), &raw.content);
            }
        }
    }

    fn proxy(&mut self, proxy: &'a ProxyRules) {
        self.roots = PROXY;
        for (index, base) in proxy.base_url.iter().enumerate() {
            self.condition(&format!("/proxy/base_url/{index}/when"), base.when.as_ref());
            self.source(&format!("/proxy/base_url/{index}/url"), &base.url);
        }
        for (index, host) in proxy.allowed_hosts.iter().enumerate() {
            self.source(&format!("/proxy/allowed_hosts/{index}"), host);
        }
        self.map("/proxy/headers", &proxy.headers);
        self.map("/proxy/query", &proxy.query);
        self.roots = ANSWER;
        self.condition("/proxy/rate_limit/when", proxy.rate_limit.when.as_ref());
        for (index, sign) in proxy.rate_limit.reset.iter().enumerate() {
            self.source(&format!("/proxy/rate_limit/reset/{index}/value"), &sign.value);
        }
        self.errors("/proxy/errors", &proxy.errors);
    }

    fn errors(&mut self, pointer: &str, rules: &'a [ErrorRule]) {
        for (index, rule) in rules.iter().enumerate() {
            self.condition(&format!("{pointer}/{index}/when"), rule.when.as_ref());
            self.maybe(&format!("{pointer}/{index}/message"), rule.message.as_ref());
        }
    }

    fn lifecycle(&mut self, lifecycle: &'a Lifecycle) {
        if let Some(identity) = &lifecycle.identity {
            let pointer = "/lifecycle/identity/steps";
            self.sequence(pointer, &identity.steps, LIFECYCLE, LIFECYCLE_ANSWER);
            self.roots = LIFECYCLE_ANSWER;
            self.source("/lifecycle/identity/id", &identity.id);
            self.source("/lifecycle/identity/name", &identity.name);
            self.map("/lifecycle/identity/save", &identity.save);
        }
        self.steps.clear();
        self.roots = PROXY;
        if let Some(health) = &lifecycle.health {
            self.request("/lifecycle/health", health);
        }
        for (index, request) in lifecycle.revoke.iter().enumerate() {
            self.request(&format!("/lifecycle/revoke/{index}"), request);
        }
    }

    fn action(&mut self, pointer: &str, action: &'a Action) {
        self.steps.clear();
        self.sequence(&format!("{pointer}/before"), &action.before, ACTION, ACTION_ANSWER);
        self.roots = ACTION;
        self.request(&format!("{pointer}/request"), &action.request);
        self.roots = ACTION_ANSWER;
        if let Some(pagination) = &action.pagination {
            self.pagination(&format!("{pointer}/pagination"), pagination);
        }
        self.maybe(&format!("{pointer}/result"), action.result.as_ref());
        self.errors(&format!("{pointer}/errors"), &action.errors);
    }

    fn pagination(&mut self, pointer: &str, pagination: &'a Pagination) {
        self.source(&format!("{pointer}/items"), &pagination.items);
        self.condition(&format!("{pointer}/stop_when"), pagination.stop_when.as_ref());
        match &pagination.next {
            NextPage::Cursor { cursor, .. } => {
                self.source(&format!("{pointer}/next/cursor"), cursor);
            }
            NextPage::Url { url } => self.source(&format!("{pointer}/next/url"), url),
            NextPage::LinkHeader {} | NextPage::Offset { .. } | NextPage::Page { .. } => {}
        }
    }

    fn webhook(&mut self, pointer: &str, webhook: &'a Webhook) {
        self.registration(&format!("{pointer}/registration"), &webhook.registration);
        self.steps.clear();
        self.roots = WEBHOOK;
        self.verification(&format!("{pointer}/verification"), &webhook.verification);
        if let Some(handshake) = &webhook.handshake {
            self.condition(&format!("{pointer}/handshake/when"), Some(&handshake.when));
            self.answer(&format!("{pointer}/handshake/answer"), &handshake.answer);
        }
        self.maybe(&format!("{pointer}/body"), webhook.body.as_ref());
        self.maybe(&format!("{pointer}/split"), webhook.split.as_ref());
        self.source(&format!("{pointer}/event"), &webhook.event);
        self.maybe(&format!("{pointer}/dedupe"), webhook.dedupe.as_ref());
        self.maybe(&format!("{pointer}/order"), webhook.order.as_ref());
        if let Route::Field { value, .. } = &webhook.route {
            self.source(&format!("{pointer}/route/value"), value);
        }
        self.answer(&format!("{pointer}/answer"), &webhook.answer);
    }

    fn registration(&mut self, pointer: &str, registration: &'a Registration) {
        let Registration::Requests { subscribe, save, unsubscribe, renew, .. } = registration
        else {
            return;
        };
        self.steps.clear();
        self.roots = SUBSCRIBE;
        self.request(&format!("{pointer}/subscribe"), subscribe);
        self.roots = SUBSCRIBE_ANSWER;
        self.map(&format!("{pointer}/save"), save);
        self.steps.push(("subscribe", save.keys().map(String::as_str).collect()));
        self.roots = SUBSCRIBE;
        for (name, request) in [("unsubscribe", unsubscribe), ("renew", renew)] {
            if let Some(request) = request {
                self.request(&format!("{pointer}/{name}"), request);
            }
        }
    }

    fn verification(&mut self, pointer: &str, verification: &'a Verification) {
        match verification {
            Verification::Hmac { message, timestamp, .. } => {
                self.maybe(&format!("{pointer}/message"), message.as_ref());
                let value = timestamp.as_ref().map(|rule| &rule.value);
                self.maybe(&format!("{pointer}/timestamp/value"), value);
            }
            Verification::Asymmetric { key, message, timestamp, .. } => {
                self.source(&format!("{pointer}/key"), key);
                self.maybe(&format!("{pointer}/message"), message.as_ref());
                let value = timestamp.as_ref().map(|rule| &rule.value);
                self.maybe(&format!("{pointer}/timestamp/value"), value);
            }
            Verification::SharedSecret { value } => {
                self.source(&format!("{pointer}/value"), value);
            }
            Verification::Basic { username, password } => {
                self.source(&format!("{pointer}/username"), username);
                self.maybe(&format!("{pointer}/password"), password.as_ref());
            }
            Verification::SecretUrl {} | Verification::None {} => {}
        }
    }

    fn answer(&mut self, pointer: &str, answer: &'a WebhookAnswer) {
        self.map(&format!("{pointer}/headers"), &answer.headers);
        self.maybe(&format!("{pointer}/body"), answer.body.as_ref());
    }
}
