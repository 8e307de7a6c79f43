//! `tenon runs show` and `tenon runs why`: one run in full, and what keeps it or went wrong with it.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenon_client::{Client, OmittedValue, Run, StepRecordView, StepStatus};

use super::{exit_code, follow, steps};
use crate::commands::global::Global;
use crate::terminal::{self, Paint, Tone, one_line};

/// The longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 4_000;

/// Prints a run and the table of its steps.
pub(super) async fn show(client: &Client, run: Run, global: &Global) -> anyhow::Result<ExitCode> {
    let steps = steps(client, run.id).await?;
    Ok(print(&run, &steps, global))
}

/// Prints a run and the table of these steps.
pub(super) fn print(run: &Run, steps: &[StepRecordView], global: &Global) -> ExitCode {
    if global.json {
        terminal::print_json(&json!({"run": run, "steps": steps}));
        return exit_code(run);
    }
    let paint = global.paint();
    terminal::print(&follow::run_line(run, paint));
    for (name, value) in facts(run) {
        terminal::print(&format!("  {} {value}", paint.text(Tone::Quiet, &format!("{name:9}"))));
    }
    if !steps.is_empty() {
        terminal::print(&terminal::step_table(steps));
    }
    exit_code(run)
}

fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("workflow", run.workflow.clone().unwrap_or_else(|| run.workflow_id.to_string())),
        ("version", run.version_id.to_string()),
        ("trigger", run.trigger.name().to_owned()),
        ("accepted", terminal::time(run.created_at)),
    ];
    facts.extend(run.user.as_deref().map(|user| ("user", one_line(user, 100))));
    facts.extend(run.replay_of.map(|of| ("replay of", of.to_string())));
    if run.crashes > 0 {
        facts.push(("crashes", format!("{} (a worker died under it)", run.crashes)));
    }
    facts
}

/// Prints what keeps a run, and its failure: the step, what went in, what came out, its console.
pub(super) async fn why(client: &Client, run: Run, global: &Global) -> anyhow::Result<ExitCode> {
    let why = client.why(run.id).await?;
    let steps = steps(client, run.id).await?;
    let failed = failed_step(&run, steps);
    if global.json {
        terminal::print_json(&json!({"run": run, "reasons": why.reasons, "step": failed}));
        return Ok(ExitCode::SUCCESS);
    }
    let paint = global.paint();
    terminal::print(&follow::run_line(&run, paint));
    for reason in &why.reasons {
        terminal::print(&format!("  {}", one_line(&reason.message, VALUE_CHARS_MAX)));
    }
    let Some(step) = failed else { return Ok(ExitCode::SUCCESS) };
    terminal::print(&format!(
        "\nstep {} ({}), attempt {}",
        paint.text(Tone::Strong, &step.step),
        step.kind,
        step.attempt
    ));
    if let Some(error) = &step.error {
        let code = paint.text(Tone::Bad, &error.code);
        terminal::print(&format!("  {code}: {}", one_line(&error.message, VALUE_CHARS_MAX)));
    }
    value(client, "input", step.input.as_ref(), step.input_omitted.as_ref(), paint).await?;
    value(client, "output", step.output.as_ref(), step.output_omitted.as_ref(), paint).await?;
    for log in &step.logs {
        terminal::print(&format!("  {}: {}", log.level, one_line(&log.message, 400)));
    }
    if !run.status.is_terminal() {
        return Ok(ExitCode::SUCCESS);
    }
    terminal::print(&format!(
        "\ntry again with: tenon runs replay {} --from failed-step --follow",
        run.id
    ));
    Ok(ExitCode::SUCCESS)
}

/// The last record of the step that failed the run; of any failed step while the run goes on.
fn failed_step(run: &Run, steps: Vec<StepRecordView>) -> Option<StepRecordView> {
    let step = run.error.as_ref().and_then(|error| error.step.clone());
    steps.into_iter().rev().find(|record| match &step {
        Some(step) => record.step == *step && record.error.is_some(),
        None => matches!(record.status, StepStatus::Failed | StepStatus::Retrying),
    })
}

async fn value(
    client: &Client,
    name: &str,
    shown: Option<&Value>,
    omitted: Option<&OmittedValue>,
    paint: Paint,
) -> anyhow::Result<()> {
    let text = match (shown, omitted) {
        (Some(value), _) => serde_json::to_string_pretty(value)?,
        (None, Some(omitted)) => {
            String::from_utf8_lossy(&client.value(omitted).await?).into_owned()
        }
        (None, None) => return Ok(()),
    };
    let mut cut: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut += &format!("… ({} bytes)", text.len());
    }
    let cut = cut.replace('\n', "\n    ");
    terminal::print(&format!("  {}\n    {cut}", paint.text(Tone::Quiet, name)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: &str, status: &str, attempt: u32) -> StepRecordView {
        let mut record = json!({
            "step": step, "type": "request", "iteration": [], "attempt": attempt,
            "status": status, "started_at": "2026-03-01T08:00:00Z", "duration_ms": 1.0
        });
        if status != "succeeded" {
            record["error"] = json!({"code": "http_status", "message": "500"});
        }
        serde_json::from_value(record).expect("it is a step record")
    }

    fn run(failed_step: Option<&str>) -> Run {
        let error = failed_step.map(|step| json!({"code": "c", "message": "m", "step": step}));
        serde_json::from_value(json!({
            "id": "0199a1b2-c3d4-7000-8000-0000aabbccdd",
            "workflow_id": "00000000-0000-4000-8000-000000000001",
            "version_id": "00000000-0000-4000-8000-000000000002",
            "trigger": "request", "status": "failed", "attempts": 1, "error": error,
            "created_at": "2026-03-01T08:00:00Z", "crashes": 0
        }))
        .expect("it is a run")
    }

    #[test]
    fn the_step_to_look_at_is_the_one_the_run_names() {
        let steps = vec![
            record("a", "failed", 1),
            record("b", "retrying", 1),
            record("b", "failed", 2),
            record("c", "failed", 1),
        ];
        let named = failed_step(&run(Some("b")), steps.clone()).expect("it is there");
        assert_eq!((named.step.as_str(), named.attempt), ("b", 2));
        assert_eq!(failed_step(&run(None), steps).expect("one failed").step, "c");
        assert_eq!(failed_step(&run(None), vec![record("a", "succeeded", 1)]), None);
    }
}
