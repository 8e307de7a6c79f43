//! The graph of a workflow: which step leads where, and inside which fan-outs it runs.
//!
//! Control flow, in one paragraph. `next` leads on. A conditional leads to one of its branches;
//! when the branch ends (a step without `next`), the run goes on with the conditional's own
//! `next`, and when it has none, as if the conditional itself ended there. A fan-out leads to its
//! branch once for each item; when all of them have ended, it goes on with its own `next`. So
//! each step has one *return point*, and every way to reach the step must agree on it: the
//! builder reports those that do not.

pub(crate) mod build;

use std::collections::HashMap;

use super::document::Workflow;
use crate::ids::StepId;

/// The position of a step in its document.
pub type StepIndex = u16;

/// A workflow's steps by index. Cheap to share in an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub(super) start: Option<StepIndex>,
    pub(super) nodes: Vec<Node>,
    pub(super) by_id: HashMap<StepId, StepIndex>,
}

/// A step and where it leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// The step after it.
    pub next: Option<StepIndex>,
    /// First step when a condition holds.
    pub then: Option<StepIndex>,
    /// First step when it does not.
    pub otherwise: Option<StepIndex>,
    /// First step of a fan-out's branch.
    pub each: Option<StepIndex>,
    /// The fan-outs around it, outermost first.
    pub scope: Vec<StepIndex>,
    /// Where the run goes on when the branch that the step is in has ended: at the join of this
    /// fan-out, or with the `next` of this conditional. `None`: the run ends.
    pub returns_to: Option<StepIndex>,
    pub(super) is_conditional: bool,
    pub(super) is_reached: bool,
}

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// This step.
    Step(StepIndex),
    /// This iteration of a fan-out has ended.
    Join(StepIndex),
    /// The run has ended.
    End,
}

impl Graph {
    /// The graph of a checked workflow.
    #[must_use]
    pub fn of(workflow: &Workflow) -> Self {
        build::build(workflow).0
    }

    /// The step that runs first; `None` when there are no steps.
    #[must_use]
    pub fn start(&self) -> Option<StepIndex> {
        self.start
    }

    /// The index of a step.
    #[must_use]
    pub fn index_of(&self, id: &StepId) -> Option<StepIndex> {
        self.by_id.get(id).copied()
    }

    /// A step's edges.
    ///
    /// # Panics
    /// When the index is not one of this graph's.
    #[must_use]
    pub fn node(&self, step: StepIndex) -> &Node {
        &self.nodes[usize::from(step)]
    }

    /// The fan-outs around a step, outermost first.
    ///
    /// # Panics
    /// When the index is not one of this graph's.
    #[must_use]
    pub fn scope_of(&self, step: StepIndex) -> &[StepIndex] {
        &self.node(step).scope
    }

    /// What comes after a step that does not branch, or after a branching step's branches.
    ///
    /// # Panics
    /// When the index is not one of this graph's.
    #[must_use]
    pub fn after(&self, step: StepIndex) -> After {
        let node = self.node(step);
        if let Some(next) = node.next {
            return After::Step(next);
        }
        match node.returns_to {
            None => After::End,
            Some(to) if self.node(to).is_conditional => self.after(to),
            Some(fan_out) => After::Join(fan_out),
        }
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
