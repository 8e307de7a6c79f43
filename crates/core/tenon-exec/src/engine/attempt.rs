//! One attempt of a step: run it, record what came out, decide what a failure means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenon_domain::workflow::StepKind;
use tenon_domain::workflow::steps::delay::DelayStep;
use tenon_expr::Scope;
use tenon_telemetry::trace;
use tracing::{Instrument as _, Span};

use super::frame::{Frame, Slot};
use super::progress::Turn;
use super::view::View;
use super::walk::{Flow, StepFlow};
use super::{Engine, Error, Execution};
use crate::metrics;
use crate::ports::history::{Payload, StepError, StepStatus};
use crate::ports::queue::DueMs;
use crate::ports::store::{RunMode, StepRow};
use crate::program::ProgramStep;
use crate::steps::{self, Failure, FailureClass, Outcome};

/// The least that paused runs are spread over.
const SPREAD_MIN: Duration = Duration::from_millis(250);

/// The most that paused runs are spread over.
const SPREAD_MAX: Duration = Duration::from_secs(30);

/// Delays between tries after our own faults, in milliseconds; the last one repeats.
const INFRASTRUCTURE_DELAYS_MS: [u64; 5] = [50, 200, 500, 1_000, 2_000];

impl Engine {
    /// Runs one attempt within `span`, and records it.
    pub(super) async fn attempt(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        turn: Turn,
        span: Span,
    ) -> Result<StepFlow, Error> {
        let started_at = self.clock.now();
        let clock = Instant::now();
        let view = self.view(execution, frame, step).await?;
        let result =
            self.dispatch_patiently(execution, frame, step, &view).instrument(span.clone()).await;
        span.record("step.status", if result.is_ok() { "succeeded" } else { "failed" });
        drop(span);
        let mut row = self.row(execution, frame, step, turn);
        row.started_at = started_at;
        row.duration_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        match result {
            Ok(outcome) => {
                let slot = self.record_outcome(row, outcome).await?;
                Ok(StepFlow::Output(slot))
            }
            Err(failure) if failure.class == FailureClass::Infrastructure => {
                tracing::warn!(
                    execution.id = %execution.job.run, step = %step.step.id, code = failure.code,
                    "step `{}` met an infrastructure fault, the run is taken up again later",
                    step.step.id
                );
                metrics::SYSTEM_RETRIES.add_of(&["job"], 1);
                let due = self.clock.now() + SignedDuration::from_secs(5);
                Ok(StepFlow::Stop(Flow::Suspended(DueMs(due.as_millisecond()))))
            }
            Err(failure) => self.record_failure(execution, step, row, failure).await,
        }
    }

    /// Tries again after faults of our own, which do not count as attempts.
    async fn dispatch_patiently(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        view: &View,
    ) -> Result<Outcome, Failure> {
        let mut tries = 0;
        loop {
            match self.dispatch_with_secrets(execution, frame, step, view).await {
                Err(failure)
                    if failure.class == FailureClass::Infrastructure
                        && tries < self.settings.infrastructure_retries =>
                {
                    let last = INFRASTRUCTURE_DELAYS_MS.len() - 1;
                    let delay = INFRASTRUCTURE_DELAYS_MS[(tries as usize).min(last)];
                    metrics::SYSTEM_RETRIES.add_of(&["step"], 1);
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// Opens the secrets that the step names for the time of one try, and takes them out of what
    /// comes of it.
    async fn dispatch_with_secrets(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        view: &View,
    ) -> Result<Outcome, Failure> {
        let unsealed = self.unsealed(execution, step).await?;
        execution.abandon.go_on().await;
        if unsealed.is_empty() {
            return self.dispatch(execution, frame, step, view).await;
        }
        let mask = unsealed.mask();
        let result = self.dispatch(execution, frame, step, &unsealed.over(view)).await;
        drop(unsealed);
        mask.clean(result).await
    }

    async fn dispatch(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        view: &(dyn Scope + Sync),
    ) -> Result<Outcome, Failure> {
        match &step.step.kind {
            StepKind::Request(request) => {
                let key = idempotency_key(execution, frame, step);
                let call = steps::request::RequestCall {
                    egress: &*self.egress,
                    tokens: &self.tokens,
                    project: execution.job.project,
                    idempotency_key: &key,
                    limits: &self.request_limits,
                    is_test: execution.job.mode == RunMode::Test,
                };
                steps::request::run(request, view, &call).await
            }
            StepKind::Function(function) => {
                let code = step.code.clone().unwrap_or_else(|| Arc::from(function.code.as_str()));
                let call = steps::function::Call {
                    runner: &*self.runner,
                    project: execution.job.project,
                    code,
                    timeout_max: self.settings.function_timeout,
                };
                steps::function::run(function, view, call).await
            }
            StepKind::Conditional(conditional) => steps::conditional::run(conditional, view),
            StepKind::Response(response) => {
                let (outcome, answer) = steps::response::run(response, view)?;
                self.reply(execution, &answer).await;
                Ok(outcome)
            }
            StepKind::Action(_) | StepKind::IntegrationRequest(_) => {
                self.use_account(execution, frame, step, view).await
            }
            StepKind::FanOut(_) | StepKind::Delay(_) => Err(Failure::new(
                "step_failed",
                "this step type is not run by attempts",
                FailureClass::Permanent,
            )),
        }
    }

    /// A step that uses an account of the run's user.
    async fn use_account(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        view: &(dyn Scope + Sync),
    ) -> Result<Outcome, Failure> {
        let key = idempotency_key(execution, frame, step);
        let call = steps::integration::IntegrationCall {
            integrations: self.integrations.as_ref(),
            egress: &*self.egress,
            clock: &*self.clock,
            job: &execution.job,
            own_connector: execution.program.plan.document.integration.as_deref(),
            step: &step.step.id,
            idempotency_key: &key,
            limits: &self.request_limits,
            stopping: &execution.stopping,
        };
        match &step.step.kind {
            StepKind::Action(action) => steps::integration::run_action(action, view, &call).await,
            StepKind::IntegrationRequest(request) => {
                steps::integration::run_request(request, view, &call).await
            }
            _ => unreachable!("only steps with an account come here"),
        }
    }

    /// A row to be filled in.
    pub(super) fn row(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        turn: Turn,
    ) -> StepRow {
        StepRow {
            run: execution.job.run,
            project: execution.job.project,
            step: step.step.id.clone(),
            kind: step.step.kind.name(),
            iteration: frame.iteration().clone(),
            attempt: turn.number,
            pauses: turn.pauses,
            status: StepStatus::Succeeded,
            started_at: self.clock.now(),
            duration_us: 0,
            input: None,
            output: None,
            error: None,
            retry_at: None,
            logs: None,
            logs_dropped: 0,
        }
    }

    async fn record_outcome(&self, mut row: StepRow, outcome: Outcome) -> Result<Slot, Error> {
        let bytes = to_json(&outcome.output);
        let is_large = bytes.len() > self.settings.fan_out_memory_max;
        row.input = outcome.input.as_ref().map(|input| Payload::Inline(to_json(input)));
        row.output = Some(Payload::Inline(bytes));
        row.logs_dropped = outcome.console_dropped;
        row.logs = console_json(&outcome.console);
        self.recorder.record(row).await?;
        Ok(if is_large { Slot::Stored } else { Slot::Value(Arc::new(outcome.output)) })
    }

    pub(super) async fn record_failure(
        &self,
        execution: &Execution,
        step: &ProgramStep,
        mut row: StepRow,
        failure: Failure,
    ) -> Result<StepFlow, Error> {
        let error = StepError {
            code: failure.code.to_owned(),
            message: failure.message,
            step: Some(step.step.id.clone()),
        };
        row.input = failure.input.as_ref().map(|input| Payload::Inline(to_json(input)));
        row.error = Some(error.clone());
        row.logs = console_json(&failure.console);
        if let FailureClass::Paused { until } = failure.class {
            return self.record_pause(row, until).await;
        }
        let delay = match execution.job.mode {
            RunMode::Live => retry_delay(step, row.attempt - row.pauses, failure.class),
            RunMode::Test => None,
        };
        if let Some(delay) = delay {
            let retry_at = later(self.clock.now(), delay);
            row.status = StepStatus::Retrying;
            row.retry_at = Some(retry_at);
            row.output = failure.output.as_ref().map(|output| Payload::Inline(to_json(output)));
            self.recorder.record(row).await?;
            return Ok(StepFlow::Stop(Flow::Suspended(DueMs(retry_at.as_millisecond()))));
        }
        row.status = StepStatus::Failed;
        let output = failed_output(failure.output.map(|output| *output), &error);
        row.output = Some(Payload::Inline(to_json(&output)));
        self.recorder.record(row).await?;
        Ok(if step.step.ignore_failure {
            StepFlow::Output(Slot::Value(Arc::new(output)))
        } else {
            StepFlow::Stop(Flow::Failed(error))
        })
    }

    /// Records that the provider wants the step to wait, and suspends the run until then: in a
    /// test run too, since there is no other way to go on. It uses up no attempt, however often.
    async fn record_pause(&self, mut row: StepRow, until: Timestamp) -> Result<StepFlow, Error> {
        let resumes_at = spread(self.clock.now(), until, &mut rand::rng());
        row.status = StepStatus::Waiting;
        row.retry_at = Some(resumes_at);
        if let Some(error) = &mut row.error {
            let shown = resumes_at.round(jiff::Unit::Second).unwrap_or(resumes_at);
            error.message.push_str(&format!("; the run goes on by itself at {shown}"));
        }
        self.recorder.record(row).await?;
        Ok(StepFlow::Stop(Flow::Paused(DueMs(resumes_at.as_millisecond()))))
    }

    /// The delay step: attempt 0 records until when, attempt 1 that it is over.
    pub(super) async fn delay(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        delay: &DelayStep,
        turn: Turn,
    ) -> Result<StepFlow, Error> {
        let mut row = self.row(execution, frame, step, Turn::FIRST);
        let until = if turn == Turn::FIRST && frame.recorded(&step.step.id).is_some() {
            frame.recorded(&step.step.id).and_then(|recorded| recorded.retry_at)
        } else {
            let view = self.view(execution, frame, step).await?;
            match steps::delay::until(delay, &view, self.clock.now()) {
                Ok(until) => Some(until),
                Err(failure) => return self.record_failure(execution, step, row, failure).await,
            }
        };
        let until = until.unwrap_or_else(|| self.clock.now());
        let output = serde_json::json!({ "until": until.to_string() });
        if self.clock.now() < until && execution.job.mode == RunMode::Live {
            row.attempt = 0;
            row.status = StepStatus::Waiting;
            row.retry_at = Some(until);
            self.recorder.record(row).await?;
            return Ok(StepFlow::Stop(Flow::Suspended(DueMs(until.as_millisecond()))));
        }
        row.output = Some(Payload::Inline(to_json(&output)));
        self.recorder.record(row).await?;
        Ok(StepFlow::Output(Slot::Value(Arc::new(output))))
    }
}

/// The span of a step that is run, where the run is traced.
pub(super) fn step_span(execution: &Execution, step: &ProgramStep, turn: Turn) -> Span {
    if execution.job.trace.is_none() {
        return Span::none();
    }
    trace::span(|| {
        tracing::info_span!(
            "exec.step",
            execution.id = %execution.job.run,
            step.id = %step.step.id,
            step.kind = step.step.kind.name(),
            step.attempt = turn.number - turn.pauses,
            step.status = tracing::field::Empty,
        )
    })
}

/// Stable over all attempts: providers that honour it act once.
fn idempotency_key(execution: &Execution, frame: &Arc<Frame>, step: &ProgramStep) -> String {
    let mut key = format!("{}:{}", execution.job.run, step.step.id);
    for index in frame.iteration() {
        key.push(':');
        key.push_str(&index.to_string());
    }
    key
}

fn retry_delay(step: &ProgramStep, attempt: u32, class: FailureClass) -> Option<Duration> {
    let mut rng = rand::rng();
    match class {
        FailureClass::Status { status, retry_after } if step.retry.covers(status) => {
            step.retry.delay_after(attempt, retry_after, &mut rng)
        }
        FailureClass::Transient => step.retry.delay_after(attempt, None, &mut rng),
        FailureClass::Status { .. }
        | FailureClass::Permanent
        | FailureClass::Infrastructure
        | FailureClass::Paused { .. } => None,
    }
}

/// Runs that wait for the same moment go on one after the other from there: within a tenth of the
/// wait, at least [`SPREAD_MIN`] and at most [`SPREAD_MAX`].
fn spread(now: Timestamp, until: Timestamp, rng: &mut impl rand::Rng) -> Timestamp {
    let wait = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
    let width = (wait / 10).clamp(SPREAD_MIN, SPREAD_MAX);
    later(until.max(now), width.mul_f64(rng.random::<f64>()))
}

/// What steps after an ignored failure see: the answer, if there was one, and the error.
fn failed_output(output: Option<Value>, error: &StepError) -> Value {
    let mut map = match output {
        Some(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    map.insert(
        "error".to_owned(),
        serde_json::json!({ "code": error.code, "message": error.message }),
    );
    Value::Object(map)
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    now.checked_add(delay).unwrap_or(Timestamp::MAX)
}

/// JSON text of a value.
pub fn to_json(value: &Value) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("a JSON value always serialises"))
}

fn console_json(lines: &[crate::ports::script::ConsoleLine]) -> Option<Bytes> {
    (!lines.is_empty())
        .then(|| Bytes::from(serde_json::to_vec(lines).expect("text always serialises")))
}
