//! `tenon chaos`, short: a few faults of each kind under five seeds, and builds with one guard
//! removed, which it must find.
//!
//! Nothing here waits for a time to be kept: what is judged is what was lost, doubled or done
//! again, and whether the product lives after the last fault.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

/// Faults that are short and need nothing that a machine may lack.
const FAULTS: &str = "F1,F2,F3,F4,F5,F6,F7,F8,F9,F10,F11,F11w,F12,F13,F14,F15,F16,F22,F24,F31";
/// A controller and a gateway that are an hour ahead are among these, long enough for both to work.
const WRONG_CLOCKS: [&str; 6] = ["--seed", "4", "--faults-max", "5", "--hold", "4s"];
/// How long faults go on with each seed.
const SECONDS: &str = "12s";

struct Trial {
    is_well: bool,
    verdict: Value,
    /// What it printed.
    text: String,
}

fn chaos(folder: &Path, arguments: &[&str]) -> anyhow::Result<Trial> {
    let json = folder.join("verdict.json");
    let output = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["chaos", "--no-fsync", "--output"])
        .arg(&json)
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(json.exists(), "no verdict: {text}");
    let written: Value = serde_json::from_slice(&std::fs::read(json)?)?;
    Ok(Trial { is_well: output.status.success(), verdict: written["verdict"].clone(), text })
}

fn holds(seed: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = ["--seed", seed, "--duration", SECONDS, "--faults", FAULTS];
    let Trial { is_well, verdict, text } = chaos(folder.path(), &arguments)?;
    println!("{text}");
    ensure!(is_well, "a promise was broken under seed {seed}:\n{text}");
    ensure!(verdict["violations"].as_array().is_some_and(Vec::is_empty), "{text}");
    ensure!(
        verdict["accepted"].as_u64() > Some(0) && verdict["faults"].as_u64() > Some(0),
        "{text}"
    );
    Ok(())
}

#[test]
fn promises_hold_under_seed_1() -> anyhow::Result<()> {
    holds("1")
}

#[test]
fn promises_hold_under_seed_2() -> anyhow::Result<()> {
    holds("2")
}

#[test]
fn promises_hold_under_seed_3() -> anyhow::Result<()> {
    holds("3")
}

#[test]
fn promises_hold_under_seed_4() -> anyhow::Result<()> {
    holds("4")
}

#[test]
fn promises_hold_under_seed_5() -> anyhow::Result<()> {
    holds("5")
}

/// A gateway and a controller that are an hour off, where faketime is installed.
#[test]
fn promises_hold_with_wrong_clocks() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = [&["--faults", "F20"][..], &WRONG_CLOCKS].concat();
    if !has_faketime() {
        return Ok(());
    }
    let Trial { is_well, text, .. } = chaos(folder.path(), &arguments)?;
    println!("{text}");
    ensure!(is_well, "a promise was broken:\n{text}");
    Ok(())
}

fn has_faketime() -> bool {
    let is_there = Command::new("faketime").arg("--version").output().is_ok();
    if !is_there {
        println!("faketime is not installed: passed over");
    }
    is_there
}

#[cfg(debug_assertions)]
mod without_a_guard {
    //! The tool is worth what it catches.

    use super::*;

    /// `kinds` are the violations of which one must be reported.
    fn fails(guard: &str, faults: &str, arguments: &[&str], kinds: &[&str]) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let fixed = ["--without", guard, "--faults", faults, "--in-order", "--duration", "1h"];
        let Trial { is_well, verdict, text } = chaos(folder.path(), &[&fixed, arguments].concat())?;
        println!("{text}");
        ensure!(!is_well, "without {guard} nothing was noticed:\n{text}");
        let violations = verdict["violations"].as_array().into_iter().flatten();
        let mut found = violations.filter_map(|violation| {
            let names = violation.as_object().into_iter().flat_map(|named| named.keys());
            names.map(String::as_str).chain(violation.as_str()).next()
        });
        ensure!(
            found.any(|kind| kinds.contains(&kind)),
            "without {guard} {kinds:?} is missed:\n{text}"
        );
        Ok(())
    }

    #[test]
    fn a_redis_that_forgot_and_keeps_its_generation_is_found() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "1", "--patience", "10s"];
        fails("generation", "F5", &arguments, &["GenerationKept"])
    }

    #[test]
    fn an_answer_before_the_commit_is_found() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "1", "--patience", "1s"];
        fails("commit-before-accept", "F1a", &arguments, &["Stale", "Lost"])
    }

    #[test]
    fn a_queue_that_is_told_before_the_commit_is_found() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "1", "--patience", "10s"];
        fails("ack-after-commit", "F1", &arguments, &["Unexplained", "RanAgain", "Unrecorded"])
    }

    #[test]
    fn without_the_sweep_runs_never_end() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "1", "--patience", "5s"];
        fails("sweep", "F5", &arguments, &["Unfinished"])
    }

    #[test]
    fn an_ended_run_that_changes_is_found() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "2", "--rate", "60", "--patience", "10s"];
        fails("terminal-state", "F11w", &arguments, &["Changed"])
    }

    #[test]
    fn a_clock_of_its_own_breaks_ticks_and_order() -> anyhow::Result<()> {
        if !has_faketime() {
            return Ok(());
        }
        let arguments = [&["--patience", "5s"][..], &WRONG_CLOCKS].concat();
        fails("shared-clock", "F20", &arguments, &["TicksMissed", "OutOfOrder", "Unfinished"])
    }

    #[test]
    fn progress_that_is_not_read_makes_steps_run_again() -> anyhow::Result<()> {
        let arguments = ["--faults-max", "1", "--patience", "5s"];
        fails("read-progress", "F1", &arguments, &["RanAgain", "Unfinished"])
    }
}
