//! nginx, as the upstream and as the proxy that a figure is compared with: one process, one
//! worker, everything kept alive, no log. It ends when it is dropped.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::proc::Tree;

/// How long it may take to listen.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Where distributions put programs that are not in everybody's path.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// A running nginx.
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts it on a free port. `http` is what goes into its `http` block, with `LISTEN` in the
    /// place of what follows `listen`.
    ///
    /// # Errors
    /// When it does not listen in time; the error holds what it said.
    pub async fn start(program: &Path, folder: &Path, http: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let listen = format!("{address} reuseport backlog=4096");
        let config = folder.join("nginx.conf");
        std::fs::write(&config, whole(folder, &http.replace("LISTEN", &listen)))?;
        let errors = folder.join("error.log");
        let child = Command::new(program)
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(&errors)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("nginx could not be started")?;
        let mut nginx = Self { child, address };
        nginx.wait_until_ready(&errors).await?;
        Ok(nginx)
    }

    async fn wait_until_ready(&mut self, errors: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            if self.child.try_wait()?.is_some() || started.elapsed() > READY_TIMEOUT {
                let said = std::fs::read_to_string(errors).unwrap_or_default();
                bail!("nginx does not listen: {}", said.trim());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Its process.
    pub fn tree(&self) -> Tree {
        Tree(self.child.id().unwrap_or(0))
    }
}

/// The configuration around an `http` block's content.
fn whole(folder: &Path, http: &str) -> String {
    let folder = folder.display();
    // Only root may name a user, and root's nginx would otherwise not read our folder.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n\
         error_log {folder}/error.log crit;\nevents {{ worker_connections 4096; }}\n\
         http {{\n access_log off;\n keepalive_requests 1000000000;\n sendfile on;\n\
         tcp_nopush on;\n client_body_temp_path {folder}/b;\n proxy_temp_path {folder}/p;\n\
         fastcgi_temp_path {folder}/f;\n uwsgi_temp_path {folder}/u;\n scgi_temp_path {folder}/s;\n\
         proxy_buffers 16 32k;\n proxy_buffer_size 32k;\n proxy_busy_buffers_size 64k;\n\
         map_hash_max_size 16384;\n map_hash_bucket_size 256;\n{http}\n}}\n"
    )
}

/// A program in the path or where the system keeps its own.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
