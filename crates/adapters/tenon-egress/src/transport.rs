//! Connections: TCP to checked addresses, TLS, HTTP/1.1 and HTTP/2 by ALPN, kept for the next
//! call.
//!
//! No proxy of the environment is used and no redirect is followed: neither exists here.

mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::lookup::CheckedLookup;
use crate::settings::EgressSettings;

use self::pool::{Kept, Pool};

/// Tries on kept connections before a new one is opened.
const KEPT_TRIES: usize = 3;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request as every connection can send it.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

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

/// An answer's head, and the connection that its body comes from.
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
}

/// Opens, uses and keeps connections.
pub(crate) struct Transport {
    tcp: HttpConnector<CheckedLookup>,
    tls: TlsConnector,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    pool: Arc<Pool>,
}

/// A connection that is about to be used.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Shared(http2::SendRequest<Full<Bytes>>),
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
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(20))
            .max_header_list_size(
                u32::try_from(settings.response_head_bytes_max).unwrap_or(u32::MAX),
            );
        Ok(Self {
            tcp,
            tls: TlsConnector::from(Arc::new(tls_config(settings)?)),
            http1,
            http2,
            pool: Arc::new(Pool::new(settings)),
        })
    }

    /// Sends a request and waits for the head of its answer. `origin` is the URL's scheme, host
    /// and port, by which connections are shared.
    ///
    /// A server may close a kept connection at the very moment it is used again. When nothing
    /// was sent yet, or when the method may be repeated (RFC 9110, 9.2.2), such a loss is made
    /// good on another connection; a new connection that is lost is not.
    pub(crate) async fn send(
        &self,
        origin: &str,
        outgoing: Outgoing,
    ) -> Result<Answered, TransportError> {
        for _ in 0..KEPT_TRIES {
            let Some(sender) = self.kept(origin).await else { break };
            match sender.send(&outgoing).await {
                Ok(answered) => return Ok(answered),
                Err(mut lost) => {
                    let is_unsent = lost.take_message().is_some();
                    let error = lost.into_error();
                    let may_repeat = outgoing.method.is_idempotent() && is_loss(&error);
                    if !is_unsent && !may_repeat {
                        return Err(TransportError::Sent(error));
                    }
                    if !is_unsent {
                        break;
                    }
                }
            }
        }
        let sender = self.open(origin, &outgoing.uri).await.map_err(TransportError::NotSent)?;
        sender.send(&outgoing).await.map_err(|mut lost| match lost.take_message() {
            Some(_) => TransportError::NotSent(lost.into_error().into()),
            None => TransportError::Sent(lost.into_error()),
        })
    }

    /// Keeps the connection of an answer that was read whole.
    pub(crate) fn keep(&self, origin: &str, connection: Option<KeptConnection>) {
        if let Some(KeptConnection(connection)) = connection {
            self.pool.put(origin, connection);
        }
    }

    /// A kept connection that is still open.
    async fn kept(&self, origin: &str) -> Option<Sender> {
        loop {
            match self.pool.take(origin)? {
                Kept::Shared(sender) => return Some(Sender::Shared(sender)),
                Kept::One(mut sender) => {
                    if sender.ready().await.is_ok() {
                        return Some(Sender::One(sender));
                    }
                }
            }
        }
    }

    /// Opens a connection, at most so many at a time to one origin. Whoever had to wait looks
    /// again first: an HTTP/2 connection may be there to share.
    async fn open(&self, origin: &str, uri: &Uri) -> Result<Sender, BoxError> {
        let permit = match self.pool.permit(origin) {
            Ok(permit) => permit,
            Err(waiting) => {
                let permit = waiting.await;
                if let Some(sender) = self.kept(origin).await {
                    return Ok(sender);
                }
                permit
            }
        };
        let sender = self.connect(origin, uri).await?;
        drop(permit);
        Ok(sender)
    }

    async fn connect(&self, origin: &str, uri: &Uri) -> Result<Sender, BoxError> {
        let tcp = self.tcp.clone().call(uri.clone()).await?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Sender::One(self.speak_http1(tcp).await?));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned())?;
        let tls = Box::new(self.tls.connect(name, tcp.into_inner()).await?);
        if tls.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Ok(Sender::One(self.speak_http1(TokioIo::new(tls)).await?));
        }
        let (sender, connection) = self.http2.handshake(TokioIo::new(tls)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "an HTTP/2 connection ended");
            }
        });
        self.pool.share(origin, &sender);
        Ok(Sender::Shared(sender))
    }

    async fn speak_http1<I>(&self, io: I) -> Result<http1::SendRequest<Full<Bytes>>, BoxError>
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) = self.http1.handshake(io).await?;
        // It ends when the server closes it, or when nobody holds its sender any more.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "an HTTP/1 connection ended");
            }
        });
        Ok(sender)
    }
}

/// An HTTP/1 connection whose answer was read whole.
pub(crate) struct KeptConnection(http1::SendRequest<Full<Bytes>>);

impl Answered {
    pub(crate) fn into_parts(self) -> (Response<Incoming>, Option<KeptConnection>) {
        (self.response, self.connection.map(KeptConnection))
    }
}

impl Sender {
    async fn send(
        self,
        outgoing: &Outgoing,
    ) -> Result<Answered, TrySendError<Request<Full<Bytes>>>> {
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.headers_mut() = outgoing.headers.clone();
        match self {
            Self::One(mut sender) => {
                *request.uri_mut() = in_origin_form(&outgoing.uri);
                if let Some(host) = outgoing.uri.authority().and_then(host_value) {
                    request.headers_mut().insert(HOST, host);
                }
                let response = sender.try_send_request(request).await?;
                Ok(Answered { response, connection: Some(sender) })
            }
            Self::Shared(mut sender) => {
                *request.uri_mut() = outgoing.uri.clone();
                let response = sender.try_send_request(request).await?;
                Ok(Answered { response, connection: None })
            }
        }
    }
}

/// The path and query alone, as HTTP/1 asks for them.
fn in_origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")).into()
}

fn host_value(authority: &Authority) -> Option<HeaderValue> {
    HeaderValue::from_str(authority.as_str()).ok()
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

fn tls_config(settings: &EgressSettings) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let extra = settings.extra_authorities.iter().cloned().map(CertificateDer::from);
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
