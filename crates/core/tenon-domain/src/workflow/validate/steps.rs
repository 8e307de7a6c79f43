//! What each step type asks of its own fields.

use jiff::Timestamp;
use serde_json::Value;
use tenon_expr::Source;

use super::check_range;
use super::http::{check_header_value, check_headers, check_url};
use super::integrations::{check_action, check_integration_request};
use crate::limits::DocumentLimits;
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::document::{Step, StepKind, Trigger, Workflow};
use crate::workflow::graph::{Graph, StepIndex};
use crate::workflow::steps::delay::DelayStep;
use crate::workflow::steps::fan_out::FanOutStep;
use crate::workflow::steps::function::FunctionStep;
use crate::workflow::steps::request::{
    MultipartPart, Pagination, RequestAuth, RequestBody, RequestStep,
};
use crate::workflow::steps::response::ResponseStep;

pub(super) fn check(
    step: &Step,
    pointer: &str,
    workflow: &Workflow,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    match &step.kind {
        StepKind::Request(request) => check_request(request, pointer, limits, findings),
        StepKind::Function(function) => check_function(function, pointer, limits, findings),
        StepKind::Conditional(_) => {}
        StepKind::FanOut(fan_out) => check_fan_out(fan_out, pointer, limits, findings),
        StepKind::Delay(delay) => check_delay(delay, pointer, limits, findings),
        StepKind::Response(response) => check_response(response, pointer, workflow, findings),
        StepKind::Action(action) => check_action(action, pointer, findings),
        StepKind::IntegrationRequest(request) => {
            check_integration_request(request, pointer, limits, findings);
        }
    }
}

/// Fan-outs inside fan-outs.
pub(super) fn check_nesting(
    workflow: &Workflow,
    graph: &Graph,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    for (index, step) in (0..StepIndex::MAX).zip(&workflow.steps) {
        let depth = graph.scope_of(index).len() + 1;
        if matches!(step.kind, StepKind::FanOut(_)) && depth > limits.fan_out_depth_max {
            let message = format!(
                "fan_outs are nested {depth} deep, at most {} are allowed",
                limits.fan_out_depth_max
            );
            findings.push(Finding::new(
                "fan_out_too_deep",
                format!("/steps/{index}/each"),
                message,
            ));
        }
    }
}

fn check_request(
    request: &RequestStep,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    check_url(&request.url, format!("{pointer}/url"), findings);
    check_headers(&request.headers, &format!("{pointer}/headers"), findings);
    check_timeout(request.timeout_ms, pointer, findings);
    check_body(request.body.as_ref(), pointer, findings);
    match &request.auth {
        RequestAuth::Header { headers } => {
            check_headers(headers, &format!("{pointer}/auth/headers"), findings);
        }
        RequestAuth::Oauth2ClientCredentials { token_url, .. } => {
            check_url(token_url, format!("{pointer}/auth/token_url"), findings);
        }
        RequestAuth::None
        | RequestAuth::Bearer { .. }
        | RequestAuth::Basic { .. }
        | RequestAuth::Query { .. } => {}
    }
    check_pagination(request.pagination.as_ref(), pointer, limits, findings);
}

pub(super) fn check_pagination(
    pagination: Option<&Pagination>,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    if let Some(pagination) = pagination {
        let pages = format!("{pointer}/pagination/pages_max");
        check_range(pages, "pages_max", pagination.pages_max, 1..=limits.pages_max, findings);
    }
}

pub(super) fn check_body(body: Option<&RequestBody>, pointer: &str, findings: &mut Vec<Finding>) {
    match body {
        Some(RequestBody::Multipart(parts)) => {
            for (index, part) in parts.iter().enumerate() {
                check_part(part, format!("{pointer}/body/multipart/{index}"), findings);
            }
        }
        Some(RequestBody::Graphql(graphql)) => {
            let query = format!("{pointer}/body/graphql/query");
            check_filled(&graphql.query, query, "the query", findings);
        }
        Some(RequestBody::Raw(raw)) => {
            if let Some(content_type) = &raw.content_type {
                let pointer = format!("{pointer}/body/raw/content_type");
                check_header_value(content_type, pointer, findings);
            }
        }
        Some(RequestBody::Json(_) | RequestBody::Form(_) | RequestBody::Xml(_)) | None => {}
    }
}

fn check_part(part: &MultipartPart, pointer: String, findings: &mut Vec<Finding>) {
    if part.value.is_some() == part.file.is_some() {
        findings.push(Finding::new(
            "not_exactly_one",
            pointer.as_str(),
            "a part has exactly one of \"value\" and \"file\"",
        ));
    }
    if let Some(content_type) = &part.content_type {
        check_header_value(content_type, format!("{pointer}/content_type"), findings);
    }
    check_filled(&part.name, pointer + "/name", "a part's name", findings);
}

fn check_filled(text: &str, pointer: String, noun: &str, findings: &mut Vec<Finding>) {
    if text.trim().is_empty() {
        findings.push(Finding::new("empty_text", pointer, format!("{noun} is empty")));
    }
}

pub(super) fn check_timeout(timeout_ms: Option<u32>, pointer: &str, findings: &mut Vec<Finding>) {
    if timeout_ms == Some(0) {
        let message = "timeout_ms must be at least 1";
        findings.push(
            Finding::new("out_of_range", format!("{pointer}/timeout_ms"), message)
                .help("leave it out for the installation's limit"),
        );
    }
}

fn check_function(
    function: &FunctionStep,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    let (code, code_max) = (format!("{pointer}/code"), limits.function_code_bytes_max);
    if function.code.len() > code_max {
        let message =
            format!("the code has {} bytes, at most {code_max} are allowed", function.code.len());
        findings.push(Finding::new("code_too_long", code.as_str(), message));
    }
    check_filled(&function.code, code, "the code", findings);
    check_timeout(function.timeout_ms, pointer, findings);
}

fn check_fan_out(
    fan_out: &FanOutStep,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    let parallelism = 1..=limits.fan_out_parallelism_max;
    check_range(
        format!("{pointer}/parallelism"),
        "parallelism",
        fan_out.parallelism,
        parallelism,
        findings,
    );
    if fan_out.over.as_literal().is_some_and(|over| !over.is_array()) {
        findings.push(
            Finding::new("not_a_list", format!("{pointer}/over"), "a fan_out goes over a list")
                .help("refer to a list, such as {{lookup.response.body.items}}"),
        );
    }
}

fn check_delay(
    delay: &DelayStep,
    pointer: &str,
    limits: &DocumentLimits,
    findings: &mut Vec<Finding>,
) {
    let fields = [
        ("seconds", &delay.seconds, 1.0),
        ("minutes", &delay.minutes, 60.0),
        ("hours", &delay.hours, 3_600.0),
        ("days", &delay.days, 86_400.0),
    ];
    let count = fields.iter().filter(|(_, field, _)| field.is_some()).count()
        + usize::from(delay.until.is_some());
    if count != 1 {
        findings.push(Finding::new(
            "not_exactly_one",
            format!("{pointer}/type"),
            "a delay has exactly one of \"seconds\", \"minutes\", \"hours\", \"days\" and \"until\"",
        ));
    }
    for (name, field, unit_seconds) in fields {
        let Some(value) = field.as_ref().and_then(Source::as_literal) else { continue };
        let seconds_max = limits.delay_seconds_max as f64;
        let is_fine = value
            .as_f64()
            .is_some_and(|number| (0.0..=seconds_max).contains(&(number * unit_seconds)));
        if !is_fine {
            let message = format!(
                "{name} must be a number from 0 to {}, not {value}",
                (seconds_max / unit_seconds).floor()
            );
            findings.push(Finding::new("out_of_range", format!("{pointer}/{name}"), message));
        }
    }
    if let Some(until) = delay.until.as_ref().and_then(Source::as_literal) {
        let is_moment = until.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok());
        if !is_moment {
            findings.push(
                Finding::new(
                    "invalid_moment",
                    format!("{pointer}/until"),
                    "this is not a moment in time",
                )
                .help("write RFC 3339, such as \"2030-01-31T09:00:00Z\""),
            );
        }
    }
}

fn check_response(
    response: &ResponseStep,
    pointer: &str,
    workflow: &Workflow,
    findings: &mut Vec<Finding>,
) {
    if !workflow.triggers.iter().any(|trigger| matches!(trigger, Trigger::Request {})) {
        findings.push(
            Finding::new(
                "response_without_request",
                format!("{pointer}/type"),
                "nobody waits for this response: the workflow has no request trigger",
            )
            .at(Spot::Value)
            .help("add a trigger of type request, or remove the step"),
        );
    }
    if let Some(status) = response.status.as_literal() {
        let is_fine = status.as_u64().is_some_and(|status| (200..=599).contains(&status));
        if !is_fine {
            let shown = match status {
                Value::Number(number) => number.to_string(),
                other => other.to_string().chars().take(40).collect(),
            };
            let message = format!("status must be a whole number from 200 to 599, not {shown}");
            findings.push(Finding::new("out_of_range", format!("{pointer}/status"), message));
        }
    }
    check_headers(&response.headers, &format!("{pointer}/headers"), findings);
}
