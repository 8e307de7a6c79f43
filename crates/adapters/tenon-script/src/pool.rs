//! The parent side: keeps a bounded number of runner processes and gives each call one.
//!
//! A process serves one project from its first call to its end, one call at a time. A call that
//! finds none of its project takes a spare one, starts one, or replaces an idle one of another
//! project; if that is not possible it waits, within bounds. It does not retry calls and does not
//! know what a step is.

mod ledger;
mod place;
mod process;
mod verdict;
mod warden;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tenon_exec::ports::script::{
    FunctionCall, FunctionError, FunctionErrorKind, FunctionOutcome, FunctionRunner,
};
use tokio::time::timeout;

use self::ledger::Owner;
use self::place::{Lease, Shared};
use self::process::Loss;
use crate::metrics;
use crate::settings::Settings;
use crate::wire::{Request, Response, encode_run};

/// Time that parsing alone may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs functions in child processes. Dropping it ends them.
pub struct ScriptPool {
    shared: Arc<Shared>,
}

impl ScriptPool {
    /// Starts a first process, so that a machine where functions cannot run is known at once.
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The runner cannot be started or cannot lock itself in.
    pub async fn start(settings: Settings) -> Result<Self, FunctionError> {
        let shared = Shared::new(settings);
        shared.start_spare().await?;
        Ok(Self { shared })
    }

    /// Ids of the runner processes that are alive now.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.shared.process_ids()
    }

    /// Asks a locked-in process to try what must be refused; JSON, attempt by attempt. For tests.
    ///
    /// # Errors
    /// No process could be had, or it died of the attempt.
    #[doc(hidden)]
    pub async fn probe(&self) -> Result<String, FunctionError> {
        let lease = self.shared.acquire(Owner::Checks).await?;
        match self.exchange(lease, Request::Probe.encode(), CHECK_TIMEOUT).await? {
            Response::Probed { report } => Ok(report),
            _ => Err(unavailable("the function runner answered something else")),
        }
    }

    /// Sends a request and gives the process back when it answered well.
    async fn exchange(
        &self,
        mut lease: Lease,
        frame: Vec<u8>,
        limit: Duration,
    ) -> Result<Response, FunctionError> {
        let exchange = lease.process().exchange(&frame);
        let loss = match timeout(limit + self.shared.settings.kill_grace, exchange).await {
            Ok(Ok(response)) => {
                lease.give_back();
                return Ok(response);
            }
            Ok(Err(loss)) => loss,
            Err(_) => Loss::Deadline,
        };
        let pid = lease.process().id();
        let death = lease.end(matches!(loss, Loss::Gone)).await;
        let error = verdict::of(&loss, death, limit);
        tracing::warn!(pid, %loss, "function runner `{pid}` was lost: {error}");
        Err(error)
    }

    async fn finish(
        &self,
        lease: Lease,
        frame: Vec<u8>,
        limit: Duration,
    ) -> Result<FunctionOutcome, FunctionError> {
        match self.exchange(lease, frame, limit).await? {
            Response::Done { result, console, console_dropped } => match result {
                Ok(output) => Ok(FunctionOutcome { output, console, console_dropped }),
                Err(failure) => {
                    Err(FunctionError { kind: failure.kind, message: failure.message, console })
                }
            },
            _ => Err(unavailable("the function runner answered something else")),
        }
    }

    fn check_code_size(&self, code: &str) -> Result<(), FunctionError> {
        let max = self.shared.settings.code_bytes_max;
        if code.len() <= max as usize {
            return Ok(());
        }
        Err(refused(
            FunctionErrorKind::Syntax,
            format!("the code has {} bytes, more than {max}", code.len()),
        ))
    }
}

#[async_trait]
impl FunctionRunner for ScriptPool {
    async fn run(&self, call: FunctionCall) -> Result<FunctionOutcome, FunctionError> {
        let outcome = self.run_within_limits(call).await;
        metrics::called(&outcome);
        outcome
    }

    async fn check(&self, code: &str) -> Result<(), FunctionError> {
        self.check_code_size(code)?;
        let lease = self.shared.acquire(Owner::Checks).await?;
        let frame = Request::Check { code: code.to_owned() }.encode();
        self.finish(lease, frame, CHECK_TIMEOUT).await.map(drop)
    }
}

impl ScriptPool {
    /// Sets the metrics of the processes.
    pub fn measure(&self) {
        let (busy, idle) = self.shared.usage();
        metrics::processes(busy, idle);
    }

    async fn run_within_limits(
        &self,
        call: FunctionCall,
    ) -> Result<FunctionOutcome, FunctionError> {
        self.check_code_size(&call.code)?;
        let (size, max) = (call.parameters.len(), self.shared.settings.parameters_bytes_max);
        if size > max as usize {
            return Err(refused(
                FunctionErrorKind::Memory,
                format!("the parameters have {size} bytes of JSON, more than {max}"),
            ));
        }
        let started = Instant::now();
        let mut lease = self.shared.acquire(Owner::Project(call.project)).await?;
        metrics::waited(started.elapsed());
        let timeout_ms = u32::try_from(call.timeout.as_millis()).unwrap_or(u32::MAX);
        let (code_id, code, mut frame) = lease.process().learn(&call.code);
        frame.append(&mut encode_run(code_id, timeout_ms, code, &call.parameters));
        self.finish(lease, frame, call.timeout).await
    }
}

fn refused(kind: FunctionErrorKind, message: String) -> FunctionError {
    FunctionError { kind, message, console: Vec::new() }
}

fn unavailable(message: impl Into<String>) -> FunctionError {
    refused(FunctionErrorKind::Unavailable, message.into())
}
