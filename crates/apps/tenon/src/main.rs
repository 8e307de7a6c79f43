#![doc = include_str!("../README.md")]

mod commands;
mod config;
mod demo_service;
mod front;
mod lifecycle;
mod memory;
mod postgres;
mod processes;
mod roles;
mod telemetry;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use commands::{Cli, FUNCTION_RUNNER};

/// A call of the proxy allocates some sixty times; see docs/adr/0008-jemalloc.md.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code of a command that could not do its work; 1 says that the work itself failed.
const COULD_NOT_TRY: u8 = 2;

fn main() -> ExitCode {
    // A function process locks itself in before anything else: no runtime, no threads.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == FUNCTION_RUNNER) {
        return tenon_script::runner_main();
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not be started: {error}");
            return ExitCode::from(COULD_NOT_TRY);
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(COULD_NOT_TRY)
        }
    }
}
