//! A workflow version in the form that the engine walks: steps by index, edges as indexes.
//!
//! Built once a version from a checked document and shared by all its runs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tenon_contract::plan::WorkflowPlan;
use tenon_domain::retry::RetryPolicy;
use tenon_domain::workflow::{Step, StepKind};
use tenon_domain::{ProjectId, StepId};
use tenon_expr::Reference;

/// The position of a step in its document.
pub type StepIndex = usize;

/// A workflow version, ready to run.
#[derive(Debug)]
pub struct Program {
    /// The plan it was built from.
    pub plan: Arc<WorkflowPlan>,
    /// The steps, in the order of the document.
    pub steps: Vec<ProgramStep>,
    /// The step that runs first.
    pub start: Option<StepIndex>,
    /// `{{settings.x}}` of the document.
    pub settings: Arc<serde_json::Value>,
    by_id: HashMap<String, StepIndex>,
}

/// A step and where it leads.
#[derive(Debug)]
pub struct ProgramStep {
    /// Its document.
    pub step: Step,
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
    /// Its retry policy, or the workflow's, or the default.
    pub retry: RetryPolicy,
    /// Function source, shared so that runners may cache by it.
    pub code: Option<Arc<str>>,
    /// Every reference in its configuration.
    pub references: Vec<Reference>,
}

/// A document that passed validation but does not hang together; a defect, not a user error.
#[derive(Debug, thiserror::Error)]
#[error("step `{from}` names step `{to}`, which is not in the document")]
pub struct BrokenEdge {
    /// The step with the edge.
    pub from: StepId,
    /// What it names.
    pub to: StepId,
}

impl Program {
    /// Builds the program of a version.
    ///
    /// # Errors
    /// [`BrokenEdge`] when an edge names a step that is not there.
    pub fn compile(plan: Arc<WorkflowPlan>) -> Result<Self, BrokenEdge> {
        let document = &plan.document;
        let by_id: HashMap<String, StepIndex> = document
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| (step.id.as_str().to_owned(), index))
            .collect();
        let mut steps = Vec::with_capacity(document.steps.len());
        for step in &document.steps {
            steps.push(ProgramStep::of(step, &by_id, document.settings.retry.as_ref())?);
        }
        let start = match &document.start {
            Some(id) => by_id.get(id.as_str()).copied(),
            None if steps.is_empty() => None,
            None => Some(0),
        };
        let settings = Arc::new(serde_json::Value::Object(document.settings.values.clone()));
        let mut program = Self { steps, start, settings, by_id, plan: plan.clone() };
        if let Some(start) = start {
            program.mark_scopes(start, &mut Vec::new(), &mut HashSet::new());
        }
        Ok(program)
    }

    /// The project it belongs to.
    #[must_use]
    pub fn project(&self) -> ProjectId {
        self.plan.project
    }

    /// The index of a step.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<StepIndex> {
        self.by_id.get(id).copied()
    }

    fn mark_scopes(
        &mut self,
        from: StepIndex,
        scope: &mut Vec<StepIndex>,
        seen: &mut HashSet<StepIndex>,
    ) {
        let mut current = Some(from);
        while let Some(index) = current {
            if !seen.insert(index) {
                return;
            }
            self.steps[index].scope.clone_from(scope);
            let (then, otherwise) = (self.steps[index].then, self.steps[index].otherwise);
            for head in [then, otherwise].into_iter().flatten() {
                self.mark_scopes(head, scope, seen);
            }
            if let Some(head) = self.steps[index].each {
                scope.push(index);
                self.mark_scopes(head, scope, seen);
                scope.pop();
            }
            current = self.steps[index].next;
        }
    }
}

impl ProgramStep {
    fn of(
        step: &Step,
        by_id: &HashMap<String, StepIndex>,
        workflow_retry: Option<&RetryPolicy>,
    ) -> Result<Self, BrokenEdge> {
        let edge = |to: Option<&StepId>| match to {
            None => Ok(None),
            Some(to) => by_id
                .get(to.as_str())
                .map(|index| Some(*index))
                .ok_or_else(|| BrokenEdge { from: step.id.clone(), to: to.clone() }),
        };
        let (mut then, mut otherwise, mut each, mut code) = (None, None, None, None);
        match &step.kind {
            StepKind::Conditional(conditional) => {
                then = edge(conditional.then.as_ref())?;
                otherwise = edge(conditional.otherwise.as_ref())?;
            }
            StepKind::FanOut(fan_out) => each = edge(Some(&fan_out.each))?,
            StepKind::Function(function) => code = Some(Arc::from(function.code.as_str())),
            StepKind::Request(_)
            | StepKind::Delay(_)
            | StepKind::Response(_)
            | StepKind::Action(_)
            | StepKind::IntegrationRequest(_) => {}
        }
        Ok(Self {
            next: edge(step.next.as_ref())?,
            then,
            otherwise,
            each,
            scope: Vec::new(),
            retry: step.retry.as_ref().or(workflow_retry).cloned().unwrap_or_default(),
            code,
            references: references_of(&step.kind),
            step: step.clone(),
        })
    }
}

/// Every reference in a step's configuration, those to `self` left out.
fn references_of(kind: &StepKind) -> Vec<Reference> {
    let mut found = kind.references();
    found.retain(|reference| reference.root != "self");
    let mut seen = HashSet::new();
    found.retain(|reference| seen.insert((*reference).clone()));
    found.into_iter().cloned().collect()
}
