//! `tenon config`: checks the settings and shows them, without passwords. Starts nothing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{DEFAULT_TOML, Sources, load};

/// Arguments of `tenon config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon config                            what is in force here\n  tenon config --defaults > tenon.toml    every setting, documented\n  tenon config --config new.toml          check a file before it is used"
)]
pub struct ConfigArgs {
    /// The configuration file; `tenon.toml` if there is one.
    #[arg(long, value_name = "FILE", conflicts_with = "defaults")]
    config: Option<PathBuf>,
    /// Show the documented defaults as a configuration file.
    #[arg(long)]
    defaults: bool,
}

/// Runs the command.
///
/// # Errors
///
/// When a setting is wrong: all of them are named.
pub fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if args.defaults {
        out.write_all(DEFAULT_TOML.as_bytes())?;
    } else {
        let settings = load(&Sources::of_process(args.config))?;
        serde_json::to_writer_pretty(&mut out, &settings)?;
        writeln!(out)?;
    }
    Ok(ExitCode::SUCCESS)
}
