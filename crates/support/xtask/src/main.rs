#![doc = include_str!("../README.md")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ci;
mod deny;
mod tidy;

/// Checks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gate: format, clippy, tidy, deny.
    Ci {
        /// Run only these steps, separated by commas.
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<ci::Step>,
    },
    /// Check layers, names, manifests, links and sizes.
    Tidy,
    /// Check licences, bans and sources of the dependencies.
    Deny,
}

fn main() -> ExitCode {
    let root = root();
    let passed = match Arguments::parse().command {
        Command::Ci { only } => ci::run(&root, &only),
        Command::Tidy => tidy::run(&root),
        Command::Deny => deny::run(&root),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository that this program was built from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .expect("the crate is three folders below the root")
        .to_owned()
}
