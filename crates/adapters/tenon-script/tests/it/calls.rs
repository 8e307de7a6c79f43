//! What a function may look like, what it may return, and how it fails.

use serde_json::{Value, json};
use tenon_exec::ports::script::{FunctionErrorKind as Kind, FunctionRunner as _};

use super::*;

#[tokio::test]
async fn parameters_go_in_and_json_comes_out() {
    let code = "function run({ a, b }) { return { sum: a + b, list: [a, null, 'ä\\n'] }; }";
    let value = value_of(code, json!({"a": 1, "b": 2.5})).await;
    assert_eq!(value, json!({"sum": 3.5, "list": [1, null, "ä\n"]}));
}

#[tokio::test]
async fn every_documented_way_to_write_the_function_works() {
    for code in [
        "function run(p) { return p.x }",
        "async function run(p) { await null; return p.x }",
        "const run = (p) => p.x",
        "const run = async (p) => (await Promise.resolve(p)).x",
        "function yourFunction(p) { return p.x }",
        "export default function (p) { return p.x }",
        "export default async (p) => p.x",
        "export function run(p) { return p.x }",
        "const later = await Promise.resolve(1);\nexport default (p) => p.x * later",
        "function run(p) { return { then: (resolve) => resolve(p.x) } }",
        "function run(p) { return p.x } // a comment at the end",
    ] {
        assert_eq!(value_of(code, json!({"x": 7})).await, json!(7), "{code}");
    }
}

#[tokio::test]
async fn undefined_is_null_and_left_out_of_objects() {
    assert_eq!(value_of("function run() {}", json!({})).await, Value::Null);
    let code = "function run() { return { a: undefined, b: [undefined, 1], c: 0 } }";
    assert_eq!(value_of(code, json!({})).await, json!({"b": [null, 1], "c": 0}));
}

#[tokio::test]
async fn numbers_dates_and_boxed_values_are_written_as_json_stringify_does() {
    let code = "function run() { return [1e21, -0, 2 ** 53, 0.1 + 0.2, 1e-7, \
        new Date(0), new String('s'), new Number(3), Object.create({ inherited: 1 }), \
        { toJSON() { return 'j' } }, { get a() { return 4 } }, '\\ud800'] }";
    let expected = json!([1e21, 0, 9_007_199_254_740_992_i64, 0.1 + 0.2, 1e-7,
        "1970-01-01T00:00:00.000Z", "s", 3, {}, "j", {"a": 4}, "\u{fffd}"]);
    assert_eq!(value_of(code, json!({})).await, expected);
}

#[tokio::test]
async fn what_json_cannot_hold_is_refused_with_its_path() {
    for (expression, part) in [
        ("NaN", "result is NaN"),
        ("({ a: [1, { b: Infinity }] })", "result.a[1].b is Infinity"),
        ("({ f() {} })", "result.f is a function"),
        ("[Symbol('s')]", "result[0] is a symbol"),
        ("({ n: 10n })", "result.n is a BigInt"),
        ("({ m: new Map() })", "result.m is a Map"),
        ("[new Set([1])]", "result[0] is a Set"),
        (
            "({ p: Promise.resolve(1) })",
            "result.p is a Promise; await it".split(';').next().expect("split has a first part"),
        ),
        ("(() => { const a = {}; a.a = a; return a })()", "contains itself"),
        ("(() => { let a = 1; for (let i = 0; i < 200; i++) a = [a]; return a })()", "deeper than"),
    ] {
        let (kind, message) = failure_of(&format!("const run = () => {expression}")).await;
        assert_eq!(kind, Kind::Result, "{expression}: {message}");
        assert!(message.contains(part), "{expression}: {message}");
    }
}

#[tokio::test]
async fn what_was_thrown_is_told_with_its_place() {
    let (kind, message) =
        failure_of("function run() {\n  const x = null;\n  return x.name;\n}").await;
    assert_eq!(kind, Kind::Thrown);
    assert!(message.starts_with("TypeError: "), "{message}");
    assert!(message.contains("(line 3, column "), "{message}");

    let (kind, message) = failure_of("async function run() {\n  throw new Error('later') }").await;
    assert_eq!(kind, Kind::Thrown);
    assert!(message.contains("Error: later (line 2, column "), "{message}");

    let rejected = "const run = () => Promise.reject({ code: 7 })";
    assert_eq!(failure_of(rejected).await, (Kind::Thrown, "{\"code\":7}".into()));
    let thrown = "function run() { throw 'plain' }";
    assert_eq!(failure_of(thrown).await, (Kind::Thrown, "plain".into()));
    let (kind, _) = failure_of("function run() { throw { toJSON() { throw 1 } } }").await;
    assert_eq!(kind, Kind::Thrown);
}

#[tokio::test]
async fn a_syntax_error_names_its_place_in_the_users_text() {
    for (code, place) in [
        ("function run() {\n  return 1 +;\n}", "line 2, column "),
        ("function run() {\n\n  const = 3\n}", "line 3, column "),
        ("export default function () {\n  return 1 1 }", "line 2, column "),
        ("function run() {", "line 1, column "),
    ] {
        let (kind, message) = failure_of(code).await;
        assert_eq!(kind, Kind::Syntax, "{code}: {message}");
        assert!(message.contains("SyntaxError") && message.contains(place), "{code}: {message}");
    }
}

#[tokio::test]
async fn code_without_a_function_says_what_to_write() {
    for code in ["", "const x = 1", "export const other = 1", "const run = 3"] {
        let (kind, message) = failure_of(code).await;
        assert_eq!(kind, Kind::Syntax, "{code}: {message}");
        assert!(message.contains("declares no function `run`"), "{code}: {message}");
    }
}

#[tokio::test]
async fn check_parses_and_runs_nothing() {
    let pool = pool().await;
    for good in [
        "while (true) {}\nfunction run() {}",
        "const run = async () => 1",
        "throw 1; function yourFunction() {}",
        "export default () => 1",
        "export async function run() {}",
    ] {
        assert_eq!(pool.check(good).await, Ok(()), "{good}");
    }
    for (bad, part) in [
        ("function run( {", "SyntaxError"),
        ("function other() {}", "declares no function `run`"),
        ("export const x = 1", "declares no function `run`"),
        ("function run() {}\nlet x = ;", "line 2"),
    ] {
        let error = pool.check(bad).await.expect_err("must be refused");
        assert_eq!(error.kind, Kind::Syntax, "{bad}");
        assert!(error.message.contains(part), "{bad}: {error}");
    }
}

#[tokio::test]
async fn the_console_is_captured_also_when_the_function_fails() {
    let code = "function run() { console.log('a', 1, { b: [2] }, undefined, null); \
        console.warn(new Error('w')); console.error(Symbol('s')); throw new Error('x') }";
    let error = run(code, json!({})).await.expect_err("it throws");
    let lines: Vec<_> =
        error.console.iter().map(|line| (line.level.as_str(), line.message.as_str())).collect();
    assert_eq!(lines[0], ("log", "a 1 {\"b\":[2]} undefined null"));
    assert_eq!(lines[1].0, "warn");
    assert!(lines[1].1.starts_with("Error: w\n"), "{}", lines[1].1);
    assert_eq!(lines[2], ("error", "[symbol]"));
}

#[tokio::test]
async fn the_console_is_bounded_in_lines_and_bytes() {
    let many = "function run() { for (let i = 0; i < 5000; i++) console.log(i) }";
    let outcome = run(many, json!({})).await.expect("it returns");
    assert_eq!((outcome.console.len(), outcome.console_dropped), (1_000, 4_000));

    let long = "function run() { for (let i = 0; i < 10; i++) console.log('ä'.repeat(10000)) }";
    let outcome = run(long, json!({})).await.expect("it returns");
    let bytes: usize = outcome.console.iter().map(|line| line.message.len()).sum();
    assert!(bytes <= 64 << 10 && bytes > 60_000, "{bytes}");
    assert_eq!(outcome.console.len() as u32 + outcome.console_dropped, 10);
}

#[tokio::test]
async fn timers_run_in_order_within_the_call() {
    let code = "async function run() { const seen = []; \
        setTimeout(() => seen.push('c'), 30); setTimeout(() => seen.push('a'), 1); \
        const id = setTimeout(() => seen.push('never'), 5); clearTimeout(id); \
        await new Promise((resolve) => setTimeout(resolve, 40, 1)); return seen }";
    assert_eq!(value_of(code, json!({})).await, json!(["a", "c"]));
}

#[tokio::test]
async fn nothing_is_left_of_a_call_for_the_next() {
    let pool = pool().await;
    let project = ProjectId::new();
    let code = "function run() { const old = globalThis.kept; globalThis.kept = 1; \
        Array.prototype.extra = 1; Object.prototype.polluted = true; JSON.stringify = null; \
        return [old ?? 'none', [].extra === 1] }";
    for _ in 0..3 {
        let outcome = pool.run(call(project, code, &json!({}))).await.expect("it returns");
        assert_eq!(&outcome.output[..], b"[\"none\",true]");
    }
    assert!(pool.process_ids().len() <= 2, "the calls shared a process");
}

#[tokio::test]
async fn whatever_a_call_breaks_is_whole_again_for_the_next() {
    let pool = pool().await;
    let project = ProjectId::new();
    let whole = "function run(p, { text, crypto, date, encoding }) { console.log('here'); \
        return [text.slug('Ä b'), crypto.sha256('abc').slice(0, 8), date.add('2024-01-31', \
        { months: 1 }).slice(0, 10), encoding.hex.encode('a'), btoa('a'), typeof setTimeout] }";
    let breakers = [
        "function run() { for (const k of Object.keys(console)) delete console[k]; \
            console = null; globalThis.console = undefined; return 1 }",
        "function run(p, libraries) { const { crypto, date, encoding } = libraries; \
            crypto.sha256('x'); date.parse('2024-01-01'); encoding.hex.encode('x'); \
            for (const k of Object.keys(libraries)) delete libraries[k]; return 1 }",
        "function run() { for (const k of Object.getOwnPropertyNames(globalThis)) \
            { try { delete globalThis[k] } catch {} } return 1 }",
        "function run() { const seen = []; const take = (o) => { if (o && !seen.includes(o) && \
            typeof o === 'object') { seen.push(o); for (const k of Object.keys(o)) \
            { const v = o[k]; o[k] = null; take(v) } } }; take(globalThis); return 1 }",
        "function run() { Object.setPrototypeOf(Object.prototype.constructor, null); \
            Object.freeze(Array.prototype); Promise.prototype.then = null; return 1 }",
        "function run() { throw new Error('x') }",
        "async function run() { setTimeout(() => {}, 1e6); await null; throw 1 }",
        "function run() { return new Promise(() => {}) }",
        "function run() { const a = []; while (true) a.push(new Array(10000).fill(7)) }",
        "function run() { return run() + 1 }",
        "function run() { const big = []; for (let i = 0; i < 2e5; i++) big.push({ i }); return 1 }",
        "function run() { while (true) {} }",
        "function run( {",
    ];
    for round in 0..4 {
        for breaker in breakers {
            let mut bad = call(project, breaker, &json!({}));
            bad.timeout = Duration::from_millis(150);
            let _ = pool.run(bad).await;
            let outcome = pool.run(call(project, whole, &json!({}))).await;
            let outcome = outcome.unwrap_or_else(|error| panic!("{round} {breaker}: {error}"));
            let expected = r#"["a-b","ba7816bf","2024-02-29","61","YQ==","function"]"#;
            assert_eq!(outcome.output, expected, "{round} {breaker}");
            assert_eq!(outcome.console.len(), 1, "{round} {breaker}");
        }
    }
    assert!(pool.process_ids().len() <= 2, "no process was lost over it");
}
