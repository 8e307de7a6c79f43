//! Under which account the server runs, and which folders that account can use.
//!
//! PostgreSQL refuses to run as root. In a container or on a fresh machine `tenon` often is root;
//! the server then runs as `postgres` or `nobody`, and owns its folder.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::PostgresError;

/// The longest path of a unix socket on every system we run on (macOS allows 103 bytes).
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
const SOCKET_NAME: &str = "/.s.PGSQL.5432";
const SHARED_ROOT: &str = "/var/lib/tenon";

/// Who the server runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether programs must be started as this account, instead of inheriting it.
    is_other: bool,
}

impl Account {
    /// The current user; as root, the account `postgres` or else `nobody`.
    pub(super) fn choose() -> Result<Self, PostgresError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { name: "the current user".to_owned(), uid, gid, is_other: false });
        }
        let passwd = Path::new("/etc/passwd");
        let text = std::fs::read_to_string(passwd).map_err(PostgresError::io("read", passwd))?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| in_passwd(&text, name));
        found.ok_or(PostgresError::NoAccount)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The user and group to switch to, where that is needed.
    pub(super) fn switch_to(&self) -> Option<(u32, u32)> {
        self.is_other.then_some((self.uid, self.gid))
    }

    /// Creates the directory of everything that belongs to the server: `wanted`, or one under
    /// `/var/lib/tenon` where the account cannot get to `wanted`. It stays ours, also as root:
    /// the account owns only what is made in it by [`Account::own`].
    pub(super) fn place(&self, wanted: &Path) -> Result<PathBuf, PostgresError> {
        let parent = wanted.parent().unwrap_or(wanted);
        std::fs::create_dir_all(parent).map_err(PostgresError::io("create", parent))?;
        let directory = if self.can_reach(parent) {
            wanted.to_owned()
        } else {
            make_shared_root()?;
            self.shared_place(wanted, "data")
        };
        make_directory(&directory)?;
        let mode = if self.is_other { 0o711 } else { 0o700 };
        set_mode(&directory, mode)?;
        directory.canonicalize().map_err(PostgresError::io("resolve", &directory))
    }

    /// `/var/lib/tenon/<kind>-<hash of the path>`: a place that every account can get to.
    pub(super) fn shared_place(&self, wanted: &Path, kind: &str) -> PathBuf {
        Path::new(SHARED_ROOT).join(format!("{kind}-{}", short_hash(wanted)))
    }

    /// Whether the account may walk to `folder`, as far as it exists.
    pub(super) fn can_reach(&self, folder: &Path) -> bool {
        !self.is_other
            || folder.ancestors().all(|part| match std::fs::metadata(part) {
                Ok(metadata) => self.can_enter(&metadata),
                Err(_) => true,
            })
    }

    fn can_enter(&self, folder: &Metadata) -> bool {
        let shift = if folder.uid() == self.uid {
            6
        } else if folder.gid() == self.gid {
            3
        } else {
            0
        };
        folder.mode() >> shift & 0o1 != 0
    }

    /// Makes `directory`, whose parent is ours, a private one of the account; it may exist.
    pub(super) fn own(&self, directory: &Path) -> Result<(), PostgresError> {
        make_directory(directory)?;
        if self.is_other {
            std::os::unix::fs::chown(directory, Some(self.uid), Some(self.gid))
                .map_err(PostgresError::io("hand over", directory))?;
        }
        set_mode(directory, 0o700)
    }

    /// A private directory for the socket: inside `directory`, or a short one elsewhere when
    /// the path would not fit into a socket address.
    pub(super) fn private_socket_dir(&self, directory: &Path) -> Result<PathBuf, PostgresError> {
        let usual = directory.join("socket");
        if fits(&usual) {
            self.own(&usual)?;
            return Ok(usual);
        }
        let name = format!("tenon-{}-{}", self.uid, short_hash(directory));
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let roots = runtime.into_iter().filter(|root| !self.is_other && root.is_dir());
        let short = roots
            .chain([PathBuf::from("/tmp")])
            .map(|root| root.join(&name))
            .find(|path| fits(path))
            .unwrap_or_else(|| PathBuf::from("/tmp").join(&name));
        self.own_in_public(&short)?;
        Ok(short)
    }

    /// Like [`Account::own`] where others may write in the parent: a directory that somebody
    /// else put there first is refused, not taken over.
    fn own_in_public(&self, directory: &Path) -> Result<(), PostgresError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => return self.own(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(PostgresError::io("create", directory)(error)),
        }
        let metadata = std::fs::symlink_metadata(directory)
            .map_err(PostgresError::io("look at", directory))?;
        let refuse = |reason: &str| PostgresError::NotPrivate {
            path: directory.to_owned(),
            reason: reason.to_owned(),
        };
        if !metadata.is_dir() {
            return Err(refuse("it is not a directory"));
        }
        if metadata.uid() != self.uid {
            return Err(refuse("it belongs to another account"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(refuse("others may enter it"));
        }
        Ok(())
    }
}

/// Creates `/var/lib/tenon`, which every account may enter.
pub(super) fn make_shared_root() -> Result<(), PostgresError> {
    let root = Path::new(SHARED_ROOT);
    std::fs::create_dir_all(root).map_err(PostgresError::io("create", root))?;
    set_mode(root, 0o755)
}

fn make_directory(directory: &Path) -> Result<(), PostgresError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map_err(PostgresError::io("create", directory)),
    }
}

fn set_mode(directory: &Path, mode: u32) -> Result<(), PostgresError> {
    std::fs::set_permissions(directory, Permissions::from_mode(mode))
        .map_err(PostgresError::io("set the mode of", directory))
}

fn fits(socket_dir: &Path) -> bool {
    socket_dir.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_BYTES_MAX
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn in_passwd(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then(|| Account { name: name.to_owned(), uid, gid, is_other: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
                          toor:x:0:0::/root:/bin/sh\n";

    fn stranger() -> Account {
        in_passwd(PASSWD, "nobody").expect("the account is listed")
    }

    fn current() -> Account {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        Account { name: "me".to_owned(), uid, gid, is_other: false }
    }

    #[test]
    fn an_account_is_read_with_its_group_and_root_in_disguise_is_refused() {
        assert_eq!(stranger().switch_to(), Some((65534, 65533)));
        assert_eq!(in_passwd(PASSWD, "toor"), None);
        assert_eq!(in_passwd(PASSWD, "postgres"), None);
    }

    #[test]
    fn a_closed_parent_cannot_be_reached_by_another_account() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let inside = root.path().join("a/b");
        std::fs::create_dir_all(&inside).expect("folders");
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o700)).expect("closed");
        assert!(!stranger().can_reach(&inside));
        assert!(current().can_reach(&inside));
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o711)).expect("opened");
        assert!(stranger().can_reach(&inside));
    }

    #[test]
    fn a_long_path_moves_the_socket_to_a_short_private_directory() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let long = root.path().join("x".repeat(120));
        std::fs::create_dir(&long).expect("a folder");
        let socket_dir = current().private_socket_dir(&long).expect("a directory");
        assert!(fits(&socket_dir), "{}", socket_dir.display());
        let again = current().private_socket_dir(&long).expect("the same directory again");
        assert_eq!(socket_dir, again);
        let mode = std::fs::metadata(&socket_dir).expect("it exists").mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::remove_dir(&socket_dir).expect("removed");
    }

    #[test]
    fn an_open_or_foreign_directory_in_a_public_place_is_refused() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let open = root.path().join("open");
        std::fs::create_dir(&open).expect("a folder");
        std::fs::set_permissions(&open, Permissions::from_mode(0o755)).expect("opened");
        let error = current().own_in_public(&open).expect_err("others may enter");
        assert!(error.to_string().ends_with("others may enter it"), "{error}");
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&open, &link).expect("a link");
        let error = current().own_in_public(&link).expect_err("a link");
        assert!(error.to_string().ends_with("not a directory"), "{error}");
    }
}
