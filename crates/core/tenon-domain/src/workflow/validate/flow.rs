//! Which steps have run when a step runs: a data flow over the graph.
//!
//! A step has certainly run before another when it lies on every way there, and possibly when it
//! lies on some way. After the join of a fan-out all steps of its branch count as run: their
//! outputs are lists then, with null for an iteration that did not reach the step.

use crate::workflow::graph::{After, Graph, Node, StepIndex};

/// For each step, the steps before it.
#[derive(Debug)]
pub(super) struct Flow {
    certain: Vec<Steps>,
    possible: Vec<Steps>,
}

/// A set of steps, one bit each.
type Steps = Vec<u64>;

impl Flow {
    /// For a graph that was built without findings.
    pub(super) fn of(graph: &Graph) -> Self {
        let mut analysis = Analysis::new(graph);
        let Some(start) = graph.start() else {
            return Self { certain: Vec::new(), possible: Vec::new() };
        };
        let nothing = analysis.empty();
        analysis.enter(usize::from(start), &nothing, &nothing);
        for point in analysis.order(usize::from(start)) {
            analysis.leave(point);
        }
        let steps = graph.len();
        let known = |sets: Vec<Option<Steps>>| -> Vec<Steps> {
            sets.into_iter().take(steps).map(|set| set.unwrap_or_else(|| nothing.clone())).collect()
        };
        Self { certain: known(analysis.certain), possible: known(analysis.possible) }
    }

    /// Whether `earlier` has run whenever `step` does.
    pub(super) fn has_run(&self, earlier: StepIndex, step: StepIndex) -> bool {
        contains(&self.certain[usize::from(step)], usize::from(earlier))
    }

    /// Whether `earlier` may have run when `step` does.
    pub(super) fn may_have_run(&self, earlier: StepIndex, step: StepIndex) -> bool {
        contains(&self.possible[usize::from(step)], usize::from(earlier))
    }
}

/// The points of the control flow are the steps, then one join for each step (used for
/// fan-outs).
struct Analysis<'a> {
    graph: &'a Graph,
    bodies: Vec<Steps>,
    certain: Vec<Option<Steps>>,
    possible: Vec<Option<Steps>>,
}

impl<'a> Analysis<'a> {
    fn new(graph: &'a Graph) -> Self {
        let count = graph.len();
        let mut bodies = vec![vec![0; count.div_ceil(64)]; count];
        for (step, node) in graph.nodes.iter().enumerate() {
            for fan_out in &node.scope {
                insert(&mut bodies[usize::from(*fan_out)], step);
            }
        }
        Self { graph, bodies, certain: vec![None; 2 * count], possible: vec![None; 2 * count] }
    }

    fn empty(&self) -> Steps {
        vec![0; self.graph.len().div_ceil(64)]
    }

    fn join(&self, fan_out: usize) -> usize {
        self.graph.len() + fan_out
    }

    fn after(&self, step: usize) -> Option<usize> {
        match self.graph.after(index(step)) {
            After::Step(next) => Some(usize::from(next)),
            After::Join(fan_out) => Some(self.join(usize::from(fan_out))),
            After::End => None,
        }
    }

    /// Where the run may go from a point.
    fn successors(&self, point: usize) -> Vec<usize> {
        let Some(step) = self.graph.nodes.get(point) else {
            return self.after(point - self.graph.len()).into_iter().collect();
        };
        match step {
            Node { each: Some(each), .. } => vec![usize::from(*each), self.join(point)],
            Node { is_conditional: true, then, otherwise, .. } => [then, otherwise]
                .into_iter()
                .filter_map(|head| head.map(usize::from).or_else(|| self.after(point)))
                .collect(),
            _ => self.after(point).into_iter().collect(),
        }
    }

    /// Every point that can be reached, each after all points before it.
    fn order(&self, start: usize) -> Vec<usize> {
        let mut done = vec![false; 2 * self.graph.len()];
        let mut order = Vec::new();
        let mut path = vec![(start, self.successors(start))];
        done[start] = true;
        while let Some((point, successors)) = path.last_mut() {
            match successors.pop() {
                Some(next) if !done[next] => {
                    done[next] = true;
                    path.push((next, self.successors(next)));
                }
                Some(_) => {}
                None => {
                    order.push(*point);
                    path.pop();
                }
            }
        }
        order.reverse();
        order
    }

    /// Hands what has run at a point on to the points behind it.
    fn leave(&mut self, point: usize) {
        let (Some(mut certain), Some(mut possible)) =
            (self.certain[point].clone(), self.possible[point].clone())
        else {
            return;
        };
        let count = self.graph.len();
        if point < count {
            insert(&mut certain, point);
            insert(&mut possible, point);
        } else {
            unite(&mut certain, &self.bodies[point - count]);
            unite(&mut possible, &self.bodies[point - count]);
        }
        // At the join, the ends of iterations add nothing to what the fan-out hands on: what is
        // certain is the same or less there, and what is possible is in the branch.
        for next in self.successors(point) {
            self.enter(next, &certain, &possible);
        }
    }

    fn enter(&mut self, point: usize, certain: &Steps, possible: &Steps) {
        match &mut self.certain[point] {
            Some(known) => known.iter_mut().zip(certain).for_each(|(a, b)| *a &= b),
            unknown => *unknown = Some(certain.clone()),
        }
        match &mut self.possible[point] {
            Some(known) => unite(known, possible),
            unknown => *unknown = Some(possible.clone()),
        }
    }
}

fn insert(set: &mut Steps, step: usize) {
    set[step / 64] |= 1 << (step % 64);
}

fn contains(set: &Steps, step: usize) -> bool {
    set.get(step / 64).is_some_and(|word| word & (1 << (step % 64)) != 0)
}

fn unite(set: &mut Steps, other: &Steps) {
    set.iter_mut().zip(other).for_each(|(a, b)| *a |= b);
}

fn index(step: usize) -> StepIndex {
    StepIndex::try_from(step).expect("the graph holds at most StepIndex::MAX steps")
}
