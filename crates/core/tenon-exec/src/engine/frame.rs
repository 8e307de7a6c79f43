//! The outputs that steps see: one frame for the run, one for each iteration of a fan-out.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tenon_domain::StepId;

use super::progress::{Recorded, ScopeProgress};
use crate::ports::store::Iteration;
use crate::program::StepIndex;

/// An output as the engine holds it.
#[derive(Debug, Clone)]
pub enum Slot {
    /// In memory.
    Value(Arc<Value>),
    /// Too large to hold: in the store.
    Stored,
}

/// Outputs of the steps of one scope.
#[derive(Debug)]
pub struct Frame {
    parent: Option<Arc<Frame>>,
    iteration: Iteration,
    /// The fan-out that this frame is an iteration of, with `{"instance", "index"}`.
    item: Option<(StepIndex, Arc<Value>)>,
    outputs: Mutex<Vec<(StepIndex, Slot)>>,
    recorded: ScopeProgress,
}

impl Frame {
    /// The frame of a run, with what is recorded of its steps.
    pub fn root(recorded: ScopeProgress) -> Self {
        Self {
            parent: None,
            recorded,
            iteration: Iteration::new(),
            item: None,
            outputs: Mutex::new(Vec::new()),
        }
    }

    /// The frame of one iteration.
    pub fn iteration_of(
        parent: &Arc<Self>,
        fan_out: StepIndex,
        index: u32,
        item: Value,
        recorded: ScopeProgress,
    ) -> Self {
        let iteration = parent.below(index);
        let about = Arc::new(serde_json::json!({ "instance": item, "index": index }));
        Self {
            parent: Some(parent.clone()),
            recorded,
            iteration,
            item: Some((fan_out, about)),
            outputs: Mutex::new(Vec::new()),
        }
    }

    /// Positions in the fan-outs around it.
    pub fn iteration(&self) -> &Iteration {
        &self.iteration
    }

    /// The position of an iteration of a fan-out of this scope.
    pub fn below(&self, index: u32) -> Iteration {
        let mut iteration = self.iteration.clone();
        iteration.push(index);
        iteration
    }

    /// What is recorded of a step of this scope.
    pub fn recorded(&self, step: &StepId) -> Option<&Recorded> {
        self.recorded.get(step)
    }

    /// Keeps the output of a step of this scope.
    pub fn set(&self, step: StepIndex, slot: Slot) {
        self.outputs.lock().push((step, slot));
    }

    /// The frame `depth` fan-outs deep that this one is in.
    pub fn at_depth(self: &Arc<Self>, depth: usize) -> Option<Arc<Self>> {
        let mut frame = self.clone();
        while frame.iteration.len() > depth {
            frame = frame.parent.clone()?;
        }
        (frame.iteration.len() == depth).then_some(frame)
    }

    /// The output of a step of this very scope.
    pub fn get(&self, step: StepIndex) -> Option<Slot> {
        let outputs = self.outputs.lock();
        outputs.iter().rev().find(|(index, _)| *index == step).map(|(_, slot)| slot.clone())
    }

    /// The item of a fan-out that this frame is inside of.
    pub fn item_of(&self, fan_out: StepIndex) -> Option<Arc<Value>> {
        match &self.item {
            Some((step, item)) if *step == fan_out => Some(item.clone()),
            _ => self.parent.as_ref().and_then(|parent| parent.item_of(fan_out)),
        }
    }
}
