//! Secrets in documents: where they may stand, and which there are.

use std::collections::BTreeSet;

use tenon_domain::SecretKey;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Surroundings, check_surroundings};

use crate::documents::{diagnostics, document, expect_places, lines, loaded};

/// A document of an integration with a password and a text among its inputs.
fn of_integration(steps: &str) -> String {
    document(steps).replace(
        "steps:",
        "integration: slack\ninputs:\n  - {id: word, title: W, type: password}\n  \
         - {id: channel, title: C, type: text}\nsteps:",
    )
}

fn codes(text: &str) -> Vec<&'static str> {
    diagnostics(text).iter().map(|it| it.code).collect()
}

/// What the surroundings say of a document that loads.
fn around(text: &str, secrets: &[&str], shared_passwords: &[&str]) -> Vec<String> {
    let secrets: BTreeSet<SecretKey> =
        secrets.iter().map(|key| key.parse().expect("it is a key")).collect();
    let shared_passwords = shared_passwords.iter().map(ToString::to_string).collect();
    let found = check_surroundings(
        "welcome.yaml",
        text,
        &loaded(text),
        Surroundings { secrets: &secrets, shared_passwords: &shared_passwords },
        &DocumentLimits::default(),
    );
    lines(&found)
}

#[test]
fn secrets_stand_in_requests_actions_and_parameters_of_functions() {
    for step in [
        "{id: a, type: request, url: '{{secrets.KEY}}'}",
        "{id: a, type: request, url: 'https://x/', auth: {type: bearer, token: '{{secrets.KEY}}'}}",
        "{id: a, type: request, url: 'https://x/', headers: {x-key: '{{secrets.KEY}}'}, query: {k: '{{secrets.KEY}}'}}",
        "{id: a, type: request, method: POST, url: 'https://x/', body: {json: {k: '{{hmac(\"sha256\", secrets.KEY, \"x\")}}'}}}",
        "{id: a, type: function, code: x, parameters: {k: '{{parse_json(secrets.KEY).member}}'}}",
        "{id: a, type: action, connector: slack, action: post, input: {k: '{{secrets.KEY}}'}}",
        "{id: a, type: integration_request, connector: slack, path: '/{{secrets.KEY}}'}",
    ] {
        let text = document(&format!("  - {step}\n"));
        assert_eq!(loaded(&text).secret_keys(), BTreeSet::from(["KEY"]), "{step}");
    }
}

#[test]
fn elsewhere_they_are_refused_where_they_stand() {
    let paged = "type: request, url: 'https://x/', pagination: {page_token: '{{secrets.KEY}}', items: '{{self.response.body}}'}";
    expect_places(&[
        (
            "  - {id: a, type: fan_out, over: '{{secrets.KEY}}', each: b}\n  - {id: b, type: function, code: x}\n",
            &["10:37 secret_not_allowed"],
        ),
        ("  - {id: a, type: delay, seconds: '{{secrets.KEY}}'}\n", &["10:38 secret_not_allowed"]),
        (
            "  - {id: a, type: response, body: {json: 'a {{secrets.KEY}}'}}\n",
            &["10:47 secret_not_allowed"],
        ),
        (
            "  - {id: a, type: conditional, if: {operator: $exists, variable: '{{secrets.KEY}}'}, then: b}\n  - {id: b, type: function, code: x}\n",
            &["10:69 secret_not_allowed"],
        ),
        (
            "  - {id: a, type: action, connector: slack, action: post, input: {}, account: '{{secrets.KEY}}'}\n",
            &["10:82 secret_not_allowed"],
        ),
        (&format!("  - {{id: a, {paged}}}\n"), &["10:75 secret_not_allowed"]),
    ]);
}

#[test]
fn a_secret_is_named_by_its_key_and_has_no_members() {
    let reads = |template: &str| {
        document(&format!(
            "  - {{id: a, type: function, code: x, parameters: {{p: '{{{{{template}}}}}'}}}}\n"
        ))
    };
    for template in ["secrets", "secrets.key", "secrets.KEY.member", "secrets[0]"] {
        assert_eq!(codes(&reads(template)), ["invalid_secret"], "{template}");
    }
    assert_eq!(codes(&reads("secrets[\"KEY\"]")), [""; 0]);
    let taken = "  - {id: secrets, type: function, code: x}\n";
    assert_eq!(codes(&document(taken)), ["reserved_step_id"]);
}

#[test]
fn a_password_setting_stands_where_a_secret_may() {
    let fine = "  - {id: a, type: function, code: x, parameters: {p: '{{settings.word}}'}}\n";
    assert_eq!(codes(&of_integration(fine)), [""; 0]);
    let answered = "  - {id: a, type: response, body: {json: '{{settings.word}}'}}\n";
    assert_eq!(codes(&of_integration(answered)), ["secret_not_allowed"]);
    let plain = answered.replace("word", "channel");
    assert_eq!(codes(&of_integration(&plain)), [""; 0]);
}

#[test]
fn a_secret_that_the_project_does_not_have_is_told_with_those_it_has() {
    let text = document(
        "  - {id: a, type: function, code: x, parameters: {p: 'x {{secrets.STRIPE_KEI}}'}}\n",
    );
    assert_eq!(
        around(&text, &["OTHER", "STRIPE_KEY"], &[]),
        [
            "welcome.yaml:10:59: step \"a\": the project has no secret \"STRIPE_KEI\"; did you mean \"STRIPE_KEY\"? [unknown_secret]"
        ]
    );
    assert_eq!(
        around(&text, &["A_KEY", "B_KEY"], &[]),
        [
            "welcome.yaml:10:59: step \"a\": the project has no secret \"STRIPE_KEI\"; the project has A_KEY, B_KEY; `tenon secrets set STRIPE_KEI` keeps one [unknown_secret]"
        ]
    );
    assert_eq!(around(&text, &["STRIPE_KEI"], &[]), [""; 0]);
    let optional = text.replace("secrets.", "secrets?.");
    assert_eq!(around(&optional, &[], &[]), [""; 0]);
    assert!(loaded(&optional).secret_keys().is_empty());
}

#[test]
fn a_password_of_the_integration_stands_where_a_secret_may() {
    let answered = "  - {id: a, type: response, body: {json: '{{shared.token}}'}}\n";
    let text = of_integration(answered);
    assert_eq!(
        around(&text, &[], &["token"]),
        [
            "welcome.yaml:14:45: step \"a\": the secret shared.token cannot stand here: it would not stay one; secrets go into requests, inputs of actions and parameters of functions; not into accounts and pagination [secret_not_allowed]"
        ]
    );
    assert_eq!(around(&text, &[], &["other"]), [""; 0]);
    let fine = "  - {id: a, type: function, code: x, parameters: {p: '{{shared.token}}'}}\n";
    assert_eq!(around(&of_integration(fine), &[], &["token"]), [""; 0]);
}
