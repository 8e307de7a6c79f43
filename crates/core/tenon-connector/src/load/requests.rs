//! Requests, pages, errors and quotas.

use serde_json::Value;
use tenon_domain::workflow::steps::request::{Method, RequestBody};

use super::access::headers;
use super::finder::Finder;
use super::parts;
use crate::manifest::Manifest;
use crate::manifest::actions::{Action, Effect};
use crate::manifest::proxy::ErrorRule;
use crate::manifest::request::{NextPage, Pagination, Place, RequestSpec};

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for (pointer, request, _) in parts::requests(manifest) {
        headers(&format!("{pointer}/headers"), request.headers.keys(), finder);
        let has_body = !matches!(request.method, Method::Get | Method::Head);
        if request.body.is_some() && !has_body {
            let message = format!("a {} request has no body", request.method.as_str());
            finder.say(
                "unexpected_body",
                &format!("{pointer}/body"),
                message,
                "write method: POST",
            );
        }
        multipart(&pointer, request, finder);
    }
    for (index, action) in manifest.actions.iter().enumerate() {
        check_action(&format!("/actions/{index}"), action, finder);
    }
    errors("/proxy/errors", &manifest.proxy.errors, finder);
    statuses("/proxy/retry_statuses", &manifest.proxy.retry_statuses, finder);
    statuses("/proxy/rate_limit/statuses", &manifest.proxy.rate_limit.statuses, finder);
    for (index, quota) in manifest.proxy.quotas.iter().enumerate() {
        if quota.limit == 0 || quota.window_seconds == 0 {
            let pointer = format!("/proxy/quotas/{index}");
            finder.say("out_of_range", &pointer, "a quota allows calls in a time", "both above 0");
        }
    }
}

fn multipart(pointer: &str, request: &RequestSpec, finder: &mut Finder) {
    let Some(RequestBody::Multipart(parts)) = &request.body else { return };
    for (index, part) in parts.iter().enumerate() {
        if part.value.is_some() == part.file.is_some() {
            let pointer = format!("{pointer}/body/multipart/{index}");
            finder.say(
                "not_exactly_one",
                &pointer,
                "a part has value or file",
                "write one of them",
            );
        }
    }
}

fn check_action(pointer: &str, action: &Action, finder: &mut Finder) {
    errors(&format!("{pointer}/errors"), &action.errors, finder);
    if action.effect == Effect::Read && action.request.method == Method::Delete {
        let message = "an action that reads does not delete";
        finder.say("contradiction", &format!("{pointer}/effect"), message, "write effect: delete");
    }
    if let Some(pagination) = &action.pagination {
        check_pagination(&format!("{pointer}/pagination"), pagination, &action.request, finder);
    }
}

pub(super) fn check_pagination(
    pointer: &str,
    pagination: &Pagination,
    request: &RequestSpec,
    finder: &mut Finder,
) {
    match &pagination.next {
        NextPage::Cursor { place, .. } | NextPage::Page { place, .. } => {
            check_place(&format!("{pointer}/next/place"), place, request, finder);
        }
        NextPage::Offset { place } => {
            check_place(&format!("{pointer}/next/place"), place, request, finder);
            needs_size(pointer, pagination, finder);
        }
        NextPage::Url { .. } | NextPage::LinkHeader {} => {}
    }
    if let Some(size) = &pagination.size {
        check_place(&format!("{pointer}/size/place"), &size.place, request, finder);
        if size.items == 0 {
            let pointer = format!("{pointer}/size/items");
            finder.say("out_of_range", &pointer, "a page has items", "at least 1");
        }
    }
}

fn needs_size(pointer: &str, pagination: &Pagination, finder: &mut Finder) {
    if pagination.size.is_none() {
        let message = "counting items needs the size of a page";
        let help = "write size: {place: {query: limit}, items: 100}";
        finder.say("missing_field", pointer, message, help);
    }
}

pub(super) fn check_place(
    pointer: &str,
    place: &Place,
    request: &RequestSpec,
    finder: &mut Finder,
) {
    match place {
        Place::Query(name) | Place::Body(name) if name.is_empty() => {
            finder.say("empty_text", pointer, "the place has no name", "write its name");
        }
        Place::Header(name) => headers(pointer, [name].into_iter(), finder),
        Place::Query(_) => {}
        Place::Body(path) => {
            let fits = match &request.body {
                Some(RequestBody::Json(source)) => {
                    matches!(source.raw(), Value::Object(_) | Value::String(_))
                }
                Some(RequestBody::Graphql(_)) => path.starts_with("variables."),
                Some(RequestBody::Form(_)) => !path.contains('.'),
                _ => false,
            };
            if !fits {
                let message = "the request has no body in which this has a place";
                let help = "a JSON object, a form, or variables.<name> of a GraphQL body";
                finder.say("invalid_place", pointer, message, help);
            }
        }
    }
}

pub(super) fn errors(pointer: &str, rules: &[ErrorRule], finder: &mut Finder) {
    for (index, rule) in rules.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        statuses(&format!("{pointer}/statuses"), &rule.statuses, finder);
        let is_last = index + 1 == rules.len();
        if rule.statuses.is_empty() && rule.when.is_none() && !is_last {
            let message = "this rule fits every answer: those after it are never asked";
            finder.say("empty_rule", &pointer, message, "write statuses or when");
        }
    }
}

fn statuses(pointer: &str, statuses: &[u16], finder: &mut Finder) {
    for (index, status) in statuses.iter().enumerate() {
        if !(100..=599).contains(status) {
            let message = format!("{status} is not an HTTP status");
            finder.say("out_of_range", &format!("{pointer}/{index}"), message, "100 to 599");
        }
    }
}
