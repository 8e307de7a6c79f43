//! Triggers and the settings that belong to them.

use crate::workflow::diagnostic::Finding;
use crate::workflow::document::{Trigger, Workflow};
use crate::workflow::schedule::{CronSchedule, ScheduleError};

const EVENT_NAME_BYTES_MAX: usize = 255;

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
            Trigger::Request {} | Trigger::IntegrationEnabled {} => {}
        }
    }
}

fn check_event(event: &str, pointer: String, findings: &mut Vec<Finding>) {
    if event.is_empty() || event.len() > EVENT_NAME_BYTES_MAX || event.contains(char::is_control) {
        findings.push(Finding::new(
            "invalid_event_name",
            pointer + "/event",
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
