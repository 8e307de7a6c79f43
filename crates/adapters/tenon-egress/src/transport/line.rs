//! One HTTP/1 connection.
//!
//! hyper splits a connection into a handle and a driver that moves its bytes. Usually the driver
//! gets a task of its own, and every call then wakes that task and is woken by it. Here the call
//! itself polls the driver: one task a call, and nothing runs while a connection is idle. Only a
//! call whose body streams needs the task, since its upload has to go on while nobody reads the
//! answer.
//!
//! Handle and driver talk through channels. Both ends are polled by the same task, one after the
//! other, so the channels need not wake anybody: they are polled with a waker that does nothing,
//! and only the driver sees the real one, when nothing more can be done without the network.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1};
use tokio::task::AbortHandle;

use crate::outgoing::OutgoingBody;

use super::io::Io;

type Connection = http1::Connection<Io, OutgoingBody>;
/// A frame of an answer's body, its end, or why there is none.
pub(super) type NextFrame = Option<Result<Frame<Bytes>, hyper::Error>>;

/// A connection for one call at a time. Dropping it closes it.
pub(crate) struct Line {
    sender: http1::SendRequest<OutgoingBody>,
    driver: Driver,
}

enum Driver {
    /// Polled by whoever uses the connection.
    Here(Box<Connection>),
    /// In a task of its own.
    Task(#[expect(dead_code, reason = "it is held for its drop")] DriverTask),
    /// The connection is closed.
    Ended,
}

/// Ends the task with the connection's handle.
struct DriverTask(AbortHandle);

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        let Self::Here(connection) = self else { return };
        if let Poll::Ready(outcome) = Pin::new(connection.as_mut()).poll(context) {
            log_end(outcome);
            *self = Self::Ended;
        }
    }

    fn move_to_task(&mut self) {
        match std::mem::replace(self, Self::Ended) {
            Self::Here(connection) => {
                let task = tokio::spawn(async move { log_end(connection.await) });
                *self = Self::Task(DriverTask(task.abort_handle()));
            }
            same => *self = same,
        }
    }
}

impl Line {
    pub(super) fn new(sender: http1::SendRequest<OutgoingBody>, connection: Connection) -> Self {
        Self { sender, driver: Driver::Here(Box::new(connection)) }
    }

    /// Whether another request can be sent, as far as is known. Notices a connection that the
    /// other side closed, and one that said something without being asked.
    pub(super) fn is_open(&mut self) -> bool {
        self.driver.poll(&mut Context::from_waker(Waker::noop()));
        !matches!(self.driver, Driver::Ended) && !self.sender.is_closed()
    }

    /// Whether the exchange is over and the connection can take the next one at once.
    pub(super) fn is_free(&mut self) -> bool {
        self.is_open() && self.sender.is_ready()
    }

    /// Whether it has a task of its own.
    pub(super) fn is_in_task(&self) -> bool {
        matches!(self.driver, Driver::Task(_))
    }

    /// Waits until the next request can be sent; false when the connection is closed.
    pub(super) async fn is_usable(&mut self) -> bool {
        match self.driver {
            Driver::Here(_) => self.is_open(),
            Driver::Task(_) => self.sender.ready().await.is_ok(),
            Driver::Ended => false,
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<OutgoingBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<OutgoingBody>>> {
        if matches!(request.body(), OutgoingBody::Stream(_)) {
            self.driver.move_to_task();
        }
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        poll_fn(|context| drive(driver, context, |context| answer.as_mut().poll(context))).await
    }

    /// The next frame of an answer's body.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<NextFrame> {
        drive(&mut self.driver, context, |context| Pin::new(&mut *body).poll_frame(context))
    }
}

/// Polls what comes out of a connection together with the connection.
fn drive<T>(
    driver: &mut Driver,
    context: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if !matches!(driver, Driver::Here(_)) {
        return poll(context);
    }
    let quiet = &mut Context::from_waker(Waker::noop());
    // What is there already, or tells the connection that more is wanted.
    if let Poll::Ready(ready) = poll(quiet) {
        return Poll::Ready(ready);
    }
    driver.poll(quiet);
    if let Poll::Ready(ready) = poll(quiet) {
        return Poll::Ready(ready);
    }
    driver.poll(context);
    match driver {
        Driver::Here(_) => poll(quiet),
        // Whatever it left behind is there; should nothing be, the channel's end wakes.
        Driver::Task(_) | Driver::Ended => poll(context),
    }
}

fn log_end(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "an HTTP/1 connection ended");
    }
}
