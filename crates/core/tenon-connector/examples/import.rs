//! Drafts connectors from API descriptions and says how much of them could be mapped:
//! `cargo run --release -p tenon-connector --example import -- specs/*.yaml`.

use std::process::ExitCode;
use std::time::Instant;

use tenon_connector::connector::Connector;
use tenon_connector::openapi::{Options, import};

fn main() -> ExitCode {
    let mut are_good = true;
    for path in std::env::args().skip(1) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                println!("{path}: {error}");
                are_good = false;
                continue;
            }
        };
        let started = Instant::now();
        let drafted = import(&path, &text, &Options::default());
        let seconds = started.elapsed().as_secs_f64();
        match drafted {
            Ok(draft) if Connector::load("connector.yaml", &draft.manifest).is_err() => {
                println!("{path}: NOT loadable");
                are_good = false;
            }
            Ok(draft) => println!(
                "{path}: {} of {} operations, {} auth methods, {} bytes, {} unmapped, {seconds:.1} s",
                draft.actions,
                draft.operations,
                draft.auth_methods,
                draft.manifest.len(),
                draft.unmapped.len(),
            ),
            Err(error) => {
                println!("{path}: NOT imported: {error}");
                are_good = false;
            }
        }
    }
    if are_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
