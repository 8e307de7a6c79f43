//! The child: locks itself in, then runs what the parent sends, one call after the other.
//!
//! It speaks over its standard input, which is a socket, and over nothing else. It trusts its
//! parent and expects the parent not to trust it.

mod code_cache;
#[cfg(target_os = "linux")]
mod lockdown;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod syscalls;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;

use self::code_cache::CodeCache;
use crate::engine::{Engine, Vm};
use crate::wire::{Failure, PREFIX, Request, Response, Setup, frame_len};

/// Largest frame before the limits are known.
const SETUP_BYTES_MAX: u32 = 1_024;

/// Runs the child side until the parent goes away. The process must have one thread and must not
/// have opened anything; call this first thing in `main`.
///
/// The exit code is a success only when the parent closed the connection.
#[must_use]
pub fn runner_main() -> ExitCode {
    match Runner::start().and_then(Runner::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

struct Runner {
    socket: File,
    engine: Engine,
    code: CodeCache,
    request_bytes_max: u32,
    vm: Vm,
}

impl Runner {
    /// Takes the limits, locks the process in, and reports to the parent.
    fn start() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        lockdown::close_inherited();
        let mut socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let Some(Request::Setup(setup)) = read_request(&mut socket, SETUP_BYTES_MAX)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let started = lock_in(&setup).and_then(|sandbox| {
            let engine = Engine::new(setup.into()).map_err(|failure| failure.message)?;
            let vm = engine.vm().map_err(|failure| failure.message)?;
            Ok((sandbox, engine, vm))
        });
        match started {
            Ok((sandbox, engine, vm)) => {
                socket.write_all(&Response::Ready { sandbox }.encode())?;
                let request_bytes_max = setup.request_bytes_max;
                Ok(Self { socket, engine, code: CodeCache::default(), request_bytes_max, vm })
            }
            Err(message) => {
                socket.write_all(&Response::Refused { message }.encode())?;
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
    }

    fn serve(mut self) -> io::Result<()> {
        while let Some(request) = read_request(&mut self.socket, self.request_bytes_max)? {
            if let Some(response) = self.answer(request)? {
                self.socket.write_all(&response.encode())?;
            }
            // The caller has its answer; clearing up is on nobody's time.
            self.vm.reset();
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> io::Result<Option<Response>> {
        Ok(Some(match request {
            Request::Run { code_id, timeout_ms, code, parameters } => {
                let timeout = Duration::from_millis(timeout_ms.into());
                self.run(code_id, code, parameters, timeout)
            }
            Request::Check { code } => ended(self.engine.check(&code)),
            Request::Forget => {
                self.code.clear();
                return Ok(None);
            }
            Request::Probe => Response::Probed { report: probe_report() },
            Request::Setup(_) => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }

    fn run(
        &mut self,
        code_id: u32,
        code: Option<String>,
        parameters: Vec<u8>,
        timeout: Duration,
    ) -> Response {
        if let Some(code) = code {
            self.code.insert(code_id, self.engine.compile(&code));
        }
        let program = match self.code.get(code_id) {
            Ok(program) => program,
            Err(failure) => return ended(Err(failure)),
        };
        let outcome = self.vm.run(program, parameters, timeout);
        Response::Done {
            result: outcome.result.map(Bytes::from),
            console: outcome.console,
            console_dropped: outcome.console_dropped,
        }
    }
}

/// The answer to what ends without output or console.
fn ended(result: Result<(), Failure>) -> Response {
    let result = result.map(|()| Bytes::from_static(b"null"));
    Response::Done { result, console: Vec::new(), console_dropped: 0 }
}

/// The next request, or `None` when the parent has closed the connection between two frames.
fn read_request(socket: &mut File, bytes_max: u32) -> io::Result<Option<Request>> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut prefix = [0; PREFIX];
    match socket.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut body = vec![0; frame_len(prefix, bytes_max).map_err(invalid)?];
    socket.read_exact(&mut body)?;
    Request::decode(Bytes::from(body)).map(Some).map_err(invalid)
}

#[cfg(target_os = "linux")]
fn lock_in(setup: &Setup) -> Result<String, String> {
    lockdown::lock_in(setup).map_err(|error| error.to_string())
}

/// Without Linux there is no sandbox, only what the engine limits; the parent warns about it.
#[cfg(not(target_os = "linux"))]
fn lock_in(_setup: &Setup) -> Result<String, String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for resource in [Resource::Core, Resource::Fsize] {
        setrlimit(resource, Rlimit { current: Some(0), maximum: Some(0) })
            .map_err(|error| format!("failed to set a resource limit: {error}"))?;
    }
    Ok("none".into())
}

#[cfg(target_os = "linux")]
fn probe_report() -> String {
    probe::report()
}

#[cfg(not(target_os = "linux"))]
fn probe_report() -> String {
    "{}".into()
}
