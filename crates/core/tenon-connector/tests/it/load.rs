//! What the loader takes and refuses, and where it says so.

use serde_json::{Value, json};
use tenon_connector::load::{self, Bases, ManifestLimits, Rules};
use tenon_connector::manifest::auth::AuthKind;

use crate::manifests::{ACME, acme, acme_value, custom, listed, loaded, spoiled, within};

/// Each row breaks one rule: what is replaced, by what, and the codes that are then told.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("format: 1", "format: 2", &["unsupported_format"]),
    ("format: 1", "format: one", &["invalid_value"]),
    ("name: acme", "name: Acme_1", &["invalid_name"]),
    ("version: 1.2.3", "version: \"1.2\"", &["invalid_version"]),
    ("title: Acme", "title: \" \"", &["empty_text"]),
    ("[e-commerce]", "[]", &["empty_list"]),
    ("docs: https://", "docs: http://", &["invalid_url"]),
    ("\"#1a2b3c\"", "blue", &["invalid_color"]),
    ("color:", "colour:", &["unknown_field"]),
    ("type: password", "type: pasword", &["invalid_value"]),
    ("type: subdomain", "type: text", &["unsafe_host"]),
    ("type: subdomain", "type: text, pattern: '[^.]+'", &["unsafe_host"]),
    ("type: subdomain", "type: text, pattern: '(a'", &["invalid_pattern", "unsafe_host"]),
    ("type: subdomain", "type: number", &["not_text"]),
    ("type: subdomain", "type: select", &["invalid_options", "not_text"]),
    ("type: subdomain", "type: subdomain, default: a.b", &["invalid_default"]),
    ("type: password}", "type: password, default: x}", &["invalid_default"]),
    ("name: signing_secret", "name: client_secret", &["duplicate_name", "unknown_name"]),
    (
        "name: shop, title",
        "name: shop, visible_when: {field: stor, equals: 1}, title",
        &["unknown_name"],
    ),
    ("id: key", "id: oauth", &["duplicate_name"]),
    ("id: key", "id: Key", &["invalid_name"]),
    ("    inject: {headers: {x-api-key: \"{{fields.api_key}}\"}}\n", "", &["missing_injection"]),
    ("x-api-key:", "content-length:", &["invalid_header"]),
    ("x-api-key:", "x api key:", &["invalid_header"]),
    ("{{fields.api_key}}", "{{fields.api_kee}}", &["unknown_reference"]),
    ("{{fields.api_key}}", "{{input.api_key}}", &["unknown_reference"]),
    ("{{fields.api_key}}", "{{fields.api_key", &["invalid_template"]),
    ("default: [orders.read]", "default: [orders.reed]", &["unknown_scope"]),
    ("scopes: [orders.read]", "scopes: [admin]", &["unknown_scope"]),
    (
        "url: https://{{fields.shop}}.acme.example/api/v2",
        "url: http://{{fields.shop}}.acme.example",
        &["insecure_url"],
    ),
    ("/api/v2", "/api/v2/", &["invalid_url"]),
    ("{{fields.shop}}.acme.example/api", "{{fields.shop}}acme.example/api", &["unsafe_host"]),
    ("https://{{fields.shop}}.acme.example/api/v2", "'{{fields.shop}}'", &["unsafe_host"]),
    ("https://{{fields.shop}}.acme.example/api/v2", "https://user@acme.example", &["invalid_url"]),
    ("https://{{fields.shop}}.acme.example/api/v2", "https://acme.example/?a=1", &["invalid_url"]),
    ("[files.acme.example]", "[https://files.acme.example]", &["invalid_host"]),
    ("[files.acme.example]", "['*']", &["invalid_host"]),
    ("  errors:\n", "  errors:\n    - kind: failed\n", &["empty_rule"]),
    ("statuses: [402]", "statuses: [42]", &["out_of_range"]),
    ("{{response.body.message}}", "{{response.bod.message}}", &["unknown_reference"]),
    ("{{steps.me.id}}", "{{steps.you.id}}", &["unknown_reference"]),
    ("{{steps.me.id}}", "{{steps.me.ident}}", &["unknown_reference"]),
    (
        "\"{{response.body.region}}\"",
        "'{{response.headers[\"X-Region\"]}}'",
        &["unknown_reference"],
    ),
    ("secret: {app: signing_secret}", "secret: {app: signing}", &["unknown_name"]),
    ("secret: {app: signing_secret}", "secret: {field: nothing}", &["unknown_name"]),
    ("secret: {app: signing_secret}", "secret: generated", &["contradiction"]),
    ("    secret: {app: signing_secret}\n", "", &["missing_secret"]),
    (
        "route: {type: field, value: \"{{webhook.body.account}}\", field: account_id}",
        "route: {type: url}",
        &["contradiction"],
    ),
    ("field: account_id", "field: account", &["unknown_name"]),
    (
        "type: object\n      properties: {status",
        "type: objekt\n      properties: {status",
        &["invalid_schema", "invalid_schema"],
    ),
    (
        "{type: array, items: {type: object}}",
        "{$ref: 'https://x.example/s.json'}",
        &["invalid_schema"],
    ),
    ("{status: {type: string}}", "{status: {pattern: '(?=a)'}}", &["invalid_schema"]),
    ("required: [item]", "required: [article]", &["unknown_name"]),
    ("{{input.status}}", "{{input.state}}", &["unknown_reference"]),
    ("place: {query: after}", "place: {body: after}", &["invalid_place"]),
    ("place: {query: after}", "place: {}", &["missing_field"]),
    ("type: cursor, cursor: \"{{response.body.next}}\", place", "type: offset, place", &[]),
    ("      size: {place: {query: limit}, items: 50}\n", "", &[]),
    ("items: 50", "items: 0", &["out_of_range"]),
    ("method: POST\n      url", "url", &["unexpected_body"]),
    ("url: /orders\n      body", "url: https://evil.example/orders\n      body", &[]),
    ("url: /orders\n      body", "url: //evil.example\n      body", &["invalid_url"]),
    (
        "url: /orders\n      body",
        "url: https://{{input.item}}.acme.example\n      body",
        &["unsafe_host"],
    ),
    ("effect: create", "effect: make", &["invalid_value"]),
];

#[test]
fn the_manifest_of_the_tests_is_good() {
    let connector = acme();
    assert_eq!(connector.name(), "acme");
    assert!(matches!(connector.auth(None).expect("it has one").kind, AuthKind::Oauth2(_)));
    assert_eq!(connector.action("create_order").expect("it is there").title, "Create an order");
    assert!(connector.action("nothing").is_none() && connector.webhook("nothing").is_none());
    assert!(connector.webhook("events").is_some());
}

#[test]
fn every_broken_rule_is_told_by_its_code() {
    for (what, by, codes) in BROKEN {
        let told: Vec<&str> = match loaded(&spoiled(what, by)) {
            Ok(_) => Vec::new(),
            Err(diagnostics) => diagnostics.iter().map(|diagnostic| diagnostic.code).collect(),
        };
        let mut told: Vec<&str> = told;
        let mut codes = codes.to_vec();
        told.sort_unstable();
        codes.sort_unstable();
        // A rule that is broken may be told at each place where it is.
        told.dedup();
        codes.dedup();
        assert_eq!(told, codes, "{what} -> {by}");
    }
}

#[test]
fn a_host_that_only_literals_decide_must_be_allowed() {
    let literal = ACME.replace("{{fields.shop}}.acme", "shop.acme");
    let text =
        literal.replace("url: /orders\n      body", "url: https://evil.example/orders\n      body");
    let diagnostics = loaded(&text).expect_err("the host is not allowed");
    assert_eq!(diagnostics[0].code, "host_not_allowed", "{}", listed(&diagnostics));
    let fine = literal
        .replace("url: /orders\n      body", "url: https://files.acme.example/o\n      body");
    loaded(&fine).expect("the host is allowed");
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let text = spoiled("name: acme", "name: A")
        .replace("{{steps.me.name}}", "{{steps.me.nam}}")
        .replace("{{input.item}}", "x {{inputs.item}}")
        .replace("x-api-key:", "x-api-key: 1, X-Api-Key:");
    let diagnostics = loaded(&text).expect_err("it is broken");
    let line_of = |what: &str| {
        let index = text.lines().position(|line| line.contains(what)).expect("it is there");
        u32::try_from(index + 1).expect("it is short")
    };
    let found: Vec<(u32, &str)> =
        diagnostics.iter().map(|diagnostic| (diagnostic.line, diagnostic.code)).collect();
    assert_eq!(
        found,
        [
            (line_of("name: A"), "invalid_name"),
            (line_of("X-Api-Key"), "duplicate_name"),
            (line_of("steps.me.nam}}"), "unknown_reference"),
            (line_of("{{inputs.item"), "unknown_reference"),
        ],
        "{}",
        listed(&diagnostics)
    );
    let reference = &diagnostics[3];
    let line = text.lines().nth(reference.line as usize - 1).expect("it is there");
    let column = line.find("inputs.item").expect("it is there") + 1;
    assert_eq!(reference.column as usize, column);
    assert_eq!(reference.help.as_deref(), Some("did you mean \"input\"?"));
}

#[test]
fn syntax_that_is_broken_is_told_with_its_line() {
    let diagnostics = loaded("format: 1\nname: [").expect_err("it is broken");
    assert_eq!(diagnostics[0].code, "syntax");
    assert!(diagnostics[0].line >= 2);
    assert_eq!(loaded("").expect_err("it is empty")[0].code, "empty_document");
    let twice = loaded(&format!("{ACME}name: again\n")).expect_err("a key is there twice");
    assert_eq!(twice[0].code, "duplicate_key");
}

#[test]
fn implied_fields_are_there_only_where_none_are_given() {
    let connector = acme();
    let key = connector.auth(Some("key")).expect("it is there");
    let names = |method| -> Vec<String> {
        connector.fields_of(method).iter().map(|field| field.name.clone()).collect()
    };
    assert_eq!(names(key), ["shop", "api_key"]);
    let text =
        spoiled("type: api_key\n", "type: basic\n    fields: [{name: api_key, title: Key}]\n");
    let connector = loaded(&text).unwrap_or_else(|found| panic!("{}", listed(&found)));
    let key = connector.auth(Some("key")).expect("it is there");
    let names: Vec<&str> =
        connector.fields_of(key).iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["shop", "api_key"]);
}

#[test]
fn sizes_and_counts_are_bounded() {
    let codes = |limits| -> Vec<&str> {
        within(limits).expect_err("it is too much").iter().map(|it| it.code).collect()
    };
    let usual = ManifestLimits::default;
    assert_eq!(codes(ManifestLimits { manifest_bytes_max: 100, ..usual() }), ["too_large"]);
    assert_eq!(codes(ManifestLimits { depth_max: 3, ..usual() }), ["too_deep"]);
    assert_eq!(codes(ManifestLimits { auth_methods_max: 1, ..usual() }), ["too_many"]);
    assert_eq!(codes(ManifestLimits { fields_max: 0, ..usual() }), ["too_many", "too_many"]);
    assert_eq!(codes(ManifestLimits { actions_max: 1, ..usual() }), ["too_many"]);
    assert_eq!(codes(ManifestLimits { webhooks_max: 0, ..usual() }), ["too_many"]);
    assert_eq!(codes(ManifestLimits { steps_max: 0, ..usual() }), ["too_many"]);
}

#[test]
fn a_manifest_that_is_a_value_loads_alike() {
    custom(&acme_value()).unwrap_or_else(|found| panic!("{}", listed(&found)));
    let mut broken = acme_value();
    broken["auth"][1]["id"] = json!("A");
    let found = custom(&broken).expect_err("it is broken");
    assert_eq!((found[0].pointer.as_str(), found[0].line), ("/auth/1/id", 0));
}

#[test]
fn a_projects_own_connector_names_no_private_host() {
    for host in
        ["10.0.0.1", "localhost", "[::1]", "db.internal", "printer.local", "2130706433", "intranet"]
    {
        let mut manifest = acme_value();
        manifest["proxy"]["base_url"][0]["url"] = json!(format!("https://{host}/api"));
        let found = custom(&manifest).expect_err(host);
        assert!(found.iter().any(|it| it.code == "private_host"), "{host}: {}", listed(&found));
        load::load_value(&manifest, &Rules::built_in()).expect("ours may");
    }
    let mut manifest = acme_value();
    manifest["proxy"]["allowed_hosts"] = json!(["*.corp"]);
    assert!(custom(&manifest).is_err());
    manifest["proxy"]["allowed_hosts"] = json!(["files.corp"]);
    assert_eq!(custom(&manifest).expect_err("it is private")[0].code, "private_host");
}

struct Others(Vec<(&'static str, Value)>);

impl Bases for Others {
    fn manifest(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }
}

#[test]
fn an_extension_takes_everything_and_replaces_what_it_names() {
    let others = Others(vec![("acme", acme_value())]);
    let rules = Rules { bases: &others, ..Rules::built_in() };
    let text = "extends: acme\nname: acme-eu\ntitle: Acme Europe\nproxy: {base_url: [{url: 'https://eu.acme.example'}]}\nwebhooks: null\n";
    let connector = load::load("connector.yaml", text, &rules)
        .unwrap_or_else(|found| panic!("{}", listed(&found)));
    assert_eq!(connector.name(), "acme-eu");
    assert_eq!(connector.manifest().actions.len(), 2);
    assert_eq!(connector.manifest().proxy.allowed_hosts.len(), 1);
    assert!(connector.manifest().webhooks.is_empty());
    let broken = text.replace("https://eu", "http://eu");
    let found = load::load("connector.yaml", &broken, &rules).expect_err("plain http");
    assert_eq!((found[0].code, found[0].line), ("insecure_url", 4));
}

#[test]
fn extensions_that_go_round_or_lead_nowhere_are_refused() {
    let one = json!({"extends": "two"});
    let two = json!({"extends": "one"});
    let others = Others(vec![("one", one), ("two", two)]);
    let rules = Rules { bases: &others, ..Rules::built_in() };
    for (text, code) in [
        ("extends: one\nname: x", "extends_cycle"),
        ("extends: x\nname: x", "extends_cycle"),
        ("extends: three\nname: x", "unknown_base"),
    ] {
        let found = load::load("connector.yaml", text, &rules).expect_err(text);
        assert_eq!((found[0].code, found[0].line), (code, 1), "{text}");
    }
}

#[test]
fn input_is_checked_with_the_actions_schema() {
    let connector = acme();
    let validator = connector.input_validator("create_order").expect("it is there");
    assert!(validator.is_valid(&json!({"item": "a"})));
    assert!(!validator.is_valid(&json!({"note": "a"})));
    assert!(!validator.is_valid(&json!({"item": "a", "more": 1})));
    assert!(connector.input_validator("nothing").is_none());
}

mod robustness {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever stands in a place, there is an answer and no panic, and what is accepted can
        /// be written and read again.
        #[test]
        fn a_manifest_with_anything_anywhere_is_answered(place in 0..400_usize, what in 0..8_usize) {
            let mut value = acme_value();
            let pointers = crate::manifests::pointers_of(&value);
            let pointer = &pointers[place % pointers.len()];
            let odd = [json!(null), json!(""), json!([]), json!({}), json!(-1), json!("{{"), json!("{{a.b}}"), json!({"$ref": "#"})];
            *value.pointer_mut(pointer).expect("it is there") = odd[what].clone();
            if let Ok(connector) = custom(&value) {
                let again = serde_json::to_value(connector.manifest()).expect("it is JSON");
                prop_assert!(custom(&again).is_ok());
            }
        }

        #[test]
        fn a_text_that_was_cut_is_answered(at in 0..ACME.len()) {
            if let Some(text) = ACME.get(..at) {
                drop(loaded(text));
            }
        }
    }
}
