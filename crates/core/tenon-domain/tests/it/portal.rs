//! What a workflow has because it belongs to an integration.

use crate::documents::{diagnostics, lines, places};

fn with(extra: &str) -> String {
    format!(
        "version: 1\nname: a\n{extra}triggers: [{{type: app_event, event: x}}]\n\
         steps: [{{id: a, type: function, code: 'x', parameters: {{p: '{{{{user.id}}}}'}}}}]\n"
    )
}

/// The codes for a document with these lines before its triggers.
fn codes(extra: &str) -> Vec<&'static str> {
    diagnostics(&with(extra)).iter().map(|it| it.code).collect()
}

fn input(rest: &str) -> String {
    format!("integration: slack\ninputs: [{{id: a, title: A, {rest}}}]\n")
}

#[test]
fn inputs_a_portal_and_the_trigger_need_an_integration() {
    assert_eq!(codes("integration: slack\n"), [""; 0]);
    assert_eq!(codes("integration: Slack\n"), ["invalid_name"]);
    assert_eq!(codes("integration: custom.crm\n"), [""; 0]);
    assert_eq!(codes("inputs: [{id: a, title: A, type: text}]\n"), ["needs_integration"]);
    assert_eq!(codes("portal: {title: A}\n"), ["needs_integration"]);
    let enabled = |extra: &str| {
        with(extra).replace("{type: app_event, event: x}", "{type: integration_enabled}")
    };
    assert_eq!(places(&enabled("")), ["3:12 needs_integration"]);
    assert_eq!(places(&enabled("integration: slack\n")), [""; 0]);
    let twice = enabled("integration: slack\n")
        .replace("enabled}", "enabled}, {type: integration_enabled}");
    assert_eq!(places(&twice), ["4:41 duplicate_trigger"]);
}

#[test]
fn each_kind_of_input_has_its_rules() {
    let table: [(&str, &[&str]); 27] = [
        ("type: text", &[]),
        ("type: text, default: hello", &[]),
        ("type: text, default: 5", &["invalid_default"]),
        ("type: text, options: []", &["unknown_field"]),
        ("type: number, default: 5", &[]),
        ("type: number, default: '5'", &["invalid_default"]),
        ("type: email, default: a@example.com", &[]),
        ("type: email, default: nobody", &["invalid_default"]),
        ("type: url, default: 'ftp://x'", &["invalid_default"]),
        ("type: password, default: secret", &["invalid_default"]),
        ("type: switch, default: true", &[]),
        ("type: select, options: [{label: A, value: a}], default: a", &[]),
        ("type: select, options: [{label: A, value: a}], default: b", &["invalid_default"]),
        ("type: select, options: []", &["empty_list"]),
        (
            "type: select, options: [{label: A, value: a}, {label: B, value: a}]",
            &["duplicate_option"],
        ),
        ("type: select", &["missing_field"]),
        ("type: dynamic_select, source: channels", &[]),
        ("type: dynamic_select, source: ''", &["invalid_text"]),
        ("type: custom_dropdown, key: k", &[]),
        ("type: field_mapper, fields: [Title]", &[]),
        ("type: field_mapper, object: Contact", &[]),
        ("type: field_mapper", &["nothing_to_map"]),
        ("type: field_mapper, fields: [a, a]", &["duplicate_option"]),
        ("type: permission, scopes: []", &["empty_list"]),
        ("type: nope", &["invalid_value"]),
        ("type: text, documentation_url: 'http://x.example'", &["invalid_url"]),
        ("type: text, subtitle: ' '", &["invalid_text"]),
    ];
    for (rest, expected) in table {
        assert_eq!(codes(&input(rest)), expected, "{rest}");
    }
}

#[test]
fn ids_of_inputs_are_formed_and_unique() {
    let ids = |a: &str, b: &str| {
        let one = |id: &str| format!("{{id: {id}, title: A, type: text}}");
        codes(&format!("integration: slack\ninputs: [{}, {}]\n", one(a), one(b)))
    };
    assert_eq!(ids("a", "b_2"), [""; 0]);
    assert_eq!(ids("a", "a"), ["duplicate_input"]);
    assert_eq!(ids("A", "2b"), ["invalid_input_id", "invalid_input_id"]);
    let taken = with(&input("type: text")) + "settings: {values: {a: 1}}\n";
    assert_eq!(places(&taken), ["4:15 duplicate_input"]);
    let many: Vec<String> =
        (0..101).map(|n| format!("{{id: i{n}, title: A, type: text}}")).collect();
    assert_eq!(
        codes(&format!("integration: slack\ninputs: [{}]\n", many.join(", "))),
        ["too_many"]
    );
}

#[test]
fn permissions_ask_about_the_user_only() {
    let permissions = |variable: &str| {
        format!(
            "integration: slack\nportal: {{permissions: {{operator: $exists, variable: '{{{{{variable}}}}}'}}}}\n"
        )
    };
    for variable in ["user.meta.plan", "user.id", "user?.meta.x"] {
        assert_eq!(codes(&permissions(variable)), [""; 0], "{variable}");
    }
    for variable in ["user.name", "trigger.event.x", "settings.a", "a.result"] {
        assert_eq!(codes(&permissions(variable)), ["invalid_permissions"], "{variable}");
    }
    assert_eq!(
        lines(&diagnostics(&with(&permissions("run.id")))),
        [
            "welcome.yaml:4:56: permissions know the user only, and nothing of \"run\"; refer to {{user.id}} or {{user.meta.<name>}} [invalid_permissions]"
        ]
    );
}

#[test]
fn settings_are_values_and_inputs_and_shared_needs_an_integration() {
    let reading = |extra: &str, reference: &str| {
        let text = with(extra).replace("user.id", reference);
        diagnostics(&text).iter().map(|it| it.code).collect::<Vec<_>>()
    };
    let own = input("type: text");
    assert_eq!(reading(&own, "settings.a"), [""; 0]);
    assert_eq!(reading(&own, "settings.b"), ["unknown_setting"]);
    assert_eq!(reading(&own, "settings?.b"), [""; 0]);
    assert_eq!(reading(&own, "shared.anything"), [""; 0]);
    assert_eq!(reading("", "shared.anything"), ["needs_integration"]);
    let step = with("").replace("id: a,", "id: shared,");
    assert_eq!(places(&step), ["4:14 reserved_step_id"]);
}
