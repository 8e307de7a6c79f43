//! The gate: the linters, in the order of what is quick to run.
//!
//! Every step runs, also after one failed, so that one run shows everything there is to repair.
//! The tests are not part of it; `make test` runs them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueEnum;

use crate::{deny, tidy};

/// One step of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Every file is formatted.
    Fmt,
    /// The rules of this repository.
    Tidy,
    /// Licences, bans and sources of the dependencies.
    Deny,
    /// No warning of the compiler or of clippy, in any target.
    Clippy,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Deny => "deny",
            Self::Clippy => "clippy",
        }
    }

    fn run(self, root: &Path) -> anyhow::Result<bool> {
        match self {
            Self::Fmt => cargo(root, &["fmt", "--all", "--", "--check"]),
            Self::Tidy => tidy::run(root),
            Self::Deny => deny::run(root),
            Self::Clippy => cargo(
                root,
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--locked",
                    "--quiet",
                    "--",
                    "-D",
                    "warnings",
                ],
            ),
        }
    }
}

/// Runs the steps that `only` names, or all. True when all passed.
///
/// # Errors
///
/// None of its own: a step that cannot run counts as failed, and its cause is printed.
pub(crate) fn run(root: &Path, only: &[Step]) -> anyhow::Result<bool> {
    let mut outcomes = Vec::new();
    for &step in Step::value_variants() {
        if !only.is_empty() && !only.contains(&step) {
            continue;
        }
        println!("== {}", step.name());
        let start = Instant::now();
        let passed = step.run(root).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        outcomes.push((step, passed, start.elapsed()));
    }
    println!("{}", summary(&outcomes));
    Ok(outcomes.iter().all(|(_, passed, _)| *passed))
}

fn summary(outcomes: &[(Step, bool, Duration)]) -> String {
    let lines = outcomes.iter().map(|(step, passed, time)| {
        let word = if *passed { "ok" } else { "FAILED" };
        format!("{:<8}{word:<8}{:.1} s", step.name(), time.as_secs_f64())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs cargo in `root`, its output going to ours. True when it exits with 0.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<bool> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .status()
        .with_context(|| format!("failed to start cargo {}", arguments.join(" ")))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_failed() {
        let outcomes = [
            (Step::Fmt, true, Duration::from_millis(1_500)),
            (Step::Clippy, false, Duration::from_secs(60)),
        ];
        assert_eq!(summary(&outcomes), "fmt     ok      1.5 s\nclippy  FAILED  60.0 s");
    }

    #[test]
    fn a_step_that_fails_fails_the_run() {
        // A folder that is no repository: tidy cannot read a workspace there.
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        assert!(!run(folder.path(), &[Step::Tidy]).expect("a failed step is no error"));
    }
}
