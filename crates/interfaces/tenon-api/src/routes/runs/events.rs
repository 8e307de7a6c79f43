//! `/runs/{run}/events`: follows a run as server-sent events until it has ended.
//!
//! A follower reads history every 200 ms. It asks for step records only when the run's summary
//! changed, so a run that waits costs one small read each time. Event ids say how far the
//! follower got; a client that comes back with `Last-Event-ID` misses nothing and sees nothing
//! twice.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::SinkExt;
use futures::Stream;
use futures::channel::mpsc;
use http::HeaderMap;
use serde::Serialize;
use tenon_domain::ProjectId;
use tenon_exec::ports::history::{self, RunSummary};
use tenon_http_kit::{PathParams, Problem, codes as kit_codes};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::{RunPath, shown};
use crate::auth::Caller;
use crate::codes;
use crate::page::StepCursor;
use crate::payload::{Payloads, Presenter};
use crate::problem;
use crate::state::Api;
use crate::view::run::RunView;

/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that wait for a slow client; then reading history waits too.
const EVENTS_WAITING_MAX: usize = 16;

/// Follow a run
///
/// Server-sent events: `run` with the run whenever it changed, `step` with each step record, and
/// `end` with the run once it has ended; then the stream closes. A stream that closes without
/// `end` may be opened again with `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/runs/{run}/events",
    operation_id = "follow_run",
    tag = "runs",
    params(
        ("project" = String, Path, format = Uuid),
        RunPath,
        ("last-event-id" = Option<String>, Header, description = "Where to go on")
    ),
    responses((status = 200, description = "The events", body = String,
        content_type = "text/event-stream"))
)]
pub(super) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<RunPath>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let position = Position::of(&headers)?;
    let run = api.history.run(caller.project, path.run).await;
    let run = run.map_err(|error| problem::of_history(&error))?.ok_or_else(Problem::not_found)?;
    let permit = api.followers.clone().try_acquire_owned().map_err(|_| {
        Problem::new(&codes::TOO_MANY_FOLLOWERS).retry_after(api.settings.retry_after)
    })?;
    let (events, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let follower = Follower { api, caller, run, position, events, _permit: permit };
    tokio::spawn(follower.follow());
    Ok(Sse::new(receiver).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// How far a follower got: so many records after a cursor. The cursor alone is not enough, since
/// the last page of a run that goes on has no cursor behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    after: Option<i64>,
    seen: usize,
}

impl Position {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get("last-event-id") else { return Ok(Self::default()) };
        value.to_str().ok().and_then(Self::parse).ok_or_else(|| {
            Problem::new(&kit_codes::INVALID_QUERY)
                .detail("`Last-Event-ID` is not the id of an event of this stream")
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (after, seen) = text.split_once('.')?;
        let after = if after.is_empty() { None } else { Some(after.parse().ok()?) };
        Some(Self { after, seen: seen.parse().ok()? })
    }

    fn id(self) -> String {
        format!("{}.{}", self.after.map(|after| after.to_string()).unwrap_or_default(), self.seen)
    }
}

/// Why a follower stops early.
enum Stop {
    /// The client has gone.
    Gone,
    /// History cannot be read; the client may come back.
    Unreadable(history::Error),
}

impl From<history::Error> for Stop {
    fn from(error: history::Error) -> Self {
        Self::Unreadable(error)
    }
}

struct Follower {
    api: Api,
    caller: Caller,
    run: RunSummary,
    position: Position,
    events: mpsc::Sender<Result<Event, Infallible>>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    async fn follow(mut self) {
        let deadline = Instant::now() + self.api.settings.follow_duration_max;
        let shutdown = self.api.shutdown.clone();
        let gone = self.events.clone();
        let outcome = tokio::select! {
            outcome = self.until_the_end() => outcome,
            () = shutdown.cancelled() => Ok(()),
            () = tokio::time::sleep_until(deadline) => Ok(()),
            () = closed(gone) => Ok(()),
        };
        if let Err(Stop::Unreadable(error)) = outcome {
            tracing::warn!(error = %error, "a follower was let go: history cannot be read");
        }
    }

    async fn until_the_end(&mut self) -> Result<(), Stop> {
        loop {
            if self.run.status.is_terminal() {
                self.send_steps().await?;
                return self.send_run("end").await;
            }
            self.send_run("run").await?;
            self.send_steps().await?;
            self.wait_for_news().await?;
        }
    }

    /// Waits until the run's summary is another than the last one.
    async fn wait_for_news(&mut self) -> Result<(), Stop> {
        loop {
            tokio::time::sleep(self.api.settings.follow_interval).await;
            let run = self.api.history.run(self.project(), self.run.id).await?;
            match run {
                Some(run) if run == self.run => {}
                Some(run) => {
                    self.run = run;
                    return Ok(());
                }
                // Retention took it while it was followed.
                None => return Err(Stop::Gone),
            }
        }
    }

    fn project(&self) -> ProjectId {
        self.caller.project
    }

    async fn send_run(&mut self, name: &'static str) -> Result<(), Stop> {
        let view: RunView = shown(&self.caller, self.run.clone());
        self.send(name, &view).await
    }

    /// Sends all records that are there and were not sent before.
    async fn send_steps(&mut self) -> Result<(), Stop> {
        let (project, run) = (self.project(), self.run.id);
        let limit = self.api.settings.follow_page_max;
        loop {
            let start = self.position;
            let page = self.api.history.steps(project, run, start.after, limit).await?;
            let api = self.api.clone();
            let cursor = start.after.map(StepCursor);
            let mut presenter = Presenter::new(&api, (project, run), Payloads::Inline, cursor);
            for record in page.steps.into_iter().skip(start.seen) {
                let view = presenter.view(record).await;
                self.position.seen += 1;
                self.send("step", &view).await?;
            }
            match page.next {
                Some(next) if Some(next) != start.after => {
                    self.position = Position { after: Some(next), seen: 0 };
                }
                _ => return Ok(()),
            }
        }
    }

    async fn send(&mut self, name: &'static str, data: &impl Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string(data).expect("a view has only text keys");
        let event = Event::default().event(name).id(self.position.id()).data(text);
        self.events.send(Ok(event)).await.map_err(|_| Stop::Gone)
    }
}

/// Waits until the client has gone, also while nothing is sent.
async fn closed(events: mpsc::Sender<Result<Event, Infallible>>) {
    while !events.is_closed() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_as_it_went() {
        for position in [
            Position::default(),
            Position { after: Some(-2), seen: 0 },
            Position { after: Some(i64::MAX), seen: 99 },
        ] {
            assert_eq!(Position::parse(&position.id()), Some(position));
        }
        for text in ["", "1", "x.1", "1.x", "1.2.3", ".-1"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }
}
