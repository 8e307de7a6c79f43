//! Code that misbehaves fails within its limits and hurts nobody.

use std::time::Instant;

use serde_json::json;
use tenon_exec::ports::script::{FunctionErrorKind as Kind, FunctionRunner as _};

use super::*;

/// Runs code with a limit, and then shows that the pool still works.
async fn limited(code: &str, limit_ms: u64) -> (Kind, String, Duration) {
    let pool = pool().await;
    let project = ProjectId::new();
    let mut bad = call(project, code, &json!({}));
    bad.timeout = Duration::from_millis(limit_ms);
    let start = Instant::now();
    let error = pool.run(bad).await.expect_err("it must fail");
    let took = start.elapsed();
    let after = pool.run(call(project, "function run() { return 1 }", &json!({}))).await;
    assert_eq!(&after.expect("the next call works").output[..], b"1");
    (error.kind, error.message, took)
}

#[tokio::test]
async fn endless_loops_end_at_the_limit() {
    for code in [
        "function run() { while (true) {} }",
        "function run() { try { while (true) {} } catch { return 1 } finally { while (true) {} } }",
        "async function run() { while (true) await null }",
        "while (true) {}\nfunction run() {}",
        "function run() { return { toJSON() { while (true) {} } } }",
        "function run() { throw { toJSON() { while (true) {} } } }",
        "export default await new Promise((r) => setTimeout(r, 60000))",
        "function run() { return /^(a+)+$/.test('a'.repeat(40) + 'b') }",
    ] {
        let (kind, message, took) = limited(code, 300).await;
        assert_eq!(kind, Kind::Timeout, "{code}: {message}");
        assert!(message.contains("longer than 300 ms"), "{code}: {message}");
        assert!(took < Duration::from_secs(10), "{code}: {took:?}");
    }
}

/// Each link of the chain keeps the one before: on a fast machine memory runs out before the time.
#[tokio::test]
async fn an_endless_chain_of_promises_ends_at_the_first_limit_it_meets() {
    let code =
        "function run() { const again = () => Promise.resolve().then(again); return again() }";
    let (kind, message, _) = limited(code, 300).await;
    assert!(matches!(kind, Kind::Timeout | Kind::Memory), "{message}");
}

#[tokio::test]
async fn native_loops_that_ignore_the_engine_are_killed() {
    let sparse = "function run() { const a = []; a[4294967294] = 1; return a.join('').length }";
    let (kind, message, took) = limited(sparse, 300).await;
    assert_eq!(kind, Kind::Timeout, "{message}");
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn memory_bombs_end_at_the_memory_limit() {
    for code in [
        "function run() { const a = []; while (true) a.push(new Array(1000).fill(7)) }",
        "function run() { let s = 'x'; while (true) { s += s; s.charCodeAt(0) } }",
        "function run() { return 'x'.repeat(2 ** 29) }",
        "function run() { return new Uint8Array(500 * 2 ** 20).length }",
        "function run() { return new SharedArrayBuffer(500 * 2 ** 20).byteLength }",
        "async function run() { const a = []; while (true) { await null; a.push('x'.repeat(100000) + a.length) } }",
        "function run() { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}) }",
        "function run() { let o = null; while (true) o = { o } }",
    ] {
        let (kind, message, _) = limited(code, 10_000).await;
        assert_eq!(kind, Kind::Memory, "{code}: {message}");
        assert!(message.contains("64 MB") || message.contains("exhausted"), "{code}: {message}");
    }
}

#[tokio::test]
async fn memory_that_was_given_back_is_no_failure() {
    let code = "function run() { let n = 0; for (let i = 0; i < 300; i++) \
        { n += new Array(100000).fill(i).length } return n }";
    assert_eq!(value_of(code, json!({})).await, json!(30_000_000));
    let caught = "function run() { try { 'x'.repeat(2 ** 29) } catch { return 'saved' } }";
    assert_eq!(value_of(caught, json!({})).await, json!("saved"));
}

#[tokio::test]
async fn a_promise_that_never_settles_fails_at_once() {
    for code in [
        "const run = () => new Promise(() => {})",
        "async function run() { await new Promise(() => {}) }",
    ] {
        let (kind, message, took) = limited(code, 8_000).await;
        assert_eq!(kind, Kind::Result, "{message}");
        assert!(message.contains("never settles"), "{message}");
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused() {
    for code in [
        "function run() { return 'x'.repeat(20 * 2 ** 20) }",
        "function run() { const s = 'x'.repeat(2 ** 20); return new Array(100).fill(s) }",
        "function run() { return new Array(2 ** 30) }",
    ] {
        let (kind, message, _) = limited(code, 10_000).await;
        assert_eq!(kind, Kind::Result, "{code}: {message}");
        assert!(message.contains("larger than 8388608 bytes"), "{code}: {message}");
    }
}

#[tokio::test]
async fn deep_recursion_is_an_exception() {
    let (kind, message, _) = limited("function run() { return run() + 1 }", 5_000).await;
    assert_eq!(kind, Kind::Thrown);
    assert!(message.contains("stack"), "{message}");
    let code = "function run() { const f = () => { try { return f() } catch { return 1 } }; \
        return f() }";
    assert_eq!(value_of(code, json!({})).await, json!(1));
    let nested = "function run() { return JSON.parse('['.repeat(500000)) }";
    assert_eq!(limited(nested, 5_000).await.0, Kind::Thrown);
    let regex = "function run() { return new RegExp('('.repeat(200000)).test('a') }";
    assert_eq!(limited(regex, 5_000).await.0, Kind::Thrown);
}

#[tokio::test]
async fn parameters_and_code_have_limits() {
    let pool =
        pool_with(Settings { parameters_bytes_max: 1_000, code_bytes_max: 1_000, ..settings() })
            .await;
    let project = ProjectId::new();
    let code = "function run(p) { return p.x.length }";
    let small = pool.run(call(project, code, &json!({"x": "y".repeat(900)}))).await;
    assert_eq!(&small.expect("within the limit").output[..], b"900");
    let large = pool.run(call(project, code, &json!({"x": "y".repeat(1_000)}))).await;
    assert_eq!(large.expect_err("beyond the limit").kind, Kind::Memory);
    let long = format!("{code}//{}", "y".repeat(1_000));
    let error = pool.run(call(project, &long, &json!({}))).await.expect_err("too long");
    assert_eq!(error.kind, Kind::Syntax);
    assert_eq!(pool.check(&long).await.expect_err("too long").kind, Kind::Syntax);
}

#[tokio::test]
async fn large_parameters_and_results_pass_unharmed() {
    let text = "ö".repeat(2 << 20);
    let value = value_of("function run(p) { return p.text }", json!({"text": text})).await;
    assert_eq!(value, json!(text));
}
