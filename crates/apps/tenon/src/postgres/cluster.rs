//! The cluster's files: makes them once. Never changes a cluster that exists.

use std::path::Path;
use std::process::Command;

use super::PostgresError;
use super::account::Account;
use super::binaries::Binaries;
use super::process;

/// The superuser of the cluster, used only to create the databases.
pub(super) const SUPERUSER: &str = "postgres";

/// The major version that made the cluster; `None` when there is none yet.
pub(super) fn version(data_dir: &Path) -> Result<Option<u32>, PostgresError> {
    let path = data_dir.join("PG_VERSION");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PostgresError::io("read", &path)(error)),
    }
}

/// Makes a cluster in a neighbour and renames it, so that an interrupted start leaves nothing
/// that looks like one.
pub(super) fn create(
    binaries: &Binaries,
    data_dir: &Path,
    account: &Account,
) -> Result<(), PostgresError> {
    let fresh = data_dir.with_extension("new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(PostgresError::io("remove", &fresh))?;
    }
    account.own(&fresh)?;
    let mut command = Command::new(binaries.program("initdb"));
    process::prepare(&mut command, account, &fresh);
    process::stop_with_parent(&mut command);
    // Trust is for the socket only, and the socket is in a directory that is closed to others.
    command
        .args(["--username", SUPERUSER, "--auth-local=trust", "--auth-host=reject"])
        .args(["--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions", "-D"])
        .arg(&fresh);
    let output = command.output().map_err(PostgresError::io("run", &binaries.program("initdb")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let output = process::last_lines(&text, 5);
        return Err(PostgresError::Initdb { output });
    }
    std::fs::rename(&fresh, data_dir).map_err(PostgresError::io("rename to", data_dir))?;
    tracing::info!(
        data_dir = %data_dir.display(), version = binaries.major(),
        "made a new PostgreSQL cluster"
    );
    Ok(())
}
