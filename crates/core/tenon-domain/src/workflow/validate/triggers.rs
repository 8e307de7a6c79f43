//! Triggers and the settings that belong to them.

use crate::workflow::diagnostic::Finding;
use crate::workflow::document::{Trigger, Workflow};
use crate::workflow::schedule::{CronSchedule, ScheduleError};

const EVENT_NAME_BYTES_MAX: usize = 255;
/// Types of events that one trigger names.
const EVENTS_MAX: usize = 100;

pub(super) fn check(workflow: &Workflow, findings: &mut Vec<Finding>) {
    let mut has_request = false;
    for (index, trigger) in workflow.triggers.iter().enumerate() {
        let pointer = format!("/triggers/{index}");
        if matches!(trigger, Trigger::Request {}) {
            if has_request {
                findings.push(
                    Finding::new("several_request_triggers", pointer, "a second request trigger")
                        .help("a workflow has one URL; keep one request trigger"),
                );
            }
            has_request = true;
            continue;
        }
        if workflow.triggers[..index].contains(trigger) {
            findings.push(
                Finding::new("duplicate_trigger", pointer, "the same trigger is there twice")
                    .help("it would start two runs; keep one"),
            );
            continue;
        }
        match trigger {
            Trigger::AppEvent { event } => check_event(event, pointer, findings),
            Trigger::Schedule { cron, time_zone } => {
                check_schedule(cron, time_zone, &pointer, findings);
            }
            Trigger::Webhook { webhook, events } => {
                check_webhook(webhook, events, &pointer, findings);
            }
            Trigger::Request {} | Trigger::IntegrationEnabled {} => {}
        }
    }
}

/// Whether the connector has such a webhook is for whoever has the catalog.
fn check_webhook(webhook: &str, events: &[String], pointer: &str, findings: &mut Vec<Finding>) {
    let is_id = (1..=63).contains(&webhook.len())
        && webhook.starts_with(|c: char| c.is_ascii_lowercase())
        && webhook.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_id {
        let message = "this is not the id of a webhook";
        findings.push(
            Finding::new("invalid_name", format!("{pointer}/webhook"), message)
                .help("use 1 to 63 of a-z, 0-9 and _, starting with a letter"),
        );
    }
    if events.len() > EVENTS_MAX {
        let message = format!("at most {EVENTS_MAX} types of events may be named");
        findings.push(
            Finding::new("too_many_events", format!("{pointer}/events"), message)
                .help("leave them out for all events, and choose in a conditional step"),
        );
    }
    for (index, event) in events.iter().enumerate().take(EVENTS_MAX) {
        check_event_name(event, format!("{pointer}/events/{index}"), findings);
        if events[..index].contains(event) {
            let message = format!("the event \"{event}\" is there twice");
            let pointer = format!("{pointer}/events/{index}");
            findings.push(Finding::new("duplicate_event", pointer, message).help("keep one"));
        }
    }
}

fn check_event(event: &str, pointer: String, findings: &mut Vec<Finding>) {
    check_event_name(event, pointer + "/event", findings);
}

fn check_event_name(event: &str, pointer: String, findings: &mut Vec<Finding>) {
    if event.is_empty() || event.len() > EVENT_NAME_BYTES_MAX || event.contains(char::is_control) {
        findings.push(Finding::new(
            "invalid_event_name",
            pointer,
            format!(
                "an event's name has 1 to {EVENT_NAME_BYTES_MAX} bytes and no control characters"
            ),
        ));
    }
}

fn check_schedule(cron: &str, time_zone: &str, pointer: &str, findings: &mut Vec<Finding>) {
    let Err(error) = CronSchedule::parse(cron, time_zone) else { return };
    let message = error.to_string();
    findings.push(match error {
        ScheduleError::Cron { .. } => {
            Finding::new("invalid_cron", format!("{pointer}/cron"), message).help(
                "write second, minute, hour, day of month, month, day of week; the second may be left out",
            )
        }
        ScheduleError::TimeZone(_) => {
            Finding::new("invalid_time_zone", format!("{pointer}/time_zone"), message)
                .help("use a name such as \"Europe/Berlin\" or \"UTC\"")
        }
        ScheduleError::NeverFires(_) => {
            Finding::new("schedule_never_fires", format!("{pointer}/cron"), message)
                .help("check day of month and month")
        }
    });
}
