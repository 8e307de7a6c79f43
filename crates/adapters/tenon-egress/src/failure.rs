//! From what the transport reports to what the caller can do about it.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tenon_contract::egress::Error;

use crate::body::BodyError;
use crate::lookup::LookupError;
use crate::outgoing::BrokenOff;
use crate::transport::{TransportError, WireError, is_refusal};

/// The error of an exchange that got no head of an answer.
pub(crate) fn of_exchange(host: &str, error: &TransportError, connect_timeout: Duration) -> Error {
    let host = host.to_owned();
    if let Some(lookup) = find::<LookupError>(error) {
        return match lookup {
            LookupError::Forbidden(address) => Error::Refused { host, reason: address.to_string() },
            LookupError::Failed(cause) => {
                Error::Unreachable { host, reason: format!("{lookup}: {cause}"), was_sent: false }
            }
            LookupError::Empty => {
                Error::Unreachable { host, reason: lookup.to_string(), was_sent: false }
            }
        };
    }
    if let Some(rustls::Error::AlertReceived(alert)) = find::<rustls::Error>(error)
        && is_refusal(*alert)
    {
        return Error::Identity { host, reason: format!("the server answered {alert:?}") };
    }
    let was_sent = matches!(error, TransportError::Sent(_));
    Error::Unreachable { host, reason: reason(error, was_sent, connect_timeout), was_sent }
}

/// The error of an answer whose body could not be read.
pub(crate) fn of_body(host: &str, error: &BodyError) -> Error {
    let host = host.to_owned();
    match error {
        BodyError::TooLarge { limit } => Error::TooLarge { host, limit: *limit },
        BodyError::Broken(_) | BodyError::Gzip(_) => {
            Error::Unreachable { host, reason: error.to_string(), was_sent: true }
        }
    }
}

fn reason(error: &TransportError, was_sent: bool, connect_timeout: Duration) -> String {
    if let Some(tls) = find::<rustls::Error>(error) {
        return format!("TLS failed: {tls}");
    }
    if find::<BrokenOff>(error).is_some() {
        return "the request's body broke off".to_owned();
    }
    match find::<WireError>(error) {
        Some(WireError::Invalid(reason)) => {
            return format!("the answer is not valid HTTP: {reason}");
        }
        Some(closed @ WireError::Closed) => return closed.to_string(),
        Some(WireError::Truncated | WireError::Io(_)) | None => {}
    }
    if let Some(http) = find::<hyper::Error>(error) {
        if http.is_parse() {
            return format!("the answer is not valid HTTP: {http}");
        }
        if http.is_incomplete_message() {
            return "the connection was closed before an answer came".to_owned();
        }
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) if !was_sent => {
            format!("no connection within {} ms", connect_timeout.as_millis())
        }
        Some(io::ErrorKind::ConnectionRefused) => "the connection was refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            "the connection was reset".to_owned()
        }
        _ => innermost(error),
    }
}

/// The first error of a type in a chain of causes. `io::Error` hides what it wraps from
/// `source`, so it is opened by hand.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
