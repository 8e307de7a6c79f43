//! What the engine does at each step: compile once, then evaluate.

use std::borrow::Cow;

use divan::{Bencher, black_box};
use serde_json::{Value, json};
use tenon_expr::{Condition, EvalError, Reference, Scope, Source, resolve_path};

fn main() {
    divan::main();
}

struct Trigger(Value);

impl Trigger {
    fn new() -> Self {
        Self(json!({"event": {
            "id": 17, "name": "Ada Lovelace", "state": "open", "total": 99.5,
            "tags": ["new", "paid"], "at": "2026-03-01T12:00:00Z",
        }}))
    }
}

impl Scope for Trigger {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        Ok(resolve_path(&self.0, &reference.path).map(Cow::Borrowed))
    }
}

const FIVE_HOLES: &str = "Order {{trigger.event.id}} of {{trigger.event.name}} is \
    {{upper(trigger.event.state)}}: {{trigger.event.total}} at {{trigger.event.at ?? 'no time'}}.";

fn source(raw: &Value) -> Source {
    Source::compile(raw).expect("the benchmark's source is valid")
}

#[divan::bench]
fn compile_five_holes(bencher: Bencher<'_, '_>) {
    let raw = json!(FIVE_HOLES);
    bencher.bench_local(|| Source::compile(black_box(&raw)));
}

#[divan::bench]
fn eval_reference(bencher: Bencher<'_, '_>) {
    let (scope, source) = (Trigger::new(), source(&json!("{{trigger.event.id}}")));
    bencher.bench_local(|| black_box(&source).eval(&scope));
}

#[divan::bench]
fn eval_five_holes(bencher: Bencher<'_, '_>) {
    let (scope, source) = (Trigger::new(), source(&json!(FIVE_HOLES)));
    bencher.bench_local(|| black_box(&source).eval(&scope));
}

#[divan::bench]
fn eval_condition_of_four(bencher: Bencher<'_, '_>) {
    let condition = Condition::compile(&json!({"all": [
        {"operator": "$numberGreaterThan", "variable": "{{trigger.event.total}}", "argument": 50},
        {"operator": "$stringExactlyMatches", "variable": "{{trigger.event.state}}", "argument": "open"},
        {"operator": "$arrayIsIn", "variable": "paid", "argument": "{{trigger.event.tags}}"},
        {"operator": "$dateTimeAfter", "variable": "{{trigger.event.at}}", "argument": "2026-01-01"},
    ]}));
    let (scope, condition) = (Trigger::new(), condition.expect("the condition is valid"));
    bencher.bench_local(|| black_box(&condition).eval(&scope));
}
