//! What each step type asks of its own fields, and retry policies.

use crate::documents::{document, expect_places, places};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::load;

/// Codes for a step with these fields.
fn expect_codes(table: &[(&str, &[&str])]) {
    for (fields, expected) in table {
        let found = places(&document(&format!("  - {{id: a, {fields}}}\n")));
        let codes: Vec<&str> = found.iter().filter_map(|place| place.split(' ').nth(1)).collect();
        assert_eq!(&codes, expected, "{fields}: {found:?}");
    }
}

#[test]
fn urls_are_absolute_http() {
    expect_codes(&[
        ("type: request, url: 'https://x/{{trigger.event.id}}'", &[]),
        ("type: request, url: '{{settings.site}}/contacts'", &[]),
        ("type: request, url: 'http{{trigger.event.s}}://x'", &[]),
        ("type: request, url: '/contacts'", &["invalid_url"]),
        ("type: request, url: '/contacts/{{trigger.event.id}}'", &["invalid_url"]),
        ("type: request, url: 'ftp://x'", &["invalid_url"]),
        ("type: request, url: 'ftp://{{trigger.event.host}}'", &["invalid_url"]),
        ("type: request, url: 'https://'", &["invalid_url"]),
        ("type: request, url: 5", &["invalid_url"]),
        (
            "type: request, url: 'https://x', auth: {type: oauth2_client_credentials, token_url: /token, client_id: a, client_secret: b}",
            &["invalid_url"],
        ),
    ]);
}

#[test]
fn headers_are_well_formed() {
    expect_codes(&[
        ("type: request, url: 'https://x', headers: {X-A: 1, accept: '*/*'}", &[]),
        ("type: request, url: 'https://x', headers: {'X A': 1}", &["invalid_header"]),
        ("type: request, url: 'https://x', headers: {'': 1}", &["invalid_header"]),
        ("type: request, url: 'https://x', headers: {Content-Length: 1}", &["invalid_header"]),
        ("type: request, url: 'https://x', headers: {A: \"x\\ny\"}", &["invalid_header"]),
        ("type: request, url: 'https://x', headers: {Accept: a, accept: b}", &["duplicate_header"]),
        ("type: response, headers: {'a:b': 1}", &["invalid_header"]),
        (
            "type: request, url: 'https://x', auth: {type: header, headers: {'a b': 1}}",
            &["invalid_header"],
        ),
    ]);
}

#[test]
fn bodies_are_complete() {
    expect_codes(&[
        ("type: request, url: 'https://x', body: {multipart: [{name: a, value: b}]}", &[]),
        ("type: request, url: 'https://x', body: {multipart: [{name: a}]}", &["not_exactly_one"]),
        (
            "type: request, url: 'https://x', body: {multipart: [{name: a, value: b, file: c}]}",
            &["not_exactly_one"],
        ),
        (
            "type: request, url: 'https://x', body: {multipart: [{name: '', value: b}]}",
            &["empty_text"],
        ),
        ("type: request, url: 'https://x', body: {graphql: {query: ' '}}", &["empty_text"]),
    ]);
}

#[test]
fn numbers_keep_their_bounds() {
    expect_codes(&[
        ("type: request, url: 'https://x', timeout_ms: 0", &["out_of_range"]),
        (
            "type: request, url: 'https://x', pagination: {page_token: a, items: [], pages_max: 0}",
            &["out_of_range"],
        ),
        (
            "type: request, url: 'https://x', pagination: {page_token: a, items: [], pages_max: 100000}",
            &[],
        ),
        (
            "type: request, url: 'https://x', pagination: {page_token: a, items: [], pages_max: 100001}",
            &["out_of_range"],
        ),
        ("type: response, status: 99", &["out_of_range"]),
        ("type: response, status: 200.5", &["out_of_range"]),
        ("type: response, status: '200'", &["out_of_range"]),
        ("type: response, status: 599", &[]),
        ("type: response, status: '{{trigger.event.status}}'", &[]),
    ]);
    for (parallelism, expected) in [(0, 1), (1, 0), (1_000, 0), (1_001, 1)] {
        let steps = format!(
            "  - {{id: a, type: fan_out, over: [1], each: b, parallelism: {parallelism}}}\n  - {{id: b, type: delay, seconds: 1}}\n"
        );
        assert_eq!(places(&document(&steps)).len(), expected, "{parallelism}");
    }
}

#[test]
fn a_delay_has_exactly_one_length() {
    expect_codes(&[
        ("type: delay, seconds: 0", &[]),
        ("type: delay, days: 3660", &[]),
        ("type: delay, days: 3661", &["out_of_range"]),
        ("type: delay, hours: '{{trigger.event.hours}}'", &[]),
        ("type: delay, until: '2030-01-31T09:00:00+02:00'", &[]),
        ("type: delay, until: '2030-01-31'", &["invalid_moment"]),
        ("type: delay, until: 5", &["invalid_moment"]),
        ("type: delay", &["not_exactly_one"]),
        ("type: delay, seconds: 1, minutes: 1", &["not_exactly_one"]),
        ("type: delay, seconds: 1, until: '2030-01-31T09:00:00Z'", &["not_exactly_one"]),
        ("type: delay, seconds: -1", &["out_of_range"]),
        ("type: delay, seconds: soon", &["out_of_range"]),
    ]);
}

#[test]
fn a_fan_out_goes_over_a_list() {
    expect_places(&[(
        "  - {id: a, type: fan_out, over: {x: 1}, each: b}\n  - {id: b, type: delay, seconds: 1}\n",
        &["10:34 not_a_list"],
    )]);
}

#[test]
fn code_is_bounded() {
    let limits = DocumentLimits { function_code_bytes_max: 10, ..Default::default() };
    let text = document("  - {id: a, type: function, code: 'return 12345'}\n");
    let found = load("a.yaml", &text, &limits).expect_err("the code is too long");
    assert_eq!(found[0].code, "code_too_long");
    expect_codes(&[("type: function, code: '  '", &["empty_text"])]);
}

#[test]
fn a_response_needs_a_request() {
    let text = "version: 1\nname: a\ntriggers:\n  - {type: app_event, event: x}\nsteps:\n  - {id: a, type: response}\n";
    assert_eq!(places(text), ["6:19 response_without_request"]);
}

#[test]
fn retry_policies_keep_their_bounds() {
    let table: [(&str, &[&str]); 11] = [
        ("{retries: 20}", &[]),
        ("{retries: 21}", &["out_of_range"]),
        ("{backoff: {schedule: [0, 1.5, 86400]}}", &[]),
        ("{backoff: {schedule: [-1]}}", &["out_of_range"]),
        ("{backoff: {schedule: [86401]}}", &["out_of_range"]),
        ("{backoff: {schedule: []}}", &["empty_schedule"]),
        ("{retries: 0, backoff: {schedule: []}}", &[]),
        ("{backoff: {exponential: {initial: 1, factor: 0.5, max: 60}}}", &["out_of_range"]),
        ("{backoff: {exponential: {initial: 1, factor: 2, max: 60}}, jitter: full}", &[]),
        ("{on_status: [429, 5xx]}", &[]),
        ("{on_status: [200, 600]}", &["out_of_range", "out_of_range"]),
    ];
    for (policy, expected) in table {
        expect_codes(&[(&format!("type: delay, seconds: 1, retry: {policy}"), expected)]);
        let text = format!(
            "version: 1\nname: a\ntriggers: []\nsettings: {{retry: {policy}}}\nsteps: [{{id: a, type: delay, seconds: 1}}]\n"
        );
        assert_eq!(places(&text).len(), expected.len(), "{policy}");
    }
}

#[test]
fn accounts_are_named_and_inputs_are_mappings() {
    expect_codes(&[
        ("type: action, connector: slack, action: send_message", &[]),
        ("type: action, connector: custom.my-crm, action: a, input: {x: '{{user.id}}'}", &[]),
        ("type: action, connector: slack, action: a, input: '{{trigger.event}}'", &[]),
        (
            "type: action, connector: slack, action: a, input: 'x {{trigger.event}}'",
            &["not_a_mapping"],
        ),
        ("type: action, connector: slack, action: a, input: [1]", &["not_a_mapping"]),
        ("type: action, connector: Slack, action: a", &["invalid_name"]),
        ("type: action, connector: custom., action: a", &["invalid_name"]),
        ("type: action, connector: slack, action: Send-Message", &["invalid_name"]),
        ("type: action, connector: slack, action: a, account: ''", &["invalid_account"]),
        ("type: action, connector: slack, action: a, account: 7", &["invalid_account"]),
        ("type: action, connector: slack, action: a, account: '{{user.meta.a}}'", &[]),
        ("type: action, connector: slack", &["missing_field"]),
    ]);
}

#[test]
fn paths_stay_below_the_base_url() {
    let step = |path: &str| format!("type: integration_request, connector: slack, path: {path}");
    for (path, expected) in [
        ("/contacts", &[][..]),
        ("'contacts/{{trigger.event.id}}'", &[]),
        ("'{{trigger.event.path}}'", &[]),
        ("https://evil.example/x", &["invalid_path"]),
        ("'https://{{trigger.event.host}}'", &["invalid_path"]),
        ("//evil.example/x", &["invalid_path"]),
        ("'/\\evil.example'", &["invalid_path"]),
        ("'/a#b'", &["invalid_path"]),
        ("5", &["invalid_path"]),
    ] {
        expect_codes(&[(&step(path), expected)]);
    }
    expect_codes(&[
        (&format!("{}, headers: {{Host: x}}", step("/a")), &[]),
        (&format!("{}, headers: {{Content-Length: 1}}", step("/a")), &["invalid_header"]),
        (&format!("{}, timeout_ms: 0", step("/a")), &["out_of_range"]),
        (&format!("{}, body: {{multipart: [{{name: a}}]}}", step("/a")), &["not_exactly_one"]),
        (
            &format!("{}, pagination: {{page_token: a, items: [], pages_max: 0}}", step("/a")),
            &["out_of_range"],
        ),
        (
            &format!(
                "{}, query: {{c: '{{{{self.pageToken}}}}'}}, pagination: {{page_token: '{{{{self.page}}}}', items: []}}",
                step("/a")
            ),
            &[],
        ),
        (
            &format!("{}, query: {{c: '{{{{self.pageToken}}}}'}}", step("/a")),
            &["self_without_pagination"],
        ),
    ]);
}

#[test]
fn what_a_provider_answered_is_an_output_of_an_ignored_failure() {
    let steps = |more: &str, path: &str| {
        format!(
            "  - {{id: a, type: action, connector: slack, action: b, {more}next: c}}\n  - {{id: c, type: function, code: x, parameters: {{v: '{{{{a.{path}}}}}'}}}}\n"
        )
    };
    for (more, path, expected) in [
        ("", "result.ts", &[][..]),
        ("", "response.statusCode", &["11:57 unknown_field"]),
        ("ignore_failure: true, ", "response.statusCode", &[]),
        ("ignore_failure: true, ", "kind", &[]),
        ("ignore_failure: true, ", "error.code", &[]),
    ] {
        assert_eq!(places(&document(&steps(more, path))), expected, "{more}{path}");
    }
}
