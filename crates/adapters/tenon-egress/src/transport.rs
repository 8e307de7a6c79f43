//! Connections: TCP to checked addresses, TLS, HTTP/1.1 and HTTP/2 by ALPN, kept for the next
//! call.
//!
//! No proxy of the environment is used and no redirect is followed: neither exists here.

mod arriving;
mod io;
mod line;
mod pool;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tenon_contract::egress::ClientIdentity;
use tower_service::Service;

use crate::lookup::CheckedLookup;
use crate::outgoing::{Outgoing, OutgoingBody};
use crate::settings::EgressSettings;

pub(crate) use self::arriving::Arriving;
use self::io::Io;
use self::line::Line;
pub(crate) use self::pool::Origin;
use self::pool::{Kept, Pool};
use self::tls::Tls;
pub(crate) use self::tls::{IdentityError, is_refusal};

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
    Sent(#[source] hyper::Error),
}

/// Opens, uses and keeps connections.
pub(crate) struct Transport {
    tcp: HttpConnector<CheckedLookup>,
    tls: Tls,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    pool: Arc<Pool>,
}

/// A connection that is about to be used.
enum Sender {
    One(Line),
    Shared(http2::SendRequest<OutgoingBody>),
}

/// A request that got no answer.
struct Lost {
    /// The request, where nothing of it was sent.
    unsent: Option<Outgoing>,
    error: hyper::Error,
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
            let spare = outgoing.spare();
            match sender.send(outgoing, origin).await {
                Ok(response) => return Ok(response),
                Err(Lost { unsent: Some(back), .. }) => outgoing = back,
                Err(Lost { unsent: None, error }) => match spare {
                    Some(spare) if is_loss(&error) => {
                        outgoing = spare;
                        break;
                    }
                    _ => return Err(TransportError::Sent(error)),
                },
            }
        }
        let sender = self.open(origin).await.map_err(TransportError::NotSent)?;
        sender.send(outgoing, origin).await.map_err(|lost| match lost.unsent {
            Some(_) => TransportError::NotSent(lost.error.into()),
            None => TransportError::Sent(lost.error),
        })
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
        let tcp = self.tcp.clone().call(uri.clone()).await?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return self.speak_http1(Io::Plain(tcp)).await;
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned())?;
        let connector = origin.tls.as_ref().unwrap_or_else(|| self.tls.anonymous());
        let tls = connector.connect(name, tcp.into_inner()).await?;
        let speaks_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = Io::Tls(Box::new(TokioIo::new(tls)));
        if !speaks_http2 {
            return self.speak_http1(io).await;
        }
        let (sender, connection) = self.http2.handshake(io).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "an HTTP/2 connection ended");
            }
        });
        origin.share(&sender);
        Ok(Sender::Shared(sender))
    }

    async fn speak_http1(&self, io: Io) -> Result<Sender, BoxError> {
        let (sender, connection) = self.http1.handshake(io).await?;
        Ok(Sender::One(Line::new(sender, connection)))
    }
}

/// A kept connection that is still open.
async fn kept(origin: &Origin) -> Option<Sender> {
    loop {
        match origin.take()? {
            Kept::Shared(sender) => return Some(Sender::Shared(sender)),
            Kept::One(mut line) => {
                if line.is_usable().await {
                    return Some(Sender::One(line));
                }
            }
        }
    }
}

impl Sender {
    async fn send(
        self,
        outgoing: Outgoing,
        origin: &Arc<Origin>,
    ) -> Result<Response<Arriving>, Lost> {
        let Outgoing { method, target, headers, body } = outgoing;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        let (outcome, line) = match self {
            Self::One(mut line) => {
                // HTTP/1 asks for the path and query alone, and names the host in a header.
                *request.uri_mut() = Uri::from(target.clone());
                request.headers_mut().insert(HOST, origin.host.clone());
                (line.send(request).await, Some(line))
            }
            Self::Shared(mut sender) => {
                *request.uri_mut() = origin.uri(target.clone());
                request.headers_mut().remove(HOST);
                (sender.try_send_request(request).await, None)
            }
        };
        match outcome {
            Ok(response) => Ok(response.map(|body| Arriving::new(body, line, origin.clone()))),
            Err(mut lost) => {
                let unsent = lost.take_message().map(|request| {
                    let (parts, body) = request.into_parts();
                    Outgoing { method: parts.method, target, headers: parts.headers, body }
                });
                Err(Lost { unsent, error: lost.into_error() })
            }
        }
    }
}

/// Whether the connection went away, rather than something wrong being said on it.
fn is_loss(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_closed() || error.is_canceled() || {
        let io =
            std::error::Error::source(error).and_then(|it| it.downcast_ref::<std::io::Error>());
        io.is_some_and(|io| {
            use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        })
    }
}
