//! Processes of this very binary: `tenon server` with some roles.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::{Process, Ready, Restart, Spec};

/// Longer than `server.stop_grace_ms`, after which a server ends by itself.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// How to start `tenon server` with some roles.
#[derive(Debug, Clone)]
pub struct RoleProcess(Spec);

impl RoleProcess {
    /// A process called `name` with these roles (`worker`, or `api,gateway`). Its files,
    /// `<name>.log`, `<name>.pid` and `<name>.ready`, are in `files`; it runs in the working directory.
    ///
    /// # Errors
    /// When the path of this binary cannot be found out.
    pub fn new(name: &str, roles: &str, files: &Path) -> std::io::Result<Self> {
        let files = std::path::absolute(files)?;
        let ready = files.join(format!("{name}.ready"));
        Ok(Self(Spec {
            name: name.to_owned(),
            program: std::env::current_exe()?,
            arguments: ["server", "--roles", roles].map(OsString::from).to_vec(),
            environment: vec![
                ("NO_COLOR".to_owned(), OsString::from("1")),
                ("TENON_SERVER__READY_FILE".to_owned(), ready.clone().into()),
            ],
            without: vec!["TENON_ROLES".to_owned()],
            folder: std::env::current_dir()?,
            log: files.join(format!("{name}.log")),
            pid_file: files.join(format!("{name}.pid")),
            ready: Ready::File(ready),
            restart: Restart::OnFailure,
            stop_grace: STOP_GRACE,
        }))
    }

    /// Where it listens.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.0.arguments.extend([OsString::from("--listen"), address.to_string().into()]);
        self
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        self.0.arguments.extend([OsString::from("--config"), file.into()]);
        self
    }

    /// A variable, such as a setting: `TENON_REDIS__URL`. An empty one counts as unset.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Process {
        Process::start(self.0)
    }
}
