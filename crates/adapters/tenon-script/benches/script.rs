//! What a call costs, part by part: `cargo bench -p tenon-script`.
//!
//! `round_trip` counts both processes; the others run in this one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenon_domain::ProjectId;
use tenon_exec::ports::script::{FunctionCall, FunctionRunner as _};
use tenon_script::bench::{Engine, Limits};
use tenon_script::{RunnerCommand, ScriptPool, Settings};

const TRIVIAL: &str = "function run(p) { return { n: p.n + 1 } }";
const LIBRARY: &str = "function run(p, { text }) { return text.slug(p.name) }";
const MAP: &str = "function run(p) { return p.items.map((item) => \
    ({ id: item.id, label: `${item.name} <${item.email}>`, total: item.price * item.count })) }";

fn main() {
    divan::main();
}

fn engine() -> Engine {
    Engine::new(Limits {
        memory_bytes: 64 << 20,
        stack_bytes: 1 << 20,
        output_bytes: 8 << 20,
        console_lines: 1_000,
        console_bytes: 64 << 10,
    })
    .expect("the libraries compile")
}

fn items(count: usize) -> Vec<u8> {
    let item = r#"{"id":17,"name":"Ada Lovelace","email":"ada@example.org","price":9.5,"count":3}"#;
    format!("{{\"items\":[{}]}}", vec![item; count].join(",")).into_bytes()
}

#[divan::bench]
fn make_a_runtime(bencher: divan::Bencher<'_, '_>) {
    let engine = engine();
    bencher.bench_local(|| drop(engine.vm().expect("memory is there")));
}

#[divan::bench]
fn reset_a_runtime(bencher: divan::Bencher<'_, '_>) {
    let mut vm = engine().vm().expect("memory is there");
    bencher.bench_local(|| vm.reset());
}

#[divan::bench]
fn compile(bencher: divan::Bencher<'_, '_>) {
    let engine = engine();
    bencher.bench_local(|| engine.compile(divan::black_box(MAP)).expect("it parses"));
}

fn run_in_process(bencher: divan::Bencher<'_, '_>, code: &str, parameters: Vec<u8>) {
    let engine = engine();
    let program = engine.compile(code).expect("it parses");
    let mut vm = engine.vm().expect("memory is there");
    bencher.with_inputs(|| parameters.clone()).bench_local_values(|parameters| {
        let outcome = vm.run(&program, parameters, Duration::from_secs(1));
        vm.reset();
        outcome.result.expect("it returns")
    });
}

#[divan::bench]
fn run_trivial_and_reset(bencher: divan::Bencher<'_, '_>) {
    run_in_process(bencher, TRIVIAL, b"{\"n\":1}".to_vec());
}

#[divan::bench]
fn run_library_and_reset(bencher: divan::Bencher<'_, '_>) {
    run_in_process(bencher, LIBRARY, b"{\"name\":\"Ada Lovelace\"}".to_vec());
}

#[divan::bench(args = [10, 1_000])]
fn run_map_and_reset(bencher: divan::Bencher<'_, '_>, count: usize) {
    run_in_process(bencher, MAP, items(count));
}

fn round_trip(bencher: divan::Bencher<'_, '_>, code: &str, parameters: Vec<u8>, at_once: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let runner = RunnerCommand {
        program: env!("CARGO_BIN_EXE_tenon-function-runner").into(),
        args: Vec::new(),
    };
    let pool =
        runtime.block_on(ScriptPool::start(Settings::new(runner))).expect("the runner starts");
    let call = FunctionCall {
        project: ProjectId::new(),
        code: Arc::from(code),
        parameters: Bytes::from(parameters),
        timeout: Duration::from_secs(1),
    };
    bencher.counter(divan::counter::ItemsCount::new(at_once)).bench_local(|| {
        runtime.block_on(async {
            let calls = (0..at_once).map(|_| pool.run(call.clone()));
            for outcome in futures::future::join_all(calls).await {
                outcome.expect("it returns");
            }
        });
    });
}

#[divan::bench(args = [1, 32])]
fn round_trip_trivial(bencher: divan::Bencher<'_, '_>, at_once: usize) {
    round_trip(bencher, TRIVIAL, b"{\"n\":1}".to_vec(), at_once);
}

#[divan::bench(args = [10, 1_000])]
fn round_trip_map(bencher: divan::Bencher<'_, '_>, count: usize) {
    round_trip(bencher, MAP, items(count), 1);
}
