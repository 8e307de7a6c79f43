//! Follows a run: reads server-sent events, and opens the stream again where it broke.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tenon_domain::RunId;

use crate::client::Client;
use crate::error::Error;
use crate::model::run::Run;
use crate::model::step::StepRecordView;

/// How often the stream is opened without an event before giving up.
const OPENS_MAX: u32 = 6;
/// How long to wait before the second opening; longer before each one after it.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);
/// The largest event, in bytes: two values of 64 KB, console output, and room.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// A stream that shows no life for so long is taken for broken; the server shows life every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// What happened to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowEvent {
    /// The run changed.
    Run(Box<Run>),
    /// An attempt of a step was recorded.
    Step(Box<StepRecordView>),
    /// The run has ended; nothing follows.
    End(Box<Run>),
}

/// The events of a run. Call [`Follow::next`] until it gives `None`.
pub struct Follow {
    client: Client,
    run: RunId,
    stream: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    parser: Parser,
    ready: VecDeque<Frame>,
    last_event_id: Option<String>,
    /// Openings since the last event; the first ever is not repeated.
    opens: u32,
    has_ended: bool,
}

impl Follow {
    pub(crate) fn new(client: Client, run: RunId) -> Self {
        Self {
            client,
            run,
            stream: None,
            parser: Parser::default(),
            ready: VecDeque::new(),
            last_event_id: None,
            opens: 0,
            has_ended: false,
        }
    }

    /// The next event; `None` after [`FollowEvent::End`]. A stream that breaks is opened again
    /// where it broke, a few times in a row at most. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As any call; after an error it may be called again.
    pub async fn next(&mut self) -> Result<Option<FollowEvent>, Error> {
        while !self.has_ended {
            if let Some(frame) = self.ready.pop_front() {
                if let Some(event) = self.take(frame)? {
                    return Ok(Some(event));
                }
                continue;
            }
            self.read_on().await?;
        }
        Ok(None)
    }

    /// Reads until there is a frame, or the stream was opened (again).
    async fn read_on(&mut self) -> Result<(), Error> {
        let Some(stream) = &mut self.stream else { return self.open().await };
        let chunk = tokio::time::timeout(SILENCE_MAX, stream.next()).await;
        match chunk {
            Ok(Some(Ok(bytes))) => {
                self.parser.push(&bytes, &mut self.ready).map_err(|reason| self.odd(reason))
            }
            Ok(None | Some(Err(_))) | Err(_) => {
                self.stream = None;
                self.parser = Parser::default();
                Ok(())
            }
        }
    }

    async fn open(&mut self) -> Result<(), Error> {
        if self.opens >= OPENS_MAX {
            self.opens = 0;
            return Err(self.odd("the stream ends again and again without an event"));
        }
        tokio::time::sleep(REOPEN_PAUSE * self.opens).await;
        self.opens += 1;
        match self.client.run_events(self.run, self.last_event_id.as_deref()).await {
            Ok(response) => self.stream = Some(response.bytes_stream().boxed()),
            Err(Error::Unreachable { .. }) if (2..OPENS_MAX).contains(&self.opens) => {}
            Err(error) => {
                self.opens = 0;
                return Err(error);
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame) -> Result<Option<FollowEvent>, Error> {
        let event = match frame.name.as_str() {
            "run" => FollowEvent::Run(self.read(&frame)?),
            "step" => FollowEvent::Step(self.read(&frame)?),
            "end" => {
                let run = self.read(&frame)?;
                self.has_ended = true;
                FollowEvent::End(run)
            }
            // A kind of event of a newer server.
            _ => return Ok(None),
        };
        // Progress was made: the next break starts a new count.
        self.opens = 1;
        self.last_event_id = frame.id;
        Ok(Some(event))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, frame: &Frame) -> Result<T, Error> {
        serde_json::from_str(&frame.data).map_err(|error| self.odd(error.to_string()))
    }

    fn odd(&self, reason: impl Into<String>) -> Error {
        self.client.not_ours(200, reason.into())
    }
}

/// One server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Frame {
    name: String,
    id: Option<String>,
    data: String,
}

/// Cuts bytes into events, wherever the chunks are cut.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
}

impl Parser {
    fn push(&mut self, bytes: &[u8], frames: &mut VecDeque<Frame>) -> Result<(), &'static str> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() + self.frame.data.len() > EVENT_BYTES_MAX {
                return Err("an event is too large");
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| "an event is not UTF-8")?;
                self.line(line.trim_end_matches(['\r', '\n']), frames);
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str, frames: &mut VecDeque<Frame>) {
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            if std::mem::take(&mut self.has_data) {
                frames.push_back(frame);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.frame.name),
            "id" => self.frame.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // Comments begin with a colon: their field is empty.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = ": hello\n\nevent: step\nid: 1.2\ndata: {\"a\":\ndata:  \"ü\"}\n\n\
        event:end\r\ndata:{}\r\n\r\nid: 9\n\nevent: run\ndata: cut o";

    fn frames(chunk: usize) -> Vec<Frame> {
        let mut parser = Parser::default();
        let mut frames = VecDeque::new();
        for bytes in TEXT.as_bytes().chunks(chunk) {
            parser.push(bytes, &mut frames).expect("it is small and UTF-8");
        }
        frames.into()
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let whole = frames(TEXT.len());
        assert_eq!(
            whole,
            [
                Frame {
                    name: "step".into(),
                    id: Some("1.2".into()),
                    data: "{\"a\":\n \"ü\"}".into()
                },
                Frame { name: "end".into(), id: None, data: "{}".into() },
            ]
        );
        for chunk in 1..TEXT.len() {
            assert_eq!(frames(chunk), whole, "cut every {chunk} bytes");
        }
    }

    #[test]
    fn an_event_without_end_is_refused_at_the_limit() {
        let mut parser = Parser::default();
        let mut frames = VecDeque::new();
        let chunk = vec![b'x'; EVENT_BYTES_MAX / 2];
        assert!(parser.push(&chunk, &mut frames).is_ok());
        assert!(parser.push(&chunk, &mut frames).is_ok());
        assert!(parser.push(b"x", &mut frames).is_err());
    }
}
