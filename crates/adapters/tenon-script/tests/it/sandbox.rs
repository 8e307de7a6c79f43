//! What code cannot reach, even with the whole process in its hands.

use serde_json::{Map, Value, json};
use tenon_exec::ports::script::FunctionErrorKind as Kind;

use super::*;

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_locked_in_process_is_refused_everything() {
    let report = pool().await.probe().await.expect("the process survives its attempts");
    let attempts: Map<String, Value> = serde_json::from_str(&report).expect("the report is JSON");
    assert!(attempts.len() >= 20, "{report}");
    for (attempt, result) in attempts {
        let refused = result.as_str().is_some_and(|result| result.starts_with("refused"));
        assert!(refused, "{attempt}: {result}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_process_says_the_same_from_outside() {
    let pool = pool().await;
    let pid = *pool.process_ids().first().expect("there is a spare process");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is alive");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("", |(_, value)| value.trim()).to_owned()
    };
    assert_eq!(field("Seccomp"), "2", "filtered");
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Threads"), "1");
    assert_eq!(field("CapEff"), "0000000000000000");
    assert!(!field("Uid").split_whitespace().any(|id| id == "0"), "{}", field("Uid"));
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it is alive");
    for name in ["Max core file size", "Max file size", "Max processes", "Max open files"] {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("the limit is listed");
        let hard = line[name.len()..].split_whitespace().nth(1);
        assert_eq!(hard, Some("0"), "{line}");
    }
    if let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) {
        assert!(environment.is_empty(), "the environment is not handed down");
    }
}

#[tokio::test]
async fn nothing_outside_the_language_can_be_named() {
    let code = "function run() { const found = []; for (const name of ['process', 'require', \
        'std', 'os', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Deno', 'Bun', 'module', 'exports', \
        'Worker', 'bjson', 'print', 'scriptArgs', 'gc', 'load', 'performance', \
        'WeakRef', 'internals', 'native']) { if (eval('typeof ' + name) !== 'undefined') \
        found.push(name) } return found }";
    assert_eq!(value_of(code, json!({})).await, json!([]));
}

#[tokio::test]
async fn no_module_can_be_imported() {
    for code in [
        "import fs from 'fs';\nexport default () => 1",
        "import * as std from 'std';\nexport default () => std.loadFile('/etc/passwd')",
        "export { x } from '/etc/passwd';\nexport default () => 1",
    ] {
        let (kind, message) = failure_of(code).await;
        assert!(matches!(kind, Kind::Syntax | Kind::Thrown), "{code}: {message}");
    }
    for specifier in ["std", "os", "fs", "/etc/passwd", "./x.js", "function.js"] {
        let code =
            format!("async function run() {{ return Object.keys(await import('{specifier}')) }}");
        let (kind, message) = failure_of(&code).await;
        assert_eq!(kind, Kind::Thrown, "{specifier}: {message}");
    }
}

#[tokio::test]
async fn the_constructor_trick_leads_nowhere() {
    let code = "function run(parameters, libraries) { \
        const global = libraries.text.slug.constructor('return this')(); \
        return [typeof global.process, typeof global.require, \
            Object.keys(libraries).includes('internals')] }";
    assert_eq!(value_of(code, json!({})).await, json!(["undefined", "undefined", false]));
}
