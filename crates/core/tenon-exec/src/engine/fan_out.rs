//! The fan-out: a branch for each item, bounded parallelism, joined before the next step.
//!
//! Items of a large array are kept in the blob store in chunks while it runs; outputs of an
//! iteration are dropped when it ends. An iteration that ended has a marker row, so that a
//! fan-out that is taken up again passes over it without reading its outputs.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tenon_domain::workflow::steps::fan_out::FanOutStep;

use super::attempt::to_json;
use super::frame::{Frame, Slot};
use super::progress::Turn;
use super::walk::{Flow, StepFlow};
use super::{Engine, Error, Execution};
use crate::ports::blobs::BlobRef;
use crate::ports::history::{Payload, StepError};
use crate::ports::queue::DueMs;
use crate::ports::store::RunMode;
use crate::program::{ProgramStep, StepIndex};
use crate::steps;

/// Bytes of items in one chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// The items of a fan-out, in memory or in chunks.
enum Items {
    Memory(std::vec::IntoIter<Value>),
    Chunks { left: VecDeque<BlobRef>, current: std::vec::IntoIter<Value> },
}

impl Engine {
    pub(super) async fn fan_out(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        index: StepIndex,
        step: &ProgramStep,
        fan_out: &FanOutStep,
    ) -> Result<StepFlow, Error> {
        let mut row = self.row(execution, frame, step, Turn::FIRST);
        let view = self.view(execution, frame, step).await?;
        let is_test = execution.job.mode == RunMode::Test;
        let limit =
            if is_test { self.settings.test_items_max } else { self.settings.fan_out_items_max };
        let values = match steps::fan_out::items(fan_out, &view, limit, is_test) {
            Ok(values) => values,
            Err(failure) => return self.record_failure(execution, step, row, failure).await,
        };
        drop(view);
        let count = values.len();
        let clock = std::time::Instant::now();
        let items = self.hold(values).await?;
        if let Some(flow) = self.iterate(execution, frame, index, step, fan_out, items).await? {
            return Ok(StepFlow::Stop(flow));
        }
        let output = serde_json::json!({ "count": count });
        row.duration_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        row.output = Some(Payload::Inline(to_json(&output)));
        self.recorder.record(row).await?;
        Ok(StepFlow::Output(Slot::Value(Arc::new(output))))
    }

    /// Runs all iterations that have not ended; `None` when all have.
    async fn iterate(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        index: StepIndex,
        step: &ProgramStep,
        fan_out: &FanOutStep,
        mut items: Items,
    ) -> Result<Option<Flow>, Error> {
        let parallelism = fan_out.parallelism.max(1) as usize;
        let mut running = FuturesUnordered::new();
        let mut joined = Joined::default();
        let mut position = 0_u32;
        loop {
            while running.len() < parallelism && joined.may_start() {
                let Some(item) = items.next(self).await? else { break };
                let at = position;
                position += 1;
                if !execution.progress.is_done(&step.step.id, &frame.below(at)) {
                    running.push(self.iteration(execution, frame, index, step, at, item));
                }
            }
            match running.next().await {
                Some(flow) => match flow? {
                    Flow::Failed(_) if step.step.ignore_failure => {}
                    flow => joined.add(flow),
                },
                None => break,
            }
        }
        Ok(joined.flow())
    }

    async fn iteration(
        &self,
        execution: &Execution,
        parent: &Arc<Frame>,
        fan_out: StepIndex,
        step: &ProgramStep,
        at: u32,
        item: Value,
    ) -> Result<Flow, Error> {
        let below = parent.below(at);
        let recorded = execution.progress.of_scope(self, execution.job.run, &below).await?;
        let frame = Arc::new(Frame::iteration_of(parent, fan_out, at, item, recorded));
        let clock = std::time::Instant::now();
        let mut marker = self.row(execution, &frame, step, Turn::FIRST);
        let flow = match step.each {
            Some(head) => self.walk(execution, &frame, head).await?,
            None => Flow::Done,
        };
        if matches!(flow, Flow::Done) {
            marker.duration_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.recorder.record(marker).await?;
        }
        Ok(flow)
    }

    /// Keeps a small array in memory and a large one in the blob store.
    async fn hold(&self, values: Vec<Value>) -> Result<Items, Error> {
        let mut chunks = Vec::new();
        let mut values = values.into_iter();
        let mut head = Vec::new();
        let mut size = 0;
        for value in values.by_ref() {
            size += to_json(&value).len();
            head.push(value);
            if size > self.settings.fan_out_memory_max {
                break;
            }
        }
        if size <= self.settings.fan_out_memory_max {
            return Ok(Items::Memory(head.into_iter()));
        }
        let mut chunk = vec![b'['];
        for value in head.into_iter().chain(values) {
            if chunk.len() > 1 {
                chunk.push(b',');
            }
            chunk.extend_from_slice(&to_json(&value));
            if chunk.len() >= CHUNK_BYTES {
                chunk.push(b']');
                chunks.push(Bytes::from(std::mem::replace(&mut chunk, vec![b'['])));
            }
        }
        if chunk.len() > 1 {
            chunk.push(b']');
            chunks.push(Bytes::from(chunk));
        }
        let left = self.blobs.put_packed(&chunks).await?.into();
        Ok(Items::Chunks { left, current: Vec::new().into_iter() })
    }
}

impl Items {
    async fn next(&mut self, engine: &Engine) -> Result<Option<Value>, Error> {
        match self {
            Self::Memory(values) => Ok(values.next()),
            Self::Chunks { left, current } => loop {
                if let Some(value) = current.next() {
                    return Ok(Some(value));
                }
                let Some(blob) = left.pop_front() else { return Ok(None) };
                let bytes = engine.blobs.get(blob).await?;
                let values: Vec<Value> = serde_json::from_slice(&bytes).map_err(Error::Corrupt)?;
                *current = values.into_iter();
            },
        }
    }
}

/// What the iterations so far add up to: a failure weighs most, then a stop, then a wait.
#[derive(Default)]
struct Joined {
    failed: Option<StepError>,
    is_yielded: bool,
    is_paused: bool,
    due: Option<DueMs>,
}

impl Joined {
    /// After a failure, a stop or a pause no further iteration begins; those under way reach their
    /// end. A provider that pauses one iteration would pause each of a million.
    fn may_start(&self) -> bool {
        self.failed.is_none() && !self.is_yielded && !self.is_paused
    }

    fn add(&mut self, flow: Flow) {
        match flow {
            Flow::Done => {}
            Flow::Failed(error) => self.failed = Some(error),
            Flow::Yielded => self.is_yielded = true,
            Flow::Suspended(due) => self.wait(due),
            Flow::Paused(due) => {
                self.is_paused = true;
                self.wait(due);
            }
        }
    }

    fn wait(&mut self, due: DueMs) {
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn flow(self) -> Option<Flow> {
        match (self.failed, self.is_yielded, self.due) {
            (Some(error), _, _) => Some(Flow::Failed(error)),
            (None, true, _) => Some(Flow::Yielded),
            // Fan-outs around this one stop as well.
            (None, false, Some(due)) if self.is_paused => Some(Flow::Paused(due)),
            (None, false, Some(due)) => Some(Flow::Suspended(due)),
            (None, false, None) => None,
        }
    }
}
