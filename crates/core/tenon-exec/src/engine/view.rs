//! What a step's templates see, gathered before it runs, so that evaluation itself is pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use super::frame::{Frame, Slot};
use super::{Engine, Error, Execution};
use crate::ports::store::{Iteration, ResultScope, StoredResult};
use crate::program::{ProgramStep, StepIndex};

/// The values of a step's references.
#[derive(Debug, Default)]
pub struct View {
    /// Whole outputs, by the first word of a reference.
    roots: Vec<(String, Arc<Value>)>,
    /// References into a fan-out from after it: arrays, one element an item.
    arrays: HashMap<Reference, Value>,
}

impl Scope for View {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        if !self.arrays.is_empty()
            && let Some(array) = self.arrays.get(reference)
        {
            return Ok(Some(Cow::Borrowed(array)));
        }
        let root = self.roots.iter().find(|(name, _)| *name == reference.root);
        Ok(root.and_then(|(_, value)| resolve_path(value, &reference.path)).map(Cow::Borrowed))
    }
}

impl Engine {
    /// Gathers what a step's references need.
    pub(super) async fn view(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
    ) -> Result<View, Error> {
        let mut view = View::default();
        for reference in &step.references {
            if view.roots.iter().any(|(name, _)| *name == reference.root) {
                continue;
            }
            let value = match reference.root.as_str() {
                "trigger" => Some(execution.input.clone()),
                "settings" => Some(execution.settings.clone()),
                "shared" => Some(execution.shared.clone()),
                "run" => Some(execution.about_run.clone()),
                "user" => Some(execution.about_user.clone()),
                _ => self.step_value(execution, frame, step, reference, &mut view.arrays).await?,
            };
            if let Some(value) = value {
                view.roots.push((reference.root.clone(), value));
            }
        }
        Ok(view)
    }

    /// The output of a step that a reference names; arrays are put aside by reference.
    async fn step_value(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        step: &ProgramStep,
        reference: &Reference,
        arrays: &mut HashMap<Reference, Value>,
    ) -> Result<Option<Arc<Value>>, Error> {
        let program = &execution.program;
        let Some(target_index) = program.index_of(&reference.root) else { return Ok(None) };
        if let Some(item) = frame.item_of(target_index) {
            return Ok(Some(item));
        }
        let target = &program.steps[target_index];
        let shared = target.scope.iter().zip(&step.scope).take_while(|(a, b)| a == b).count();
        if shared < target.scope.len() {
            let array = self.gather(execution, frame, target_index, shared, reference).await?;
            arrays.insert(reference.clone(), array);
            return Ok(None);
        }
        let Some(home) = frame.at_depth(target.scope.len()) else { return Ok(None) };
        match home.get(target_index) {
            None => Ok(None),
            Some(Slot::Value(value)) => Ok(Some(value)),
            Some(Slot::Stored) => {
                let value = self.stored(execution, home.iteration(), target_index).await?;
                Ok(value.map(Arc::new))
            }
        }
    }

    /// Reads an output that was too large to hold.
    async fn stored(
        &self,
        execution: &Execution,
        iteration: &Iteration,
        target: StepIndex,
    ) -> Result<Option<Value>, Error> {
        self.recorder.barrier().await?;
        let id = &execution.program.steps[target].step.id;
        let scope = if iteration.is_empty() {
            ResultScope::Root
        } else {
            ResultScope::Iteration(iteration.clone())
        };
        let rows = self.store.results(execution.job.run, scope).await?;
        let row = rows.into_iter().filter(|row| row.step == *id).max_by_key(|row| row.attempt);
        match row.and_then(|row| row.output) {
            Some(payload) => Ok(Some(super::parse(&self.payload(&payload).await?)?)),
            None => Ok(None),
        }
    }

    /// The array that a reference into a fan-out stands for after it: nested as the fan-outs are,
    /// null where an iteration did not run the step. Elements are cut to the path as they are
    /// read, so that only what is asked for is held.
    async fn gather(
        &self,
        execution: &Execution,
        frame: &Arc<Frame>,
        target: StepIndex,
        shared: usize,
        reference: &Reference,
    ) -> Result<Value, Error> {
        self.recorder.barrier().await?;
        let program = &execution.program;
        let run = execution.job.run;
        let Some(home) = frame.at_depth(shared) else { return Ok(Value::Null) };
        let below = home.iteration().clone();
        let mut shape = HashMap::new();
        for fan_out in &program.steps[target].scope[shared..] {
            let id = program.steps[*fan_out].step.id.clone();
            let depth = program.steps[*fan_out].scope.len();
            let rows = self.store.results(run, ResultScope::StepBelow(id, below.clone())).await?;
            for row in rows.into_iter().filter(|row| row.iteration.len() == depth) {
                let count = self.count_of(&row).await?;
                shape.insert(row.iteration, count);
            }
        }
        let id = program.steps[target].step.id.clone();
        let rows = self.store.results(run, ResultScope::StepBelow(id, below.clone())).await?;
        let mut leaves: HashMap<Iteration, (u32, Value)> = HashMap::with_capacity(rows.len());
        let depth = program.steps[target].scope.len();
        for row in rows.into_iter().filter(|row| row.iteration.len() == depth) {
            let Some(payload) = &row.output else { continue };
            if leaves.get(&row.iteration).is_some_and(|(attempt, _)| *attempt >= row.attempt) {
                continue;
            }
            let whole = super::parse(&self.payload(payload).await?)?;
            let cut = resolve_path(&whole, &reference.path).cloned().unwrap_or(Value::Null);
            leaves.insert(row.iteration, (row.attempt, cut));
        }
        Ok(nest(&below, depth, &shape, &mut leaves))
    }

    async fn count_of(&self, row: &StoredResult) -> Result<u32, Error> {
        let Some(payload) = &row.output else { return Ok(0) };
        let output = super::parse(&self.payload(payload).await?)?;
        let count = output.get("count").and_then(Value::as_u64).unwrap_or(0);
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

fn nest(
    at: &Iteration,
    depth: usize,
    shape: &HashMap<Iteration, u32>,
    leaves: &mut HashMap<Iteration, (u32, Value)>,
) -> Value {
    if at.len() == depth {
        return leaves.remove(at).map_or(Value::Null, |(_, value)| value);
    }
    let Some(count) = shape.get(at) else { return Value::Null };
    let items = (0..*count).map(|index| {
        let mut below = at.clone();
        below.push(index);
        nest(&below, depth, shape, leaves)
    });
    Value::Array(items.collect())
}
