//! Tables of runs, steps, workflows and users.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::Value;
use tenon_client::{Run, StepRecordView, User, Workflow};
use tenon_domain::RunId;

use super::{Paint, Tone, duration_text, one_line, run_tone, step_tone};

/// The longest id of a user in a table, in characters.
const USER_CHARS_MAX: usize = 40;
/// The longest summary in a table, in characters, and the shortest that is still worth reading.
const SUMMARY_CHARS_MAX: usize = 60;
const SUMMARY_CHARS_MIN: usize = 16;

/// Runs, one a line.
#[must_use]
pub fn run_table(runs: &[Run]) -> String {
    run_table_painted(runs, Paint::for_stdout())
}

/// Step records, one a line: the table of one run.
#[must_use]
pub fn step_table(steps: &[StepRecordView]) -> String {
    let columns_max = Table::new().width().map(usize::from);
    step_table_painted(steps, Paint::for_stdout(), columns_max)
}

/// [`run_table`] with or without colours.
fn run_table_painted(runs: &[Run], paint: Paint) -> String {
    let mut table = table(
        &["run", "workflow", "user", "status", "trigger", "started", "duration", "attempts"],
        paint,
    );
    for run in runs {
        table.add_row(vec![
            Cell::new(short_id(run.id)),
            Cell::new(workflow_name(run)),
            Cell::new(one_line(run.user.as_deref().unwrap_or("-"), USER_CHARS_MAX)),
            toned(run.status.name(), run_tone(run.status)),
            Cell::new(run.trigger.name()),
            Cell::new(time(run.started_at.unwrap_or(run.created_at))),
            Cell::new(run.duration_ms.map_or_else(|| "-".to_owned(), duration_text)),
            Cell::new(run.attempts),
        ]);
    }
    table.to_string()
}

/// [`step_table`] with or without colours. The summaries give way when a line would not fit
/// into `columns_max`.
fn step_table_painted(
    steps: &[StepRecordView],
    paint: Paint,
    columns_max: Option<usize>,
) -> String {
    let table = step_table_with(steps, paint, SUMMARY_CHARS_MAX);
    let width = table.lines().next().map_or(0, |line| line.chars().count());
    let longest = steps.iter().map(|step| summary(step, SUMMARY_CHARS_MAX).chars().count()).max();
    match (columns_max, longest) {
        (Some(columns_max), Some(longest)) if width > columns_max => {
            let fits = longest.saturating_sub(width - columns_max);
            step_table_with(steps, paint, fits.max(SUMMARY_CHARS_MIN))
        }
        _ => table,
    }
}

/// The column of iterations is there only when a step has one.
fn step_table_with(steps: &[StepRecordView], paint: Paint, summary_chars_max: usize) -> String {
    let has_iterations = steps.iter().any(|step| !step.iteration.is_empty());
    let mut header = vec!["step", "type", "attempt", "status", "duration", "summary"];
    if has_iterations {
        header.insert(2, "iteration");
    }
    let mut table = table(&header, paint);
    for step in steps.iter().filter(|step| !ends_an_iteration(step)) {
        let mut row = vec![
            Cell::new(&step.step),
            Cell::new(&step.kind),
            Cell::new(step.attempt),
            toned(step.status.name(), step_tone(step.status)),
            Cell::new(duration_text(step.duration_ms)),
            Cell::new(summary(step, summary_chars_max)),
        ];
        if has_iterations {
            row.insert(2, Cell::new(iteration(&step.iteration)));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// The record that an iteration of a fan-out ended; it says nothing that its steps do not.
#[must_use]
pub fn ends_an_iteration(step: &StepRecordView) -> bool {
    step.kind == "fan_out" && step.output.is_none() && step.error.is_none()
}

/// Workflows, one a line.
#[must_use]
pub fn workflow_table(workflows: &[Workflow], paint: Paint) -> String {
    let mut table = table(&["workflow", "version", "deployed", "changed", "id"], paint);
    for workflow in workflows {
        let (word, tone) =
            if workflow.deployed { ("yes", Tone::Good) } else { ("no", Tone::Warning) };
        table.add_row(vec![
            Cell::new(&workflow.name),
            Cell::new(workflow.version.map_or_else(|| "-".to_owned(), |number| number.to_string())),
            toned(word, tone),
            Cell::new(time(workflow.updated_at)),
            Cell::new(workflow.id),
        ]);
    }
    table.to_string()
}

/// Users, one a line.
#[must_use]
pub fn user_table(users: &[User], paint: Paint) -> String {
    let mut table = table(&["user", "status", "since"], paint);
    for user in users {
        let (word, tone) =
            if user.disabled { ("disabled", Tone::Warning) } else { ("active", Tone::Good) };
        table.add_row(vec![
            Cell::new(one_line(&user.id, USER_CHARS_MAX)),
            toned(word, tone),
            Cell::new(time(user.disabled_at.unwrap_or(user.created_at))),
        ]);
    }
    table.to_string()
}

/// The end of a run's id: the beginning is its time, which runs of the same minute share.
fn short_id(run: RunId) -> String {
    let text = run.to_string();
    text[text.len() - 8..].to_owned()
}

/// What a step gave, or why it failed, in one line.
fn summary(step: &StepRecordView, chars_max: usize) -> String {
    let text = match (&step.error, step.retry_at, &step.output, &step.output_omitted) {
        (Some(error), _, _, _) => format!("{}: {}", error.code, error.message),
        (None, Some(at), _, _) => format!("until {}", time(at)),
        (None, None, Some(output), _) => gist(&step.kind, output),
        (None, None, None, Some(omitted)) => format!("{} bytes", omitted.bytes),
        (None, None, None, None) => String::new(),
    };
    one_line(&text, chars_max)
}

/// The part of an output that people look for first, by the step's type.
fn gist(kind: &str, output: &Value) -> String {
    let part = match kind {
        "request" => {
            let response = &output["response"];
            return match response["statusCode"].as_u64() {
                Some(status) => format!("{status} {}", text(&response["body"])),
                None => output.to_string(),
            };
        }
        "function" | "conditional" => &output["result"],
        _ => output,
    };
    text(if part.is_null() { output } else { part })
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn workflow_name(run: &Run) -> String {
    run.workflow.clone().unwrap_or_else(|| run.workflow_id.to_string())
}

fn iteration(positions: &[u32]) -> String {
    let positions: Vec<String> = positions.iter().map(u32::to_string).collect();
    positions.join(".")
}

/// A time in UTC, to the second.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The "dark" colours are the plain ones of the terminal's theme; the others are hard to read on a
/// light background.
pub fn toned(word: &str, tone: Tone) -> Cell {
    let cell = Cell::new(word);
    match tone {
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Warning => cell.fg(Color::DarkYellow),
        Tone::Busy => cell.fg(Color::DarkCyan),
        Tone::Quiet => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}

/// An empty table that looks like all others.
pub fn table(header: &[&str], paint: Paint) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    if paint.is_on {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.iter().map(|name| toned(name, Tone::Strong)));
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(status: &str) -> Run {
        serde_json::from_value(json!({
            "id": "0199a1b2-c3d4-7000-8000-0000aabbccdd",
            "workflow_id": "00000000-0000-4000-8000-000000000001",
            "workflow": "welcome", "version_id": "00000000-0000-4000-8000-000000000002",
            "user": null, "trigger": "app_event", "status": status, "attempts": 3,
            "created_at": "2026-03-01T08:00:00Z", "started_at": "2026-03-01T08:00:01Z",
            "duration_ms": 1234.5, "crashes": 0
        }))
        .expect("it is a run")
    }

    fn step(extra: serde_json::Value) -> StepRecordView {
        let mut step = json!({
            "step": "lookup", "type": "request", "iteration": [2, 0], "attempt": 1,
            "status": "succeeded", "started_at": "2026-03-01T08:00:00Z", "duration_ms": 12.0
        });
        let fields = extra.as_object().expect("it is an object").clone();
        step.as_object_mut().expect("it is an object").extend(fields);
        serde_json::from_value(step).expect("it is a step record")
    }

    #[test]
    fn a_run_is_one_line_with_the_end_of_its_id() {
        let table = run_table_painted(&[run("failed")], Paint::plain());
        let line = table.lines().nth(3).expect("there is a row");
        for part in ["aabbccdd", "welcome", "failed", "app_event", "2026-03-01 08:00:01", "1.23 s"]
        {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("0199a1b2"), "{line}");
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        let run = [run("succeeded")];
        assert!(!run_table_painted(&run, Paint::plain()).contains('\u{1b}'));
        assert!(run_table_painted(&run, Paint::colourful()).contains('\u{1b}'));
    }

    #[test]
    fn the_summary_is_the_error_the_wait_or_the_output() {
        let error = json!({"error": {"code": "http_status", "message": "404\nnot found"}});
        assert_eq!(summary(&step(error), SUMMARY_CHARS_MAX), "http_status: 404 not found");
        let waits = json!({"status": "waiting", "retry_at": "2026-03-02T00:00:00Z"});
        assert_eq!(summary(&step(waits), SUMMARY_CHARS_MAX), "until 2026-03-02 00:00:00");
        let answered = json!({"output": {"response": {"statusCode": 201, "body": {"a": 1}}}});
        assert_eq!(summary(&step(answered), SUMMARY_CHARS_MAX), "201 {\"a\":1}");
        let returned = json!({"type": "function", "output": {"result": "x"}});
        assert_eq!(summary(&step(returned), SUMMARY_CHARS_MAX), "x");
        assert_eq!(summary(&step(json!({"output": {"a": 1}})), SUMMARY_CHARS_MAX), "{\"a\":1}");
        let omitted = json!({"output_omitted": {"bytes": 70000, "href": "/x"}});
        assert_eq!(summary(&step(omitted), SUMMARY_CHARS_MAX), "70000 bytes");
    }

    #[test]
    fn a_step_shows_where_in_its_fan_outs_it_ran() {
        let table = step_table_painted(&[step(json!({}))], Paint::plain(), None);
        assert!(table.contains("iteration") && table.contains(" 2.0 "), "{table}");
        let outside = step_table_painted(&[step(json!({"iteration": []}))], Paint::plain(), None);
        assert!(!outside.contains("iteration"), "{outside}");
    }

    #[test]
    fn summaries_give_way_until_the_table_fits() {
        let steps = [step(json!({"output": "x".repeat(200)})), step(json!({"output": "short"}))];
        let width = |columns_max| {
            let table = step_table_painted(&steps, Paint::plain(), columns_max);
            assert!(table.contains('…') && table.contains("short"), "{table}");
            table.lines().map(|line| line.chars().count()).max().expect("it has lines")
        };
        let full = width(None);
        assert_eq!(width(Some(full)), full);
        assert_eq!(width(Some(full - 30)), full - 30);
        // A narrow terminal wraps; the summaries stay readable.
        assert_eq!(width(Some(10)), full - SUMMARY_CHARS_MAX + SUMMARY_CHARS_MIN);
    }
}
