//! `tenon runs follow`: prints what happens to a run as it happens.

use std::process::ExitCode;

use serde_json::json;
use tenon_client::{Client, FollowEvent, Run, RunStatus, StepRecordView};
use tenon_domain::RunId;

use super::exit_code;
use crate::commands::global::Global;
use crate::terminal::{self, Paint, Tone, duration_text, one_line};

/// Follows a run until it has ended. With `--json`, one object a line:
/// `{"event": "run" | "step" | "end", "data": {...}}`.
pub async fn follow(client: &Client, run: RunId, global: &Global) -> anyhow::Result<ExitCode> {
    let paint = global.paint();
    let mut events = client.follow(run);
    let mut last_status = None;
    let mut code = ExitCode::SUCCESS;
    while let Some(event) = events.next().await? {
        if let FollowEvent::End(run) = &event {
            code = exit_code(run);
        }
        if global.json {
            terminal::print_json_line(&event_json(&event));
            continue;
        }
        match event {
            FollowEvent::Run(run) if last_status == Some(run.status) => {}
            FollowEvent::Run(run) | FollowEvent::End(run) => {
                last_status = Some(run.status);
                terminal::print(&run_line(&run, paint));
            }
            FollowEvent::Step(step) if terminal::ends_an_iteration(&step) => {}
            FollowEvent::Step(step) => terminal::print(&step_line(&step, paint)),
        }
    }
    Ok(code)
}

fn event_json(event: &FollowEvent) -> serde_json::Value {
    match event {
        FollowEvent::Run(run) => json!({"event": "run", "data": run}),
        FollowEvent::Step(step) => json!({"event": "step", "data": step}),
        FollowEvent::End(run) => json!({"event": "end", "data": run}),
    }
}

/// A run in one line.
pub fn run_line(run: &Run, paint: Paint) -> String {
    let mut line = format!("run {} {}", run.id, paint.run_status(run.status));
    if let Some(duration) = run.duration_ms {
        line += &format!(" after {}", duration_text(duration));
    }
    if let (RunStatus::Waiting, Some(at)) = (run.status, run.resumes_at) {
        line += &format!(" until {at}");
    }
    if let Some(error) = &run.error {
        let step = error.step.as_deref().map(|step| format!("{step}: ")).unwrap_or_default();
        line += &format!(": {step}{} [{}]", one_line(&error.message, 200), error.code);
    }
    line
}

/// A recorded attempt in one line.
pub fn step_line(step: &StepRecordView, paint: Paint) -> String {
    let place = match step.iteration.is_empty() {
        true => step.step.clone(),
        false => {
            let positions: Vec<String> = step.iteration.iter().map(u32::to_string).collect();
            format!("{}[{}]", step.step, positions.join("."))
        }
    };
    let mut line = format!("  {place:24} {}", paint.step_status(step.status));
    let details = format!("{}, {}", step.kind, duration_text(step.duration_ms));
    line += &paint.text(Tone::Quiet, &format!("  {details}"));
    if step.attempt > 1 {
        line += &format!("  attempt {}", step.attempt);
    }
    if let Some(error) = &step.error {
        line += &format!("  {}: {}", error.code, one_line(&error.message, 120));
    }
    if let Some(at) = step.retry_at {
        line += &format!("  until {}", terminal::time(at));
    }
    for log in &step.logs {
        line += &format!("\n    {}: {}", log.level, one_line(&log.message, 200));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_line_names_place_outcome_attempt_and_console() {
        let step: StepRecordView = serde_json::from_value(json!({
            "step": "send", "type": "function", "iteration": [4], "attempt": 2,
            "status": "retrying", "started_at": "2026-03-01T08:00:00Z", "duration_ms": 2.0,
            "error": {"code": "function_threw", "message": "boom"},
            "retry_at": "2026-03-01T08:00:10Z",
            "logs": [{"level": "warn", "message": "careful\u{1b}[2J"}]
        }))
        .expect("it is a step record");
        assert_eq!(
            step_line(&step, Paint::plain()),
            "  send[4]                  retrying  function, 2.0 ms  attempt 2  \
             function_threw: boom  until 2026-03-01 08:00:10\n    warn: careful [2J"
        );
    }
}
