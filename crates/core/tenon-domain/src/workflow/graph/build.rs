//! Builds a [`Graph`] and reports what does not hang together.

use std::collections::HashMap;

use super::{Graph, Node, StepIndex};
use crate::ids::StepId;
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::document::{StepKind, Workflow};
use crate::workflow::suggest::one_of;

/// How one step names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Next,
    Then,
    Otherwise,
    Each,
}

impl Edge {
    const fn key(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Then => "then",
            Self::Otherwise => "else",
            Self::Each => "each",
        }
    }
}

/// The graph of what is there, and everything that is wrong with it. Edges that would make a
/// cycle or lead nowhere are left out of the graph.
pub(crate) fn build(workflow: &Workflow) -> (Graph, Vec<Finding>) {
    let mut builder = Builder { workflow, graph: Graph::default(), findings: Vec::new() };
    builder.name_steps();
    builder.resolve_edges();
    builder.cut_cycles();
    builder.mark_returns();
    if builder.findings.is_empty() {
        builder.report_unreachable();
    }
    (builder.graph, builder.findings)
}

struct Builder<'a> {
    workflow: &'a Workflow,
    graph: Graph,
    findings: Vec<Finding>,
}

impl Builder<'_> {
    /// The first step of a name has it; the second is reported with the names.
    fn name_steps(&mut self) {
        let count = self.workflow.steps.len().min(usize::from(StepIndex::MAX));
        self.graph.nodes.resize(count, Node::default());
        let mut by_id = HashMap::with_capacity(count);
        for (index, step) in (0..StepIndex::MAX).zip(&self.workflow.steps) {
            by_id.entry(step.id.clone()).or_insert(index);
        }
        self.graph.by_id = by_id;
    }

    fn resolve_edges(&mut self) {
        for index in 0..self.graph.nodes.len() {
            let step = &self.workflow.steps[index];
            let next = self.resolve(step.next.as_ref(), index, Edge::Next);
            let mut node = Node { next, ..Node::default() };
            match &step.kind {
                StepKind::Conditional(conditional) => {
                    node.is_conditional = true;
                    node.then = self.resolve(conditional.then.as_ref(), index, Edge::Then);
                    node.otherwise =
                        self.resolve(conditional.otherwise.as_ref(), index, Edge::Otherwise);
                }
                StepKind::FanOut(fan_out) => {
                    node.each = self.resolve(Some(&fan_out.each), index, Edge::Each);
                }
                StepKind::Request(_)
                | StepKind::Function(_)
                | StepKind::Delay(_)
                | StepKind::Response(_)
                | StepKind::Action(_)
                | StepKind::IntegrationRequest(_) => {}
            }
            self.graph.nodes[index] = node;
        }
        self.graph.start = match &self.workflow.start {
            None => (!self.graph.nodes.is_empty()).then_some(0),
            Some(start) => {
                let found = self.graph.index_of(start);
                if found.is_none() {
                    self.unknown(start, "/start".to_owned(), "start");
                }
                found
            }
        };
    }

    fn resolve(&mut self, to: Option<&StepId>, from: usize, edge: Edge) -> Option<StepIndex> {
        let to = to?;
        let found = self.graph.index_of(to);
        if found.is_none() {
            self.unknown(to, format!("/steps/{from}/{}", edge.key()), edge.key());
        }
        found
    }

    fn unknown(&mut self, to: &StepId, pointer: String, key: &str) {
        let names: Vec<&str> = self.workflow.steps.iter().map(|step| step.id.as_str()).collect();
        let message = format!("unknown step \"{to}\" in {key}");
        self.findings
            .push(Finding::new("unknown_step", pointer, message).help(one_of(to.as_str(), names)));
    }

    /// Walks the edges depth first and removes each one that leads back into the walk's path.
    fn cut_cycles(&mut self) {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            OnPath,
            Done,
        }
        let mut marks = vec![Mark::New; self.graph.nodes.len()];
        for root in 0..self.graph.nodes.len() {
            if marks[root] != Mark::New {
                continue;
            }
            marks[root] = Mark::OnPath;
            let mut path = vec![(index(root), self.edges(index(root)))];
            while let Some((at, edges)) = path.last_mut() {
                let at = *at;
                let Some((edge, to)) = edges.pop() else {
                    marks[usize::from(at)] = Mark::Done;
                    path.pop();
                    continue;
                };
                match marks[usize::from(to)] {
                    Mark::Done => {}
                    Mark::OnPath => {
                        let cycle: Vec<StepIndex> = path
                            .iter()
                            .map(|(step, _)| *step)
                            .skip_while(|step| *step != to)
                            .collect();
                        self.cut(at, edge, &cycle);
                    }
                    Mark::New => {
                        marks[usize::from(to)] = Mark::OnPath;
                        path.push((to, self.edges(to)));
                    }
                }
            }
        }
    }

    /// In reverse, so that popping takes them in the order of the document.
    fn edges(&self, from: StepIndex) -> Vec<(Edge, StepIndex)> {
        let node = self.graph.node(from);
        [
            (Edge::Next, node.next),
            (Edge::Otherwise, node.otherwise),
            (Edge::Then, node.then),
            (Edge::Each, node.each),
        ]
        .into_iter()
        .filter_map(|(edge, to)| Some((edge, to?)))
        .collect()
    }

    fn cut(&mut self, from: StepIndex, edge: Edge, cycle: &[StepIndex]) {
        let node = &mut self.graph.nodes[usize::from(from)];
        match edge {
            Edge::Next => node.next = None,
            Edge::Then => node.then = None,
            Edge::Otherwise => node.otherwise = None,
            Edge::Each => node.each = None,
        }
        let names: Vec<&str> =
            cycle.iter().chain(cycle.first()).map(|step| self.name(*step)).collect();
        let message = format!("the steps go in a circle: {}", names.join(" -> "));
        self.findings.push(
            Finding::new("cycle", format!("/steps/{from}/{}", edge.key()), message)
                .help("a workflow has no loops; use a fan_out step to repeat steps for each item"),
        );
    }

    /// Gives each step that can be reached its return point and its fan-outs, and reports edges
    /// that would give it a second one.
    fn mark_returns(&mut self) {
        let Some(start) = self.graph.start else { return };
        self.graph.nodes[usize::from(start)].is_reached = true;
        let mut todo = vec![start];
        while let Some(from) = todo.pop() {
            for (edge, to) in self.edges(from) {
                let (scope, returns_to) = self.frame_behind(from, edge);
                let node = &mut self.graph.nodes[usize::from(to)];
                if !node.is_reached {
                    node.is_reached = true;
                    node.scope = scope;
                    node.returns_to = returns_to;
                    todo.push(to);
                } else if node.scope != scope {
                    self.report_crossing(from, edge, to, &scope);
                } else if node.returns_to != returns_to {
                    self.report_two_returns(from, edge, to, returns_to);
                }
            }
        }
    }

    /// The fan-outs and the return point of the step that an edge leads to.
    fn frame_behind(&self, from: StepIndex, edge: Edge) -> (Vec<StepIndex>, Option<StepIndex>) {
        let node = self.graph.node(from);
        let mut scope = node.scope.clone();
        match edge {
            Edge::Next => (scope, node.returns_to),
            // A conditional without `next` hands on where it returns to itself.
            Edge::Then | Edge::Otherwise if node.next.is_none() => (scope, node.returns_to),
            Edge::Then | Edge::Otherwise => (scope, Some(from)),
            Edge::Each => {
                scope.push(from);
                (scope, Some(from))
            }
        }
    }

    fn report_crossing(&mut self, from: StepIndex, edge: Edge, to: StepIndex, scope: &[StepIndex]) {
        let theirs = self.graph.scope_of(to);
        let differs = scope.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let (leaves, enters) = (scope.get(differs).copied(), theirs.get(differs).copied());
        let (to, key) = (self.name(to), edge.key());
        let message = match (leaves, enters) {
            (Some(fan_out), _) => format!(
                "{key} leads to \"{to}\", outside the branch of fan_out \"{}\"",
                self.name(fan_out)
            ),
            (None, Some(fan_out)) => format!(
                "{key} leads to \"{to}\", inside the branch of fan_out \"{}\"",
                self.name(fan_out)
            ),
            (None, None) => format!("{key} leads to \"{to}\", which is in another branch"),
        };
        self.findings
            .push(Finding::new("crosses_fan_out", format!("/steps/{from}/{key}"), message).help(
            "leave next out at the end of a branch: the run goes on with the fan_out's own next",
        ));
    }

    fn report_two_returns(
        &mut self,
        from: StepIndex,
        edge: Edge,
        to: StepIndex,
        returns_to: Option<StepIndex>,
    ) {
        let theirs = self.graph.node(to).returns_to;
        // The deeper of the two is the conditional whose branch the step is wrongly in.
        let inner = [returns_to, theirs]
            .into_iter()
            .flatten()
            .max_by_key(|step| self.depth(*step))
            .map_or("", |step| self.name(step));
        let (to, key) = (self.name(to), edge.key());
        let message =
            format!("step \"{to}\" runs both inside a branch of \"{inner}\" and outside of it");
        self.findings.push(
            Finding::new("ambiguous_path", format!("/steps/{from}/{key}"), message).help(format!(
                "leave next out at the end of a branch: the run goes on with the next of \"{inner}\""
            )),
        );
    }

    fn depth(&self, step: StepIndex) -> usize {
        std::iter::successors(Some(step), |step| self.graph.node(*step).returns_to)
            .take(self.graph.len())
            .count()
    }

    /// Only in a graph that is otherwise sound: a broken edge makes steps unreachable, and one
    /// mistake should be one message.
    fn report_unreachable(&mut self) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let id = &self.workflow.steps[index].id;
            let is_named =
                self.graph.by_id.get(id).is_some_and(|named| usize::from(*named) == index);
            if !node.is_reached && is_named {
                self.findings.push(
                    Finding::new(
                        "unreachable_step",
                        format!("/steps/{index}/id"),
                        format!("no step leads to \"{id}\""),
                    )
                    .at(Spot::Value)
                    .help("name it in the next of another step, or remove it"),
                );
            }
        }
    }

    fn name(&self, step: StepIndex) -> &str {
        self.workflow.steps[usize::from(step)].id.as_str()
    }
}

fn index(position: usize) -> StepIndex {
    StepIndex::try_from(position).expect("the graph holds at most StepIndex::MAX steps")
}
