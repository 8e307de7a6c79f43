//! Nothing that a document or a value may hold makes the language panic: random texts, random
//! values and mutations of the tricky texts in `tests/corpus`. The cases are the same at each
//! run, so that a failure can be repeated.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tenon_expr::{
    Condition, EvalError, Function, Kind, Operator, Parameter, Presence, Reference, Scope, Source,
    functions,
};

use crate::scope::{Roots, compile};

const CASES: u32 = 2_000;

/// Gives any reference the same value, and follows no path.
struct Everything(Value);

impl Scope for Everything {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        Ok(match reference.path.len() % 3 {
            0 => Some(Cow::Borrowed(&self.0)),
            1 => Some(Cow::Owned(self.0.clone())),
            _ => None,
        })
    }
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    run_cases(CASES, strategy, test);
}

fn run_cases<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(strategy, test) {
        panic!("{error}");
    }
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-20..20_i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(-0.0),
            json!(0.5),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(f64::MAX),
        ]),
    ]
}

fn texts() -> impl Strategy<Value = Value> {
    const TRICKY: [&str; 13] = [
        "",
        " 7 ",
        "1e400",
        "-0",
        "true",
        "a,b",
        "2026-03-01",
        "2026-03-01T12:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "%Y %255Z",
        "Europe/Berlin",
        "[{},[[]]]",
        "w6Q=",
    ];
    prop_oneof![
        3 => prop::sample::select(&TRICKY[..]).prop_map(Value::from),
        1 => ".{0,12}".prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), numbers(), texts()];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-c]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of the language, so that random texts get past the first character.
fn fragments() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> = [
        "{{",
        "}}",
        "\\",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "?",
        "??",
        "'",
        "\"",
        " ",
        "\n",
        "a",
        "trigger.event",
        "step?.x",
        "[0]",
        "[\"k\"]",
        "1",
        "-2.5e3",
        "null",
        "true",
        "\\u00e4",
        "ä",
        "😀",
        "\u{0}",
    ]
    .map(str::to_owned)
    .to_vec();
    pieces.extend(functions().map(|function| format!("{}(", function.name)));
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

/// Compiles and, when that works, evaluates; checks what holds for every text.
fn exercise(text: &str, value: &Value) -> Result<(), TestCaseError> {
    match Source::compile(&json!(text)) {
        Ok(source) => {
            let _ = source.eval(&Everything(value.clone()));
            let references = source.references().len();
            let literal = source.as_literal();
            prop_assert!(literal.is_none() || references == 0);
            for reference in source.references() {
                let again = Source::compile(&json!(format!("{{{{{reference}}}}}")));
                let again = again.expect("a reference is shown as it is written");
                prop_assert_eq!(again.references(), [reference]);
            }
        }
        Err(error) => {
            let error = error.error;
            prop_assert!(error.offset + error.len <= text.len(), "{error:?}");
            prop_assert!(text.is_char_boundary(error.offset), "{error:?}");
            prop_assert!(text.is_char_boundary(error.offset + error.len), "{error:?}");
            prop_assert_eq!(error.caret(text).lines().count(), 2);
        }
    }
    Ok(())
}

#[test]
fn arbitrary_texts_never_panic() {
    run(&(any::<String>(), values()), |(text, value)| exercise(&text, &value));
}

#[test]
fn texts_of_the_language_never_panic() {
    run(&(fragments(), values()), |(text, value)| {
        exercise(&text, &value)?;
        exercise(&format!("{{{{{text}}}}}"), &value)
    });
}

fn corpus() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let text = std::fs::read_to_string(folder.join("templates.txt")).expect("the corpus is there");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn mutations_of_tricky_texts_never_panic() {
    let corpus = corpus();
    assert!(corpus.len() > 40, "the corpus was not read");
    let edits = prop::collection::vec((any::<Index>(), any::<Index>(), 0..4_u8), 0..6);
    run(&(any::<Index>(), edits, values()), |(seed, edits, value)| {
        let mut characters: Vec<char> = seed.get(&corpus).chars().collect();
        for (at, from, kind) in edits {
            if characters.is_empty() {
                break;
            }
            let at = at.index(characters.len());
            match kind {
                0 => drop(characters.remove(at)),
                1 => characters.insert(at, characters[from.index(characters.len())]),
                2 => characters.truncate(at),
                _ => characters.extend(from.get(&corpus).chars()),
            }
        }
        exercise(&characters.into_iter().collect::<String>(), &value)
    });
}

fn lists() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(numbers(), 0..5).prop_map(Value::from),
        prop::collection::vec(texts(), 0..5).prop_map(Value::from),
        prop::collection::vec(values(), 0..5).prop_map(Value::from),
    ]
}

fn objects() -> impl Strategy<Value = Value> {
    prop::collection::hash_map("[a-c]{0,2}", values(), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn of_kind(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Any => values().boxed(),
        Kind::Text => texts().boxed(),
        Kind::Scalar => prop_oneof![texts(), numbers()].boxed(),
        Kind::Number => numbers().boxed(),
        Kind::Integer => prop_oneof![-20..20_i64, any::<i64>()].prop_map(Value::from).boxed(),
        Kind::List => lists().boxed(),
        Kind::Object => objects().boxed(),
        Kind::TextOrList => prop_oneof![texts(), lists()].boxed(),
        Kind::ListOrObject => prop_oneof![lists(), objects()].boxed(),
        Kind::Sized => prop_oneof![texts(), lists(), objects()].boxed(),
        Kind::NumberOrList => prop_oneof![numbers(), lists()].boxed(),
    }
}

/// Values of a parameter's kind; words that chance would not find are among them.
fn fitting(parameter: &Parameter) -> BoxedStrategy<Value> {
    let words: &[&str] = match parameter.name {
        "algorithm" => &["sha1", "sha256", "sha384", "sha512"],
        "encoding" | "key_encoding" => &["hex", "base64", "base64url", "text"],
        "format" => &["%F", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%F %T %z"],
        _ => return of_kind(parameter.kind),
    };
    let word = prop::sample::select(words).prop_map(Value::from);
    prop_oneof![3 => word, 1 => of_kind(parameter.kind)].boxed()
}

/// Mostly values that a parameter takes, so that functions are really run; optional ones are
/// also left out.
fn arguments_for(function: &Function) -> impl Strategy<Value = Vec<Value>> {
    let argument = |parameter: &Parameter| prop_oneof![5 => fitting(parameter), 1 => values()];
    let all: Vec<_> = function.parameters.iter().map(argument).collect();
    let is_needed = |parameter: &&Parameter| parameter.presence != Presence::Optional;
    let needed = function.parameters.iter().filter(is_needed).count();
    (all, needed..=function.parameters.len()).prop_map(|(mut arguments, count)| {
        arguments.truncate(count);
        arguments
    })
}

#[test]
fn every_function_is_total() {
    for function in functions() {
        let succeeded = Cell::new(0);
        run_cases(CASES / 10, &arguments_for(function), |arguments| {
            let places: Vec<String> = (0..arguments.len()).map(|at| format!("a[{at}]")).collect();
            let text = format!("{{{{{}({})}}}}", function.name, places.join(", "));
            let scope = Roots(json!({"a": arguments}));
            let result = compile(&json!(text)).eval(&scope);
            succeeded.set(succeeded.get() + u32::from(result.is_ok()));
            Ok(())
        });
        assert!(succeeded.get() > 0, "`{}` only ever failed", function.name);
    }
}

#[test]
fn a_whole_value_keeps_its_type_whatever_it_is() {
    run(&values(), |value| {
        let source = compile(&json!("{{ a }}"));
        prop_assert_eq!(source.eval(&Everything(value.clone())), Ok(value));
        Ok(())
    });
}

#[test]
fn a_value_without_braces_is_its_own_literal() {
    run(&values(), |value| {
        if !value.to_string().contains("{{") {
            let source = compile(&value);
            prop_assert_eq!(source.as_literal(), Some(&value));
        }
        Ok(())
    });
}

#[test]
fn every_operator_is_total() {
    run(&(values(), values()), |(variable, argument)| {
        for operator in Operator::ALL {
            let first = operator.apply(&variable, &argument);
            prop_assert_eq!(&first, &operator.apply(&variable, &argument));
        }
        Ok(())
    });
}

#[test]
fn arbitrary_conditions_never_panic() {
    let operator = prop::sample::select(Operator::ALL).prop_map(|it| json!(it.as_str()));
    let side = prop_oneof![values(), fragments().prop_map(Value::from)];
    let question = (operator, side.clone(), prop::option::of(side)).prop_map(
        |(operator, variable, argument)| match argument {
            Some(argument) => {
                json!({"operator": operator, "variable": variable, "argument": argument})
            }
            None => json!({"operator": operator, "variable": variable}),
        },
    );
    let condition = prop_oneof![4 => question, 1 => values()].prop_recursive(3, 16, 4, |inner| {
        let group = prop::collection::vec(inner, 0..4);
        (prop::sample::select(vec!["any", "all"]), group)
            .prop_map(|(key, conditions)| json!({key: conditions}))
    });
    run(&(condition, values()), |(raw, value)| {
        if let Ok(condition) = Condition::compile(&raw) {
            let _ = condition.eval(&Everything(value));
            let written = serde_json::to_value(&condition).expect("a condition is JSON");
            prop_assert_eq!(Condition::compile(&written), Ok(condition));
        }
        Ok(())
    });
}
