//! Runs cargo-deny with the rules of `deny.toml`, and brings it where it is missing.
//!
//! The check `advisories` is left out; `deny.toml` says why.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// What is installed where no cargo-deny is found. One version for all, so that CI does not turn
/// red by itself.
const VERSION: &str = "0.20.2";

/// Checks the dependency tree. True when it keeps the rules, or when `TENON_SKIP_DENY` is set.
///
/// # Errors
///
/// When cargo-deny can neither be found nor installed.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    if std::env::var_os("TENON_SKIP_DENY").is_some_and(|value| !value.is_empty()) {
        println!("deny: left out, TENON_SKIP_DENY is set");
        return Ok(true);
    }
    let program = find_or_install(root)?;
    // Duplicates are warnings; the tree of who needs them would be pages.
    let status = Command::new(&program)
        .args(["--locked", "check", "--hide-inclusion-graph"])
        .args(["bans", "licenses", "sources"])
        .current_dir(root)
        .status()
        .with_context(|| format!("failed to start {}", program.display()))?;
    Ok(status.success())
}

fn find_or_install(root: &Path) -> anyhow::Result<PathBuf> {
    let tools = target(root).join("tools");
    let own = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    for candidate in [PathBuf::from("cargo-deny"), own.clone()] {
        if answers(&candidate) {
            return Ok(candidate);
        }
    }
    println!("deny: cargo-deny is not installed; building {VERSION} into {}", tools.display());
    install(root, &tools)?;
    Ok(own)
}

fn answers(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Builds without optimisation: that takes a minute instead of five, and the check still runs in
/// seconds.
fn install(root: &Path, tools: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "cargo-deny"])
        .arg("--root")
        .arg(tools)
        .arg("--target-dir")
        .arg(tools.join("build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .current_dir(root)
        .status()
        .context("failed to start cargo install")?;
    if !status.success() {
        bail!("cargo-deny {VERSION} could not be installed; TENON_SKIP_DENY=1 leaves it out");
    }
    Ok(())
}

fn target(root: &Path) -> PathBuf {
    // A relative folder is relative to the root, as for cargo when started there.
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
