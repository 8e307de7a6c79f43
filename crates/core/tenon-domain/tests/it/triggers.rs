//! Triggers, names and workflow settings.

use crate::documents::{diagnostics, lines, places};

fn with_triggers(triggers: &str) -> String {
    format!(
        "version: 1\nname: a\ntriggers: [{triggers}]\nsteps: [{{id: a, type: delay, seconds: 1}}]\n"
    )
}

#[test]
fn triggers_are_well_formed_and_distinct() {
    let table: [(&str, &[&str]); 15] = [
        ("", &[]),
        ("{type: request}", &[]),
        ("{type: request}, {type: request}", &["several_request_triggers"]),
        ("{type: app_event, event: x}, {type: app_event, event: y}", &[]),
        ("{type: app_event, event: x}, {type: app_event, event: x}", &["duplicate_trigger"]),
        ("{type: app_event, event: ''}", &["invalid_event_name"]),
        ("{type: schedule, cron: '0 9 * * MON-FRI', time_zone: Europe/Berlin}", &[]),
        ("{type: schedule, cron: '*/10 * * * * *'}", &[]),
        ("{type: schedule, cron: '@daily'}", &[]),
        ("{type: schedule, cron: '0 25 * * *'}", &["invalid_cron"]),
        ("{type: schedule, cron: 'every day'}", &["invalid_cron"]),
        ("{type: schedule, cron: '0 0 9 * * * 2030'}", &["invalid_cron"]),
        ("{type: schedule, cron: '0 9 * * *', time_zone: Mars/Olympus}", &["invalid_time_zone"]),
        ("{type: schedule, cron: '0 0 30 2 *'}", &["schedule_never_fires"]),
        (
            "{type: schedule, cron: '0 9 * * *'}, {type: schedule, cron: '0 9 * * *', time_zone: UTC}",
            &["duplicate_trigger"],
        ),
    ];
    for (triggers, expected) in table {
        let codes: Vec<&str> =
            diagnostics(&with_triggers(triggers)).iter().map(|it| it.code).collect();
        assert_eq!(codes, expected, "{triggers}");
    }
}

#[test]
fn too_many_triggers_are_refused() {
    let many: Vec<String> = (0..21).map(|n| format!("{{type: app_event, event: e{n}}}")).collect();
    assert_eq!(places(&with_triggers(&many.join(", "))), ["3:11 too_many"]);
}

#[test]
fn a_wrong_schedule_says_what_to_write() {
    assert_eq!(
        lines(&diagnostics(&with_triggers("{type: schedule, cron: '0 9 * * *', time_zone: CEST}"))),
        [
            "welcome.yaml:3:59: \"CEST\" is not an IANA time zone; use a name such as \"Europe/Berlin\" or \"UTC\" [invalid_time_zone]"
        ]
    );
}

#[test]
fn workflow_names_fit_in_urls() {
    for (name, count) in
        [("a", 0), ("welcome-2", 0), ("'9'", 0), ("Welcome", 1), ("-a", 1), ("a_b", 1), ("''", 1)]
    {
        let text = with_triggers("").replace("name: a", &format!("name: {name}"));
        assert_eq!(places(&text).len(), count, "{name}");
    }
}

#[test]
fn the_wait_for_a_response_is_bounded() {
    for (seconds, count) in [(0, 1), (1, 0), (300, 0), (301, 1)] {
        let text =
            with_triggers("") + &format!("settings: {{response_timeout_seconds: {seconds}}}\n");
        assert_eq!(places(&text).len(), count, "{seconds}");
    }
}
