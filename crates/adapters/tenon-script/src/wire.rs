//! What parent and child say to each other: length-prefixed frames over one socket pair.
//!
//! A frame is `length: u32` (of what follows), then `kind: u8`, then fixed-width little-endian
//! fields and length-prefixed bytes. JSON travels as raw bytes, never inside other JSON. The
//! parent treats every frame of a child as hostile: lengths are checked before anything is
//! allocated or read, and a frame must be used up to its last byte.

use bytes::{Buf, Bytes};
use tenon_exec::ports::script::{ConsoleLine, FunctionErrorKind};

/// The limits a child works under, sent to it before it locks itself in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    pub memory_bytes_max: u32,
    pub stack_bytes_max: u32,
    pub output_bytes_max: u32,
    pub request_bytes_max: u32,
    pub console_lines_max: u32,
    pub console_bytes_max: u32,
}

/// What a child is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Setup(Setup),
    /// Run the code known as `code_id`; `code` is there the first time.
    Run {
        code_id: u32,
        timeout_ms: u32,
        code: Option<String>,
        parameters: Vec<u8>,
    },
    /// Parse only.
    Check {
        code: String,
    },
    /// Forget all code.
    Forget,
    /// Try what must be impossible, and say what was refused.
    Probe,
}

/// What a child answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// Locked in; the text says with what.
    Ready { sandbox: String },
    /// Could not lock itself in, and ran nothing.
    Refused { message: String },
    /// The call's end, good or bad.
    Done { result: Result<Bytes, Failure>, console: Vec<ConsoleLine>, console_dropped: u32 },
    /// What [`Request::Probe`] found, JSON.
    Probed { report: String },
}

/// Why a call failed, as the child says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FunctionErrorKind,
    pub message: String,
}

/// A frame that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("frame ends too early")]
    Short,
    #[error("frame has bytes left over")]
    Long,
    #[error("frame of unknown kind {0}")]
    Kind(u8),
    #[error("text in a frame is not utf-8")]
    Text,
    #[error("field in a frame is out of range")]
    Range,
    #[error("frame of {0} bytes is larger than allowed")]
    Size(u32),
}

const SETUP: u8 = 1;
const RUN: u8 = 2;
const CHECK: u8 = 3;
const FORGET: u8 = 4;
const PROBE: u8 = 5;
const READY: u8 = 65;
const REFUSED: u8 = 66;
const RETURNED: u8 = 67;
const FAILED: u8 = 68;
const PROBED: u8 = 69;

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// Levels of the console, in the order of their numbers on the wire.
pub const LEVELS: [&str; 5] = ["log", "info", "warn", "error", "debug"];

/// Builds one frame.
struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(PREFIX + 1 + capacity);
        bytes.extend_from_slice(&[0; PREFIX]);
        bytes.push(kind);
        Self(bytes)
    }

    fn number(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn bytes(self, value: &[u8]) -> Self {
        let mut this = self.number(length(value));
        this.0.extend_from_slice(value);
        this
    }

    fn finish(mut self) -> Vec<u8> {
        let len = length(&self.0[PREFIX..]);
        self.0[..PREFIX].copy_from_slice(&len.to_le_bytes());
        self.0
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("every field has a limit far below 4 GB")
}

/// Reads one frame's body; every read is checked.
struct Reader(Bytes);

impl Reader {
    fn byte(&mut self) -> Result<u8, WireError> {
        self.0.try_get_u8().map_err(|_| WireError::Short)
    }

    fn number(&mut self) -> Result<u32, WireError> {
        self.0.try_get_u32_le().map_err(|_| WireError::Short)
    }

    fn bytes(&mut self) -> Result<Bytes, WireError> {
        let len = self.number()? as usize;
        if len > self.0.len() {
            return Err(WireError::Short);
        }
        Ok(self.0.split_to(len))
    }

    fn text(&mut self) -> Result<String, WireError> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| WireError::Text)
    }

    fn finish<T>(self, value: T) -> Result<T, WireError> {
        if self.0.is_empty() { Ok(value) } else { Err(WireError::Long) }
    }
}

impl Setup {
    fn encode(self) -> Vec<u8> {
        Writer::new(SETUP, 24)
            .number(self.memory_bytes_max)
            .number(self.stack_bytes_max)
            .number(self.output_bytes_max)
            .number(self.request_bytes_max)
            .number(self.console_lines_max)
            .number(self.console_bytes_max)
            .finish()
    }

    fn decode(reader: &mut Reader) -> Result<Self, WireError> {
        Ok(Self {
            memory_bytes_max: reader.number()?,
            stack_bytes_max: reader.number()?,
            output_bytes_max: reader.number()?,
            request_bytes_max: reader.number()?,
            console_lines_max: reader.number()?,
            console_bytes_max: reader.number()?,
        })
    }
}

/// The frame of a run, without copying what it is made of first.
pub fn encode_run(code_id: u32, timeout_ms: u32, code: Option<&str>, parameters: &[u8]) -> Vec<u8> {
    let capacity = 17 + code.map_or(0, str::len) + parameters.len();
    Writer::new(RUN, capacity)
        .number(code_id)
        .number(timeout_ms)
        .byte(u8::from(code.is_some()))
        .bytes(code.unwrap_or_default().as_bytes())
        .bytes(parameters)
        .finish()
}

impl Request {
    /// The whole frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Setup(setup) => setup.encode(),
            Self::Run { code_id, timeout_ms, code, parameters } => {
                encode_run(*code_id, *timeout_ms, code.as_deref(), parameters)
            }
            Self::Check { code } => {
                Writer::new(CHECK, code.len() + 4).bytes(code.as_bytes()).finish()
            }
            Self::Forget => Writer::new(FORGET, 0).finish(),
            Self::Probe => Writer::new(PROBE, 0).finish(),
        }
    }

    /// A frame without its length.
    pub fn decode(body: Bytes) -> Result<Self, WireError> {
        let mut reader = Reader(body);
        let request = match reader.byte()? {
            SETUP => Self::Setup(Setup::decode(&mut reader)?),
            RUN => {
                let code_id = reader.number()?;
                let timeout_ms = reader.number()?;
                let has_code = reader.byte()? == 1;
                let code = reader.text()?;
                let parameters = reader.bytes()?.into();
                Self::Run { code_id, timeout_ms, code: has_code.then_some(code), parameters }
            }
            CHECK => Self::Check { code: reader.text()? },
            FORGET => Self::Forget,
            PROBE => Self::Probe,
            kind => return Err(WireError::Kind(kind)),
        };
        reader.finish(request)
    }
}

impl Response {
    /// The whole frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ready { sandbox } => Writer::new(READY, 64).bytes(sandbox.as_bytes()).finish(),
            Self::Refused { message } => {
                Writer::new(REFUSED, 64).bytes(message.as_bytes()).finish()
            }
            Self::Probed { report } => Writer::new(PROBED, 64).bytes(report.as_bytes()).finish(),
            Self::Done { result, console, console_dropped } => {
                let writer = match result {
                    Ok(output) => Writer::new(RETURNED, output.len() + 12).bytes(output),
                    Err(failure) => Writer::new(FAILED, failure.message.len() + 16)
                        .byte(kind_number(failure.kind))
                        .bytes(failure.message.as_bytes()),
                };
                let mut writer = writer
                    .number(*console_dropped)
                    .number(u32::try_from(console.len()).expect("console lines have a limit"));
                for line in console {
                    let level = LEVELS.iter().position(|level| *level == line.level).unwrap_or(0);
                    writer = writer
                        .byte(u8::try_from(level).expect("there are five levels"))
                        .bytes(line.message.as_bytes());
                }
                writer.finish()
            }
        }
    }

    /// A frame without its length, from a child that may be hostile.
    pub fn decode(body: Bytes, console_lines_max: u32) -> Result<Self, WireError> {
        let mut reader = Reader(body);
        let response = match reader.byte()? {
            READY => Self::Ready { sandbox: reader.text()? },
            REFUSED => Self::Refused { message: reader.text()? },
            PROBED => Self::Probed { report: reader.text()? },
            kind @ (RETURNED | FAILED) => {
                let result = if kind == RETURNED {
                    Ok(reader.bytes()?)
                } else {
                    let kind = kind_from_number(reader.byte()?).ok_or(WireError::Range)?;
                    Err(Failure { kind, message: reader.text()? })
                };
                let console_dropped = reader.number()?;
                let console = decode_console(&mut reader, console_lines_max)?;
                Self::Done { result, console, console_dropped }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        reader.finish(response)
    }
}

fn decode_console(reader: &mut Reader, lines_max: u32) -> Result<Vec<ConsoleLine>, WireError> {
    let count = reader.number()?;
    if count > lines_max {
        return Err(WireError::Range);
    }
    let mut lines = Vec::new();
    for _ in 0..count {
        let level = LEVELS.get(reader.byte()? as usize).ok_or(WireError::Range)?;
        lines.push(ConsoleLine { level: (*level).to_owned(), message: reader.text()? });
    }
    Ok(lines)
}

/// Kinds a child may report; `Unavailable` is the parent's to say.
const KINDS: [FunctionErrorKind; 5] = [
    FunctionErrorKind::Syntax,
    FunctionErrorKind::Thrown,
    FunctionErrorKind::Timeout,
    FunctionErrorKind::Memory,
    FunctionErrorKind::Result,
];

fn kind_number(kind: FunctionErrorKind) -> u8 {
    let position = KINDS.iter().position(|known| *known == kind).unwrap_or(1);
    u8::try_from(position).expect("there are five kinds")
}

fn kind_from_number(number: u8) -> Option<FunctionErrorKind> {
    KINDS.get(number as usize).copied()
}

/// Reads the length prefix and checks it against the largest frame allowed.
pub fn frame_len(prefix: [u8; PREFIX], max: u32) -> Result<usize, WireError> {
    let len = u32::from_le_bytes(prefix);
    if len > max { Err(WireError::Size(len)) } else { Ok(len as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Response {
        Response::Done {
            result: Ok(Bytes::from_static(b"{\"a\":1}")),
            console: vec![ConsoleLine { level: "warn".into(), message: "hm".into() }],
            console_dropped: 3,
        }
    }

    fn body(frame: &[u8]) -> Bytes {
        Bytes::copy_from_slice(&frame[PREFIX..])
    }

    #[test]
    fn frames_survive_the_wire() {
        let failed = Response::Done {
            result: Err(Failure { kind: FunctionErrorKind::Memory, message: "m".into() }),
            console: vec![],
            console_dropped: 0,
        };
        for response in [
            done(),
            failed,
            Response::Ready { sandbox: "seccomp".into() },
            Response::Refused { message: "no".into() },
            Response::Probed { report: "{}".into() },
        ] {
            assert_eq!(Response::decode(body(&response.encode()), 1_000), Ok(response));
        }
        for request in [
            Request::Setup(Setup {
                memory_bytes_max: 1,
                stack_bytes_max: 2,
                output_bytes_max: 3,
                request_bytes_max: 4,
                console_lines_max: 5,
                console_bytes_max: 6,
            }),
            Request::Run { code_id: 7, timeout_ms: 9, code: Some("x".into()), parameters: vec![1] },
            Request::Run { code_id: 7, timeout_ms: 9, code: None, parameters: vec![] },
            Request::Check { code: "y".into() },
            Request::Forget,
            Request::Probe,
        ] {
            assert_eq!(Request::decode(body(&request.encode())), Ok(request));
        }
    }

    #[test]
    fn a_cut_or_padded_frame_is_refused_at_every_length() {
        let frame = done().encode();
        for end in PREFIX..frame.len() {
            let cut = Bytes::copy_from_slice(&frame[PREFIX..end]);
            assert!(Response::decode(cut, 1_000).is_err(), "cut at {end}");
        }
        let mut padded = frame[PREFIX..].to_vec();
        padded.push(0);
        assert_eq!(Response::decode(padded.into(), 1_000), Err(WireError::Long));
    }

    #[test]
    fn counts_and_lengths_beyond_the_limits_are_refused() {
        assert_eq!(Response::decode(body(&done().encode()), 0), Err(WireError::Range));
        assert_eq!(frame_len(2_000u32.to_le_bytes(), 1_999), Err(WireError::Size(2_000)));
        let huge = Writer::new(READY, 8).number(u32::MAX).finish();
        assert_eq!(Response::decode(body(&huge), 1), Err(WireError::Short));
        assert_eq!(Response::decode(Bytes::from_static(&[200]), 1), Err(WireError::Kind(200)));
    }
}
