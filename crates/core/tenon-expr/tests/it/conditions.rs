//! Conditions: the rules of each operator, groups, the two written forms, limits, the schema.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Value, json};
use tenon_expr::{
    CONDITION_DEPTH_MAX, CONDITIONS_MAX, Condition, EvalError, Operator, Reference, Scope, Source,
};

use crate::scope::Roots;

/// The exact names that other tools write.
const WIRE: &str = "$none $stringContains $stringDoesNotContain $stringExactlyMatches \
    $stringDoesNotExactlyMatch $stringIsIn $stringIsNotIn $stringStartsWith \
    $stringDoesNotStartWith $stringEndsWith $stringDoesNotEndWith $numberGreaterThan \
    $numberLessThan $numberEquals $numberDoesNotEqual $numberLessThanOrEqualTo \
    $numberGreaterThanOrEqualTo $dateTimeAfter $dateTimeBefore $dateTimeEquals $booleanTrue \
    $booleanFalse $exists $doesNotExist $isNotUndefinedOrNull $isUndefinedOrNull $arrayIsIn \
    $arrayIsNotIn $arrayIsEmpty $arrayIsNotEmpty $stringGreaterThan $stringLessThan";

/// What an operator says of two values: `None` when it refuses them.
fn ask(operator: &str, variable: &Value, argument: &Value) -> Option<bool> {
    let operator = Operator::parse(operator).expect("the test names an operator");
    operator.apply(variable, argument).ok()
}

fn check(operator: &str, cases: &[(Value, Value, Option<bool>)]) {
    for (variable, argument, expected) in cases {
        let answer = ask(operator, variable, argument);
        assert_eq!(answer, *expected, "{variable} {operator} {argument}");
    }
}

/// Checks an operator, and that its negation says the opposite of each answer.
fn check_both(operator: &str, negation: &str, cases: &[(Value, Value, Option<bool>)]) {
    check(operator, cases);
    let negated: Vec<_> = cases
        .iter()
        .map(|(variable, argument, answer)| {
            (variable.clone(), argument.clone(), answer.map(|answer| !answer))
        })
        .collect();
    check(negation, &negated);
}

#[test]
fn the_names_on_the_wire_are_exact() {
    let ours: Vec<&str> = Operator::ALL.iter().map(|operator| operator.as_str()).collect();
    assert_eq!(ours, WIRE.split(' ').collect::<Vec<_>>());
    assert_eq!(ours.iter().collect::<HashSet<_>>().len(), 32);
    for operator in Operator::ALL {
        assert_eq!(serde_json::to_value(operator).ok(), Some(json!(operator.as_str())));
        assert_eq!(serde_json::from_value(json!(operator.as_str())).ok(), Some(*operator));
    }
}

#[test]
fn text_operators_compare_scalars_as_text() {
    check_both(
        "$stringContains",
        "$stringDoesNotContain",
        &[
            (json!("invoice"), json!("voice"), Some(true)),
            (json!("invoice"), json!("Voice"), Some(false)),
            (json!(1234), json!(23), Some(true)),
            (json!("x"), json!(""), Some(true)),
            (json!(null), json!("x"), Some(false)),
            (json!("x"), json!(null), Some(false)),
            (json!(["x"]), json!("x"), None),
            (json!("x"), json!({}), None),
        ],
    );
    check_both(
        "$stringExactlyMatches",
        "$stringDoesNotExactlyMatch",
        &[
            (json!("a"), json!("a"), Some(true)),
            (json!(true), json!("true"), Some(true)),
            (json!("a"), json!("a "), Some(false)),
            (json!(null), json!(null), Some(false)),
        ],
    );
    check_both(
        "$stringStartsWith",
        "$stringDoesNotStartWith",
        &[(json!("order-1"), json!("order"), Some(true)), (json!("a"), json!("ab"), Some(false))],
    );
    check_both(
        "$stringEndsWith",
        "$stringDoesNotEndWith",
        &[(json!("a.pdf"), json!(".pdf"), Some(true)), (json!("a.pdf"), json!("a"), Some(false))],
    );
    check(
        "$stringGreaterThan",
        &[
            (json!("b"), json!("a"), Some(true)),
            (json!("a"), json!("a"), Some(false)),
            (json!("10"), json!("9"), Some(false)),
            (json!(null), json!("a"), Some(false)),
        ],
    );
    check(
        "$stringLessThan",
        &[(json!("Z"), json!("a"), Some(true)), (json!("b"), json!("a"), Some(false))],
    );
}

#[test]
fn a_text_is_in_a_list_or_a_text_with_commas() {
    check_both(
        "$stringIsIn",
        "$stringIsNotIn",
        &[
            (json!("b"), json!(["a", "b"]), Some(true)),
            (json!("1"), json!([1, 2]), Some(true)),
            (json!("b"), json!("a, b ,c"), Some(true)),
            (json!("d"), json!("a,b"), Some(false)),
            (json!("a,b"), json!(["a", "b"]), Some(false)),
            (json!(null), json!([null]), Some(false)),
            (json!("a"), json!(null), Some(false)),
            (json!("a"), json!([["a"]]), None),
            (json!([]), json!(["a"]), None),
        ],
    );
}

#[test]
fn number_operators_take_numbers_and_texts_that_spell_them() {
    check(
        "$numberGreaterThan",
        &[
            (json!(10), json!(9.5), Some(true)),
            (json!("10"), json!("9"), Some(true)),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), Some(true)),
            (json!(null), json!(0), Some(false)),
            (json!("abc"), json!(0), None),
            (json!(""), json!(0), None),
            (json!(true), json!(0), None),
        ],
    );
    check(
        "$numberLessThan",
        &[(json!(-1), json!("0"), Some(true)), (json!(1), json!(1), Some(false))],
    );
    check_both(
        "$numberEquals",
        "$numberDoesNotEqual",
        &[
            (json!(1), json!(1.0), Some(true)),
            (json!("007"), json!(7), Some(true)),
            (json!(0.1), json!(0.2), Some(false)),
            (json!(null), json!(null), Some(false)),
            (json!([]), json!(1), None),
        ],
    );
    for (operator, less, equal, greater) in [
        ("$numberLessThanOrEqualTo", true, true, false),
        ("$numberGreaterThanOrEqualTo", false, true, true),
    ] {
        check(
            operator,
            &[
                (json!(1), json!(2), Some(less)),
                (json!(2), json!(2), Some(equal)),
                (json!(3), json!(2), Some(greater)),
                (json!(null), json!(2), Some(false)),
            ],
        );
    }
}

#[test]
fn date_operators_compare_moments() {
    let (noon, later) = (json!("2026-03-01T12:00:00Z"), json!("2026-03-01T13:00:01+01:00"));
    let check_order = |operator, after, same, before| {
        check(
            operator,
            &[
                (later.clone(), noon.clone(), Some(after)),
                (noon.clone(), json!("2026-03-01T14:00:00+02:00"), Some(same)),
                (json!("2026-03-01"), noon.clone(), Some(before)),
                (json!(null), noon.clone(), Some(false)),
                (json!("soon"), noon.clone(), None),
                (json!(1_772_000_000), noon.clone(), None),
            ],
        );
    };
    check_order("$dateTimeAfter", true, false, false);
    check_order("$dateTimeEquals", false, true, false);
    check_order("$dateTimeBefore", false, false, true);
}

#[test]
fn boolean_operators_take_the_words_too() {
    for (operator, word, other) in
        [("$booleanTrue", "true", "false"), ("$booleanFalse", "false", "true")]
    {
        check(
            operator,
            &[
                (json!(word == "true"), json!(null), Some(true)),
                (json!(other == "true"), json!(null), Some(false)),
                (json!(word), json!(null), Some(true)),
                (json!(other), json!(null), Some(false)),
                (json!(null), json!(null), Some(false)),
                (json!(1), json!(null), None),
                (json!("yes"), json!(null), None),
            ],
        );
    }
}

#[test]
fn only_null_does_not_exist() {
    for (operator, negation) in
        [("$exists", "$doesNotExist"), ("$isNotUndefinedOrNull", "$isUndefinedOrNull")]
    {
        check_both(
            operator,
            negation,
            &[
                (json!(null), json!(null), Some(false)),
                (json!(""), json!(null), Some(true)),
                (json!(false), json!(null), Some(true)),
                (json!([]), json!(null), Some(true)),
            ],
        );
    }
}

#[test]
fn list_operators_look_for_items() {
    check_both(
        "$arrayIsIn",
        "$arrayIsNotIn",
        &[
            (json!(2), json!([1, 2.0]), Some(true)),
            (json!("2"), json!([1, 2]), Some(false)),
            (json!({"a": 1}), json!([{"a": 1}]), Some(true)),
            (json!([1, 2]), json!(2), Some(true)),
            (json!([1]), json!([[1]]), Some(true)),
            (json!([1]), json!([1]), Some(false)),
            (json!(null), json!([null]), Some(true)),
            (json!(1), json!(null), Some(false)),
            (json!(1), json!(1), None),
        ],
    );
    check_both(
        "$arrayIsEmpty",
        "$arrayIsNotEmpty",
        &[
            (json!([]), json!(null), Some(true)),
            (json!([null]), json!(null), Some(false)),
            (json!(null), json!(null), Some(true)),
            (json!(""), json!(null), None),
            (json!({}), json!(null), None),
        ],
    );
}

#[test]
fn an_error_names_the_operator_and_not_the_value() {
    let error = Operator::NumberEquals.apply(&json!("hunter2"), &json!(1));
    let message = error.expect_err("it is no number").message;
    assert_eq!(
        message,
        "`$numberEquals`: the variable must be a number or a text that spells one, not another text"
    );
}

fn condition(raw: &Value) -> Condition {
    match Condition::compile(raw) {
        Ok(condition) => condition,
        Err(error) => panic!("{raw} does not compile: {}", error.one_line()),
    }
}

fn holds(raw: &Value) -> bool {
    let roots = Roots(json!({"yes": true, "no": false, "n": 3}));
    condition(raw).eval(&roots).expect("the values fit the operators")
}

fn is_true(variable: &str) -> Value {
    json!({"operator": "$booleanTrue", "variable": format!("{{{{{variable}}}}}")})
}

#[test]
fn groups_join_conditions() {
    assert!(holds(&json!({"any": [is_true("no"), is_true("yes")]})));
    assert!(!holds(&json!({"all": [is_true("no"), is_true("yes")]})));
    assert!(holds(&json!({"all": [{"any": [is_true("yes")]}, {"operator": "$none"}]})));
    assert!(!holds(&json!({"any": []})));
    assert!(holds(&json!({"all": []})));
    assert!(holds(&json!({"operator": "$numberEquals", "variable": "{{n}}", "argument": 3})));
}

#[test]
fn the_wire_form_reads_as_our_own() {
    let wire = json!({"type": "JOIN", "join": "OR", "conditions": [
        {"type": "JOIN", "join": "AND", "conditions": [
            {"type": "OPERATOR", "condition":
                {"operator": "$numberLessThan", "variable": "{{n}}", "argument": "4"}},
            {"type": "OPERATOR", "condition": {"operator": "$none"}},
        ]},
    ]});
    let ours = json!({"any": [{"all": [
        {"operator": "$numberLessThan", "variable": "{{n}}", "argument": "4"},
        {"operator": "$none", "variable": null},
    ]}]});
    let read: Condition = serde_json::from_value(wire).expect("it is valid");
    assert_eq!(read, condition(&ours));
    assert_eq!(serde_json::to_value(&read).ok(), Some(ours));
}

/// A scope that notes what it is asked.
struct Noting(RefCell<Vec<String>>);

impl Scope for Noting {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        self.0.borrow_mut().push(reference.to_string());
        Ok(Some(Cow::Owned(json!(reference.root == "yes"))))
    }
}

#[test]
fn a_group_stops_at_the_first_answer() {
    let noting = Noting(RefCell::default());
    let any = condition(&json!({"any": [is_true("no"), is_true("yes"), is_true("later")]}));
    assert_eq!(any.eval(&noting), Ok(true));
    assert_eq!(noting.0.take(), ["no", "yes"]);
    let all = condition(&json!({"all": [is_true("yes"), is_true("no"), is_true("later")]}));
    assert_eq!(all.eval(&noting), Ok(false));
    assert_eq!(noting.0.take(), ["yes", "no"]);
}

#[test]
fn references_of_all_parts_are_found() {
    let raw = json!({"any": [
        {"operator": "$stringIsIn", "variable": "{{a.b}}", "argument": ["{{c}}", "{{d?}}"]},
        {"all": [is_true("e")]},
    ]});
    let condition = condition(&raw);
    let found: Vec<String> = condition.references().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["a.b", "c", "d?", "e"]);
}

#[test]
fn a_wrong_condition_says_where_and_what() {
    let cases = [
        (json!([]), "", "a condition must be an object"),
        (json!({}), "", "the condition is empty"),
        (json!({"any": 1}), "", "`any` must be a list"),
        (json!({"any": [], "all": []}), "", "there is no `all` in this condition"),
        (json!({"every": []}), "", "there is no `every` in this condition"),
        (
            json!({"all": [{"operator": "$exist", "variable": 1}]}),
            "/all/0",
            "there is no operator `$exist`",
        ),
        (json!({"operator": "$exists"}), "", "`$exists` needs a `variable`"),
        (
            json!({"operator": "$exists", "variable": 1, "argument": 2}),
            "",
            "`$exists` takes no `argument`",
        ),
        (
            json!({"operator": "$numberEquals", "variable": 1}),
            "",
            "`$numberEquals` needs an `argument`",
        ),
        (
            json!({"any": [{"operator": "$arrayIsIn", "variable": 1, "argument": ["{{"]}]}),
            "/any/0/argument/0",
            "this `{{` is not closed",
        ),
        (json!({"type": "join"}), "", "there is no such `type` of condition"),
        (json!({"type": "JOIN", "conditions": []}), "", "`join` is missing"),
        (json!({"type": "OPERATOR"}), "", "`condition` must be an object"),
        (
            json!({"type": "OPERATOR", "condition": {"operator": 1}}),
            "/condition",
            "`operator` must be a text",
        ),
    ];
    for (raw, pointer, message) in cases {
        let error = Condition::compile(&raw).expect_err("it is not valid");
        assert_eq!((&*error.pointer, &*error.error.message), (pointer, message), "{raw}");
    }
    let near = Condition::compile(&json!({"operator": "$stringContain", "variable": 1}));
    let help = near.expect_err("there is no such operator").error.help;
    assert_eq!(help.as_deref(), Some("did you mean `$stringContains`?"));
}

#[test]
fn conditions_are_bounded() {
    let nest = |levels: usize| {
        (0..levels).fold(json!({"operator": "$none"}), |inner, _| json!({"any": [inner]}))
    };
    assert!(Condition::compile(&nest(CONDITION_DEPTH_MAX)).is_ok());
    assert!(Condition::compile(&nest(CONDITION_DEPTH_MAX + 1)).is_err());
    let many = |count: usize| json!({"all": vec![json!({"operator": "$none"}); count]});
    assert!(Condition::compile(&many(CONDITIONS_MAX - 1)).is_ok());
    assert!(Condition::compile(&many(CONDITIONS_MAX)).is_err());
}

#[test]
fn the_schema_describes_every_operator() {
    let schema = schemars::schema_for!(Condition).to_value();
    let operators = schema["$defs"]["Operator"]["oneOf"].as_array().expect("one for each");
    let described = |schema: &Value| {
        let description = schema["description"].as_str().unwrap_or_default();
        (schema["const"].as_str().unwrap_or_default().to_owned(), description.to_owned())
    };
    let described: Vec<_> = operators.iter().map(described).collect();
    let expected: Vec<_> = Operator::ALL
        .iter()
        .map(|operator| (operator.as_str().to_owned(), operator.summary().to_owned()))
        .collect();
    assert_eq!(described, expected);
    assert!(schema["$defs"]["Source"]["description"].is_string());
    assert!(schema["anyOf"].as_array().is_some_and(|forms| forms.len() == 5));
    let source = schemars::schema_for!(Source).to_value();
    assert!(source.get("type").is_none(), "any JSON value is a source");
}
