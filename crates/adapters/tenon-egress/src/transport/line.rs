//! One HTTP/1 connection for requests whose body streams out: hyper's, in a task of its own, since
//! the upload has to go on while nobody reads the answer.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::runtime::{self, Handle};
use tokio::task::AbortHandle;

use crate::outgoing::OutgoingBody;

use super::io::Io;

/// A connection for one call at a time. Dropping it closes it.
pub(crate) struct Line {
    sender: http1::SendRequest<OutgoingBody>,
    #[expect(dead_code, reason = "it is held for its drop")]
    driver: DriverTask,
    runtime: runtime::Id,
}

/// Ends the task with the connection's handle.
struct DriverTask(AbortHandle);

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    /// Speaks HTTP/1 on a socket that nothing is under way on.
    pub(super) async fn open(builder: &http1::Builder, io: Io) -> hyper::Result<Self> {
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "an HTTP/1 connection ended");
            }
        });
        let driver = DriverTask(task.abort_handle());
        Ok(Self { sender, driver, runtime: Handle::current().id() })
    }

    /// The runtime that waits for its socket.
    pub(super) fn runtime(&self) -> runtime::Id {
        self.runtime
    }

    /// Whether another request can be sent, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether the exchange is over and the connection can take the next one at once.
    pub(super) fn is_free(&self) -> bool {
        self.is_open() && self.sender.is_ready()
    }

    /// Waits until the next request can be sent; false when the connection is closed.
    pub(super) async fn is_usable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<OutgoingBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<OutgoingBody>>> {
        self.sender.try_send_request(request).await
    }
}
