//! The Redis servers of the trial. They speak just enough RESP to be controlled.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::spawner;

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest wait for an answer; longer than any stall that a fault makes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// One server, known by its port.
#[derive(Debug)]
pub struct RedisServer {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts an empty server on a free port.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not start.
    pub async fn start(folder: &Path, settings: &[&str]) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { folder: folder.to_owned(), port: 0, settings, child: None };
        let mut failure = None;
        // Another process may take the port between the look and the start.
        for _ in 0..10 {
            server.port = free_port()?;
            match server.start_again().await {
                Ok(()) => return Ok(server),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow::anyhow!("no free port for redis")))
    }

    /// Starts a Sentinel with these lines as its configuration, which it rewrites.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_sentinel(folder: &Path, config: &str) -> anyhow::Result<Self> {
        fs::write(folder.join("sentinel.conf"), config)?;
        let settings = Vec::new();
        let port = free_port()?;
        let mut server = Self { folder: folder.to_owned(), port, settings, child: None };
        let mut command = Command::new("redis-server");
        command
            .args(["sentinel.conf", "--sentinel", "--port", &port.to_string()])
            .args(["--bind", "127.0.0.1", "--daemonize", "no", "--logfile", "redis.log"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        server.child = Some(spawner::spawn(command).context("cannot start a sentinel")?);
        server.until_it_answers().await?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its number, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it with whatever its folder holds.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--daemonize", "no", "--loglevel", "warning", "--logfile", "redis.log"])
            .args(["--maxmemory-policy", "noeviction", "--enable-debug-command", "yes"])
            .args(&self.settings)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = spawner::spawn(command);
        let child = child.context("cannot start redis-server: is the package installed?")?;
        self.child = Some(child);
        self.until_it_answers().await
    }

    async fn until_it_answers(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        // While it loads its file it answers with an error.
        while self.command(&["PING"]).is_err() {
            let child = self.child.as_mut().expect("it was started above");
            ensure!(child.try_wait()?.is_none(), "redis-server ended at once");
            ensure!(Instant::now() < give_up, "redis-server does not answer");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Makes a replica a primary, for later starts too.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn promote(&mut self) -> anyhow::Result<()> {
        self.command(&["REPLICAOF", "NO", "ONE"])?;
        if let Some(place) = self.settings.iter().position(|setting| setting == "--replicaof") {
            self.settings.drain(place..place + 3);
        }
        Ok(())
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().context("cannot kill redis")?;
        child.wait().context("cannot wait for redis")?;
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let child = self.child.as_ref().context("redis does not run")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Removes what it keeps on disk.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget_files(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else if path.extension().is_some_and(|end| end == "rdb" || end == "aof") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The newest file of its log of writes.
    ///
    /// # Errors
    /// When it has none.
    pub fn append_only_file(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join("appendonlydir");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
            .collect();
        files.sort();
        files.pop().context("there is no log of writes")
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command; answers the first line of its reply, or its text.
    ///
    /// # Errors
    /// When the server does not answer, or answers with an error.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address(), ANSWER_TIMEOUT)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(request.as_bytes())?;
        read_reply(&mut BufReader::new(stream))
            .with_context(|| format!("redis was asked {words:?}"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the folder goes either way.
        drop(self.kill());
    }
}

fn read_reply(reader: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    match line.split_at_checked(1) {
        Some(("-", error)) => bail!("redis answered with `{error}`"),
        Some(("$", bytes)) if bytes != "-1" => {
            let mut text = vec![0; bytes.parse()?];
            reader.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        Some((_, rest)) => Ok(rest.to_owned()),
        None => bail!("redis closed the connection"),
    }
}

/// A port that is free, with the one 10,000 above it, which a node of a cluster needs.
fn free_port() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        if port < u16::MAX - 10_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port")
}
