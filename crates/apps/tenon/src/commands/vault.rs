//! `tenon vault`: keys, rotation and the audit, for whoever operates the vault.
//!
//! It opens the vault's databases and root key itself, so it runs where the role `vault` runs, with
//! its settings. No value is opened by any of it.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use tenon_domain::{Clock, ProjectId, SystemClock};
use tenon_vault::audit::{ChainHead, ChainVerifier};
use tenon_vault::ports::KeyStore as _;
use tenon_vault::rotation::RotationReport;

use super::dev;
use super::global::Global;
use crate::config::{Settings, Sources, load};
use crate::memory;
use crate::roles::{VaultDatabases, VaultRole, ensure_development_keys, write_new_key};
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon vault new-root-key /etc/tenon/root.key
  tenon vault rotate                     new ring keys for every project, data keys wrapped anew
  tenon vault rotate-root                after vault.root_key changed: move everything to it
  tenon vault audit 5f2c...              who opened what in a project
  tenon vault audit 5f2c... --verify     whether a row was changed or removed";

/// Records that are read at once.
const AUDIT_PAGE: u32 = 1_000;

/// Operate the vault: keys, rotation, audit.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VaultArgs {
    /// Configuration file; `tenon.toml` in the working directory when left out.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder of a running `tenon dev`, whose vault is meant where no databases are set.
    #[arg(long, value_name = "FOLDER", default_value = ".tenon", global = true)]
    dir: PathBuf,
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Debug, Subcommand)]
enum VaultCommand {
    /// Make a root key in a new file. Keep a copy where the databases' backups are not.
    NewRootKey(FileArgs),
    /// Make the key that signs grants, in a new file.
    NewGrantKey(FileArgs),
    /// Make a key that seals what is kept in Redis.
    NewRedisKey(FileArgs),
    /// Give every project a new ring key and wrap all data keys anew. Nothing stops meanwhile; run
    /// it again after an interruption.
    Rotate(RotateArgs),
    /// Wrap all ring keys by the root key of the settings. Until then the earlier root has to stay
    /// in vault.old_root_keys.
    RotateRoot,
    /// Remove keys that no value needs.
    Sweep,
    /// Show or verify the audit of a project.
    Audit(AuditArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The file; it must not exist yet.
    file: PathBuf,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// Only rings whose current key is at least so many days old; 0 for all.
    #[arg(long, default_value_t = 0)]
    older_than_days: u32,
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// The project.
    #[arg(id = "audited", value_name = "PROJECT")]
    project: ProjectId,
    /// Check the chain of all records in place of showing them.
    #[arg(long)]
    verify: bool,
    /// Show records behind this number.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Runs the command.
///
/// # Errors
/// When the vault's databases or root key cannot be used.
pub async fn run(args: VaultArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match &args.command {
        VaultCommand::NewRootKey(file) => {
            tenon_root_keys::FileRoot::create_for_development(&file.file)?;
            made(&file.file, "root key", global);
            return Ok(ExitCode::SUCCESS);
        }
        VaultCommand::NewGrantKey(file) => {
            write_new_key(&file.file)?;
            made(&file.file, "grant key", global);
            return Ok(ExitCode::SUCCESS);
        }
        VaultCommand::NewRedisKey(file) => {
            write_new_key(&file.file)?;
            made(&file.file, "key for Redis", global);
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let settings = load(&Sources::of_process(args.config.clone()))?;
    crate::telemetry::init_log(&settings.log);
    memory::keep_in(settings.server.allow_memory_dumps)?;
    let vault = open(settings, &args.dir).await?;
    match args.command {
        VaultCommand::Rotate(rotate) => {
            let days = i64::from(rotate.older_than_days) * 24;
            let since = Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(days))?;
            let report = vault.rotation().rotate_rings(since, &mut show_progress).await?;
            done("data keys wrapped anew", report, global)
        }
        VaultCommand::RotateRoot => {
            let report = vault.rotation().rotate_root(&mut show_progress).await?;
            done("ring keys wrapped by the new root", report, global)
        }
        VaultCommand::Sweep => {
            let report = vault.rotation().sweep_orphans(&mut show_progress).await?;
            done("keys without a value removed", report, global)
        }
        VaultCommand::Audit(audit) if audit.verify => verify(&vault, &audit, global).await,
        VaultCommand::Audit(audit) => show(&vault, &audit, global).await,
        VaultCommand::NewRootKey(_)
        | VaultCommand::NewGrantKey(_)
        | VaultCommand::NewRedisKey(_) => Ok(ExitCode::SUCCESS),
    }
}

fn made(path: &Path, what: &str, global: &Global) {
    match global.json {
        true => terminal::print_json(&json!({ "file": path })),
        false => terminal::print(&format!(
            "made the {what} {}; without it nothing it protects can be read, so keep a copy",
            path.display()
        )),
    }
}

/// The vault of the settings, else of the `tenon dev` that runs in `dir`.
async fn open(mut settings: Settings, dir: &Path) -> anyhow::Result<VaultRole> {
    let urls = (&settings.vault.values_url, &settings.vault.keys_url);
    let databases = match urls {
        (Some(values), Some(keys)) => VaultDatabases {
            values_url: values.expose().to_owned(),
            keys_url: keys.expose().to_owned(),
        },
        _ => {
            let access = dev::read_access(dir).with_context(|| {
                format!(
                    "no vault is configured (vault.values_url, vault.keys_url), and no `tenon \
                     dev` has left its address in {}",
                    dir.display()
                )
            })?;
            ensure_development_keys(&mut settings, dir)?;
            access.vault.context("that `tenon dev` runs without a vault")?
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    VaultRole::open(&settings, Some(&databases), &clock).await
}

/// For people who wait; a log has no use for it.
fn show_progress(report: RotationReport) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let _ = write!(std::io::stderr(), "\r{} done, {} to go   ", report.done, report.left);
}

fn done(what: &str, report: RotationReport, global: &Global) -> anyhow::Result<ExitCode> {
    if std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr());
    }
    match global.json {
        true => {
            terminal::print_json(&json!({ "done": report.done, "damaged": report.damaged }));
        }
        false => terminal::print(&format!("{} {what}", report.done)),
    }
    if report.damaged > 0 {
        bail!(
            "{} keys do not unwrap: they were changed, or belong to a root that is not among \
             vault.old_root_keys; they were left as they are",
            report.damaged
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(vault: &VaultRole, audit: &AuditArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let records = vault.keys().audit(audit.project, audit.after, audit.limit).await?;
    for (record, link) in &records {
        if global.json {
            let line = json!({ "number": link.number, "record": record });
            terminal::print_json_line(&line);
            continue;
        }
        let run = record.run.map_or_else(String::new, |run| format!(" run {run}"));
        let step = record.step.as_ref().map_or_else(String::new, |step| format!(" step {step}"));
        let outcome = if record.is_granted { "opened" } else { "refused" };
        let reference = record.reference.as_deref().unwrap_or_default();
        terminal::print(&format!(
            "{:>6}  {}  {:<10}  {outcome} {} v{} for {:?}{run}{step} {}",
            link.number,
            record.at,
            record.caller,
            record.secret,
            record.version,
            record.purpose,
            terminal::one_line(reference, 80),
        ));
    }
    if records.is_empty() && !global.json {
        terminal::print("nothing was opened");
    }
    Ok(ExitCode::SUCCESS)
}

/// Walks the whole chain, page by page; it may be longer than what fits into memory.
async fn verify(vault: &VaultRole, audit: &AuditArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut verifier = ChainVerifier::new(audit.project, ChainHead::default());
    loop {
        let after = verifier.head().number;
        let page = vault.keys().audit(audit.project, after, AUDIT_PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (record, link) in &page {
            verifier.push(record, link).context("the audit was tampered with")?;
        }
    }
    let head = verifier.finish().context("the audit was tampered with")?;
    match global.json {
        true => terminal::print_json(&json!({ "records": head.number, "intact": true })),
        false => terminal::print(&format!("{} records, the chain is whole", head.number)),
    }
    Ok(ExitCode::SUCCESS)
}
