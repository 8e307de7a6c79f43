//! Connections: TCP to checked addresses, TLS, HTTP/1.1 and HTTP/2 by ALPN, kept for the next
//! call.
//!
//! No proxy of the environment is used and no redirect is followed: neither exists here.

mod arriving;
mod io;
mod line;
mod pool;
mod tls;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tenon_contract::egress::ClientIdentity;
use tower_service::Service;

use crate::lookup::CheckedLookup;
use crate::outgoing::{Outgoing, OutgoingBody};
use crate::settings::EgressSettings;

pub(crate) use self::arriving::{Arriving, ArrivingError};
use self::io::Io;
use self::line::Line;
pub(crate) use self::pool::Origin;
use self::pool::{Idle, Kept, Pool};
use self::tls::Tls;
pub(crate) use self::tls::{IdentityError, is_refusal};
pub(crate) use self::wire::WireError;
use self::wire::{HeadLimits, Wire};

/// Tries on kept connections before a new one is opened.
const KEPT_TRIES: usize = 3;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// Nothing was sent.
    #[error("no connection")]
    NotSent(#[source] BoxError),
    /// The request may have arrived.
    #[error("the exchange failed")]
    Sent(#[source] ArrivingError),
}

/// Opens, uses and keeps connections.
pub(crate) struct Transport {
    tcp: HttpConnector<CheckedLookup>,
    tls: Tls,
    http1: http1::Builder,
    heads: HeadLimits,
    http2: http2::Builder<TokioExecutor>,
    pool: Arc<Pool>,
}

/// A connection that is about to be used.
enum Sender {
    Wire(Box<Wire>),
    Line(Line),
    Shared(http2::SendRequest<OutgoingBody>),
}

/// A request that got no answer.
struct Lost {
    /// The request, where it can be sent again; boxed because it is seldom needed.
    outgoing: Option<Box<Outgoing>>,
    /// Whether any of it may have arrived.
    was_sent: bool,
    error: ArrivingError,
}

impl Transport {
    pub(crate) fn new(
        lookup: CheckedLookup,
        settings: &EgressSettings,
    ) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new_with_resolver(lookup);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        tcp.set_keepalive(Some(settings.idle_timeout.max(Duration::from_secs(1))));
        let mut http1 = http1::Builder::new();
        http1
            .max_header_size(settings.response_head_bytes_max)
            .max_headers(settings.response_headers_max);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .initial_stream_window_size(settings.http2_stream_window_bytes)
            .initial_connection_window_size(settings.http2_connection_window_bytes)
            .keep_alive_interval(Duration::from_secs(20))
            .max_header_list_size(
                u32::try_from(settings.response_head_bytes_max).unwrap_or(u32::MAX),
            );
        Ok(Self {
            tcp,
            tls: Tls::new(settings)?,
            http1,
            heads: HeadLimits {
                bytes_max: settings.response_head_bytes_max,
                headers_max: settings.response_headers_max,
            },
            http2,
            pool: Arc::new(Pool::new(settings)),
        })
    }

    /// The connections of a URL's scheme, host and port; `None` when they cannot be called.
    pub(crate) fn origin(&self, name: &str) -> Option<Arc<Origin>> {
        self.pool.origin(name)
    }

    /// The connections of an origin that show this identity. Nobody else's calls use them.
    pub(crate) fn origin_showing(
        &self,
        name: &str,
        identity: &ClientIdentity,
    ) -> Result<Option<Arc<Origin>>, IdentityError> {
        self.pool.origin_showing(name, identity, || self.tls.showing(identity))
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A server may close a kept connection at the very moment it is used again. When nothing
    /// was sent yet, or when the request may be repeated, such a loss is made good on another
    /// connection; a new connection that is lost is not.
    pub(crate) async fn send(
        &self,
        origin: &Arc<Origin>,
        mut outgoing: Outgoing,
    ) -> Result<Response<Arriving>, TransportError> {
        for _ in 0..KEPT_TRIES {
            let Some(sender) = kept(origin).await else { break };
            match self.send_on(sender, outgoing, origin).await {
                Ok(response) => return Ok(response),
                Err(Lost { outgoing: Some(back), was_sent: false, .. }) => outgoing = *back,
                // RFC 9110, 9.2.2: what is idempotent may be sent twice.
                Err(Lost { outgoing: Some(back), error, .. })
                    if back.method.is_idempotent() && is_loss(&error) =>
                {
                    outgoing = *back;
                    break;
                }
                Err(lost) => return Err(lost.into()),
            }
        }
        let sender = self.open(origin).await.map_err(TransportError::NotSent)?;
        Ok(self.send_on(sender, outgoing, origin).await?)
    }

    /// Opens a connection, at most so many at a time to one origin. Whoever had to wait looks
    /// again first: an HTTP/2 connection may be there to share.
    async fn open(&self, origin: &Origin) -> Result<Sender, BoxError> {
        let permit = match origin.permit() {
            Ok(permit) => permit,
            Err(waiting) => {
                let permit = waiting.await;
                if let Some(sender) = kept(origin).await {
                    return Ok(sender);
                }
                permit
            }
        };
        let sender = self.connect(origin).await?;
        drop(permit);
        Ok(sender)
    }

    async fn connect(&self, origin: &Origin) -> Result<Sender, BoxError> {
        let uri = origin.uri(PathAndQuery::from_static("/"));
        let tcp = self.tcp.clone().call(uri.clone()).await?.into_inner();
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Sender::Wire(Box::new(Wire::new(Io::Plain(tcp), self.heads))));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned())?;
        let connector = origin.tls.as_ref().unwrap_or_else(|| self.tls.anonymous());
        let tls = connector.connect(name, tcp).await?;
        let speaks_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = Io::Tls(Box::new(tls));
        if !speaks_http2 {
            return Ok(Sender::Wire(Box::new(Wire::new(io, self.heads))));
        }
        let (sender, connection) = self.http2.handshake(TokioIo::new(io)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "an HTTP/2 connection ended");
            }
        });
        origin.share(&sender);
        Ok(Sender::Shared(sender))
    }

    async fn send_on(
        &self,
        sender: Sender,
        outgoing: Outgoing,
        origin: &Arc<Origin>,
    ) -> Result<Response<Arriving>, Lost> {
        let line = match sender {
            Sender::Wire(wire) if outgoing.is_whole() => {
                return send_on_wire(wire, outgoing, origin).await;
            }
            Sender::Wire(wire) => match Line::open(&self.http1, wire.into_io()).await {
                Ok(line) => line,
                Err(error) => {
                    let outgoing = Some(Box::new(outgoing));
                    return Err(Lost { outgoing, was_sent: false, error: error.into() });
                }
            },
            Sender::Line(line) => line,
            Sender::Shared(sender) => return send_shared(sender, outgoing, origin).await,
        };
        send_on_line(line, outgoing, origin).await
    }
}

/// A kept connection that is still open.
async fn kept(origin: &Origin) -> Option<Sender> {
    loop {
        match origin.take()? {
            Kept::Shared(sender) => return Some(Sender::Shared(sender)),
            Kept::One(Idle::Wire(mut wire)) => {
                if wire.is_open() {
                    return Some(Sender::Wire(wire));
                }
            }
            Kept::One(Idle::Line(mut line)) => {
                if line.is_usable().await {
                    return Some(Sender::Line(line));
                }
            }
        }
    }
}

async fn send_on_wire(
    mut wire: Box<Wire>,
    outgoing: Outgoing,
    origin: &Arc<Origin>,
) -> Result<Response<Arriving>, Lost> {
    wire.take(&outgoing, origin);
    match wire.answer(outgoing.method.clone()).await {
        Ok(response) => Ok(response.map(|()| Arriving::of_wire(wire, origin.clone()))),
        Err(error) => Err(Lost {
            outgoing: Some(Box::new(outgoing)),
            was_sent: wire.has_sent(),
            error: error.into(),
        }),
    }
}

async fn send_on_line(
    mut line: Line,
    outgoing: Outgoing,
    origin: &Arc<Origin>,
) -> Result<Response<Arriving>, Lost> {
    let spare = outgoing.spare().map(Box::new);
    let (mut request, target) = outgoing.into_request();
    // HTTP/1 asks for the path and query alone, and names the host in a header.
    *request.uri_mut() = Uri::from(target.clone());
    request.headers_mut().insert(HOST, origin.host.clone());
    match line.send(request).await {
        Ok(response) => {
            Ok(response.map(|body| Arriving::of_hyper(body, Some(line), origin.clone())))
        }
        Err(lost) => Err(Lost::of_hyper(lost, target, spare)),
    }
}

async fn send_shared(
    mut sender: http2::SendRequest<OutgoingBody>,
    outgoing: Outgoing,
    origin: &Arc<Origin>,
) -> Result<Response<Arriving>, Lost> {
    let spare = outgoing.spare().map(Box::new);
    let (mut request, target) = outgoing.into_request();
    *request.uri_mut() = origin.uri(target.clone());
    request.headers_mut().remove(HOST);
    match sender.try_send_request(request).await {
        Ok(response) => Ok(response.map(|body| Arriving::of_hyper(body, None, origin.clone()))),
        Err(lost) => Err(Lost::of_hyper(lost, target, spare)),
    }
}

impl Lost {
    fn of_hyper(
        mut lost: TrySendError<Request<OutgoingBody>>,
        target: PathAndQuery,
        spare: Option<Box<Outgoing>>,
    ) -> Self {
        let unsent = lost.take_message().map(|request| {
            let (parts, body) = request.into_parts();
            Box::new(Outgoing { method: parts.method, target, headers: parts.headers, body })
        });
        let was_sent = unsent.is_none();
        Self { outgoing: unsent.or(spare), was_sent, error: lost.into_error().into() }
    }
}

impl From<Lost> for TransportError {
    fn from(lost: Lost) -> Self {
        match lost.was_sent {
            true => Self::Sent(lost.error),
            false => Self::NotSent(lost.error.into()),
        }
    }
}

/// Whether the connection went away, rather than something wrong being said on it.
fn is_loss(error: &ArrivingError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};

    let io = match error {
        ArrivingError::Wire(WireError::Closed) => return true,
        ArrivingError::Wire(WireError::Io(io)) => Some(io),
        ArrivingError::Wire(WireError::Truncated | WireError::Invalid(_)) => None,
        ArrivingError::Hyper(error)
            if error.is_incomplete_message() || error.is_closed() || error.is_canceled() =>
        {
            return true;
        }
        ArrivingError::Hyper(error) => {
            std::error::Error::source(error).and_then(|it| it.downcast_ref::<std::io::Error>())
        }
    };
    io.is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset))
}
