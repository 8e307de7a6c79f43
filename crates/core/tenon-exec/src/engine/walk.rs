//! Follows the edges: one scope of steps at a time.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tracing::Instrument as _;

use super::attempt::step_span;
use super::frame::{Frame, Slot};
use super::progress::{Recorded, Turn};
use super::{Engine, Error, Execution};
use crate::ports::history::{StepError, StepStatus};
use crate::ports::queue::DueMs;
use crate::program::{ProgramStep, StepIndex};
use tenon_domain::workflow::StepKind;

/// How a walk over a scope ended.
#[derive(Debug)]
pub enum Flow {
    /// At the end of the scope.
    Done,
    /// A step failed for good.
    Failed(StepError),
    /// Something in it waits.
    Suspended(DueMs),
    /// A provider wants no more calls for now: more of the same would only be turned away too.
    Paused(DueMs),
    /// The process stops.
    Yielded,
}

/// How one step ended.
#[derive(Debug)]
pub enum StepFlow {
    /// With an output; the run goes on.
    Output(Slot),
    /// Not now.
    Stop(Flow),
}

impl Engine {
    /// Walks from a step to the end of its scope. Boxed, since branches nest.
    pub(super) fn walk<'a>(
        &'a self,
        execution: &'a Execution,
        frame: &'a Arc<Frame>,
        from: StepIndex,
    ) -> BoxFuture<'a, Result<Flow, Error>> {
        async move {
            let mut current = Some(from);
            while let Some(index) = current {
                let step = &execution.program.steps[index];
                let slot = match self.step(execution, frame, index, step).await? {
                    StepFlow::Output(slot) => slot,
                    StepFlow::Stop(flow) => return Ok(flow),
                };
                let branch = branch_taken(step, &slot);
                frame.set(index, slot);
                if let Some(head) = branch {
                    match self.walk(execution, frame, head).await? {
                        Flow::Done => {}
                        other => return Ok(other),
                    }
                }
                current = step.next;
            }
            Ok(Flow::Done)
        }
        .boxed()
    }

    /// One step: its recorded result if it has one, else its execution.
    async fn step(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        index: StepIndex,
        step: &ProgramStep,
    ) -> Result<StepFlow, Error> {
        if let Some(recorded) = frame.recorded(&step.step.id) {
            match self.take_recorded(step, recorded).await? {
                Taken::Flow(flow) => return Ok(flow),
                Taken::Turn(turn) => {
                    return self.run_step(execution, frame, index, step, turn).await;
                }
            }
        }
        self.run_step(execution, frame, index, step, Turn::FIRST).await
    }

    async fn run_step(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        index: StepIndex,
        step: &ProgramStep,
        turn: Turn,
    ) -> Result<StepFlow, Error> {
        if execution.stopping.is_cancelled() {
            return Ok(StepFlow::Stop(Flow::Yielded));
        }
        if let Some(error) = self.why_not_on(execution, &step.step.id).await {
            return Ok(StepFlow::Stop(Flow::Failed(error)));
        }
        execution.started_at.get_or_init(|| self.clock.now());
        if let Some(failure) = self.misplaced_secret(execution, step) {
            let row = self.row(execution, frame, step, turn);
            return self.record_failure(execution, step, row, failure).await;
        }
        let span = step_span(execution, step, turn);
        let flow = match &step.step.kind {
            StepKind::FanOut(fan_out) => {
                let run = self.fan_out(execution, frame, index, step, fan_out);
                run.instrument(span.clone()).await?
            }
            StepKind::Delay(delay) => {
                let run = self.delay(execution, frame, step, delay, turn);
                run.instrument(span.clone()).await?
            }
            _ => return self.attempt(execution, frame, step, turn, span).await,
        };
        span.record("step.status", status_of(&flow));
        Ok(flow)
    }

    /// What a recorded result means for the walk.
    async fn take_recorded(&self, step: &ProgramStep, recorded: &Recorded) -> Result<Taken, Error> {
        let flow = match recorded.status {
            StepStatus::Succeeded => StepFlow::Output(self.recorded_output(recorded).await?),
            StepStatus::Failed if step.step.ignore_failure => {
                StepFlow::Output(self.recorded_output(recorded).await?)
            }
            StepStatus::Failed => {
                let error = recorded.error.clone().unwrap_or_else(|| unexplained(step));
                StepFlow::Stop(Flow::Failed(error))
            }
            StepStatus::Retrying | StepStatus::Waiting => {
                let due = recorded.retry_at.unwrap_or_else(|| self.clock.now());
                if self.clock.now() < due {
                    StepFlow::Stop(Flow::Suspended(DueMs(due.as_millisecond())))
                } else {
                    return Ok(Taken::Turn(recorded.next()));
                }
            }
        };
        Ok(Taken::Flow(flow))
    }

    async fn recorded_output(&self, recorded: &Recorded) -> Result<Slot, Error> {
        let Some(payload) = &recorded.output else { return Ok(Slot::Value(Arc::new(Value::Null))) };
        if let crate::ports::history::Payload::Blob(blob) = payload
            && blob.len > self.settings.fan_out_memory_max as u64
        {
            return Ok(Slot::Stored);
        }
        let bytes = self.payload(payload).await?;
        Ok(Slot::Value(Arc::new(super::parse(&bytes)?)))
    }
}

enum Taken {
    Flow(StepFlow),
    Turn(Turn),
}

/// How a delay or a fan-out came out this time, for its span.
fn status_of(flow: &StepFlow) -> &'static str {
    match flow {
        StepFlow::Output(_) => "succeeded",
        StepFlow::Stop(Flow::Failed(_)) => "failed",
        StepFlow::Stop(Flow::Suspended(_) | Flow::Paused(_)) => "waiting",
        StepFlow::Stop(Flow::Yielded | Flow::Done) => "yielded",
    }
}

/// The first step of the branch that a conditional takes.
fn branch_taken(step: &ProgramStep, slot: &Slot) -> Option<StepIndex> {
    let Slot::Value(output) = slot else { return None };
    match output.get("result") {
        Some(Value::Bool(true)) if step.then.is_some() => step.then,
        Some(Value::Bool(false)) if step.otherwise.is_some() => step.otherwise,
        _ => None,
    }
}

fn unexplained(step: &ProgramStep) -> StepError {
    StepError {
        code: "step_failed".to_owned(),
        message: "the step failed; no reason was recorded".to_owned(),
        step: Some(step.step.id.clone()),
    }
}
