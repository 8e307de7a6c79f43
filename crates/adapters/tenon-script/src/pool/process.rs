//! One child process as its parent sees it.

use std::collections::HashMap;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::warden::Warden;
use crate::settings::Settings;
use crate::wire::{PREFIX, Request, Response, Setup, WireError, frame_len};

/// Functions a process keeps compiled, and the bytes of their text.
const KNOWN_MAX: usize = 256;
const KNOWN_BYTES_MAX: usize = 16 << 20;
/// Calls between two looks at a process's memory.
const RSS_EVERY: u32 = 64;
/// What a response holds besides output and console.
const RESPONSE_SPARE: u32 = 16 << 10;

/// Why a process is no longer of use.
#[derive(Debug, thiserror::Error)]
pub enum Loss {
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Deadline,
    /// Its end of the connection is closed.
    #[error("its connection ended")]
    Gone,
    /// It wrote what no honest process writes.
    #[error("it wrote garbage: {0}")]
    Garbage(#[from] WireError),
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("failed to start the function runner")]
    Spawn(#[source] io::Error),
    #[error("the function runner refused to work: {0}")]
    Refused(String),
    #[error("the function runner was lost while it started")]
    Lost(#[source] Loss),
}

/// A running child. Dropping it kills it.
pub struct Process {
    child: Option<Child>,
    socket: UnixStream,
    warden: Warden,
    id: u32,
    /// Functions this process has, and the number of each.
    known: HashMap<Arc<str>, u32>,
    known_bytes: usize,
    calls: u32,
    response_bytes_max: u32,
    console_lines_max: u32,
}

impl Process {
    /// Starts a child and waits until it is locked in.
    pub async fn start(warden: &Warden, settings: &Settings) -> Result<Self, StartError> {
        let started = warden.start().await.map_err(StartError::Spawn)?;
        let id = started.child.id();
        let console_room =
            settings.console_lines_max.saturating_mul(5).saturating_add(settings.console_bytes_max);
        let socket = UnixStream::from_std(started.socket).map_err(StartError::Spawn)?;
        let mut process = Self {
            child: Some(started.child),
            socket,
            warden: warden.clone(),
            id,
            known: HashMap::new(),
            known_bytes: 0,
            calls: 0,
            response_bytes_max: settings
                .output_bytes_max
                .saturating_add(console_room)
                .saturating_add(RESPONSE_SPARE),
            console_lines_max: settings.console_lines_max,
        };
        let setup = Request::Setup(setup_of(settings)).encode();
        let answer = timeout(settings.start_max, process.exchange(&setup)).await;
        match answer.unwrap_or(Err(Loss::Deadline)).map_err(StartError::Lost)? {
            Response::Ready { sandbox } => {
                if sandbox.starts_with("seccomp") {
                    tracing::debug!(pid = id, sandbox, "function runner `{id}` is locked in");
                } else {
                    tracing::warn!(pid = id, "functions run WITHOUT A SANDBOX on this system");
                }
                process.calls = 0;
                Ok(process)
            }
            Response::Refused { message } => Err(StartError::Refused(message)),
            _ => Err(StartError::Lost(Loss::Garbage(WireError::Range))),
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The number of a function in this process, its text if the process needs it, and a frame to
    /// send first (possibly empty).
    pub fn learn<'a>(&mut self, code: &'a Arc<str>) -> (u32, Option<&'a str>, Vec<u8>) {
        if let Some(id) = self.known.get(code) {
            return (*id, None, Vec::new());
        }
        let mut before = Vec::new();
        if self.known.len() >= KNOWN_MAX || self.known_bytes + code.len() > KNOWN_BYTES_MAX {
            self.known.clear();
            self.known_bytes = 0;
            before = Request::Forget.encode();
        }
        let id = u32::try_from(self.known.len()).expect("a process knows few functions");
        self.known.insert(Arc::clone(code), id);
        self.known_bytes += code.len();
        (id, Some(code), before)
    }

    /// Sends frames and reads the one answer. After a failure, or when the future was dropped,
    /// the process is of no more use.
    pub async fn exchange(&mut self, frames: &[u8]) -> Result<Response, Loss> {
        self.calls += 1;
        self.socket.write_all(frames).await.map_err(|_| Loss::Gone)?;
        let mut buffer = BytesMut::with_capacity(4_096);
        self.fill(&mut buffer, PREFIX).await?;
        let mut prefix = [0; PREFIX];
        buffer.copy_to_slice(&mut prefix);
        let len = frame_len(prefix, self.response_bytes_max)?;
        buffer.reserve(len.saturating_sub(buffer.len()));
        self.fill(&mut buffer, len).await?;
        if buffer.len() > len {
            return Err(WireError::Long.into());
        }
        Ok(Response::decode(buffer.freeze(), self.console_lines_max)?)
    }

    async fn fill(&mut self, buffer: &mut BytesMut, len: usize) -> Result<(), Loss> {
        while buffer.len() < len {
            match self.socket.read_buf(buffer).await {
                Ok(0) | Err(_) => return Err(Loss::Gone),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Whether an idle process is still there and silent.
    pub fn is_idle(&self) -> bool {
        let read = self.socket.try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether it has served long enough or has grown too large.
    pub fn is_worn(&self, settings: &Settings) -> bool {
        self.calls >= settings.calls_per_child_max
            || self.calls.is_multiple_of(RSS_EVERY)
                && resident_bytes(self.id) > settings.child_rss_bytes_max
    }

    /// How it ended by itself, after its connection ended; `None` if it had to be killed.
    pub async fn death(mut self) -> Option<ExitStatus> {
        let child = self.child.take()?;
        self.warden.clone().death(child).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.warden.kill(child);
        }
    }
}

fn setup_of(settings: &Settings) -> Setup {
    let request = settings.parameters_bytes_max.saturating_add(settings.code_bytes_max);
    Setup {
        memory_bytes_max: settings.memory_bytes_max,
        stack_bytes_max: settings.stack_bytes_max,
        output_bytes_max: settings.output_bytes_max,
        request_bytes_max: request.saturating_add(RESPONSE_SPARE),
        console_lines_max: settings.console_lines_max,
        console_bytes_max: settings.console_bytes_max,
    }
}

/// Resident memory of a process; 0 where the system does not tell.
fn resident_bytes(id: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
